/* score_weakened.c - docs/weakened.md
 *
 * Its rows are of a case, a class and a kind of mixture. Those of cases that were not measured now are kept from the
 * page as it was, with their misses.
 */
#include <stdlib.h>
#include <string.h>

#include "score.h"

typedef struct {
    char name[64];
    int class, mixture, bent, located, named, reached;
} Row;

typedef struct {
    Row *rows;
    const char **misses; /* lines */
    int row_count, miss_count, row_room, miss_room;
    Arena arena;
} Page;

static void add_row(Page *page, Row row)
{
    if (page->row_count == page->row_room) {
        page->row_room = 2 * page->row_room + 64;
        page->rows = reallocate(page->rows, (size_t)page->row_room, sizeof *page->rows);
    }
    page->rows[page->row_count++] = row;
}

static void add_miss(Page *page, const char *line)
{
    if (page->miss_count == page->miss_room) {
        page->miss_room = 2 * page->miss_room + 64;
        page->misses = reallocate(page->misses, (size_t)page->miss_room, sizeof *page->misses);
    }
    page->misses[page->miss_count++] = line;
}

static int by_case(const void *left, const void *right)
{
    const Row *a = left, *b = right;
    int names = strcmp(a->name, b->name);
    return names ? names : a->class != b->class ? a->class - b->class : a->mixture - b->mixture;
}

static int by_line(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* ---------------------------------------------------------------- what is kept */

static int place_of(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
}

static bool read_row(const char *line, Row *row)
{
    char class[16], mixture[32];
    int of[3];
    if (sscanf(line, "| %63[^ |] | %15[^ |] | %31[^|]| %d | %d of %d | %d of %d | %d of %d |", row->name, class,
               mixture, &row->bent, &row->located, &of[0], &row->named, &of[1], &row->reached, &of[2]) != 10)
        return false;
    for (size_t length = strlen(mixture); length > 0 && mixture[length - 1] == ' '; length--) mixture[length - 1] = 0;
    row->class = place_of(class_of_score, CLASSES, class);
    row->mixture = place_of(mixture_names, MIXTURES, mixture);
    return row->class >= 0 && row->mixture >= 0;
}

static bool is_measured(const Job *jobs, int count, const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(jobs[i].name, name) == 0) return true;
    return false;
}

static void keep(Page *page, const char *path, const Job *jobs, int count)
{
    char line[1024], name[64];
    FILE *old = fopen(path, "r");
    while (old && fgets(line, sizeof line, old)) {
        Row row;
        bool is_row = read_row(line, &row), is_miss = !is_row && sscanf(line, "- %63[^ ,], ", name) == 1 &&
                                                      strstr(line, "; said ");
        if (is_row && !is_measured(jobs, count, row.name)) add_row(page, row);
        if (is_miss && !is_measured(jobs, count, name)) add_miss(page, arena_format(&page->arena, "%s", line));
    }
    if (old) fclose(old);
}

/* ---------------------------------------------------------------- what is measured */

static void add_job(Page *page, const Job *job)
{
    for (int i = 0; i < MIXTURES * EACH_MIXTURE; i++) {
        const MixtureResult *r = &job->mixtures[i / EACH_MIXTURE][i % EACH_MIXTURE];
        if (!r->bent) continue;
        Row row = { .class = job->class, .mixture = i / EACH_MIXTURE };
        snprintf(row.name, sizeof row.name, "%s", job->name);
        row.bent = 1;
        row.located = r->located;
        row.named = r->named;
        row.reached = r->reached;
        add_row(page, row);
        if (!r->reached)
            add_miss(page, arena_format(&page->arena, "- %s, %s, %s: %s, %s; said %s\n", job->name,
                                        class_of_score[job->class], kind_names[job->kind],
                                        mixture_names[i / EACH_MIXTURE], r->what, *r->said ? r->said : "none"));
    }
}

