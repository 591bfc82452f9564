/* Stands in jemalloc's place under a sanitizer, which brings an allocator of its own: nothing is allocated here, and what is asked
   of jemalloc is refused. */
#include <errno.h>
#include <stddef.h>

int mallctl(const char *name, void *old, size_t *old_size, void *new_value, size_t new_size) {
    (void)name, (void)old, (void)old_size, (void)new_value, (void)new_size;
    return ENOENT;
}
