#include "CEvents.h"

#include <string.h>

typedef uint8_t uint8x64 __attribute__((ext_vector_type(64), aligned(1)));
typedef int8_t int8x64 __attribute__((ext_vector_type(64), aligned(1)));
typedef _Bool bool64 __attribute__((ext_vector_type(64)));

// One bit a byte.
#define MASK(comparison) \
    ({ \
        const bool64 is_true = __builtin_convertvector(comparison, bool64); \
        uint64_t mask; \
        memcpy(&mask, &is_true, sizeof mask); \
        mask; \
    })

// Compiled once for each instruction set.
static inline __attribute__((always_inline)) int find(
    const uint8_t *bytes, size_t count, uint32_t *positions, size_t limit, size_t *found
) {
    size_t n = 0;
    uint64_t escapes = 0, controls = 0, non_ascii = 0;
    for (size_t start = 0; start < count; start += 64) {
        uint8_t copy[64];
        const uint8_t *from = bytes + start;
        // Of the last block the part that has not been seen: the 64 bytes that end where the message ends.
        unsigned seen = 0;
        if (count - start < 64) {
            if (count >= 64) {
                from = bytes + count - 64;
                seen = (unsigned)(64 - (count - start));
            } else {
                // Spaces behind the end: nothing that is looked for.
                memset(copy, ' ', sizeof copy);
                memcpy(copy, from, count - start);
                from = copy;
            }
        }
        const uint8x64 block = *(const uint8x64 *)from;
        uint64_t quotes = MASK(block == (uint8x64)'"') >> seen;
        escapes |= MASK(block == (uint8x64)'\\');
        controls |= MASK(block < (uint8x64)0x20);
        non_ascii |= MASK((int8x64)block < (int8x64)0);
        const size_t here = (size_t)__builtin_popcountll(quotes);
        if (n + here > limit) {
            *found = n;
            return ce_has_too_many;
        }
        // Written in eights, so that how many there are seldom costs a mispredicted branch; what is too much is written
        // over.
        uint32_t *to = positions + n;
        while (quotes) {
            for (int i = 0; i < 8; i++) {
                // A quote that is not there is at place 63, to stay within what the instruction is defined for.
                to[i] = (uint32_t)start + (uint32_t)__builtin_ctzll(quotes | (uint64_t)1 << 63);
                quotes &= quotes - 1;
                // Keeps the compiler from counting zeros in vectors, for which there is no instruction.
                __asm__("" : "+r"(quotes));
            }
            to += 8;
        }
        n += here;
    }
    *found = n;
    return (escapes ? ce_has_escapes : 0) | (controls ? ce_has_controls : 0) | (non_ascii ? ce_has_non_ascii : 0);
}

#if defined(__x86_64__)
__attribute__((target("avx2,bmi,popcnt"))) static int find_avx2(
    const uint8_t *bytes, size_t count, uint32_t *positions, size_t limit, size_t *found
) {
    return find(bytes, count, positions, limit, found);
}

int ce_quotes(const uint8_t *bytes, size_t count, uint32_t *positions, size_t limit, size_t *found) {
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("popcnt"))
        return find_avx2(bytes, count, positions, limit, found);
    return find(bytes, count, positions, limit, found);
}
#else
int ce_quotes(const uint8_t *bytes, size_t count, uint32_t *positions, size_t limit, size_t *found) {
    return find(bytes, count, positions, limit, found);
}
#endif
