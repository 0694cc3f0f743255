/* checkpoint.c - one file or shards, one table */
#include "checkpoint/checkpoint.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "checkpoint/conversion_mapping.h"
#include "checkpoint/gguf_names.h"
#include "checkpoint/json_load.h"

const char *const *weight_files;

static int by_name(const void *left, const void *right)
{
    const CheckpointTensor *a = left, *b = right;
    return strcmp(a->array->name, b->array->name);
}

static void open_shard(Checkpoint *checkpoint, const char *path, Error *error)
{
    Safetensors *shard = safetensors_open(path, error);
    if (!shard) return;
    checkpoint->shards = grown(checkpoint->shards, checkpoint->shard_count, sizeof *checkpoint->shards);
    checkpoint->shards[checkpoint->shard_count++] = shard;
}

/* Opens each shard of {"weight_map": {"tensor": "model-00001-of-00002.safetensors", ..}} once. */
static void open_shards(Checkpoint *checkpoint, Error *error)
{
    json_t *index = json_load_object(checkpoint->file, "an index", error);
    const json_t *weight_map = json_object_get(index, "weight_map");
    if (!json_is_object(weight_map))
        error_set(error, "%s: weight_map: found none, expected an object of tensor: file", checkpoint->file);

    const char *name;
    json_t *file, *seen = json_object();
    json_object_foreach((json_t *)weight_map, name, file)
    {
        if (!json_is_string(file) || strchr(json_string_value(file), '/'))
            error_set(error, "%s: %s: found no file name, expected one in the same folder", checkpoint->file, name);
        if (error_is_set(error)) break;
        const char *shard = json_string_value(file);
        if (json_object_get(seen, shard)) continue;
        json_object_set_new(seen, shard, json_true());
        const char *path = arena_format(&checkpoint->arena, "%s/%s", checkpoint->folder, shard);
        if (access(path, R_OK) != 0)
            error_set(error, "%s: %s: found no shard of that name, expected it to hold %s", checkpoint->file, shard,
                      name);
        else
            open_shard(checkpoint, path, error);
    }
    json_decref(seen);
    json_decref(index);
}

void checkpoint_sort(Checkpoint *checkpoint)
{
    qsort(checkpoint->tensors, (size_t)checkpoint->tensor_count, sizeof *checkpoint->tensors, by_name);
}

static void open_weight_file(Checkpoint *checkpoint, const char *path, Error *error)
{
    if (!gguf_is_one(path)) {
        open_shard(checkpoint, path, error);
        return;
    }
    Gguf *gguf = gguf_open(path, error);
    if (!gguf) return;
    checkpoint->ggufs = grown(checkpoint->ggufs, checkpoint->gguf_count, sizeof *checkpoint->ggufs);
    checkpoint->ggufs[checkpoint->gguf_count++] = gguf;
}

/* Sorts them, and looks for names that are there twice. */
static void check_names(Checkpoint *checkpoint, Error *error)
{
    checkpoint_sort(checkpoint);
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        const Array *array = checkpoint->tensors[i].array;
        if (strncmp(array->name, "model.", 6) == 0) checkpoint->has_model_prefix = true;
        if (i > 0 && by_name(&checkpoint->tensors[i - 1], &checkpoint->tensors[i]) == 0)
            error_set(error, "%s: %s: found it in a second shard (%s), expected it once", array->file, array->name,
                      checkpoint->tensors[i - 1].array->file);
    }
}

static void list_tensors(Checkpoint *checkpoint, Error *error)
{
    int count = 0;
    for (int i = 0; i < checkpoint->shard_count; i++) count += safetensors_count(checkpoint->shards[i]);
    for (int i = 0; i < checkpoint->gguf_count; i++) count += gguf_count(checkpoint->ggufs[i]);
    CheckpointTensor *next = checkpoint->tensors = arena_allocate(&checkpoint->arena,
                                                                  (size_t)(count + 1) * sizeof *checkpoint->tensors);
    for (int i = 0; i < checkpoint->shard_count; i++)
        for (int j = 0; j < safetensors_count(checkpoint->shards[i]); j++)
            *next++ = (CheckpointTensor){ .array = safetensors_array(checkpoint->shards[i], j) };
    for (int i = 0; i < checkpoint->gguf_count; i++)
        for (int j = 0; j < gguf_count(checkpoint->ggufs[i]); j++)
            *next++ = (CheckpointTensor){ .array = gguf_array(checkpoint->ggufs[i], j) };
    checkpoint->tensor_count = count;
    check_names(checkpoint, error);
}

void checkpoint_name_ggufs(Checkpoint *checkpoint, const char *text, Error *error)
{
    if (checkpoint->gguf_count == 0) return;
    for (int i = 0; i < checkpoint->tensor_count; i++)
        checkpoint->tensors[i].array = gguf_renamed(checkpoint->tensors[i].array, text, &checkpoint->arena);
    check_names(checkpoint, error);
}

