/// The ensemble's arithmetic on blocks of 64 rows, and exponentials side by side, for the instruction set that the
/// processor has.
///
/// Every function gives the same bits on every level: comparisons are exact, and floating-point operations are single
/// IEEE 754 ones in a fixed order.
#ifndef CENSEMBLE_H
#define CENSEMBLE_H

#include <stddef.h>
#include <stdint.h>

/// Rows of a block. A shorter block is computed whole; what lies behind its end is not looked at afterwards.
enum { ce_block_rows = 64 };

/// Instruction sets that the kernels are compiled for.
enum ce_level { ce_portable = 0, ce_avx2 = 1, ce_avx512 = 2 };

/// The best level that this processor runs.
int ce_best_level(void);

/// A plane: 64 rows' ranks of one feature among up to 255 thresholds, a byte each.
struct ce_plane {
    uint32_t feature;
    /// Where its `ce_plane_thresholds` floats begin: the last of each block, then 16 blocks of 16, ascending; NaN behind
    /// the last threshold.
    uint32_t first_threshold;
    /// The rank of a missing value: 0 is below every threshold, 255 above.
    uint32_t missing_rank;
};

/// A node that asks whether a row's rank in a plane is at least `rank`.
struct ce_node {
    uint16_t plane;
    uint8_t rank;
    /// Places of the children among the next level's nodes; `ce_nowhere` for a leaf. Unused in a terminal node.
    uint8_t left;
    uint8_t right;
};

/// Takes what is said of rows that have arrived at a leaf.
enum { ce_nowhere = 255 };
enum { ce_depth_limit = 8 };

struct ce_tree {
    uint32_t first_node;
    /// 2^depth values, by the path: bit d is 1 if a row went right at level d, 0 behind a leaf. Behind the last tree's
    /// values there is room for 16 more.
    uint32_t first_value;
    uint8_t depth;
    /// For each level, how many nodes have a node below them, and how many have two leaves. In this order they stand.
    uint8_t inner[ce_depth_limit];
    uint8_t terminal[ce_depth_limit];
};

enum { ce_plane_thresholds = 16 + 256 };

/// Ranks of 64 rows: `planes[p * 64 + r]` is the number of plane p's thresholds that row r's value is not below.
///
/// - stride: floats from one row to the next. The block has to be whole: 64 rows are read.
void ce_rank(
    int level, const float *rows, size_t stride, const struct ce_plane *planes, size_t plane_count,
    const float *thresholds, uint8_t *ranks);

/// Adds 64 rows' leaf values, tree after tree, to `margins`.
void ce_add_trees(
    int level, const uint8_t *ranks, const struct ce_tree *trees, size_t tree_count, const struct ce_node *nodes,
    const float *values, float *margins);

/// A node for rows that come alone. The next one is the first child, or the one behind it if the row's value is not below
/// the threshold. A leaf's threshold is NaN, and its first child is itself.
struct ce_walk_node {
    float threshold;
    /// Place of the value in the row in the lower 8 bits, first child in the upper 24.
    uint32_t link;
};

/// Trees that are walked at a time.
enum { ce_walk_trees = 8 };

/// One row's leaf values, added to `margin` tree after tree.
///
/// - depths: for each eight trees, the steps that the deepest takes.
float ce_walk(
    const float *row, const struct ce_walk_node *nodes, const float *values, const uint32_t *roots,
    const uint8_t *depths, size_t tree_count, float margin);

/// A term of the logistic regression (see `LogisticModel`).
struct ce_term {
    double mean, scale, weight, missing_weight;
    uint32_t feature;
    uint32_t is_logarithmic;
};

/// Log-odds of 64 rows, terms added in order to the intercept.
void ce_logistic(
    int level, const float *rows, size_t stride, const struct ce_term *terms, size_t term_count, double intercept,
    double clip, double *margins);

/// The same for one row.
double ce_logistic_row(
    int level, const float *row, const struct ce_term *terms, size_t term_count, double intercept, double clip);

/// Probabilities of 64 rows: sigmoid(intercept + w0 · logistic + w1 · forest + w2 · boosted), added in this order.
void ce_probabilities(
    int level, const double weights[4], const double *logistic, const float *forest, const float *boosted,
    double *probabilities);

/// e^x of eight values that are not above 0, in place: `Elementary.exp` bit for bit.
void ce_exp(int level, double values[8]);

#endif
