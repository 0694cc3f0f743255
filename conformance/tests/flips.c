/* flips.c - backends that choose otherwise */
#include "flips.h"

#include "dump/tap_name.h"

int flips;
const char *first_flip;

Text near_experts(double factor, int pairs)
{
    Text text = text_of("{" MOE ", \"tie_word_embeddings\": false}", two_rows);
    for (int layer = 0; layer < 4; layer++)
        for (int expert = 0; expert < pairs; expert++)
            copy_weight_row(text, arena_format(&scratch, ROUTER("%d") ".proj.weight", layer), expert, expert + PAIRED,
                            factor);
    return text;
}

bool is_dropped(const char *name, const char *const *lacks)
{
    for (; lacks && *lacks; lacks++)
        if (tap_is(name, *lacks) || tap_ends(name, *lacks)) return true;
    return false;
}

/* Three tokens of the second prompt are padding. */
static bool is_padding(const char *tap, int64_t row) { return tap_run(tap) == 0 && row >= 7 && row < 10; }

static bool is_chosen(const float *row, int64_t expert)
{
    for (int j = 0; j < 3; j++)
        if ((int64_t)row[j] == expert) return true;
    return false;
}

static int64_t like(float expert) { return ((int64_t)expert + PAIRED) % (2 * PAIRED); }

typedef struct {
    int pairs;
    const char *const *lacks;
} Flip;

static void flip_experts(Value *value, const void *context)
{
    const Flip *flip = context;
    value->dropped = is_dropped(value->name, flip->lacks);
    if (!tap_is_experts(value->name)) return;
    for (int64_t row = 0; row < value->shape[0]; row++) {
        float *chosen = value_at(value, row, 0);
        int j = 0;
        while (j < 3 && ((int)chosen[j] % PAIRED >= flip->pairs || is_chosen(chosen, like(chosen[j])))) j++;
        if (j == 3) continue;
        chosen[j] = (float)like(chosen[j]);
        if (!is_padding(value->name, row) && flips++ == 0) first_flip = arena_format(&scratch, "%s", value->name);
    }
}

const char *flipped_dump(Text text, const char *class, int tokens, int pairs, const char *const *lacks)
{
    Flip flip = { pairs, lacks };
    Backend backend = { .class = class, .max_new_tokens = tokens, .edit = flip_experts, .context = &flip };
    flips = 0;
    const char *dump = backend_dump(text, &backend);
    if (pairs == PAIRED) ck_assert_int_eq(flips, 4 * (11 + (tokens > 0 ? 2 * (tokens - 1) : 0)));
    return dump;
}

Text near_tokens(double factor)
{
    Text text = text_of("{\"tie_word_embeddings\": false}", two_rows);
    const char *head = "lm_head.weight";
    for (int token = 0; token < TINY_VOCABULARY; token++)
        copy_weight_row(text, head, token, token, token == TOKEN ? 1 : 1e-3);
    copy_weight_row(text, head, TOKEN, OTHER_TOKEN, factor);
    copy_weight_row(text, head, TOKEN, TOKEN + 1, -1);
    copy_weight_row(text, head, TOKEN, OTHER_TOKEN + 1, -factor);
    return text;
}

static void flip_token(Value *value, const void *context)
{
    static const int like[] = { [3] = 8, [8] = 3, [4] = 9, [9] = 4 };
    value->dropped = is_dropped(value->name, context);
    if (strcmp(value->name, "input_ids@2") != 0) return;
    for (int64_t row = 0; row < 2; row++) {
        ck_assert_int_ne(like[(int)value->values[row]], 0);
        value->values[row] = (float)like[(int)value->values[row]];
    }
}

const char *flipped_token_dump(Text text, const char *const *lacks)
{
    Backend backend = { .class = "bf16", .max_new_tokens = 4, .edit = flip_token, .context = lacks };
    return backend_dump(text, &backend);
}
