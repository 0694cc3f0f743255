/* place.c - flat indices taken apart */
#include "report/place.h"

#include "checkpoint/array.h"

const char *place_text(char *text, size_t size, const Step *step, int dimensions, int64_t index)
{
    int64_t place[TENSOR_MAX_RANK];
    for (int i = dimensions - 1; i >= 0; i--) {
        place[i] = index % step->shape[i];
        index /= step->shape[i];
    }
    return shape_text(text, size, dimensions, place);
}

json_t *place_json(const Step *step, int dimensions, int64_t index)
{
    if (index < 0) return json_null();
    json_t *place = json_array();
    for (int i = 0; i < dimensions; i++) {
        int64_t below = 1;
        for (int j = i + 1; j < dimensions; j++) below *= step->shape[j];
        json_array_append_new(place, json_integer(index / below % step->shape[i]));
    }
    return place;
}
