/* report_weights.c - tensors of the file that the model asked for, counted by scheme and by rule */
#include "report/report_weights.h"

static void count(json_t *counts, const char *name)
{
    json_object_set_new(counts, name, json_integer(json_integer_value(json_object_get(counts, name)) + 1));
}

json_t *report_weights_json(const Checkpoint *checkpoint)
{
    json_t *schemes = json_object(), *inputs = json_object();
    for (int i = 0; i < checkpoint->tensor_count; i++) {
        const CheckpointTensor *tensor = &checkpoint->tensors[i];
        const Array *array = tensor->array;
        if (!tensor->asked || tensor->is_stack) continue;
        if (array->dtype != DTYPE_ENCODED && array->inputs == INPUTS_PLAIN) continue;
        count(schemes, array_scheme(array));
        count(inputs, input_codes_name(array->inputs));
    }
    json_t *json = json_null();
    if (json_object_size(schemes) > 0)
        json = json_pack("{s:O, s:O, s:b}", "schemes", schemes, "inputs", inputs, "declared", declared_inputs.given);
    json_decref(schemes);
    json_decref(inputs);
    return json;
}

static void print_counts(FILE *out, const json_t *counts)
{
    const char *name, *separator = "";
    json_t *number;
    json_object_foreach((json_t *)counts, name, number)
    {
        fprintf(out, "%s%s (%lld)", separator, name, (long long)json_integer_value(number));
        separator = ", ";
    }
}

void report_weights_text(FILE *out, const Checkpoint *checkpoint)
{
    json_t *json = report_weights_json(checkpoint);
    if (json_is_object(json)) {
        fprintf(out, "quantised weights: ");
        print_counts(out, json_object_get(json, "schemes"));
        fprintf(out, "; inputs of their products are rounded to: ");
        print_counts(out, json_object_get(json, "inputs"));
        fprintf(out, ", as %s%s\n", declared_inputs.given ? "declared" : "the checkpoint says",
                declared_inputs.largest_scales ? ", by the largest scale of a layer's experts" : "");
    }
    json_decref(json);
}
