/* plumb_quantiser.c - plumb quantiser: quantised weights beside those that they were made from */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "checkpoint/gguf.h"
#include "checkpoint/input_codes.h"
#include "command/arguments.h"
#include "command/output_option.h"
#include "command/plumb.h"
#include "command/sandbox_option.h"
#include "quantiser/tensor_grade.h"
#include "report/json_file.h"
#include "report/version.h"
#include "run/shown_text.h"

enum { KEY_JSON = 'j', KEY_ONLY = 'O', KEY_FAILED = 'f', SCHEMA_VERSION = 1 };

typedef struct {
    const char *arguments[2];
    const char *json;
    Globs only;
    bool failed_only, text;
    Arena arena;
    int width; /* of the longest name */
    int graded, coded, failed, unbounded;
    bool is_scaled; /* is_scaled of the quantised checkpoint */
    json_t *tensors;
    SandboxWhen sandbox;
} QuantiserCommand;

static const struct argp_option options[] = {
    { "json", KEY_JSON, "FILE", 0, "Also write it as JSON; - is stdout", 0 },
    { "only", KEY_ONLY, "GLOB", 0, "Grade only tensors of such names; may be given several times", 0 },
    { "failed", KEY_FAILED, 0, 0, "Print the tensors that fail, and no others", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    QuantiserCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &command->sandbox; return 0;
    case KEY_JSON: command->json = argument; return 0;
    case KEY_ONLY: globs_add(&command->only, argument); return 0;
    case KEY_FAILED: command->failed_only = true; return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1) argp_usage(state);
        command->arguments[state->arg_num] = argument;
        return 0;
    case ARGP_KEY_END:
        if (state->arg_num < 2) argp_usage(state);
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

/* ---------------------------------------------------------------- the two checkpoints */

/* A case's folder stands for its model. */
static const char *checkpoint_folder(QuantiserCommand *command, const char *path)
{
    const char *model = arena_format(&command->arena, "%s/model", path);
    return access(arena_format(&command->arena, "%s/config.json", path), F_OK) != 0 && access(model, F_OK) == 0 ? model
                                                                                                                : path;
}

/* A GGUF file is read beside the original's config.json. */
static Model *open_quantised(QuantiserCommand *command, Error *error)
{
    const char *path = command->arguments[1];
    struct stat status;
    bool is_file = stat(path, &status) == 0 && S_ISREG(status.st_mode);
    if (is_file) add_weight_file(path);
    return model_open(checkpoint_folder(command, command->arguments[is_file ? 0 : 1]), error);
}

static const Array *original_of(const Checkpoint *original, const Checkpoint *quantised, const char *name,
                                QuantiserCommand *command)
{
    bool is_bare = !quantised->has_model_prefix && strncmp(name, "lm_head.", 8) != 0;
    return checkpoint_array(original, is_bare ? arena_format(&command->arena, "model.%s", name) : name);
}

/* Says why the two cannot be compared; NULL: they can. */
static const char *misfit(const Array *original, const Array *quantised, QuantiserCommand *command)
{
    if (!original) return "the original has no such tensor";
    if (original->encoding) return "the original's is quantised, too";
    if (array_elements(original) == array_elements(quantised) && array_elements(quantised) > 0) return NULL;
    return arena_format(&command->arena, "found shape %s, expected %s", SHAPE_TEXT(quantised->rank, quantised->shape),
                        SHAPE_TEXT(original->rank, original->shape));
}

/* ---------------------------------------------------------------- what is said */

static void print_packing(const TensorGrade *grade)
{
    if (grade->rms <= quantiser_limit)
        printf("      the group at row %lld, column %lld", (long long)grade->group_at[0],
               (long long)grade->group_at[1]);
    else
        printf("      the whole tensor");
    if (grade->packing)
        printf(": %s (%s; %.2f when it is read so)\n", grade->packing, grade->packing_id, grade->packing_rms);
    else
        printf(": no packing that is known explains it\n");
}

static void print_grade(QuantiserCommand *command, const TensorGrade *grade, bool is_bounded)
{
    if (!command->text || (command->failed_only && (grade->pass || !is_bounded))) return;
    const char *verdict = !is_bounded ? "not bounded" : grade->pass ? "pass" : "FAIL";
    printf("%-*s  %-28s", command->width, SHOWN_TEXT(grade->name), grade->scheme);
    if (grade->has_codes)
        printf("  %8.3g  %8.3g  %8.3g  %s\n", grade->rms, grade->worst_group, grade->largest, verdict);
    else
        printf("  %8s  %8s  %8.3g  %s\n", "", "", grade->largest, verdict);
    if (!grade->pass && is_bounded) print_packing(grade);
}

static json_t *grade_json(const TensorGrade *grade, bool is_bounded)
{
    json_t *json = json_pack("{s:s, s:s, s:I, s:b, s:o, s:o, s:s}", "name", grade->name, "scheme", grade->scheme,
                             "elements", (json_int_t)grade->elements, "quantised", grade->has_codes, "rms",
                             number_json(grade->rms), "largest", number_json(grade->largest), "verdict",
                             !is_bounded   ? "not bounded"
                             : grade->pass ? "pass"
                                           : "fail");
    if (grade->has_codes)
        json_object_set_new(json, "worst_group",
                            json_pack("{s:o, s:I, s:I}", "rms", number_json(grade->worst_group), "row",
                                      (json_int_t)grade->group_at[0], "column", (json_int_t)grade->group_at[1]));
    if (grade->method) json_object_set_new(json, "method", json_string(grade->method));
    if (grade->packing)
        json_object_set_new(json, "explained_by",
                            json_pack("{s:s, s:s, s:o}", "id", grade->packing_id, "text", grade->packing, "rms",
                                      number_json(grade->packing_rms)));
    return json;
}

static void say_misfit(QuantiserCommand *command, const Array *quantised, const char *reason)
{
    if (command->text)
        printf("%-*s  %-28s  %s  FAIL\n", command->width, SHOWN_TEXT(quantised->name), array_scheme(quantised), reason);
    json_array_append_new(command->tensors, json_pack("{s:s, s:s, s:s, s:s}", "name", quantised->name, "scheme",
                                                      array_scheme(quantised), "verdict", "fail", "reason", reason));
}

static void grade_tensor(QuantiserCommand *command, const Array *original, const Array *quantised)
{
    const char *reason = misfit(original, quantised, command);
    command->graded++;
    if (reason) {
        command->failed++;
        say_misfit(command, quantised, reason);
        return;
    }
    TensorGrade grade = tensor_grade(original, quantised, &command->arena);
    bool is_bounded = !command->is_scaled || grade.pass;
    command->coded += grade.has_codes;
    command->failed += is_bounded && !grade.pass;
    command->unbounded += !is_bounded;
    print_grade(command, &grade, is_bounded);
    json_array_append_new(command->tensors, grade_json(&grade, is_bounded));
}

static void print_end(const QuantiserCommand *command, Status status)
{
    if (!command->text) return;
    printf("%d tensors, %d of them quantised: ", command->graded, command->coded);
    if (command->unbounded > 0) printf("%d cannot be bounded, ", command->unbounded);
    const char *verdict = status == STATUS_PASS ? "PASS" : status == STATUS_FAIL ? "FAIL" : "NONE";
    printf("%d failed; %s\n", command->failed, verdict);
    if (command->unbounded > 0)
        printf("AWQ multiplies weights before it rounds them, and takes the factor back elsewhere.\n");
    else if (command->failed > 0 && 2 * command->failed > command->coded)
        printf(
            "Where nearly all fail and no packing explains it, the file may be of another checkpoint, or its weights "
            "trained on after rounding (QAT): such files cannot be bounded by the original.\n");
}

/* ---------------------------------------------------------------- the command */

static Status grade_all(QuantiserCommand *command, const Checkpoint *original, const Checkpoint *quantised)
{
    command->width = (int)strlen("tensor");
    for (int i = 0; i < quantised->tensor_count; i++) {
        int width = (int)strlen(quantised->tensors[i].array->name);
        if (quantised->tensors[i].asked && width > command->width) command->width = width;
    }
    if (command->text)
        printf("%-*s  %-28s  %8s  %8s  %8s  verdict\n", command->width, "tensor", "scheme", "rms", "group", "largest");
    for (int i = 0; i < quantised->tensor_count; i++) {
        const CheckpointTensor *tensor = &quantised->tensors[i];
        if (!tensor->asked || !globs_match(&command->only, tensor->array->name)) continue;
        grade_tensor(command, original_of(original, quantised, tensor->array->name, command), tensor->array);
    }
    return command->graded == 0 ? STATUS_NOTHING : command->failed > 0 ? STATUS_FAIL : STATUS_PASS;
}

static void write_json(QuantiserCommand *command, Status status, Error *error)
{
    static const char *const outcomes[] = { "pass", "fail", "bad input", "none" };
    json_t *json = json_pack("{s:i, s:{s:s, s:s}, s:s, s:s, s:O, s:s}", "schema_version", SCHEMA_VERSION, "program",
                             "version", plumb_version, "commit", plumb_commit, "original", command->arguments[0],
                             "quantised", command->arguments[1], "tensors", command->tensors, "outcome",
                             outcomes[status]);
    json_file_write(command->json, json, error);
}

/* AWQ multiplies weights by factors that it takes back in others, so that neither is the original's. */
static bool is_scaled(const Checkpoint *quantised)
{
    for (int i = 0; i < quantised->tensor_count; i++)
        if (strncmp(array_scheme(quantised->tensors[i].array), "awq ", 4) == 0) return true;
    return false;
}

static Status run(QuantiserCommand *command, Error *error)
{
    Status status = STATUS_BAD_INPUT;
    OutputOption output = { "--json", command->json };
    for (int i = 0; i < 2; i++) {
        output_refuse(output, command->arguments[i], error);
        output_refuse(output, checkpoint_folder(command, command->arguments[i]), error);
    }
    sandbox_files(&(SandboxedFiles){ (const char *const[]){ command->arguments[0], command->arguments[1],
                                                            checkpoint_folder(command, command->arguments[0]),
                                                            checkpoint_folder(command, command->arguments[1]), NULL },
                                     (const char *const[]){ command->json, NULL } },
                  command->sandbox, error);
    declare_no_products();
    Model *original = error_is_set(error) ? NULL : model_open(checkpoint_folder(command, command->arguments[0]), error);
    Model *quantised = original ? open_quantised(command, error) : NULL;
    if (quantised) {
        command->is_scaled = is_scaled(model_checkpoint(quantised));
        status = grade_all(command, model_checkpoint(original), model_checkpoint(quantised));
        print_end(command, status);
        if (command->json) write_json(command, status, error);
    }
    model_close(quantised);
    model_close(original);
    return status;
}

int plumb_quantiser(int argc, char **argv)
{
    const struct argp_child children[] = { { &sandbox_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .children = children,
        .options = options,
        .parser = parse_option,
        .args_doc = "ORIGINAL QUANTISED",
        .doc = "Grades a quantiser: each tensor of a quantised checkpoint beside the original's, in units of what "
               "rounding to the nearest code does (rms 1). ORIGINAL is a checkpoint or a case, QUANTISED another one, "
               "or a GGUF file. A tensor that fails is read again in the ways that known bugs of quantisers ask for.",
    };
    QuantiserCommand command = { .tensors = json_array() };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);
    command.text = !command.json || strcmp(command.json, "-") != 0;
    Status status = run(&command, &error);
    json_decref(command.tensors);
    free(command.only.globs);
    arena_free(&command.arena);
    return finish(&error, status);
}
