/* check_conformance.c - the tests of conformance/; run from the repository root */
#include "helpers.h"

/* clang-format off */
#define SUITES(X) X(array_layout) X(name_pattern) X(layout_advice) X(npy) X(dump) X(name_map) X(tap_name) \
                  X(tap_meaning) X(audio_frames) X(padding_rows) X(row_map) X(decode_steps) X(arithmetic_class) \
                  X(choice_scores) X(ties) X(open_choices) X(choices) X(choices_open) X(suppressed) X(verdict) \
                  X(step_sums) X(step_list) X(scales) X(few_parts) X(gates) X(lockstep) X(lockstep_bent) X(readings) \
                  X(profile) X(value_grid) X(lockstep_text) X(lockstep_steps) X(vision_mask) X(report_grade) X(bugs) \
                  X(diagnose) X(unknown_defects) X(error_pattern) X(suspects) X(matched_filter) X(rounding_bound) \
                  X(class_check) X(cache_check) X(ends) \
                  X(report_ends) X(explain) X(product_factors) X(dry_run) X(diagnose_several) \
                  X(bug_part) X(bug_weights) X(parts) X(step_layers) \
                  X(resampling) X(preprocessing) X(patch_match) X(patch_steps) X(dumped_patches) X(diagnose_patches) \
                  X(dumped_inputs) X(sounds) X(properties) X(rule_index) X(name_map_case) X(tensor_grade) \
                  X(code_steps) X(known_layers) X(published_size) X(quantised) X(rewritten) X(added_noise) X(shard) \
                  X(drawn)
/* clang-format on */

#define DECLARE(name) Suite *name##_suite(void);
#define NAME(name) name##_suite,
SUITES(DECLARE)
static MakeSuite *const suites[] = { SUITES(NAME) };

int main(void) { return run_suites(suites, COUNT(suites)); }
