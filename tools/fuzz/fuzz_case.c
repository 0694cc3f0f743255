/* fuzz_case.c - case.json, beside a picture */
#include <sys/stat.h>

#include "fuzz/fuzz.h"
#include "pictures/case_pictures.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool copied;
    if (!copied) {
        fuzz_copy("a.png", "a.png");
        mkdir(fuzz_path("model"), 0700);
        fuzz_copy("vision/model/config.json", "model/config.json");
    }
    copied = true;
    Error error = { "" };
    Array pixels = { .rank = 3, .shape = { 1, 4, 12 } };
    Inputs inputs = { .pixel_values = &pixels };
    fuzz_put("case.json", data, size);
    pictures_close(case_pictures_open(fuzz_path(""), fuzz_path("model"), &inputs, &error));
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return fuzz_mutate_json(data, size, max_size, seed);
}
