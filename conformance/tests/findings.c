/* findings.c - one dump diagnosed */
#include "findings.h"

Finding find(const char *folder, const char *dump_file, const char *class, const char *const *only)
{
    Error error = { "" };
    const char *model_folder = arena_format(&scratch, "%s/model", folder);
    Model *model = model_open(model_folder, &error);
    Inputs inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", folder), &error);
    Dump *dump = dump_open(dump_file, &error);
    assert_clean(&error);
    Finding finding;
    Trial trial = { .model = model,
                    .inputs = &inputs,
                    .dump = dump,
                    .class = class_find(class),
                    .options = { .only = only, .ignore_eos = true } };
    finding.diagnosis = diagnose(&trial, &finding.grade, &error);
    assert_clean(&error);
    dump_close(dump);
    inputs_close(&inputs);
    model_close(model);
    return finding;
}

void finding_free(Finding finding)
{
    diagnosis_free(finding.diagnosis);
    grade_free(finding.grade);
}

const char *first_name(Finding finding)
{
    return finding.diagnosis->named_count ? finding.diagnosis->named[0]->id : "none";
}
