/* name_map.h - a backend's own names and layouts, mapped onto taps
 *
 * A map is a JSON file of {"their name": "our tap"}, or {"their name": {"tap": "our tap", "permute": [0, 2, 1, 3]}}
 * where their dimensions come in another order (as numpy.transpose takes it). "{}" stands for a number, the same on
 * both sides: {"blk.{}.attn_out": "model.vision_tower.encoder.layers.{}.self_attn"}.
 */
#ifndef PLUMB_NAME_MAP_H
#define PLUMB_NAME_MAP_H

#include "checkpoint/array.h"
#include "run/arena.h"
#include "run/error.h"

/* Renames, and permutes, those of the arrays that the map in the file at path knows. */
void name_map_apply(const char *path, Array *arrays, int count, Arena *arena, Error *error);

#endif
