/* command.c - runs build/plumb */
#include "command.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
const char *plumb_path;

pid_t start_plumb(const char *const *arguments, const char *out)
{
    const char *argv[96] = { plumb_path };
    for (int i = 0; arguments[i]; i++) {
        ck_assert_int_lt(i, 94);
        argv[i + 1] = arguments[i];
    }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, temporary(".err"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawnattr_t attributes; /* nohup ignores SIGHUP, and what is ignored is inherited */
    sigset_t hangup;
    sigemptyset(&hangup);
    sigaddset(&hangup, SIGHUP);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &hangup);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    pid_t child;
    ck_assert_int_eq(posix_spawn(&child, plumb_path, &actions, &attributes, (char *const *)argv, environ), 0);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return child;
}

int status_of(pid_t child)
{
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

Result run_plumb(const char *const *arguments)
{
    const char *out = temporary(".out");
    int status = status_of(start_plumb(arguments, out));
    return (Result){ status, read_text(out, NULL), read_text(temporary(".err"), NULL) };
}

void assert_one_line(Result result, const char *const *names)
{
    assert_status(result, 2);
    const char *end = strchr(result.err, '\n');
    ck_assert_msg(end && end[1] == '\0', "stderr is not one line: %s", result.err);
    for (; *names; names++) ck_assert_msg(strstr(result.err, *names) != NULL, "no \"%s\" in: %s", *names, result.err);
    ck_assert_msg(strstr(result.err, "found ") && strstr(result.err, ", expected "), "no found, expected in: %s",
                  result.err);
}

bool is_there(const char *path) { return access(path, F_OK) == 0; }

const char *copied_case(const char *fixture)
{
    static const char *const files[] = { "model/config.json", "model/model.safetensors", "inputs.safetensors" };
    const char *folder = temporary("case");
    mkdir(folder, 0700);
    mkdir(temporary("case/model"), 0700);
    for (int i = 0; i < COUNT(files); i++)
        copy_file(arena_format(&scratch, "%s/%s", fixture, files[i]),
                  arena_format(&scratch, "%s/%s", folder, files[i]));
    return folder;
}

/* The header of a file that read_text has read, and where its data begins. */
static json_t *parse_header(const char *bytes, uint64_t *data)
{
    uint64_t length;
    memcpy(&length, bytes, 8);
    *data = 8 + length;
    json_t *header = json_loadb(bytes + 8, (size_t)length, 0, NULL);
    ck_assert_ptr_nonnull(header);
    return header;
}

void set_field(const char *path, const char *array, const char *field, const char *value)
{
    size_t size;
    uint64_t data;
    const char *bytes = read_text(path, &size);
    json_t *header = parse_header(bytes, &data), *entry = json_object_get(header, array);
    ck_assert_msg(entry != NULL, "%s: there is no %s to bend", path, array);
    if (field) {
        json_object_set_new(entry, field, json_loads(value, JSON_DECODE_ANY, NULL));
    } else {
        json_object_set(header, value, entry);
        json_object_del(header, array);
    }
    char *text = json_dumps(header, JSON_COMPACT);
    uint64_t length = strlen(text);
    FILE *file = fopen(path, "wb");
    fwrite(&length, 8, 1, file);
    fwrite(text, 1, length, file);
    fwrite(bytes + data, 1, size - data, file);
    fclose(file);
    free(text);
    json_decref(header);
}

void set_bytes(const char *path, const char *array, const void *bytes, size_t size)
{
    size_t whole;
    uint64_t data;
    char *file = read_text(path, &whole);
    json_t *header = parse_header(file, &data);
    const json_t *offsets = json_object_get(json_object_get(header, array), "data_offsets");
    memcpy(file + data + json_integer_value(json_array_get(offsets, 0)), bytes, size);
    write_bytes(path, file, whole);
    json_decref(header);
}

void write_images(const char *path, int64_t batch, int64_t width, int64_t height)
{
    enum { PATCH = 3 * 16 * 16 };
    Error error = { "" };
    int64_t patches = width * height;
    SafetensorsWriter *writer = safetensors_writer_open(path, &error);
    assert_clean(&error);
    safetensors_writer_begin(writer, "pixel_values", DTYPE_F32, SHAPE(batch, patches, PATCH));
    for (int64_t i = 0; i < batch * patches * PATCH; i++)
        safetensors_writer_append(writer, &(float){ (float)(random_bits() / 4294967296.0) }, sizeof(float));
    safetensors_writer_begin(writer, "image_position_ids", DTYPE_I64, SHAPE(batch, patches, 2));
    for (int64_t i = 0; i < batch * patches; i++)
        safetensors_writer_append(writer, (int64_t[]){ i % patches % width, i % patches / width }, 2 * sizeof(int64_t));
    safetensors_writer_close(writer, &error);
    assert_clean(&error);
}

json_t *read_json(const char *path)
{
    json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(json != NULL, "%s is no valid JSON", path);
    return json;
}
