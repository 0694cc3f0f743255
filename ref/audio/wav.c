/* wav.c - reads WAV files; the only file that knows libsndfile */
#include "audio/wav.h"

#include <errno.h>
#include <math.h>
#include <sndfile.h>
#include <stdio.h>
#include <string.h>

#include "audio/riff.h"
#include "checkpoint/regular_file.h"

/* ---------------------------------------------------------------- libsndfile reads from memory */

typedef struct {
    const unsigned char *bytes;
    sf_count_t size, at;
} Memory;

static sf_count_t memory_size(void *user) { return ((Memory *)user)->size; }
static sf_count_t memory_tell(void *user) { return ((Memory *)user)->at; }
static sf_count_t memory_write(const void *from, sf_count_t count, void *user)
{
    (void)from, (void)count, (void)user;
    return 0;
}

/* Beyond the end is the end, as where sound of an odd size lacks its last byte: refused, libsndfile would go on at the
 * sound, take it for chunks, and read a size of gigabytes from there. */
static sf_count_t memory_seek(sf_count_t offset, int whence, void *user)
{
    Memory *m = user;
    sf_count_t at = offset + (whence == SEEK_SET ? 0 : whence == SEEK_CUR ? m->at : m->size);
    if (at < 0) return -1;
    return m->at = at < m->size ? at : m->size;
}

static sf_count_t memory_read(void *to, sf_count_t count, void *user)
{
    Memory *m = user;
    if (count > m->size - m->at) count = m->size - m->at;
    memcpy(to, m->bytes + m->at, (size_t)count);
    m->at += count;
    return count;
}

static SF_VIRTUAL_IO memory_io = { memory_size, memory_seek, memory_read, memory_write, memory_tell };

/* ---------------------------------------------------------------- what is in it */

static int sample_size(int format)
{
    int type = format & SF_FORMAT_TYPEMASK;
    if (type != SF_FORMAT_WAV && type != SF_FORMAT_WAVEX) return 0;
    switch (format & SF_FORMAT_SUBMASK) {
    case SF_FORMAT_PCM_16: return 2;
    case SF_FORMAT_PCM_24: return 3;
    case SF_FORMAT_PCM_32:
    case SF_FORMAT_FLOAT: return 4;
    default: return 0;
    }
}

static void check_format(const SF_INFO *info, int64_t data, const char *path, int sampling_rate, const char *remedy,
                         Error *error)
{
    SF_FORMAT_INFO subtype = { .format = info->format & SF_FORMAT_SUBMASK };
    sf_command(NULL, SFC_GET_FORMAT_INFO, &subtype, sizeof subtype);
    int size = sample_size(info->format);
    if (size == 0 || info->channels != 1 || info->samplerate != sampling_rate)
        error_set(error,
                  "%s: found %d Hz, %d channel%s, %s, expected %d Hz, 1 channel, PCM of 16, 24 or 32 bits or "
                  "float of 32%s",
                  path, info->samplerate, info->channels, info->channels == 1 ? "" : "s",
                  subtype.name ? subtype.name : "another encoding", sampling_rate, remedy);
    else if (data % size || data / size != info->frames)
        error_set(error, "%s: found %lld bytes of sound and %lld samples, expected %d bytes a sample%s", path,
                  (long long)data, (long long)info->frames, size, remedy);
    else if (data == 0)
        error_set(error, "%s: found no samples, expected some", path);
}

static Waveform read_samples(SNDFILE *file, int64_t count, const char *path, Arena *arena, Error *error)
{
    Waveform w = { arena_allocate(arena, (size_t)count * sizeof *w.samples), count };
    int64_t found = sf_readf_float(file, w.samples, count);
    if (found != count)
        error_set(error, "%s: found %lld samples (%s), expected %lld", path, (long long)found, sf_strerror(file),
                  (long long)count);
    for (int64_t i = 0; i < found; i++)
        if (!isfinite(w.samples[i])) {
            error_set(error, "%s: found %g as sample %lld, expected a number", path, w.samples[i], (long long)i);
            break;
        }
    return w;
}

/* The command that resamples with Hugging Face's resampler, and mixes channels to their mean, as Hugging Face does. */
static const char *command(const char *path, int sampling_rate, Arena *arena)
{
    return arena_format(arena,
                        "; to make one: ffmpeg -i '%s' -ac 1 -af aresample=%d:resampler=soxr:rematrix_maxval=1 "
                        "-c:a pcm_f32le mono.wav",
                        path, sampling_rate);
}

Waveform waveform_decode_wav(const unsigned char *bytes, size_t size, const char *path, int sampling_rate, Arena *arena,
                             Error *error)
{
    Waveform waveform = { 0 };
    const char *remedy = command(path, sampling_rate, arena);
    int64_t data = riff_data_size(bytes, size, path, remedy, error);
    if (error_is_set(error)) return waveform;
    unsigned char *plain = memcpy(arena_allocate(arena, size), bytes, size);
    riff_hide_others(plain, size);
    Memory memory = { plain, (sf_count_t)size, 0 };
    SF_INFO info = { 0 };
    SNDFILE *file = sf_open_virtual(&memory_io, SFM_READ, &info, &memory);
    if (!file) {
        error_set(error, "%s: found a broken WAV (%s), expected a whole one%s", path, sf_strerror(NULL), remedy);
        return waveform;
    }
    check_format(&info, data, path, sampling_rate, remedy, error);
    if (!error_is_set(error)) waveform = read_samples(file, info.frames, path, arena, error);
    sf_close(file);
    return waveform;
}

Waveform waveform_load_wav(const char *path, int sampling_rate, Arena *arena, Error *error)
{
    Waveform waveform = { 0 };
    struct stat status;
    FILE *file = regular_file_open(path, "a WAV", &status, error);
    if (!file) return waveform;
    Arena whole = { 0 };
    unsigned char *bytes = arena_allocate(&whole, (size_t)status.st_size);
    size_t size = fread(bytes, 1, (size_t)status.st_size, file);
    if (ferror(file))
        error_set(error, "%s: found nothing to read (%s), expected a WAV", path, strerror(errno));
    else
        waveform = waveform_decode_wav(bytes, size, path, sampling_rate, arena, error);
    arena_free(&whole);
    fclose(file);
    return waveform;
}
