/// Asks for memory that will be wanted soon, for which Swift has no word.
#ifndef CPREFETCH_H
#define CPREFETCH_H

/// Has the cache line around `address` fetched for writing; harmless for any address.
static inline void cp_prefetch(const void *address) { __builtin_prefetch(address, 1, 3); }

#endif
