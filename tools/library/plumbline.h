/* plumbline.h - Plumbline in a program of yours: grades a backend's dump, and says which known bug bends it
 *
 *     PlumblineTrial trial = { .case_folder = "case", .dump = "dump.safetensors" };
 *     PlumblineReport *report = plumbline_grade(&trial);
 *     if (plumbline_outcome(report) != PLUMBLINE_PASS) fputs(plumbline_json(report), stderr);
 *     plumbline_free(report);
 *
 *     cc program.c $(pkg-config --cflags --libs plumbline)
 *
 * A program asks for one report at a time; OpenBLAS keeps its own memory and threads.
 */
#ifndef PLUMBLINE_H
#define PLUMBLINE_H

#ifdef __cplusplus
extern "C" {
#endif

#define PLUMBLINE_VERSION "@VERSION@" /* make install writes it here */

/* Exit statuses of the command plumb */
typedef enum {
    PLUMBLINE_PASS = 0,
    PLUMBLINE_FAIL = 1,
    PLUMBLINE_ERROR = 2,  /* bad input: plumbline_error says which */
    PLUMBLINE_NOTHING = 3 /* no row of any step could be graded */
} PlumblineOutcome;

/* Paths and words as plumb grade takes them; NULL and 0 are its defaults. */
typedef struct {
    const char *case_folder;           /* with model/ and inputs.safetensors in it */
    const char *model_folder, *inputs; /* instead of the case's, or of a case */
    const char *dump;                  /* a safetensors file, an .npz, or a folder of .safetensors or .npy files */
    const char *names;                 /* a map from the backend's names to taps */
    const char *arithmetic;            /* "bf16": what the backend declares; NULL: as its values are */
    const char *const *only;           /* names or globs of taps, NULL-terminated */
    int samples, threads;
    int strict, ignore_eos, detail; /* as --strict, --ignore-eos and --json-detail; 0 or 1 */
} PlumblineTrial;

typedef struct PlumblineReport PlumblineReport;

/* Neither returns NULL. What is wrong with the input is in the report. */
PlumblineReport *plumbline_grade(const PlumblineTrial *trial);
PlumblineReport *plumbline_diagnose(const PlumblineTrial *trial); /* which known bug it is, too */

PlumblineOutcome plumbline_outcome(const PlumblineReport *report);
const char *plumbline_error(const PlumblineReport *report); /* a line; NULL without an error */
/* The report as plumb writes it with --json (docs/report.schema.json); it lives as long as the report. */
const char *plumbline_json(const PlumblineReport *report);
void plumbline_free(PlumblineReport *report); /* NULL is fine */

const char *plumbline_version(void); /* of the library: PLUMBLINE_VERSION is that of the header */

#ifdef __cplusplus
}
#endif

#endif
