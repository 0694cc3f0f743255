/* joined_diagnoses.h - what was named before the model, and what in it */
#ifndef PLUMB_JOINED_DIAGNOSES_H
#define PLUMB_JOINED_DIAGNOSES_H

#include "diagnose/diagnosis.h"

/* Adds the second's findings to d: what was named first stays first. The second is freed. */
void diagnosis_join(Diagnosis *d, Diagnosis *second);

#endif
