/// Counts this program's allocations: malloc and its kin, which Swift's own go through, are taken the place of.
#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H

#include <stdint.h>

/// Allocations of the calling thread so far; -1 where they cannot be counted.
int64_t ca_allocations(void);

#endif
