/* mask_cells.c - which blocks and which window each cell lies in */
#include "bugs/hooks/mask_cells.h"

#include <string.h>

static bool is_vision(int64_t type) { return type == 1 || type == 2; }

static bool is_audio(int64_t type) { return type == 3; }

/* Whether tokens q and kv lie in one run of tokens of that kind; *length: of the run that q lies in */
static bool in_one_run(const Array *types, int64_t b, int64_t q, int64_t kv, bool (*is_kind)(int64_t), int64_t *length)
{
    int64_t seq = types->shape[1], first = q, end = q;
    *length = 0;
    if (q >= seq || !is_kind(array_integer(types, b * seq + q))) return false;
    while (first > 0 && is_kind(array_integer(types, b * seq + first - 1))) first--;
    while (end < seq && is_kind(array_integer(types, b * seq + end))) end++;
    *length = end - first;
    return kv >= first && kv < end;
}

static bool is_vision_token(const Array *types, int64_t b, int64_t t)
{
    return t < types->shape[1] && is_vision(array_integer(types, b * types->shape[1] + t));
}

/* The row's last token of an image or video; -1: it has none */
static int64_t last_vision_token(const Array *types, int64_t b)
{
    int64_t last = types->shape[1] - 1;
    while (last >= 0 && !is_vision_token(types, b, last)) last--;
    return last;
}

/* All of a prompt is one chunk unless the inputs say how long one is. */
static void find_chunk(const BugRun *run, MaskCell *cell, int64_t prompt)
{
    const Array *size = bug_inputs(run)->prefill_chunk_size;
    int64_t length = size ? array_integer(size, 0) : prompt;
    cell->chunk = cell->q / length * length;
    cell->chunk_end = cell->chunk + length < prompt ? cell->chunk + length : prompt;
}

void rewrite_masks(BugRun *run, const Tap *tap, bool (*rule)(const MaskCell *cell))
{
    if (!strstr(tap->name, "#causal_mask_mapping.")) return;
    bool sliding = strstr(tap->name, "sliding_attention") != NULL;
    const Inputs *inputs = bug_inputs(run);
    const Array *padding = inputs->attention_mask, *types = inputs->mm_token_type_ids;
    int64_t rows = tap->shape[2], columns = tap->shape[3], prompt = inputs->input_ids->shape[1];
    int64_t total = prompt + tap_run(tap->name);
    bool prefill = tap_run(tap->name) == 0 && types;

    for (int64_t b = 0; b < tap->shape[0]; b++) {
        int64_t last = prefill ? last_vision_token(types, b) : -1;
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                MaskCell cell = { .q = total - rows + i, .kv = total - columns + j, .sliding = sliding };
                int64_t place = (b * rows + i) * columns + j, length;
                if (padding && cell.kv < prompt && array_integer(padding, b * prompt + cell.kv) == 0) continue;
                cell.window = (int64_t)text_number(run, "sliding_window", 0);
                cell.may_look = tap_value(tap, place) != 0;
                cell.causal = cell.kv <= cell.q;
                cell.in_window = cell.kv > cell.q - cell.window;
                cell.prefill = tap_run(tap->name) == 0;
                if (cell.prefill) find_chunk(run, &cell, prompt);
                if (prefill) {
                    cell.both_vision = is_vision_token(types, b, cell.q) && is_vision_token(types, b, cell.kv);
                    cell.before_last = cell.q <= last && cell.kv <= last;
                    cell.same_audio = in_one_run(types, b, cell.q, cell.kv, is_audio, &length);
                    cell.same_block = in_one_run(types, b, cell.q, cell.kv, is_vision, &cell.block_length);
                }
                tap_set(tap, place, rule(&cell));
            }
    }
}
