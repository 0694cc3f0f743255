/* shown_text.c - control characters hidden, and those that nobody sees */
#include "run/shown_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Controls, separators of lines, marks of annotations, and what Unicode calls default ignorable: marks that turn the
 * direction of writing, spaces and joiners without a width, fillers, selectors of variants, tags */
static const struct {
    uint32_t first, last;
} hidden[] = {
    { 0, 0x1f },        { 0x7f, 0x9f },     { 0xad, 0xad },       { 0x34f, 0x34f },     { 0x61c, 0x61c },
    { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },   { 0x200b, 0x200f },   { 0x2028, 0x202e },
    { 0x2060, 0x206f }, { 0x3164, 0x3164 }, { 0xfe00, 0xfe0f },   { 0xfeff, 0xfeff },   { 0xffa0, 0xffa0 },
    { 0xfff0, 0xfffb }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

/* The character at text, and of how many bytes it is. Where there is none it is one byte: of eight-bit terminals some
 * of these are controls. */
static uint32_t character_at(const char *text, size_t *length)
{
    const unsigned char *bytes = (const unsigned char *)text;
    *length = bytes[0] < 0xc0 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    uint32_t character = *length == 1 ? bytes[0] : bytes[0] & (0x7fu >> *length);
    for (size_t i = 1; i < *length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            *length = 1;
            return bytes[0];
        }
        character = character << 6 | (bytes[i] & 0x3f);
    }
    return character;
}

static bool is_hidden(uint32_t character)
{
    for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
        if (character >= hidden[i].first && character <= hidden[i].last) return true;
    return false;
}

static bool has_hidden(const char *text)
{
    size_t length;
    for (; *text; text += length)
        if (is_hidden(character_at(text, &length))) return true;
    return false;
}

void hide_controls(char *text)
{
    for (size_t length; *text; text += length)
        if (is_hidden(character_at(text, &length))) memset(text, '?', length);
}

const char *shown_text(char *copy, size_t size, const char *text)
{
    if (!text || !has_hidden(text)) return text;
    snprintf(copy, size, "%s", text);
    hide_controls(copy);
    return copy;
}
