#include "CArithmetic.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

// Vectors are passed to inlined functions only, so that their calling convention does not matter.
#pragma clang diagnostic ignored "-Wpsabi"
// No fused multiply-add: it rounds once where two operations round twice.
#pragma STDC FP_CONTRACT OFF

typedef float float16 __attribute__((ext_vector_type(16)));
typedef float float16_unaligned __attribute__((ext_vector_type(16), aligned(4)));
typedef int32_t int16 __attribute__((ext_vector_type(16)));
typedef uint8_t uint8x16 __attribute__((ext_vector_type(16)));
typedef uint8_t uint8x64 __attribute__((ext_vector_type(64)));
typedef uint8_t uint8x64_unaligned __attribute__((ext_vector_type(64), aligned(1)));
typedef float float8_unaligned __attribute__((ext_vector_type(8), aligned(4)));
typedef double double4 __attribute__((ext_vector_type(4)));
typedef double double4_unaligned __attribute__((ext_vector_type(4), aligned(8)));
typedef double double8 __attribute__((ext_vector_type(8)));
typedef int64_t long8 __attribute__((ext_vector_type(8)));
typedef _Bool bool16 __attribute__((ext_vector_type(16)));

#define INLINE static inline __attribute__((always_inline))

// 1 where the row goes left.
static const double goes_left[2] = {1, 0};

// Each instruction set has its own copy of the kernels.

#define CE(name) name##_portable
#define CE_TARGET
#include "kernels.inc"
#include "explanation.inc"
#undef CE
#undef CE_TARGET

#if defined(__x86_64__)
#define CE_SPECIALISED 1
#define CE_SHUFFLES
#define CE(name) name##_avx2
#define CE_TARGET __attribute__((target("avx2,bmi,bmi2,popcnt")))
#include "kernels.inc"
#include "explanation.inc"
#undef CE
#undef CE_SHUFFLES
#undef CE_TARGET

#define CE_PERMUTES
#define CE(name) name##_avx512
#define CE_TARGET \
    __attribute__((target("avx2,bmi,bmi2,popcnt,avx512f,avx512bw,avx512dq,avx512vl,prefer-256-bit"), min_vector_width(512)))
#include "kernels.inc"
#include "explanation.inc"
#undef CE
#undef CE_TARGET

int ce_best_level(void) {
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")
        && __builtin_cpu_supports("popcnt");
    if (!avx2) return ce_portable;
    const int avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return avx512 ? ce_avx512 : ce_avx2;
}

#define CALL(level, name, ...) \
    do { \
        if ((level) == ce_avx512) name##_avx512(__VA_ARGS__); \
        else if ((level) == ce_avx2) name##_avx2(__VA_ARGS__); \
        else name##_portable(__VA_ARGS__); \
    } while (0)
#else
int ce_best_level(void) { return ce_portable; }

#define CALL(level, name, ...) ((void)(level), name##_portable(__VA_ARGS__))
#endif

