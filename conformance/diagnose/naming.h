/* naming.h - bugs named for the steps that they make straight */
#ifndef PLUMB_NAMING_H
#define PLUMB_NAMING_H

#include "diagnose/suspects.h"

/* Tries every bug of the catalogue, and fills in what is named, where each is, and what is left. */
void name_bugs(Diagnosis *diagnosis, Suspects *suspects);

#endif
