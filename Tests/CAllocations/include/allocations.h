// Counts the allocations of the calling thread, so that a test can say "this way allocates nothing". The test program
// defines malloc, calloc and realloc itself and passes them on to the C library.
#ifndef TALLY_ALLOCATIONS_H
#define TALLY_ALLOCATIONS_H

#include <stdint.h>

// Calls of malloc, calloc and realloc that this thread has made so far.
uint64_t tally_allocations(void);

// 0 where a sanitizer has its own allocator, and nothing is counted.
int tally_allocations_are_counted(void);

#endif