void ce_columns(const float *rows, size_t width, float *columns) {
    typedef float float4 __attribute__((ext_vector_type(4)));
    typedef float float4_unaligned __attribute__((ext_vector_type(4), aligned(4)));
    size_t place = 0;
    for (; place + 4 <= width; place += 4) {
        for (size_t row = 0; row < ce_block_rows; row += 4) {
            const float *from = rows + row * width + place;
            const float4 a = *(const float4_unaligned *)from;
            const float4 b = *(const float4_unaligned *)(from + width);
            const float4 c = *(const float4_unaligned *)(from + 2 * width);
            const float4 d = *(const float4_unaligned *)(from + 3 * width);
            const float4 ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
            const float4 ef = __builtin_shufflevector(a, b, 2, 6, 3, 7), gh = __builtin_shufflevector(c, d, 2, 6, 3, 7);
            float *to = columns + place * ce_block_rows + row;
            *(float4_unaligned *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
            *(float4_unaligned *)(to + ce_block_rows) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
            *(float4_unaligned *)(to + 2 * ce_block_rows) = __builtin_shufflevector(ef, gh, 0, 1, 4, 5);
            *(float4_unaligned *)(to + 3 * ce_block_rows) = __builtin_shufflevector(ef, gh, 2, 3, 6, 7);
        }
    }
    for (; place < width; place++)
        for (size_t row = 0; row < ce_block_rows; row++) columns[place * ce_block_rows + row] = rows[row * width + place];
}

void ce_rank(
    int level, const float *columns, const struct ce_plane *planes, size_t plane_count, const float *thresholds,
    uint8_t *ranks
) {
    CALL(level, rank, columns, planes, plane_count, thresholds, ranks);
}

void ce_add_trees(
    int level, const uint8_t *ranks, const struct ce_tree *trees, size_t tree_count, const struct ce_node *nodes,
    const float *values, float *margins
) {
    CALL(level, add_trees, ranks, trees, tree_count, nodes, values, margins);
}

void ce_logistic(
    int level, const float *columns, const struct ce_term *terms, size_t term_count, double intercept, double clip,
    double *margins
) {
    CALL(level, logistic, columns, terms, term_count, intercept, clip, margins);
}

double ce_logistic_row(
    int level, const float *row, const struct ce_term *terms, size_t term_count, double intercept, double clip
) {
#if defined(__x86_64__)
    if (level == ce_avx512) return logistic_row_avx512(row, terms, term_count, intercept, clip);
    if (level == ce_avx2) return logistic_row_avx2(row, terms, term_count, intercept, clip);
#endif
    (void)level;
    return logistic_row_portable(row, terms, term_count, intercept, clip);
}

void ce_logistic_steps(
    int level, const float *row, const struct ce_term *terms, size_t term_count, double clip, double *steps
) {
    CALL(level, logistic_steps, row, terms, term_count, clip, steps);
}

void ce_explain(
    int level, const struct ce_explained_tree *trees, size_t tree_count, const struct ce_explained_split *splits,
    const double *values, const struct ce_explained_bounds *bounds, const double *factors, const float *columns,
    size_t group_count, size_t place_count, double *slots, double *sums
) {
    CALL(
        level, explain, trees, tree_count, splits, values, bounds, factors, columns, group_count, place_count, slots,
        sums);
}

void ce_explain_row(
    int level, const struct ce_explained_tree *trees, size_t tree_count, const struct ce_explained_split *splits,
    const double *values, const struct ce_explained_bounds *bounds, const double *factors, const float *row,
    double *slots, double *sums
) {
    CALL(level, explain_row, trees, tree_count, splits, values, bounds, factors, row, slots, sums);
}

void ce_exp(int level, double values[8]) { CALL(level, exponentials, values); }

void ce_probabilities(
    int level, const double weights[4], const double *logistic, const float *forest, const float *boosted,
    double *probabilities
) {
    CALL(level, probabilities, weights, logistic, forest, boosted, probabilities);
}

float ce_walk(
    const float *row, const struct ce_walk_node *nodes, const float *values, const uint32_t *roots,
    const uint8_t *depths, size_t tree_count, float margin
) {
    enum { in_flight = ce_walk_trees };
    size_t first = 0;
    for (; first + in_flight <= tree_count; first += in_flight) {
        uint32_t at[in_flight];
        for (int i = 0; i < in_flight; i++) at[i] = roots[first + i];
        for (unsigned step = depths[first / in_flight]; step > 0; step--) {
#pragma clang loop unroll(full) vectorize(disable)
            for (int i = 0; i < in_flight; i++) {
                const struct ce_walk_node node = nodes[at[i]];
                at[i] = (node.link >> 8) + (row[node.link & 255] >= node.threshold);
            }
        }
        for (int i = 0; i < in_flight; i++) margin += values[at[i]];
    }
    for (; first < tree_count; first++) {
        uint32_t at = roots[first];
        for (unsigned step = depths[first / in_flight]; step > 0; step--) {
            const struct ce_walk_node node = nodes[at];
            at = (node.link >> 8) + (row[node.link & 255] >= node.threshold);
        }
        margin += values[at];
    }
    return margin;
}