/* Rows of the same case, class and mixture become one. */
static void add_up(Page *page)
{
    int count = 0;
    if (page->row_count > 0) qsort(page->rows, (size_t)page->row_count, sizeof *page->rows, by_case);
    if (page->miss_count > 0) qsort(page->misses, (size_t)page->miss_count, sizeof *page->misses, by_line);
    for (int i = 0; i < page->row_count; i++) {
        Row row = page->rows[i];
        if (count == 0 || by_case(&page->rows[count - 1], &row) != 0) {
            page->rows[count++] = row;
            continue;
        }
        page->rows[count - 1].bent += row.bent;
        page->rows[count - 1].located += row.located;
        page->rows[count - 1].named += row.named;
        page->rows[count - 1].reached += row.reached;
    }
    page->row_count = count;
}

/* ---------------------------------------------------------------- the page */

static const char head[] =
    "# Weakened and combined bugs\n"
    "\n"
    "How often `plumb diagnose` is right about ports that have a bug of the catalogue in a part, or several. Written\n"
    "by `make score-weakened`.\n"
    "\n"
    "A backend is the reference's own run, rounded as its class rounds, with a bug at half of its strength; in one\n"
    "layer, one sequence of the batch or picture, or one module alone; or with two or three bugs of different stages,\n"
    "each of which bends a step by itself and changes the dump beside the others. Up to three of each kind for each\n"
    "case, class and kind of dump, of bugs that follow from the case's name. Only dumps in which a step fails count.\n"
    "Half of a bug that is the whole of it does not count either.\n"
    "No case here has quantised weights, nor their bugs. A case can be measured alone\n"
    "(`build/score --weakened --out docs/weakened.md CASE`): the others' rows stay as they are.\n"
    "\n"
    "- *located*: the first step that fails is one that the bug, or one of them, touches.\n"
    "- *named*: all of them and nothing else, or as a rival of the one named.\n"
    "- *right reach*: and the report says where it is, or how much of it there is, where the dump can tell.\n"
    "\n"
    "In a model whose last layers share keys a bug in one layer may well be in two: what its keys do to a layer that\n"
    "shares them is not seen in the layer that made them. Such an answer counts as a miss here.\n";

static void print_cells(FILE *out, Row r)
{
    fprintf(out, "| %s | %s | %d | %d of %d | %d of %d | %d of %d |\n", class_of_score[r.class],
            r.mixture < MIXTURES ? mixture_names[r.mixture] : "all", r.bent, r.located, r.bent, r.named, r.bent,
            r.reached, r.bent);
}

/* mixture: MIXTURES for all of them */
static Row sum_of(const Page *page, int class, int mixture)
{
    Row sum = { .class = class, .mixture = mixture };
    for (int i = 0; i < page->row_count; i++) {
        const Row *r = &page->rows[i];
        if (r->class != class || (mixture < MIXTURES && r->mixture != mixture)) continue;
        sum.bent += r->bent;
        sum.located += r->located;
        sum.named += r->named;
        sum.reached += r->reached;
    }
    return sum;
}

static void print_page(FILE *out, const Page *page)
{
    fprintf(out, "%s\n| class | what | bent | located | named | right reach |\n|---|---|---|---|---|---|\n", head);
    for (int class = 0; class < CLASSES; class++)
        for (int mixture = 0; mixture <= MIXTURES; mixture++) print_cells(out, sum_of(page, class, mixture));
    fprintf(out, "\n## Misses\n\n");
    for (int i = 0; i < page->miss_count; i++) fputs(page->misses[i], out);
    if (page->miss_count == 0) fprintf(out, "- none\n");
    fprintf(out, "\n## By case\n\n| case | class | what | bent | located | named | right reach |\n");
    fprintf(out, "|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < page->row_count; i++) {
        fprintf(out, "| %s ", page->rows[i].name);
        print_cells(out, page->rows[i]);
    }
}

void score_write_weakened(FILE *out, const char *path, const Job *jobs, int count)
{
    Page page = { .row_count = 0 };
    keep(&page, path, jobs, count);
    for (int i = 0; i < count; i++) add_job(&page, &jobs[i]);
    add_up(&page);
    print_page(out, &page);
    free(page.rows);
    free(page.misses);
    arena_free(&page.arena);
}
