/* fuzz_report.c - plumb report, on a file that is nearly a report, into every format; on two of every other size, and
 * now and then on so many of the longest that a page leaves details out
 */
#include <stdlib.h>

#include "command/plumb.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MANY = 400, LONGEST = 16384, RARELY = 4096 };
    static unsigned longest; /* how many there were */
    fuzz_be_quiet();
    char *path = (char *)fuzz_put("report.json", data, size);
    char *words[16 + MANY] = { "plumb report", "--html",     (char *)fuzz_path("html"),     "--junit",
                               (char *)fuzz_path("junit"),   "--sarif",                     (char *)fuzz_path("sarif"),
                               "--markdown",                 (char *)fuzz_path("markdown"), "--csv",
                               (char *)fuzz_path("csv"),     "--sandbox", /* nobody gets out of it for the next input */
                               "never" };
    int count = 13, reports = 1 + (int)(size % 2);
    if (size == LONGEST && longest++ % RARELY == 0) reports = MANY;
    while (reports-- > 0) words[count++] = path;
    int status = plumb_report(count, words);
    if (status != STATUS_PASS && status != STATUS_BAD_INPUT) abort();
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    return fuzz_mutate_json(data, size, max_size, seed);
}
