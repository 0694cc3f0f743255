/* example.c - grades a dump, and ends as plumb would: example CASE DUMP
 *
 *     cc example.c $(pkg-config --cflags --libs plumbline) -o example
 */
#include <plumbline.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    static const char *const words[] = { "pass", "fail", "error", "nothing graded" };
    if (argc != 3) {
        fprintf(stderr, "Usage: %s CASE DUMP\n", argv[0]);
        return PLUMBLINE_ERROR;
    }
    PlumblineReport *report = plumbline_diagnose(&(PlumblineTrial){ .case_folder = argv[1], .dump = argv[2] });
    PlumblineOutcome outcome = plumbline_outcome(report);
    const char *error = plumbline_error(report);
    printf("plumbline %s: %s%s%s\n", plumbline_version(), words[outcome], error ? ": " : "", error ? error : "");
    plumbline_free(report);
    return (int)outcome;
}
