/* test_diagnose_patches.c - bugs of preprocessing named from pixels and positions, and none where there is none */
#include "inputs/diagnose_patches.h"

#include "bugs/switch/buggy_pictures.h"
#include "grade/arithmetic_class.h"
#include "photos.h"

/* A photo that shrinks, one that is upright, one that is extreme, two at once */
enum { SHAPES = 4 };
static Pictures *pictures_of(int shape)
{
    switch (shape) {
    case 0: return one_photo(900, 675, 70);
    case 1: return one_photo(500, 800, 24);
    case 2: return one_photo(1000, 8, 20);
    default: return pictures_in_memory((Picture[]){ photo(400, 300), photo(150, 350) }, 2, 20);
    }
}

typedef struct {
    PatchGrade grade;
    Diagnosis *diagnosis;
    Patches explained;
} Finding;

static Finding find(const Pictures *pictures, const Dump *dump, const char *class)
{
    Error error = { "" };
    Finding finding = { .diagnosis = NULL };
    HonestPreprocessing way = HONEST_ASKED;
    DumpedPatches found = dumped_patches_open(dump, pictures, NULL, &error);
    assert_clean(&error);
    finding.grade = grade_patches_honestly(&found, pictures, class_find(class), &way, &scratch);
    PatchTrial trial = { pictures, &found, class_find(class), &finding.grade, way };
    finding.diagnosis = diagnose_patches(&trial, &finding.explained, &scratch);
    dumped_patches_close(&found);
    return finding;
}

static Finding find_in(const Pictures *pictures, const Patches *patches)
{
    Dump *dump = dump_of_patches(&patches->pixel_values, &patches->image_position_ids);
    Finding finding = find(pictures, dump, "fp32");
    dump_close(dump);
    return finding;
}

static bool is_straight(const PatchGrade *grade)
{
    for (int n = 0; n < grade->count; n++)
        if (grade->steps[n].verdict != VERDICT_PASS) return false;
    return true;
}

static const char *names_of(const Diagnosis *d)
{
    const char *names = "";
    for (int i = 0; i < d->named_count; i++)
        names = arena_format(&scratch, "%s%s%s", names, i ? " " : "", d->named[i]->id);
    return names;
}

static bool is_in(const Bug *const *bugs, int count, const char *id)
{
    for (int i = 0; i < count; i++)
        if (strcmp(bugs[i]->id, id) == 0) return true;
    return false;
}

/* ---------------------------------------------------------------- each bug */

static const char *const ids[] = { "resize-square",       "soft-tokens-max-unit",    "resize-bilinear",
                                   "resize-no-antialias", "pixels-all-zero",         "patch-feature-order",
                                   "vision-xy-swapped",   "vision-grid-column-major" };

static bool shows(int shape, const char *id)
{
    bool one_row = shape == 2;
    if (strcmp(id, "soft-tokens-max-unit") == 0) return one_row;
    return true;
}

START_TEST(each_is_named)
{
    const char *id = ids[_i / SHAPES];
    Pictures *pictures = pictures_of(_i % SHAPES);
    const Bug *bug = bug_find(id);
    Error error = { "" };
    Patches patches = preprocess_with_bugs(pictures, &bug, 1, &scratch, &error);
    assert_clean(&error);
    Finding finding = find_in(pictures, &patches);
    const Diagnosis *d = finding.diagnosis;
    if (shows(_i % SHAPES, id)) {
        bool below_noise = _i % SHAPES == 2 && strcmp(id, "resize-no-antialias") == 0; /* it keeps its size nearly */
        ck_assert(is_straight(&finding.grade) == below_noise);
        ck_assert_str_eq(names_of(d), id);
        ck_assert_int_eq(d->equal_count, 0);
        ck_assert(d->complete && !d->pattern);
        ck_assert_str_eq(d->candidates[0].bug->id, id);
        ck_assert(d->candidates[0].confirmed != below_noise && fabs(d->candidates[0].coefficient - 1) < 0.02);
    } else {
        ck_assert(is_straight(&finding.grade));
        ck_assert_str_eq(names_of(d), "");
        ck_assert(is_in(d->not_exposed, d->not_exposed_count, id));
    }
    diagnosis_free(finding.diagnosis);
}
END_TEST

