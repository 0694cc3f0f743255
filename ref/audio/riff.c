/* riff.c - walks the chunks of a WAV file, without looking into them
 *
 *   "RIFF", size of what follows, "WAVE"
 *   name of 4 characters, size, that many bytes and one more if the size is odd      once for each chunk
 *
 * libsndfile mends sizes that are wrong, and says so only in a log. Here they are refused: sound that was cut would
 * otherwise be graded as if it were whole.
 */
#include "audio/riff.h"

#include <ctype.h>
#include <string.h>

enum { HEADER = 12, CHUNK = 8 };

static uint32_t number(const unsigned char *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static const char *other_format(const unsigned char *bytes, size_t size)
{
    static const struct {
        const char *magic, *name;
    } others[] = {
        { "fLaC", "a FLAC" },  { "OggS", "an Ogg" },  { "ID3", "an MP3" },  { "\xff\xfb", "an MP3" },
        { "FORM", "an AIFF" }, { "RF64", "an RF64" }, { "RIFX", "a RIFX" }, { "RIFF", "another RIFF file" }
    };
    if (size == 0) return "an empty file";
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (size >= strlen(others[i].magic) && memcmp(bytes, others[i].magic, strlen(others[i].magic)) == 0)
            return others[i].name;
    return "another format";
}

static void check_header(const unsigned char *bytes, size_t size, const char *path, const char *remedy, Error *error)
{
    if (size >= 4 && size < HEADER && memcmp(bytes, "RIFF", 4) == 0) {
        error_set(error, "%s: found a WAV of %zu bytes that ends in its header, expected a whole one%s", path, size,
                  remedy);
    } else if (size < HEADER || memcmp(bytes, "RIFF", 4) != 0 || memcmp(bytes + 8, "WAVE", 4) != 0) {
        error_set(error, "%s: found %s, expected a WAV%s", path, other_format(bytes, size), remedy);
    } else {
        /* Not all that write a last byte to make a chunk even count it. */
        int64_t claimed = CHUNK + (int64_t)number(bytes + 4), off = claimed - (int64_t)size;
        if (off < -1 || off > 1)
            error_set(error, "%s: found a WAV of %zu bytes that says it has %lld, expected as many%s", path, size,
                      (long long)claimed, remedy);
    }
}

static bool is_name(const unsigned char *at)
{
    for (int i = 0; i < 4; i++)
        if (!isprint(at[i])) return false;
    return true;
}

int64_t riff_data_size(const unsigned char *bytes, size_t size, const char *path, const char *remedy, Error *error)
{
    int64_t data = -1;
    bool has_format = false;
    check_header(bytes, size, path, remedy, error);
    for (size_t at = HEADER; at < size && !error_is_set(error);) {
        size_t rest = size - at;
        if (rest < CHUNK || !is_name(bytes + at)) {
            error_set(error, "%s: found no chunk at byte %zu of a WAV, expected one or the end%s", path, at, remedy);
            break;
        }
        size_t length = number(bytes + at + 4);
        const char *name = (const char *)bytes + at;
        has_format = has_format || memcmp(name, "fmt ", 4) == 0;
        if (length > rest - CHUNK) {
            error_set(error, "%s: found %zu bytes in the chunk \"%.4s\" of a WAV, expected %zu, as it says%s", path,
                      rest - CHUNK, name, length, remedy);
        } else if (memcmp(name, "data", 4) == 0) {
            if (data >= 0 || !has_format)
                error_set(error, "%s: found a WAV %s, expected \"fmt \" and then one of \"data\"%s", path,
                          data >= 0 ? "of two chunks \"data\"" : "without \"fmt \" before \"data\"", remedy);
            data = (int64_t)length;
        }
        at += CHUNK + length + (length & 1); /* perhaps one behind the end */
    }
    if (data < 0) error_set(error, "%s: found a WAV without \"data\", expected sound%s", path, remedy);
    return data;
}

void riff_hide_others(unsigned char *bytes, size_t size)
{
    static const char *const kept[] = { "fmt ", "fact", "data" };
    for (size_t at = HEADER; at + CHUNK <= size;) {
        bool is_kept = false;
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) is_kept |= memcmp(bytes + at, kept[i], 4) == 0;
        if (!is_kept) memcpy(bytes + at, "JUNK", 4);
        size_t length = number(bytes + at + 4);
        at += CHUNK + length + length % 2;
    }
}
