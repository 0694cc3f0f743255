/* shown_text.c - control characters hidden */
#include "run/shown_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* How many bytes the control character at text has; 0: there is none */
static size_t control_at(const char *text)
{
    unsigned char byte = (unsigned char)text[0], next = byte ? (unsigned char)text[1] : 0;
    unsigned char last = next ? (unsigned char)text[2] : 0;
    if (byte < ' ' || byte == 0x7f) return 1;
    if (byte == 0xc2 && next >= 0x80 && next <= 0x9f) return 2;
    bool separates = next == 0x80 && last >= 0xa8 && last <= 0xae; /* U+2028 to U+202E */
    bool isolates = next == 0x81 && last >= 0xa6 && last <= 0xa9;  /* U+2066 to U+2069 */
    return byte == 0xe2 && (separates || isolates) ? 3 : 0;
}

static bool has_controls(const char *text)
{
    while (*text && control_at(text) == 0) text++;
    return *text != '\0';
}

void hide_controls(char *text)
{
    while (*text) {
        size_t length = control_at(text);
        memset(text, '?', length);
        text += length ? length : 1;
    }
}

const char *shown_text(char *copy, size_t size, const char *text)
{
    if (!text || !has_controls(text)) return text;
    snprintf(copy, size, "%s", text);
    hide_controls(copy);
    return copy;
}
