/* fuzz_diagnosis.c - naming, on mutants of a dump: the first byte is the class, the others change the dump */
#include <stdlib.h>

#include "diagnose/diagnose.h"
#include "fuzz/fuzz.h"
#include "fuzz/fuzz_changes.h"
#include "report/report_diagnosis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = { "" };
    if (size < 2) return -1;
    Dump *dump = fuzz_changed_dump(data[0] / 64 % 2, data + 1, size - 1);
    if (!dump) return 0;
    Trial trial = { .model = fuzz_tiny()->model,
                    .inputs = &fuzz_tiny()->inputs,
                    .dump = dump,
                    .class = class_find(data[0] % 2 ? "fp32" : "bf16"),
                    .as_declared = true,
                    .options = { .samples = 1, .ignore_eos = true } };
    Grade *grade = NULL;
    Diagnosis *diagnosis = diagnose(&trial, &grade, &error);
    if (!diagnosis != error_is_set(&error)) abort();
    if (diagnosis) json_decref(report_diagnosis_json(diagnosis, grade));
    if (diagnosis) grade_free(grade);
    diagnosis_free(diagnosis);
    dump_close(dump);
    return 0;
}
