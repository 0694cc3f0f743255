/* shard_seeds.c - reports of two shards of a grade, of a diagnosis and of a suite */
#include "backends.h"
#include "diagnose/diagnose.h"
#include "readings/reading.h"
#include "report/report_file.h"
#include "report/report_tried.h"
#include "seeds.h"

static const char *report_of(const char *kind, json_t *shard)
{
    Error error = { "" };
    char *report, *words[] = { "tiny", "backend.safetensors", NULL };
    ReportFile file = { .path = "-", .kind = kind, .arguments = words, .kept = &report };
    json_t *body = json_pack("{s:o, s:[s, s, s, s], s:i, s:s, s:o}", "kind", json_sprintf("%s shard", kind), "words",
                             "tiny", "backend.safetensors", "--json", "", "report_at", 3, "class", "bf16", "shard",
                             shard);
    report_file_open(&file, &error);
    report_file_close(&file, body, 0, &error);
    assert_clean(&error);
    const char *kept = arena_format(&scratch, "%s", report);
    free(report);
    return kept;
}

/* The report of one of two shards, on few steps so that mutants are of what matters */
static const char *shard_of(const Trial *trial, int number)
{
    Error error = { "" };
    Followed followed;
    Trial part = *trial;
    part.options.shard = (ShardNumber){ number, 2 };
    Lockstep *lockstep = readings_begin(&part, &followed, &error);
    assert_clean(&error);
    lockstep = readings_measure_ends(lockstep, &followed);
    const char *report = report_of("grade", report_shard_json(lockstep));
    followed_free(&followed);
    grade_free(lockstep_end(lockstep));
    return report;
}

static const char *share_of(const Trial *trial, int number)
{
    Error error = { "" };
    Tried *tried = diagnose_share(trial, (ShardNumber){ number, 2 }, &error);
    assert_clean(&error);
    const char *report = report_of("diagnose", report_tried_json(tried));
    tried_free(tried);
    return report;
}

/* With a 0 between the two, and none behind */
static void put_two(const char *name, const char *first, const char *second)
{
    size_t before = strlen(first) + 1, all = before + strlen(second);
    char *bytes = arena_allocate(&scratch, all + 1);
    strcpy(bytes, first);
    strcpy(bytes + before, second);
    write_bytes(seed_path("shard", name), bytes, all);
}

/* The report with a tie of its first step */
static const char *with_tie(const char *report)
{
    json_t *json = json_loads(report, 0, NULL), *shard = json_object_get(json, "shard");
    const json_t *listed = json_object_get(json_object_get(shard, "listed"), "steps");
    json_t *tie = json_pack("{s:O, s:i, s:i, s:i, s:i, s:s, s:s}", "tap",
                            json_object_get(json_array_get(listed, 0), "tap"), "step", 0, "row", 0, "found", 1,
                            "expected", 2, "gap", "0x1p+0", "noise", "0x1p+0");
    json_array_append_new(json_object_get(shard, "ties"), tie);
    char *text = json_dumps(json, JSON_COMPACT);
    const char *kept = arena_format(&scratch, "%s", text);
    free(text);
    json_decref(json);
    return kept;
}

static const char *with(const char *report, const char *key, json_t *value)
{
    json_t *json = json_loads(report, 0, NULL);
    json_object_set_new(json, key, value);
    char *text = json_dumps(json, JSON_COMPACT);
    const char *kept = arena_format(&scratch, "%s", text);
    free(text);
    json_decref(json);
    return kept;
}

/* Two that are no shards of one grade: of another kind, program or class, or with words that move a cursor */
static void put_strangers(const char *shard)
{
    json_t *words = json_pack("[s]", "a\033[2J");
    put_two("kind", shard, with(shard, "kind", json_string("diagnose shard")));
    put_two("program", shard, with(shard, "program", json_null()));
    put_two("class", shard, with(shard, "class", json_string("fp32")));
    put_two("words", with(shard, "words", json_incref(words)), with(shard, "words", words));
}

/* Right, and with what must be there once twice: ties of both, steps of the first, ends of the second */
static void put_grade(const char *name, Trial trial, const char *const *only)
{
    trial.options = (GradeOptions){ .only = only, .ignore_eos = true, .with_total = true };
    const char *first = shard_of(&trial, 0), *second = shard_of(&trial, 1);
    put_two(name, first, second);
    put_two(arena_format(&scratch, "%s-ties", name), with_tie(first), with_tie(second));
    put_two(arena_format(&scratch, "%s-first", name), first, first);
    put_two(arena_format(&scratch, "%s-second", name), second, second);
    put_strangers(first);
}

static void put_diagnosis(const char *name, Trial trial, const char *const *only)
{
    trial.options = (GradeOptions){ .only = only, .ignore_eos = true };
    put_two(name, share_of(&trial, 0), share_of(&trial, 1));
}

#define SUITE                                                                                                   \
    "{\"kind\":\"suite\",\"suite_schema_version\":1,\"version\":\"1\",\"commit\":\"c\",\"suite_sha256\":\"s\"," \
    "\"count\":2,\"trials\":[{\"trial\":"
#define TRIAL ",\"case\":\"a\",\"dump\":\"b\",\"class\":\"bf16\",\"command\":\"grade\",\"report\":"

void put_shards(const char *model, const char *inputs, const char *dump)
{
    static const char *const few[] = { "logits", "model.norm", NULL }, *const layers[] = { "*layers.[01]", "logits",
                                                                                           NULL };
    Error error = { "" };
    Inputs opened = inputs_open(inputs, &error);
    Trial trial = { .model = model_open(model, &error),
                    .inputs = &opened,
                    .dump = dump_open(dump, &error),
                    .class = class_find("bf16") };
    assert_clean(&error);
    put_grade("few", trial, few);
    put_grade("layers", trial, layers);
    put_diagnosis("bugs", trial, layers);
    put_two("suite", SUITE "0" TRIAL "{\"outcome\":\"pass\",\"files\":[{\"path\":\"b\",\"sha256\":\"d\"}]}}]}",
            SUITE "1" TRIAL "{\"outcome\":\"error\",\"error\":\"e\",\"first_bent\":\"t\"}}]}");
    dump_close((Dump *)trial.dump);
    model_close((Model *)trial.model);
    inputs_close(&opened);
}
