/* ends.c - one pass of the oracle and a few of the replays, free */
#include "lockstep/ends.h"

#include <stdlib.h>
#include <string.h>

#include "dump/tap_name.h"
#include "noise/end_sums.h"

typedef struct {
    Lockstep *lockstep;
    EndSums *sums; /* [count] */
    int *of_step;  /* the end that a step is; -1 */
} Free;

/* "layers.9", "layers.19" .. of the text or a tower */
static bool is_tenth_layer(const char *name)
{
    static const char layers[] = ".layers.";
    const char *at = NULL;
    for (const char *next = strstr(name, layers); next; next = strstr(next + 1, layers)) at = next;
    if (!at) return false;
    const char *digits = at + strlen(layers);
    size_t count = strspn(digits, "0123456789");
    return count > 0 && digits + count == name + tap_base_length(name) && digits[count - 1] == '9';
}

static bool is_named_end(const char *name)
{
    return tap_is(name, "model.vision_tower") || tap_is(name, "model.embed_vision") ||
           tap_is(name, "model.embed_audio") || tap_is(name, "logits") || is_tenth_layer(name);
}

/* A number, and not a name or a mask: those have no noise. */
static bool is_measured(const Step *step)
{
    return step->graded_rows > 0 && !tap_is_choice(step->tap) && !step->of_inputs && !step->shape_differs &&
           !strstr(step->tap, "mask") && !tap_ends(step->tap, "#padding_positions");
}

static bool is_same_part(const Step *a, const Step *b)
{
    if (tap_is_media(a->tap) || tap_is_media(b->tap))
        return tap_is_vision(a->tap) == tap_is_vision(b->tap) && tap_is_audio(a->tap) == tap_is_audio(b->tap);
    return tap_run(a->tap) == tap_run(b->tap);
}

static bool is_last_of_part(const Grade *grade, int n)
{
    for (int later = n + 1; later < grade->step_count; later++)
        if (is_measured(&grade->steps[later]) && is_same_part(&grade->steps[n], &grade->steps[later])) return false;
    return true;
}

bool ends_is_one(const Grade *grade, int n)
{
    return is_measured(&grade->steps[n]) && (is_named_end(grade->steps[n].tap) || is_last_of_part(grade, n));
}

static EndSums *sums_at(const Free *passes, int step)
{
    return passes->of_step[step] < 0 ? NULL : &passes->sums[passes->of_step[step]];
}

static void visit_row(void *context, int sample, VisitedRow row)
{
    const Free *passes = context;
    EndSums *sums = sums_at(passes, row.step);
    if (sums && sample < 0) end_sums_expect(sums, row.row, row.values);
    if (sums && sample >= 0) end_sums_add(sums, row.row, row.values);
}

static void end_replay_at(void *context, int sample, int step)
{
    EndSums *sums = sums_at(context, step);
    if (sums && sample >= 0) end_sums_end_replay(sums);
}

/* The totals' pass is the one that the oracle's would be. */
static void expect_reference_passes(const Free *passes, int steps)
{
    for (int n = 0; n < steps; n++) {
        EndSums *sums = sums_at(passes, n);
        const StepSums *of = lockstep_sums(passes->lockstep, n);
        for (int64_t row = 0; sums && row < row_map_rows(&of->row_map); row++)
            if (of->row_norm[row] >= 0) end_sums_expect(sums, row, of->reference_pass + row * of->row_map.width);
    }
}

static void list_ends(Free *passes, Ends *ends)
{
    const Grade *grade = lockstep_grade_so_far(passes->lockstep);
    for (int n = 0; n < grade->step_count; n++) {
        passes->of_step[n] = ends_is_one(grade, n) ? ends->count : -1;
        if (passes->of_step[n] < 0) continue;
        passes->sums[ends->count] = end_sums_new(lockstep_sums(passes->lockstep, n),
                                                 tap_is(grade->steps[n].tap, "logits"));
        ends->list[ends->count++].tap = grade->steps[n].tap;
    }
}

static bool conclude(const Free *passes, Ends *ends, bool is_many)
{
    const ArithmeticClass *class = lockstep_grade_so_far(passes->lockstep)->class;
    bool is_far = false;
    for (int i = 0; i < ends->count; i++) {
        const char *tap = ends->list[i].tap;
        ends->list[i] = end_sums_conclude(&passes->sums[i], class, is_many);
        ends->list[i].tap = tap;
        ends->list[i].verdict = end_verdict(&ends->list[i]);
        is_far |= ends->list[i].verdict != VERDICT_PASS;
    }
    return is_far;
}

void ends_measure(Lockstep *lockstep)
{
    size_t steps = (size_t)lockstep_grade_so_far(lockstep)->step_count + 1;
    Ends ends = { .list = allocate_zeroed(steps, sizeof *ends.list) };
    Free passes = { .lockstep = lockstep,
                    .sums = allocate_zeroed(steps, sizeof *passes.sums),
                    .of_step = allocate_zeroed(steps, sizeof *passes.of_step) };
    const FreeVisitor visitor = { visit_row, end_replay_at, &passes };
    list_ends(&passes, &ends);
    bool has_path = lockstep_has_path(lockstep);
    if (has_path) expect_reference_passes(&passes, (int)steps - 1);
    if (ends.count > 0) lockstep_visit_free(lockstep, has_path ? 0 : -1, FREE_REPLAYS, &visitor); /* -1: the oracle */
    /* A bent dump fails as it is: it is not worth a second look. A shard does not know whether this one is bent. */
    bool is_far = conclude(&passes, &ends, false);
    if (is_far && lockstep_grade_so_far(lockstep)->first_bent < 0 && !lockstep_shard(lockstep)) {
        lockstep_visit_free(lockstep, FREE_REPLAYS, MANY_FREE_REPLAYS, &visitor);
        conclude(&passes, &ends, true);
    }
    for (int i = 0; i < ends.count; i++) end_sums_free(&passes.sums[i]);
    free(passes.sums);
    free(passes.of_step);
    lockstep_set_ends(lockstep, ends);
}
