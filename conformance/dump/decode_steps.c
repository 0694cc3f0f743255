/* decode_steps.c - read off names, shapes and choices */
#include "dump/decode_steps.h"

#include <math.h>
#include <stdlib.h>

#include "checkpoint/file_limits.h"
#include "dump/tap_name.h"

/* Whether a tap is of the text model. Those of any model are called "model" something, "lm_head" or "logits". */
static bool is_text(const char *name)
{
    return !tap_is_media(name) && (tap_begins(name, "model") || tap_is(name, "lm_head") || tap_is(name, "logits"));
}

int decode_steps_last_step(const Dump *dump)
{
    int last = 0;
    for (int i = 0; i < dump_count(dump); i++) {
        const char *name = dump_array(dump, i)->name;
        if (is_text(name) && tap_run(name) > last) last = tap_run(name);
    }
    return last;
}

int decode_steps_new_tokens(const Dump *dump)
{
    int step = decode_steps_last_step(dump), tokens = step > 0 ? step + 1 : 0;
    for (int i = 0; i < dump_count(dump); i++) {
        const char *name = dump_array(dump, i)->name;
        if (tap_is_token(name) && tap_run(name) > tokens) tokens = tap_run(name);
    }
    return tokens;
}

static int by_size(const void *left, const void *right) { return *(const int *)left - *(const int *)right; }

bool decode_steps_are_held(const char *const *names, int count, const char *file, Error *error)
{
    int *steps = allocate_zeroed((size_t)count + 1, sizeof *steps), held = 0;
    for (int i = 0; i < count; i++)
        if (is_text(names[i]) || tap_is_token(names[i])) steps[i] = tap_run(names[i]);
    qsort(steps, (size_t)count, sizeof *steps, by_size);
    for (int i = 0; i < count; i++) held += steps[i] > 0 && (i == 0 || steps[i] > steps[i - 1]);
    int last = count > 0 ? steps[count - 1] : 0;
    free(steps);
    if (last - held <= file_limits.steps) return true;
    error_set(error,
              "%s: found decode step %d, and no array of %d of those before it, expected at most %lld such steps "
              "(--max-steps)",
              file, last, last - held, (long long)file_limits.steps);
    return false;
}

void decode_steps_check_count(const Dump *dump, Error *error)
{
    int count = dump_count(dump);
    const char **names = allocate_zeroed((size_t)count + 1, sizeof *names);
    for (int i = 0; i < count; i++) names[i] = dump_array(dump, i)->name;
    decode_steps_are_held(names, count, count > 0 ? dump_array(dump, 0)->file : "", error);
    free(names);
}

int decode_steps_named_tokens(const Dump *dump)
{
    int tokens = decode_steps_new_tokens(dump), last = 0;
    for (int i = 0; i < dump_count(dump); i++) {
        int run = tap_run(dump_array(dump, i)->name);
        if (run > last && run < dump_count(dump)) last = run;
    }
    return tokens > 0 || last == 0 ? tokens : last + 1;
}

int decode_steps_logits_to_keep(const Dump *dump, const Inputs *inputs)
{
    static const char *const names[] = { "logits", "lm_head" };
    for (size_t i = 0; inputs->input_ids && i < sizeof names / sizeof *names; i++) {
        const Array *array = dump_find(dump, names[i]);
        int64_t batch = inputs->input_ids->shape[0];
        if (array && array->rank > 0) return array_elements(array) == batch * array->shape[array->rank - 1];
    }
    return 0;
}

void decode_steps_check_end(const Dump *dump, const Inputs *inputs, int reached, Error *error)
{
    int last = inputs->input_ids ? decode_steps_last_step(dump) : 0;
    if (!error_is_set(error) && reached < last)
        error_set(error,
                  "%s: found taps of decode step %d, expected none after step %d, where every row has met an "
                  "end-of-sequence token (see --ignore-eos)",
                  dump_array(dump, 0)->file, last, reached);
}

static void check(const Array *array, const char *what, int64_t count, Error *error)
{
    for (int64_t i = 0; i < array_elements(array) && !error_is_set(error); i++) {
        double value;
        array_read_f64(array, i, 1, &value);
        if (!(value >= 0 && value < (double)count && value == floor(value)))
            error_set(error, "%s: %s: found %g at place %lld, expected %s from 0 to %lld", array->file, array->name,
                      value, (long long)i, what, (long long)count - 1);
    }
}

void decode_steps_check_choices(const Dump *dump, const Model *model, Error *error)
{
    for (int i = 0; i < dump_count(dump); i++) {
        const Array *array = dump_array(dump, i);
        if (tap_is_token(array->name)) check(array, "a token", model_vocab_size(model), error);
        if (tap_is_experts(array->name) && model_num_experts(model) > 0)
            check(array, "an expert", model_num_experts(model), error);
    }
}
