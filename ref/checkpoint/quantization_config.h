/* quantization_config.h - the object of that name in config.json, and the tensors that it speaks of
 *
 * Codes and scales become the weights that they stand for. A quant_method that is not known is refused by its name:
 * reading its tensors as if they were weights would blame a backend for it. Without the object only ExecuTorch's table
 * of positions is looked for.
 */
#ifndef PLUMB_QUANTIZATION_CONFIG_H
#define PLUMB_QUANTIZATION_CONFIG_H

#include "checkpoint/checkpoint.h"
#include "checkpoint/config.h"

/* at: config.json */
void read_quantization_config(Checkpoint *checkpoint, ConfigReader at);

/* One function a quant_method; `at` is the object. */
void read_compressed_tensors(Checkpoint *checkpoint, ConfigReader at);
void read_gptq(Checkpoint *checkpoint, ConfigReader at);
void read_awq(Checkpoint *checkpoint, ConfigReader at);
void read_bitsandbytes(Checkpoint *checkpoint, ConfigReader at);
void read_modelopt(Checkpoint *checkpoint, ConfigReader at);
void read_torchao(Checkpoint *checkpoint, ConfigReader at);
void read_mlx(Checkpoint *checkpoint, ConfigReader at); /* an object without a quant_method, but with bits */
void read_executorch(Checkpoint *checkpoint, Error *error); /* without an object: its tensors' names say it */

#endif
