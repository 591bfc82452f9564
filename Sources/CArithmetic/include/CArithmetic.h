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

/// Lays 64 rows of `width` floats out by place: `columns[p * 64 + r]` is row r's value p.
void ce_columns(const float *rows, size_t width, float *columns);

/// Thresholds up to which each is compared with all rows, rather than each row with blocks of them.
enum { ce_few_thresholds = 64 };

/// A plane: 64 rows' ranks of one feature among up to 255 thresholds, a byte each.
struct ce_plane {
    uint32_t feature;
    /// Where its thresholds begin, ascending; of more than `ce_few_thresholds`, the last of each block of 16, then 16 such
    /// blocks, NaN behind the last threshold.
    uint32_t first_threshold;
    uint16_t threshold_count;
    /// The rank of a missing value: 0 is below every threshold, 255 above.
    uint8_t missing_rank;
};

/// A node that asks whether a row's rank in a plane is at least `rank`.
struct ce_node {
    uint16_t plane;
    uint8_t rank;
    /// Places of the children among the tree's nodes; `ce_nowhere` for a leaf. Unused in a terminal node.
    uint8_t left;
    uint8_t right;
    /// Number of the first leaf below the right child, the leaves counted from the left.
    uint8_t right_leaf;
};

/// Takes what is said of rows that have arrived at a leaf.
enum { ce_nowhere = 255 };
/// Leaves that a byte tells apart, and values that may be read behind the last tree's.
enum { ce_leaf_limit = 256, ce_leaf_room = 64 };

struct ce_tree {
    uint32_t first_node;
    /// Values of the leaves, from the left; behind the last tree's, `ce_leaf_room` more.
    uint32_t first_value;
    /// Nodes with a node below them, each behind its parent; behind these those with two leaves.
    uint8_t inner, terminal;
};

/// Ranks of 64 rows: `planes[p * 64 + r]` is the number of plane p's thresholds that row r's value is not below.
///
/// - columns: as `ce_columns` lays them out.
void ce_rank(
    int level, const float *columns, const struct ce_plane *planes, size_t plane_count, const float *thresholds,
    uint8_t *ranks);

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

/// Log-odds of 64 rows, as `ce_columns` lays them out, terms added in order to the intercept.
void ce_logistic(
    int level, const float *columns, const struct ce_term *terms, size_t term_count, double intercept, double clip,
    double *margins);

/// The same for one row.
double ce_logistic_row(
    int level, const float *row, const struct ce_term *terms, size_t term_count, double intercept, double clip);

/// What each term adds to a row's log-odds: `term_count` values, the same that `ce_logistic_row` adds up.
void ce_logistic_steps(
    int level, const float *row, const struct ce_term *terms, size_t term_count, double clip, double *steps);

/// Probabilities of 64 rows: sigmoid(intercept + w0 · logistic + w1 · forest + w2 · boosted), added in this order.
void ce_probabilities(
    int level, const double weights[4], const double *logistic, const float *forest, const float *boosted,
    double *probabilities);

/// A split of a tree that is explained (see `TreeExplainer`). Its place among the tree's splits is its slot.
struct ce_explained_split {
    float threshold;
    /// Place of the value in the row in the lower 8 bits; in the upper 24, from 1 on, which of the tree's repeated splits it
    /// is, and 0 if its feature has not been asked for above.
    uint32_t link;
    /// Slots of the children; of a terminal split, places of their values.
    uint32_t left, right;
    /// The right child's share of the cover, negative, and the left child's: by whether the row goes right.
    double shares[2];
};

/// What the splits above a repeated one say of the same feature: low ≤ value < high, unless `high` is NaN.
struct ce_explained_bounds {
    float low, high;
    uint32_t low_place, high_place;
};

struct ce_explained_tree {
    /// Splits with a split below them, each behind its parent, then those with two leaves.
    uint32_t first_split, inner, terminal;
    /// Leaves beside a split: their slots are behind the splits', their values here; behind these the terminal splits' values.
    uint32_t leaves, first_value;
    uint32_t first_bounds;
    /// Factors of the repeated splits: for each y(t), then e(t), at the points, as many as `points` rounded up to 4.
    uint32_t first_factor;
    /// Among the factors: weights of the quadrature, 1 − t, and ones, as many of each as `points` rounded up to 4. Behind the
    /// last point, weights are 0.
    uint32_t first_rule;
    uint32_t points;
};

/// Rows that are explained side by side.
enum { ce_explained_rows = 8 };

/// Adds to `sums`, one for each place of a row, what the features did to the trees' log-odds: SHAP values, negative.
///
/// - columns: for each group of 8 rows, for each place, their 8 values.
/// - slots: room for 8 · points doubles (points rounded up to 4 above 4) for each slot of the largest tree, on 64 bytes.
/// - sums: as `columns`; on 64 bytes.
void ce_explain(
    int level, const struct ce_explained_tree *trees, size_t tree_count, const struct ce_explained_split *splits,
    const double *values, const struct ce_explained_bounds *bounds, const double *factors, const float *columns,
    size_t group_count, size_t place_count, double *slots, double *sums);

/// The same for one row, bit for bit.
///
/// - slots: room for three times as many doubles a slot as `points` rounded up to 4; on 32 bytes.
void ce_explain_row(
    int level, const struct ce_explained_tree *trees, size_t tree_count, const struct ce_explained_split *splits,
    const double *values, const struct ce_explained_bounds *bounds, const double *factors, const float *row,
    double *slots, double *sums);

/// e^x of eight values that are not above 0, in place: `Elementary.exp` bit for bit.
void ce_exp(int level, double values[8]);

#endif