/* All the ways in which ports have a bug of resampling */
START_TEST(every_kernel_is_named)
{
    static const char *const of_kernel[] = { "resize-bilinear", "resize-no-antialias" };
    Pictures *pictures = pictures_of(_i / COUNT(of_kernel));
    const Bug *bug = bug_find(of_kernel[_i % COUNT(of_kernel)]);
    for (const Resampling *r = bug->resamplings; r->kernel; r++)
        for (Finish finish = FINISH_NONE; finish <= FINISH_ROUNDED; finish++) {
            Resampling how = *r;
            if (how.finish == FINISH_CUT) how.finish = finish;
            Patches patches = preprocess(pictures, &(Preprocessing){ .resampling = &how }, &scratch);
            Finding finding = find_in(pictures, &patches);
            ck_assert_msg(strcmp(names_of(finding.diagnosis), bug->id) == 0, "%s, way %d, finish %d: %s", bug->id,
                          (int)(r - bug->resamplings), finish, names_of(finding.diagnosis));
            diagnosis_free(finding.diagnosis);
        }
}
END_TEST

/* ---------------------------------------------------------------- several, rivals, below the noise */

static const struct {
    const char *ids[3];
    int count;
} together[] = {
    { { "resize-square", "resize-bilinear" }, 2 },
    { { "resize-bilinear", "vision-xy-swapped" }, 2 },
    { { "resize-square", "patch-feature-order" }, 2 },
    { { "resize-square", "resize-no-antialias", "vision-grid-column-major" }, 3 },
};

START_TEST(together_they_are_named)
{
    Error error = { "" };
    const Bug *bugs[3];
    const char *names = "";
    for (int i = 0; i < together[_i].count; i++) {
        bugs[i] = bug_find(together[_i].ids[i]);
        names = arena_format(&scratch, "%s%s%s", names, i ? " " : "", bugs[i]->id);
    }
    Pictures *pictures = one_photo(900, 500, 30);
    Patches patches = preprocess_with_bugs(pictures, bugs, together[_i].count, &scratch, &error);
    assert_clean(&error);
    Finding finding = find_in(pictures, &patches);
    if (together[_i].count == 3) /* on a square grid, columns first is the same as y first */
        names = "resize-square resize-no-antialias vision-xy-swapped";
    ck_assert_str_eq(names_of(finding.diagnosis), names);
    ck_assert(finding.diagnosis->complete);
    diagnosis_free(finding.diagnosis);
}
END_TEST

START_TEST(rivals_are_listed)
{
    Error error = { "" };
    const Bug *bug = bug_find("vision-grid-column-major");
    Pictures *pictures = one_photo(200, 200, 70);
    Patches patches = preprocess_with_bugs(pictures, &bug, 1, &scratch, &error);
    Finding finding = find_in(pictures, &patches);
    const Diagnosis *d = finding.diagnosis;
    ck_assert(is_in(d->named, d->named_count, bug->id) || is_in(d->equals, d->equal_count, bug->id));
    ck_assert(is_in(d->named, d->named_count, "vision-xy-swapped") ||
              is_in(d->equals, d->equal_count, "vision-xy-swapped"));
    ck_assert_int_eq(d->named_count + d->equal_count, 2);
    diagnosis_free(finding.diagnosis);
}
END_TEST

/* On a picture that is rather smooth, the wrong kernel changes less than the limit. */
START_TEST(below_the_noise)
{
    Error error = { "" };
    const Bug *bug = bug_find("resize-bilinear");
    Pictures *pictures = pictures_in_memory((Picture[]){ waves(700, 500, 0.055) }, 1, 70);
    Patches patches = preprocess_with_bugs(pictures, &bug, 1, &scratch, &error);
    Finding finding = find_in(pictures, &patches);
    ck_assert(is_straight(&finding.grade));
    ck_assert_str_eq(names_of(finding.diagnosis), "resize-bilinear");
    diagnosis_free(finding.diagnosis);
}
END_TEST

/* ---------------------------------------------------------------- honest ones */

static Pictures *honest_pictures(int shape)
{
    if (shape < SHAPES) return pictures_of(shape);
    if (shape == SHAPES) return pictures_in_memory((Picture[]){ random_picture(500, 350) }, 1, 40);
    if (shape == SHAPES + 1) return pictures_in_memory((Picture[]){ waves(700, 500, 0.02) }, 1, 40);
    if (shape == SHAPES + 2) return pictures_in_memory((Picture[]){ random_picture(90, 700) }, 1, 40);
    return one_photo(384, 384, 70); /* of the right size already */
}

