/* turns.h - passes that run at the same time, and come to each step one after the other
 *
 * Sums over replays are added up in the order of the replays, whoever computes them, so that they are the same to the
 * last bit. So a pass waits at each step until the one before it has gone by there; in between both compute.
 */
#ifndef PLUMB_TURNS_H
#define PLUMB_TURNS_H

typedef struct Turns Turns;

Turns *turns_new(int passes);
void turns_free(Turns *turns);
void turns_go_by(Turns *turns, int pass, int steps); /* the pass is done with the first so many steps */
void turns_wait(Turns *turns, int pass, int steps);  /* until that pass is */

#endif
