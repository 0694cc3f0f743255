/* sandbox_option.c - what a command's arguments name is all that is left to it */
#include "command/sandbox_option.h"

#include "command/arguments.h"

enum { KEY_SANDBOX = 0x310 };

static const struct argp_option options[] = {
    { "sandbox", KEY_SANDBOX, "WHEN", 0,
      "Read nothing but what the arguments name and what is beside outputs, write only there, and use no network: auto "
      "(the default: as far as the kernel and the build can forbid it), always (an error where one cannot) or never "
      "(docs/reliability.md)",
      15 },
    { 0 },
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
    if (key != KEY_SANDBOX) return ARGP_ERR_UNKNOWN;
    if (!sandbox_when_from_name(argument, state->input))
        argp_error(state, "--sandbox: found %s, expected auto, always or never", argument);
    return 0;
}

const struct argp sandbox_argp = { .options = options, .parser = parse_option };

static Sandbox *prepare(const char *const *read)
{
    Sandbox *sandbox = sandbox_prepare();
    for (; *read; read++) sandbox_may_read(sandbox, *read);
    for (int i = 0; weight_files && weight_files[i]; i++) sandbox_may_read(sandbox, weight_files[i]);
    return sandbox;
}

void sandbox_files(const SandboxedFiles *files, SandboxWhen when, Error *error)
{
    Sandbox *sandbox = prepare(files->read);
    for (const char *const *path = files->written; *path; path++) sandbox_may_write_beside(sandbox, *path);
    sandbox_enter(sandbox, when, error);
}

void sandbox_case(const Case *c, const char *const *others, const char *written, SandboxWhen when, Error *error)
{
    const MediaArguments *media = &c->media;
    const char *const paths[] = { c->folder, c->model_folder, c->inputs_file, media->prompt };
    Sandbox *sandbox = prepare(others);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) sandbox_may_read(sandbox, paths[i]);
    for (int i = 0; i < media->image_count; i++) sandbox_may_read(sandbox, media->images[i]);
    for (int i = 0; i < media->video_count; i++) sandbox_may_read(sandbox, media->videos[i]);
    for (int i = 0; i < media->sound_count; i++) sandbox_may_read(sandbox, media->sounds[i]);
    sandbox_may_write_beside(sandbox, written);
    sandbox_enter(sandbox, when, error);
}
