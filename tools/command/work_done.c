/* work_done.c - passes that are over, and the layers of those that are under way */
#include "command/work_done.h"

double work_done_add(WorkDone *work, int pass, int layer)
{
    while (work->latest < pass) work->seen[++work->latest % MOST_PASSES_AT_ONCE] = 0;
    int first = work->latest >= work->at_once ? work->latest - work->at_once + 1 : 0;
    double done = first;
    if (layer && pass >= first) work->seen[pass % MOST_PASSES_AT_ONCE]++;
    for (int i = first; i <= work->latest; i++) {
        int seen = work->seen[i % MOST_PASSES_AT_ONCE];
        done += seen < work->layers ? seen / (double)work->layers : 1;
    }
    return done;
}