Checkpoint *checkpoint_open(const char *folder, Error *error)
{
    Checkpoint *checkpoint = allocate_zeroed(1, sizeof *checkpoint);
    checkpoint->folder = arena_format(&checkpoint->arena, "%s", folder);

    const char *single = arena_format(&checkpoint->arena, "%s/model.safetensors", folder);
    const char *index = arena_format(&checkpoint->arena, "%s/model.safetensors.index.json", folder);
    if (weight_files) {
        checkpoint->file = weight_files[0];
        for (int i = 0; weight_files[i] && !error_is_set(error); i++)
            open_weight_file(checkpoint, weight_files[i], error);
    } else if (access(single, F_OK) == 0) {
        checkpoint->file = single;
        open_shard(checkpoint, single, error);
    } else if (access(index, F_OK) == 0) {
        checkpoint->file = index;
        open_shards(checkpoint, error);
    } else {
        error_set(error, "%s: found neither model.safetensors nor model.safetensors.index.json, expected one", folder);
    }
    if (!error_is_set(error)) list_tensors(checkpoint, error);

    if (error_is_set(error)) {
        checkpoint_close(checkpoint);
        return NULL;
    }
    return checkpoint;
}

/* ggml's CPU kernels bring the input to the type that the weight's type is multiplied with. */
static InputCodes inputs_of_ggml(const Array *weight)
{
    if (weight->dtype == DTYPE_F16) return INPUTS_F16;
    if (weight->dtype != DTYPE_ENCODED) return INPUTS_PLAIN;
    return strstr(weight->encoding->scheme, "_K") ? INPUTS_Q8_K : INPUTS_Q8_0;
}

void checkpoint_declare_inputs(Checkpoint *checkpoint)
{
    bool ggml = declared_inputs.inputs == INPUTS_GGML;
    for (int i = 0; declared_inputs.given && i < checkpoint->tensor_count; i++) {
        const Array *array = checkpoint->tensors[i].array;
        InputCodes inputs = ggml                            ? inputs_of_ggml(array)
                            : array->dtype == DTYPE_ENCODED ? declared_inputs.inputs
                                                            : INPUTS_PLAIN;
        if (inputs == array->inputs && inputs == INPUTS_PLAIN) continue;
        Array *declared = arena_allocate(&checkpoint->arena, sizeof *declared);
        *declared = *array;
        declared->inputs = inputs;
        declared->inputs_dtype = declared_inputs.dtype;
        checkpoint->tensors[i].array = declared;
    }
}

Checkpoint *checkpoint_borrow(const Checkpoint *checkpoint)
{
    Checkpoint *borrowed = allocate_zeroed(1, sizeof *borrowed);
    size_t table = (size_t)(checkpoint->tensor_count + 1) * sizeof *checkpoint->tensors;
    *borrowed = *checkpoint;
    borrowed->is_borrowed = true;
    borrowed->arena = (Arena){ 0 };
    borrowed->tensors = memcpy(arena_allocate(&borrowed->arena, table), checkpoint->tensors, table);
    return borrowed;
}

static void close_files(Checkpoint *checkpoint)
{
    for (int i = 0; i < checkpoint->shard_count; i++) safetensors_close(checkpoint->shards[i]);
    free(checkpoint->shards);
    for (int i = 0; i < checkpoint->gguf_count; i++) gguf_close(checkpoint->ggufs[i]);
    free(checkpoint->ggufs);
    free(checkpoint->made);
}

void checkpoint_close(Checkpoint *checkpoint)
{
    if (!checkpoint) return;
    if (!checkpoint->is_borrowed) close_files(checkpoint);
    arena_free(&checkpoint->arena);
    free(checkpoint);
}

void checkpoint_let_go(Checkpoint *checkpoint)
{
    for (int i = 0; i < checkpoint->shard_count; i++) safetensors_let_go(checkpoint->shards[i]);
    for (int i = 0; i < checkpoint->gguf_count; i++) gguf_let_go(checkpoint->ggufs[i]);
}

static CheckpointTensor *find_as_spelled(const Checkpoint *checkpoint, const char *name)
{
    Array key = { .name = name };
    CheckpointTensor tensor = { .array = &key };
    return bsearch(&tensor, checkpoint->tensors, (size_t)checkpoint->tensor_count, sizeof tensor, by_name);
}

static CheckpointTensor *find(const Checkpoint *checkpoint, const char *name)
{
    CheckpointTensor *tensor = find_as_spelled(checkpoint, name);
    if (tensor) return tensor;
    Arena arena = { 0 };
    const char *source = source_name(name, &arena);
    if (source) tensor = find_as_spelled(checkpoint, source);
    arena_free(&arena);
    return tensor;
}

CheckpointTensor *checkpoint_find(Checkpoint *checkpoint, const char *name) { return find(checkpoint, name); }

const char *checkpoint_key(const Checkpoint *checkpoint, const char *name)
{
    return !checkpoint->has_model_prefix && strncmp(name, "model.", 6) == 0 ? name + 6 : name;
}

const Array *checkpoint_array(const Checkpoint *checkpoint, const char *name)
{
    const CheckpointTensor *tensor = find(checkpoint, checkpoint_key(checkpoint, name));
    return tensor ? tensor->array : NULL;
}
