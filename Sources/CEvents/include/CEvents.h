/// The one thing about JSON that bytes are better looked at together for: where its strings begin and end.
#ifndef CEVENTS_H
#define CEVENTS_H

#include <stddef.h>
#include <stdint.h>

/// What `ce_quotes` met. Without any of these, strings run from one quote to the next.
enum {
    /// A backslash: a quote may be part of a string.
    ce_has_escapes = 1,
    /// A byte below 0x20, which no string may hold.
    ce_has_controls = 2,
    /// A byte from 0x80 on: text that has to be checked for being UTF-8.
    ce_has_non_ascii = 4,
    /// More quotes than there is room for.
    ce_has_too_many = 8,
};

/// Finds the double quotes in `count` bytes.
///
/// - positions: room for `limit` + 64 places, which are written in ascending order.
/// - found: how many quotes there are, up to `limit`.
/// - returns: a combination of the above.
int ce_quotes(const uint8_t *bytes, size_t count, uint32_t *positions, size_t limit, size_t *found);

#endif
