/* diagnose.h - which known bug bends a dump
 *
 * A matched filter. A bug predicts its own difference vector d = F_bug(x') - F(x') at every step, from the backend's
 * own values x'. The residual r = y' - F(x') is projected on it, element by element in noise units s:
 *     coefficient   sum(r d / s^2) / sum(d^2 / s^2)        1 for the bug itself
 *     z             sum(r d / s^2) / sqrt(sum(d^2 / s^2))  standard deviations, beyond what honest rounding makes
 *                   of the sum and with its spread from row to row (matched_filter.h)
 *     explained     1 - sum((r - d)^2 / s^2) / sum(r^2 / s^2)
 * over the bent steps; in a dump that is straight, over the steps where z alone stands out.
 *
 * A bug is named for a bent step when the reference that has it grades the step straight. As every step starts from
 * the backend's own values, several bugs are found one after the other by the steps that each makes straight; only
 * where two bend the same step is one tried on top of the other.
 */
#ifndef PLUMB_DIAGNOSE_H
#define PLUMB_DIAGNOSE_H

#include "diagnose/diagnosis.h"
#include "diagnose/tried.h"

/* grade: of the dump by the honest reference, to be freed by the caller too. NULL with error set. */
Diagnosis *diagnose(const Trial *trial, Grade **grade, Error *error);

/* The bugs of a shard, tried on the dump; trial->tried has those of all in the diagnosis then. NULL with error set */
Tried *diagnose_share(const Trial *trial, ShardNumber of, Error *error);

#endif
