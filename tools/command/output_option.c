/* output_option.c - files are the same where device and inode are, whatever their paths say */
#include "command/output_option.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#include "checkpoint/checkpoint.h"
#include "checkpoint/json_load.h"
#include "run/arena.h"

typedef struct {
    OutputOption output;
    struct stat status;
    Arena arena;
    Error *error;
} Search;

static bool is_refused(Search *s, const char *input)
{
    struct stat status;
    bool same = stat(input, &status) == 0 && status.st_dev == s->status.st_dev && status.st_ino == s->status.st_ino;
    if (same)
        error_set(s->error, "%s: found %s, which is read, expected another file for %s", s->output.path, input,
                  s->output.option);
    return same;
}

/* Files that a JSON file of the folder names: the values of an object, or the elements of a list. */
static void search_list(Search *s, const char *folder, const char *file, const char *key)
{
    Error unreadable = { "" }; /* whoever reads it for its sake says so */
    const char *path = arena_format(&s->arena, "%s/%s", folder, file), *name;
    struct stat status;
    json_t *json = stat(path, &status) == 0 ? json_load_object(path, "an object", &unreadable) : NULL, *value;
    json_t *names = json_object_get(json, key);
    size_t i;
    json_object_foreach(names, name, value) if (json_is_string(value))
        is_refused(s, arena_format(&s->arena, "%s/%s", folder, json_string_value(value)));
    json_array_foreach(names, i, value) if (json_is_string(value))
        is_refused(s, arena_format(&s->arena, "%s/%s", folder, json_string_value(value)));
    json_decref(json);
}

static void search_folder(Search *s, const char *folder)
{
    static const char *const read[] = { "case.json",         "*config.json", "model.safetensors.index.json",
                                        "model.safetensors", "*.npy",        "*.png" };
    DIR *stream = opendir(folder);
    for (const struct dirent *entry; stream && (entry = readdir(stream));)
        for (size_t i = 0; i < sizeof read / sizeof *read; i++)
            if (fnmatch(read[i], entry->d_name, 0) == 0)
                is_refused(s, arena_format(&s->arena, "%s/%s", folder, entry->d_name));
    if (stream) closedir(stream);
    search_list(s, folder, "model.safetensors.index.json", "weight_map");
    search_list(s, folder, "case.json", "images");
}

void output_refuse(OutputOption output, const char *input, Error *error)
{
    Search s = { .output = output, .error = error };
    struct stat status;
    bool is_file = output.path && strcmp(output.path, "-") != 0 && stat(output.path, &s.status) == 0 &&
                   S_ISREG(s.status.st_mode);
    if (!is_file || !input || error_is_set(error)) return;
    for (int i = 0; weight_files && weight_files[i]; i++) is_refused(&s, weight_files[i]);
    if (!is_refused(&s, input) && stat(input, &status) == 0 && S_ISDIR(status.st_mode)) search_folder(&s, input);
    arena_free(&s.arena);
}
