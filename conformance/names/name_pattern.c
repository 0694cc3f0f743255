/* name_pattern.c - fitted from left to right; a text is as short as what follows it allows */
#include "names/name_pattern.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump/tap_name.h"

enum { MOST_DIGITS = 9 };

static bool begins(const char *text, const char *beginning) { return strncmp(text, beginning, strlen(beginning)) == 0; }

static size_t digits_at(const char *text, const char *end)
{
    size_t count = 0;
    while (text + count < end && isdigit((unsigned char)text[count])) count++;
    return count;
}

/* NEVER: not with a longer text in an earlier hole either, because the next hole has tried all that it would leave. */
typedef enum { FITS, NOT_HERE, NEVER } Fit;

static Fit fit(const char *pattern, const char *name, const char *end, Captured *captured);

static Fit fit_text(const char *pattern, const char *name, const char *end, Captured *captured)
{
    int at = captured->text_count++;
    for (int length = 1; name + length <= end; length++) {
        Captured tried = *captured;
        tried.texts[at] = (Span){ name, length };
        Fit rest = fit(pattern + 1, name + length, end, &tried);
        if (rest == FITS) *captured = tried;
        if (rest != NOT_HERE) return rest;
    }
    return NEVER;
}

/* The pattern against name .. end */
static Fit fit(const char *pattern, const char *name, const char *end, Captured *captured)
{
    for (; *pattern; pattern++, name++) {
        if (*pattern == '*') return fit_text(pattern, name, end, captured);
        if (name == end && strcmp(pattern, "@{}") == 0) {
            captured->numbers[captured->number_count++] = (Span){ "0", 1 };
            return FITS;
        }
        if (begins(pattern, "{}")) {
            size_t digits = digits_at(name, end);
            if (digits == 0 || digits > MOST_DIGITS) return NOT_HERE;
            captured->numbers[captured->number_count++] = (Span){ name, (int)digits };
            pattern += 1;
            name += digits - 1;
        } else if (name == end || *pattern != *name) {
            return NOT_HERE;
        }
    }
    return name == end ? FITS : NOT_HERE;
}

bool name_pattern_fits(const char *pattern, const char *name, Captured *captured)
{
    *captured = (Captured){ .run = "" };
    size_t length = strchr(pattern, '@') ? strlen(name) : tap_base_length(name);
    captured->run = name + length;
    return fit(pattern, name, name + length, captured) == FITS;
}

long long captured_number(const Captured *captured, int index)
{
    char digits[MOST_DIGITS + 1];
    snprintf(digits, sizeof digits, "%.*s", captured->numbers[index].length, captured->numbers[index].start);
    return atoll(digits);
}

/* The number that the hole at `at` is filled with; *end is behind the hole. -1: it is "{i}". -2: it is no hole. */
static int hole_at(const char *at, int *next, const char **end)
{
    if (*at != '{') return -2;
    size_t digits = strspn(at + 1, "0123456789");
    if (begins(at, "{i}")) {
        *end = at + 3;
        return -1;
    }
    if (at[1 + digits] != '}' || digits > 1) return -2;
    *end = at + digits + 2;
    return digits ? at[1] - '0' : (*next)++;
}

/* Bytes that a filled tap has at most */
static size_t room_for(const char *tap, const Captured *captured)
{
    enum { LONGEST_NUMBER = 21 };
    size_t room = LONGEST_NUMBER * strlen(tap) + strlen(captured->run) + 1;
    for (int i = 0; i < captured->text_count; i++) room += (size_t)captured->texts[i].length;
    return room;
}

const char *name_pattern_fill(const char *tap, const Captured *captured, long long place, Arena *arena)
{
    char *filled = reallocate(NULL, room_for(tap, captured), 1), *to = filled;
    const char *end;
    int next = 0, next_text = 0;
    bool has_run = strchr(tap, '@') != NULL;
    while (*tap) {
        bool run = *tap == '@';
        int hole = hole_at(tap + run, &next, &end);
        long long number = hole == -1 ? place : hole >= 0 ? captured_number(captured, hole) : 0;
        if (*tap == '*') {
            Span text = captured->texts[next_text++];
            to = mempcpy(to, text.start, (size_t)text.length);
            tap++;
        } else if (hole == -2) {
            *to++ = *tap++;
        } else {
            if (!run || number != 0) to += sprintf(to, "%s%lld", run ? "@" : "", number);
            tap = end;
        }
    }
    *to = '\0';
    const char *kept = arena_format(arena, "%s%s", filled, has_run ? "" : captured->run);
    free(filled);
    return kept;
}

bool name_pattern_has_place(const char *tap) { return strstr(tap, "{i}") != NULL; }

static int count_texts(const char *pattern)
{
    int count = 0;
    for (; *pattern; pattern++) count += *pattern == '*';
    return count;
}

static int count_numbers(const char *pattern)
{
    int count = 0;
    for (; (pattern = strstr(pattern, "{}")); pattern += 2) count++;
    return count;
}

const char *name_pattern_complaint(const char *pattern)
{
    const char *at = strchr(pattern, '@');
    if (*pattern == '\0') return "found an empty name, expected one";
    for (const char *brace = pattern; (brace = strpbrk(brace, "{}")); brace += 2)
        if (!begins(brace, "{}")) return "found { or } alone, expected {} for a number";
    if (at && strcmp(at, "@{}") != 0 && at[1 + strspn(at + 1, "0123456789")])
        return "found @ and more behind it, expected @{} or @ and a number at the end";
    if (count_numbers(pattern) > PATTERN_MOST_HOLES || count_texts(pattern) > PATTERN_MOST_HOLES)
        return "found more than 8 {} or *, expected fewer";
    return NULL;
}

const char *name_pattern_tap_complaint(const char *pattern, const char *tap)
{
    int next = 0, numbers = count_numbers(pattern);
    const char *end;
    if (*tap == '\0') return "found an empty tap, expected a name";
    for (const char *at = tap; *at;) {
        int hole = hole_at(at, &next, &end);
        if (hole == -2 && (*at == '{' || *at == '}')) return "found { or } alone in the tap, expected {}, {0} or {i}";
        if (hole >= numbers) return "found more {} in the tap than in the name, expected as many or fewer";
        at = hole == -2 ? at + 1 : end;
    }
    if (count_texts(tap) > count_texts(pattern)) return "found more * in the tap than in the name, expected as many";
    return NULL;
}
