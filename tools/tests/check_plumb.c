/* check_plumb.c - the tests of the command: check-plumb build/plumb, run from the repository root */
#include <stdio.h>

#include "command.h"

/* clang-format off */
#define SUITES(X) X(incomplete) X(ports) X(names) X(bad_input) X(bad_text_input) X(commands) X(generate) X(grade) \
                  X(hostile_files) X(hostile_machine) X(preprocess) X(preprocess_sounds) X(pictures) X(sounds) \
                  X(report_file) X(style) X(vision_mask_option) X(interrupted) X(outputs) X(report) X(quantised) \
                  X(suggest) X(newcomer) X(colour) X(terminal) X(submission) X(quantiser) X(threads) \
                  X(sandbox_option) X(suite) X(shards) X(work_done) X(forged_lines)
/* clang-format on */

#define DECLARE(name) Suite *name##_suite(void);
#define NAME(name) name##_suite,
SUITES(DECLARE)
static MakeSuite *const suites[] = { SUITES(NAME) };

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "Usage: check-plumb build/plumb\n");
        return 2;
    }
    plumb_path = argv[1];
    return run_suites(suites, COUNT(suites));
}
