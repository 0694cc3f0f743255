/* expert_stack.h - experts whose matrices a file holds one by one, as the stacked tensors that the model asks for
 *
 *     experts.N.gate_proj.weight, .up_proj.weight [inner, hidden]   -> experts.gate_up_proj [E, 2 inner, hidden]
 *     experts.N.down_proj.weight [hidden, inner]                    -> experts.down_proj [E, hidden, inner]
 *     moe.experts.N. ..                                             -> the same
 *
 * Quantised checkpoints have them so, each matrix with scales of its own, and some with one for its input. The stack
 * points to the matrices: nothing is read before a product asks, and a product with the stack is one with each matrix.
 */
#ifndef PLUMB_EXPERT_STACK_H
#define PLUMB_EXPERT_STACK_H

#include "checkpoint/checkpoint.h"

/* Once the matrices are what they stay, quantised or not. Those of one expert and kind are to be of one shape. */
void stack_experts(Checkpoint *checkpoint, Error *error);

#endif
