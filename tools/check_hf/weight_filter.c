/* weight_filter.c - the weights of a checkpoint as a pipe: names in, float64 out
 *
 *     weight-filter FOLDER [GGUF] < names > values
 *
 * A name a line, as the file spells it; with GGUF, tensors are its own. tools/check_hf/check_quantised.py compares the
 * values with those of the libraries that wrote the file.
 */
#include <stdio.h>
#include <string.h>

#include "checkpoint/quantization_config.h"

enum { BLOCK = 1000 }; /* no multiple of any block or group */

static void write_values(const Array *array)
{
    double values[BLOCK];
    int64_t count = array_elements(array);
    for (int64_t first = 0; first < count; first += BLOCK) {
        int64_t some = count - first < BLOCK ? count - first : BLOCK;
        array_read_f64(array, first, some, values);
        fwrite(values, sizeof *values, (size_t)some, stdout);
    }
}

int main(int argc, char **argv)
{
    Error error = { "" };
    char line[1024];
    declared_inputs.given = true; /* some layouts ask for it; nothing is multiplied here */
    if (argc > 2) weight_files = (const char *const *)argv + 2;
    Checkpoint *checkpoint = checkpoint_open(argc > 1 ? argv[1] : "", &error);
    if (checkpoint && argc < 3) {
        const char *file = arena_format(&checkpoint->arena, "%s/config.json", argv[1]);
        json_t *config = config_open(file, &error);
        if (config) read_quantization_config(checkpoint, (ConfigReader){ file, "", config, &error });
        json_decref(config);
    }
    while (!error_is_set(&error) && fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        const CheckpointTensor *tensor = checkpoint_find(checkpoint, line);
        if (tensor)
            write_values(tensor->array);
        else
            error_set(&error, "%s: found no such tensor", line);
    }
    checkpoint_close(checkpoint);
    if (error_is_set(&error)) fprintf(stderr, "weight-filter: %s\n", error.message);
    return error_is_set(&error) ? 2 : 0;
}
