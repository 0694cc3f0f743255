/* fuzz_report.c - plumb report, on a file that is nearly a report, into every format */
#include <stdlib.h>

#include "command/plumb.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_be_quiet();
    char *words[] = { "plumb report", (char *)fuzz_put("report.json", data, size),
                      "--html",       (char *)fuzz_path("html"),
                      "--junit",      (char *)fuzz_path("junit"),
                      "--sarif",      (char *)fuzz_path("sarif"),
                      "--markdown",   (char *)fuzz_path("markdown"),
                      "--csv",        (char *)fuzz_path("csv"),
                      "--sandbox", /* nobody gets out of it for the next input */
                      "never",        NULL };
    int status = plumb_report(sizeof words / sizeof *words - 1, words);
    if (status != STATUS_PASS && status != STATUS_BAD_INPUT) abort();
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return fuzz_mutate_json(data, size, max_size, seed);
}
