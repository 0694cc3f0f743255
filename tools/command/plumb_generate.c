/* plumb_generate.c - plumb generate: greedy tokens, as Hugging Face's generate gives them */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command/arguments.h"
#include "command/plumb.h"
#include "command/progress.h"
#include "reference.h"
#include "dump/tap_name.h"
#include "dump/tap_value.h"

enum { KEY_MAX_NEW_TOKENS = 'n', KEY_LOGITS = 'l', KEY_IGNORE_EOS = 'e' };

typedef struct {
    Case c;
    int max_new_tokens;
    bool ignore_eos;
    const char *logits;
    SafetensorsWriter *writer;
    Progress progress;
    int64_t batch, *tokens; /* [max_new_tokens, batch] */
    int count;              /* tokens of each row so far */
} GenerateCommand;

static const struct argp_option options[] = {
    { "max-new-tokens", KEY_MAX_NEW_TOKENS, "N", 0, "How many tokens at most", 0 },
    { "ignore-eos", KEY_IGNORE_EOS, 0, 0, "Go on after an end-of-sequence token", 0 },
    { "logits", KEY_LOGITS, "FILE", 0,
      "Write what each token was chosen from as safetensors: logits, logits@1, .., [batch, 1, vocabulary]", 0 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    GenerateCommand *command = state->input;
    switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &command->c; return 0;
    case KEY_MAX_NEW_TOKENS:
        command->max_new_tokens = parse_count(state, "--max-new-tokens", argument, MOST_NEW_TOKENS);
        return 0;
    case KEY_IGNORE_EOS: command->ignore_eos = true; return 0;
    case KEY_LOGITS: command->logits = argument; return 0;
    case ARGP_KEY_ARG:
        if (media_argument(&command->c.media, argument, state)) return 0;
        if (state->arg_num > 0) argp_usage(state);
        case_set_folder(&command->c, argument);
        return 0;
    case ARGP_KEY_END:
        if (command->max_new_tokens == 0) argp_error(state, "found no --max-new-tokens, expected it");
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static void on_tap(void *context, const Tap *tap)
{
    GenerateCommand *command = context;
    progress_tap(&command->progress, 0, 1, tap->name);
    if (tap_is(tap->name, "input_ids")) {
        for (int64_t b = 0; b < tap->count; b++)
            command->tokens[command->count * command->batch + b] = (int64_t)tap_value(tap, b);
        command->count++;
    } else if (command->writer && tap_is(tap->name, "logits")) {
        safetensors_writer_begin(command->writer, tap->name, DTYPE_F32, tap->rank, tap->shape);
        safetensors_writer_append(command->writer, tap->values, (size_t)tap->count * tap->value_size);
    }
}

/* A row ends with its end-of-sequence token; what stands behind it is padding. */
static void print_rows(const GenerateCommand *command)
{
    for (int64_t b = 0; b < command->batch; b++) {
        for (int n = 0; n < command->count; n++) {
            int64_t token = command->tokens[n * command->batch + b];
            printf("%s%lld", n ? " " : "", (long long)token);
            if (!command->ignore_eos && model_ends_at(command->c.model, token)) break;
        }
        putchar('\n');
    }
}

static void generate(GenerateCommand *command)
{
    Pass pass = { .hook = on_tap,
                  .hook_context = command,
                  .max_new_tokens = command->max_new_tokens,
                  .ignore_eos = command->ignore_eos,
                  .logits_to_keep = 1,
                  .cache = command->c.cache };
    if (command->c.vision_mask != VISION_MASK_GOOGLE) {
        reference_f32.forward(command->c.model, &command->c.inputs, &pass);
        return;
    }
    BuggyModel *google = buggy_model_around(command->c.model, NULL, 0);
    buggy_model_set_mask_reading(google, &google_vision_mask);
    buggy_model_forward(google, &reference_f32, &command->c.inputs, &pass);
    buggy_model_close(google);
}

int plumb_generate(int argc, char **argv)
{
    const struct argp_child children[] = { { &case_argp, 0, NULL, 0 }, { 0 } };
    const struct argp argp = {
        .options = options,
        .parser = parse_option,
        .args_doc = "CASE",
        .children = children,
        .doc =
            "Generates greedily from the prompt of a case, and prints the new token ids, one line a row. A row stops "
            "at an eos_token_id of generation_config.json, or of config.json where there is none.",
    };
    GenerateCommand command = { 0 };
    Error error = { "" };
    parse_arguments(&argp, argc, argv, &command);

    case_refuse(&command.c, (OutputOption){ "--logits", command.logits }, &error);
    case_open(&command.c, &error);
    if (!error_is_set(&error))
        model_check_generation(command.c.model, &command.c.inputs, command.max_new_tokens, &error);
    if (!error_is_set(&error) && command.logits) command.writer = safetensors_writer_open(command.logits, &error);
    if (!error_is_set(&error)) {
        command.batch = command.c.inputs.input_ids->shape[0];
        command.tokens = allocate_zeroed((size_t)command.batch * (size_t)command.max_new_tokens,
                                         sizeof *command.tokens);
        command.progress = progress_start(command.c.quiet,
                                          model_layers(command.c.model, &command.c.inputs, command.max_new_tokens));
        generate(&command);
        progress_end(&command.progress);
        if (command.writer) safetensors_writer_close(command.writer, &error);
        if (!error_is_set(&error)) print_rows(&command);
    }
    free(command.tokens);
    case_close(&command.c);
    return finish(&error, STATUS_PASS);
}
