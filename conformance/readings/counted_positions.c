/* counted_positions.c - positions counted from each row's first token
 *
 * Without position_ids Hugging Face's forward pass counts from the first column, padding and all; its own generate, and
 * most engines, count from the row's first token. With rotary embeddings attention sees no difference between the two,
 * so both are right; the query and key states differ.
 */
#include "readings/reading.h"

/* Whether a row begins with padding */
static bool counted_positions_matter(const Trial *trial)
{
    const Array *mask = trial->inputs->attention_mask;
    if (!mask || !trial->inputs->input_ids || trial->inputs->position_ids) return false;
    for (int64_t row = 0; row < mask->shape[0]; row++)
        if (array_integer(mask, row * mask->shape[1]) == 0) return true;
    return false;
}

/* HF: _prepare_position_ids_for_generation */
static void count_positions(Trial *trial, Inputs *inputs, Arena *arena)
{
    const Array *mask = trial->inputs->attention_mask;
    int64_t rows = mask->shape[0], columns = mask->shape[1];
    int64_t *positions = arena_allocate(arena, checked_size(rows, columns, sizeof *positions));
    for (int64_t row = 0; row < rows; row++) {
        int64_t seen = 0;
        for (int64_t i = row * columns; i < (row + 1) * columns; i++) {
            bool is_real = array_integer(mask, i) != 0;
            seen += is_real;
            positions[i] = is_real ? seen - 1 : 0;
        }
    }
    Array *array = arena_allocate(arena, sizeof *array);
    *array = *inputs->input_ids;
    array->name = "position_ids";
    array->dtype = DTYPE_I64;
    array->data = (const unsigned char *)positions;
    inputs->position_ids = array;
}

const Reading counted_positions = { .flag = READING_COUNTED_POSITIONS,
                                    .name = "counted-positions",
                                    .sentence = "positions are counted from each row's first token",
                                    .matters = counted_positions_matter,
                                    .follow = count_positions };
