/* findings.c - one dump diagnosed */
#include "findings.h"

static Finding find_by(const char *folder, const char *dump_file, Trial trial)
{
    Error error = { "" };
    const char *model_folder = arena_format(&scratch, "%s/model", folder);
    Model *model = model_open(model_folder, &error);
    Inputs inputs = inputs_open(arena_format(&scratch, "%s/inputs.safetensors", folder), &error);
    Dump *dump = dump_open(dump_file, &error);
    assert_clean(&error);
    Finding finding;
    trial.model = model;
    trial.inputs = &inputs;
    trial.dump = dump;
    finding.diagnosis = diagnose(&trial, &finding.grade, &error);
    assert_clean(&error);
    dump_close(dump);
    inputs_close(&inputs);
    model_close(model);
    return finding;
}

Finding find(const char *folder, const char *dump_file, const char *class, const char *const *only)
{
    return find_by(folder, dump_file,
                   (Trial){ .class = class_find(class), .options = { .only = only, .ignore_eos = true } });
}

Finding find_cached(const char *folder, const char *dump_file, const char *class, InputCodes cache)
{
    return find_by(folder, dump_file,
                   (Trial){ .class = class_find(class), .options.ignore_eos = true, .cache = cache });
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
