/* rule_index.c - a table of hashes of what stands before the first hole and behind the last */
#include "names/rule_index.h"

#include <stdint.h>
#include <string.h>

#include "dump/tap_name.h"

/* How many characters of a pattern are literal before its first hole and behind its last; a pattern without holes has
 * all of them before. */
typedef struct {
    size_t before, behind;
} Ends;

typedef struct {
    const char *pattern;
    uint64_t hash;
    int next; /* of the same bucket, a later one; -1 */
} Entry;

struct RuleIndex {
    Entry *entries;
    int count;
    int *first, *last; /* [buckets], of entries; -1 */
    int buckets;
    Ends *ends; /* those that there are */
    int end_count;
};

static Ends ends_of(const char *pattern)
{
    size_t length = strlen(pattern), before = strcspn(pattern, "{*@"), behind = 0;
    bool says_runs = strchr(pattern, '@') != NULL; /* then a name is matched with its "@k", or without */
    while (!says_runs && behind < length - before && !strchr("}*", pattern[length - 1 - behind])) behind++;
    return (Ends){ before, behind };
}

static uint64_t hash_bytes(uint64_t hash, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
    return hash;
}

static uint64_t hash_ends(const char *text, size_t length, Ends ends)
{
    uint64_t hash = hash_bytes(0xcbf29ce484222325 + 31 * ends.before + ends.behind, text, ends.before);
    return hash_bytes(hash, text + length - ends.behind, ends.behind);
}

RuleIndex *rule_index_new(int most, Arena *arena)
{
    RuleIndex *index = arena_allocate(arena, sizeof *index);
    size_t count = (size_t)most + 1;
    *index = (RuleIndex){ .entries = arena_allocate(arena, count * sizeof *index->entries),
                          .first = arena_allocate(arena, count * sizeof *index->first),
                          .last = arena_allocate(arena, count * sizeof *index->last),
                          .ends = arena_allocate(arena, count * sizeof *index->ends),
                          .buckets = most + 1 };
    for (int i = 0; i < index->buckets; i++) index->first[i] = index->last[i] = -1;
    return index;
}

static void add_ends(RuleIndex *index, Ends ends)
{
    for (int i = 0; i < index->end_count; i++)
        if (index->ends[i].before == ends.before && index->ends[i].behind == ends.behind) return;
    index->ends[index->end_count++] = ends;
}

void rule_index_add(RuleIndex *index, const char *pattern)
{
    Ends ends = ends_of(pattern);
    uint64_t hash = hash_ends(pattern, strlen(pattern), ends);
    int bucket = (int)(hash % (uint64_t)index->buckets), here = index->count++;
    index->entries[here] = (Entry){ pattern, hash, -1 };
    if (index->last[bucket] < 0)
        index->first[bucket] = here;
    else
        index->entries[index->last[bucket]].next = here;
    index->last[bucket] = here;
    add_ends(index, ends);
}

int rule_index_find(const RuleIndex *index, const char *name, Captured *captured)
{
    int best = -1;
    size_t whole = strlen(name), base = tap_base_length(name);
    for (int i = 0; i < index->end_count; i++) {
        Ends ends = index->ends[i];
        size_t length = ends.behind > 0 ? base : whole;
        if (ends.before + ends.behind > length) continue;
        uint64_t hash = hash_ends(name, length, ends);
        int at = index->first[hash % (uint64_t)index->buckets];
        for (Captured found; at >= 0 && (best < 0 || at < best); at = index->entries[at].next)
            if (index->entries[at].hash == hash && name_pattern_fits(index->entries[at].pattern, name, &found)) {
                best = at;
                *captured = found;
            }
    }
    return best;
}