START_TEST(nothing_is_named)
{
    Pictures *pictures = honest_pictures(_i);
    for (int way = 0; way < HONEST_WAYS; way++)
        for (int narrow = 0; narrow < 2; narrow++) {
            Patches patches = honest_patches(pictures, way);
            if (narrow) patches.pixel_values = as_bf16(&patches.pixel_values);
            Dump *dump = dump_of_patches(&patches.pixel_values, &patches.image_position_ids);
            Finding finding = find(pictures, dump, narrow ? "bf16" : "fp32");
            ck_assert_msg(is_straight(&finding.grade), "way %d: ratio %g, row %g", way, finding.grade.steps[0].ratio,
                          finding.grade.steps[0].worst_row_ratio);
            ck_assert_str_eq(names_of(finding.diagnosis), "");
            ck_assert(finding.diagnosis->complete);
            dump_close(dump);
            diagnosis_free(finding.diagnosis);
        }
}
END_TEST

START_TEST(what_pictures_cannot_show_is_listed)
{
    Pictures *square = one_photo(384, 384, 70); /* as large as it should be */
    Patches patches = honest_patches(square, 0);
    Finding finding = find_in(square, &patches);
    const Diagnosis *d = finding.diagnosis;
    static const char *const hidden[] = { "resize-square", "soft-tokens-max-unit", "resize-bilinear",
                                          "resize-no-antialias" };
    for (int i = 0; i < COUNT(hidden); i++)
        ck_assert_msg(is_in(d->not_exposed, d->not_exposed_count, hidden[i]), "%s is exposed", hidden[i]);
    ck_assert_int_eq(d->candidate_count, 4);
    diagnosis_free(finding.diagnosis);

    Dump *dump = dump_of_patches(&patches.pixel_values, NULL); /* and without positions none of theirs */
    finding = find(square, dump, "fp32");
    ck_assert_int_eq(finding.diagnosis->candidate_count, 2);
    dump_close(dump);
    diagnosis_free(finding.diagnosis);
}
END_TEST

/* ---------------------------------------------------------------- neither honest nor known */

START_TEST(unknown_defect_is_described)
{
    Pictures *pictures = pictures_of(0);
    Patches patches = honest_patches(pictures, 0);
    float *values = (float *)patches.pixel_values.data;
    for (int64_t i = 0; i < array_elements(&patches.pixel_values); i++) values[i] = 2 * values[i] - 1;
    Finding finding = find_in(pictures, &patches);
    ck_assert(!is_straight(&finding.grade) && !finding.diagnosis->complete);
    ck_assert_str_eq(names_of(finding.diagnosis), "");
    ck_assert_msg(strstr(finding.diagnosis->pattern, "pixel_values are off by") != NULL, "%s",
                  finding.diagnosis->pattern);
    diagnosis_free(finding.diagnosis);
}
END_TEST

/* A known size with a kernel that is not in the catalogue: what is known is named, and that there is more. */
START_TEST(a_part_is_named)
{
    Error error = { "" };
    const Bug *bug = bug_find("resize-square");
    Pictures *pictures = pictures_of(0);
    Patches patches = preprocess_with_bugs(pictures, &bug, 1, &scratch, &error);
    float *values = (float *)patches.pixel_values.data;
    for (int64_t i = 0; i < array_elements(&patches.pixel_values); i++) values[i] *= 0.9f;
    Finding finding = find_in(pictures, &patches);
    ck_assert_str_eq(names_of(finding.diagnosis), "resize-square");
    ck_assert(!finding.diagnosis->complete);
    diagnosis_free(finding.diagnosis);
}
END_TEST

Suite *diagnose_patches_suite(void)
{
    Suite *suite = suite_create("diagnose_patches");
    TCase *named = theme(suite, "named"), *unnamed = theme(suite, "unnamed");
    tcase_add_loop_test(long_theme(suite, "each bug"), each_is_named, 0, COUNT(ids) * SHAPES);
    tcase_add_loop_test(named, every_kernel_is_named, 0, 2 * 2);
    tcase_add_loop_test(named, together_they_are_named, 0, COUNT(together));
    tcase_add_test(named, rivals_are_listed);
    tcase_add_test(named, below_the_noise);
    tcase_add_loop_test(unnamed, nothing_is_named, 0, SHAPES + 4);
    tcase_add_test(unnamed, what_pictures_cannot_show_is_listed);
    tcase_add_test(unnamed, unknown_defect_is_described);
    tcase_add_test(unnamed, a_part_is_named);
    return suite;
}
