/* file_limits.c - the defaults: ten times what a dump of all taps of 60 layers with ten decode steps asks for */
#include "checkpoint/file_limits.h"

FileLimits file_limits = { .json_bytes = 1 << 24, .json_depth = 64, .arrays = 1 << 17, .expansion = 64, .steps = 64 };
