/// The ensemble's arithmetic on blocks of 64 rows, compiled for several instruction sets.
///
/// Every function gives the same bits on every level: comparisons are exact, and floating-point operations are IEEE 754
/// operations in a fixed order, none of them fused.
#ifndef CENSEMBLE_H
#define CENSEMBLE_H

#include <stddef.h>
#include <stdint.h>

/// Rows of a block. A shorter block is computed whole; the results beyond its end are ignored.
enum { ce_block_rows = 64 };

/// Instruction sets that the kernels are compiled for.
enum ce_level { ce_portable = 0, ce_avx2 = 1, ce_avx512 = 2 };

/// The best level that this processor runs.
int ce_best_level(void);

/// Transposes 64 rows of `width` floats: `columns[p * 64 + r]` is row r's value p.
void ce_columns(const float *rows, size_t width, float *columns);

/// Up to this number of thresholds, each is compared with all rows; beyond it, each row with blocks of thresholds.
enum { ce_few_thresholds = 64 };

/// A plane: 64 rows' ranks among up to 255 thresholds of one feature, a byte a row.
struct ce_plane {
    uint32_t feature;
    /// Index of its first threshold, ascending. More than `ce_few_thresholds` are stored as the last of each block of 16,
    /// then the 16 blocks, filled up with NaN.
    uint32_t first_threshold;
    uint16_t threshold_count;
    /// The rank of a missing value: 0 is below every threshold, 255 above.
    uint8_t missing_rank;
};

/// A split: rows whose rank in a plane is at least `rank` go right.
struct ce_node {
    uint16_t plane;
    uint8_t rank;
    /// Indices of the children among the tree's nodes; `ce_nowhere` for a leaf. Unused in a terminal node.
    uint8_t left;
    uint8_t right;
    /// Number of the first leaf below the right child, the leaves counted from the left.
    uint8_t right_leaf;
};

/// Index of an unused element that takes the rows of leaves.
enum { ce_nowhere = 255 };
/// Most leaves of a tree, as many as a byte can number, and the values that may be read beyond the last tree's.
enum { ce_leaf_limit = 256, ce_leaf_room = 64 };

struct ce_tree {
    uint32_t first_node;
    /// Index of its first leaf value; leaves are numbered from the left. `ce_leaf_room` values follow the last tree's.
    uint32_t first_value;
    /// Number of nodes with a node below them, each after its parent; then the number of those with two leaves.
    uint8_t inner, terminal;
};

/// Ranks 64 rows: `planes[p * 64 + r]` is the number of plane p's thresholds that row r's value reaches.
///
/// - columns: as `ce_columns` lays them out.
void ce_rank(
    int level, const float *columns, const struct ce_plane *planes, size_t plane_count, const float *thresholds,
    uint8_t *ranks);

/// Adds 64 rows' leaf values, tree after tree, to `margins`.
void ce_add_trees(
    int level, const uint8_t *ranks, const struct ce_tree *trees, size_t tree_count, const struct ce_node *nodes,
    const float *values, float *margins);

/// A node for single rows. The next node is the first child, or the one after it if the row's value is at least the
/// threshold. A leaf's threshold is NaN, and its first child is itself.
struct ce_walk_node {
    float threshold;
    /// Lower 8 bits: index of the value in the row. Upper 24 bits: index of the first child.
    uint32_t link;
};

/// Trees that are walked at a time.
enum { ce_walk_trees = 8 };

/// Adds one row's leaf values to `margin`, tree after tree.
///
/// - depths: for each eight trees, the depth of the deepest.
float ce_walk(
    const float *row, const struct ce_walk_node *nodes, const float *values, const uint32_t *roots,
    const uint8_t *depths, size_t tree_count, float margin);

/// A term of the logistic regression (see `LogisticModel`).
struct ce_term {
    double mean, scale, weight, missing_weight;
    uint32_t feature;
    uint32_t is_logarithmic;
};

/// Log-odds of 64 rows, as `ce_columns` lays them out; terms are added to the intercept in order.
void ce_logistic(
    int level, const float *columns, const struct ce_term *terms, size_t term_count, double intercept, double clip,
    double *margins);

/// Log-odds of one row.
double ce_logistic_row(
    int level, const float *row, const struct ce_term *terms, size_t term_count, double intercept, double clip);

/// Each term's part of a row's log-odds: the `term_count` values that `ce_logistic_row` adds up.
void ce_logistic_steps(
    int level, const float *row, const struct ce_term *terms, size_t term_count, double clip, double *steps);

/// Probabilities of 64 rows: sigmoid(intercept + w0 · logistic + w1 · forest + w2 · boosted), added in this order.
void ce_probabilities(
    int level, const double weights[4], const double *logistic, const float *forest, const float *boosted,
    double *probabilities);

/// A split of a tree that is explained (see `TreeExplainer`). Its index among the tree's splits is its slot.
struct ce_explained_split {
    float threshold;
    /// Lower 8 bits: index of the value in the row. Upper 24 bits: its number among the tree's repeated splits, from 1, or 0
    /// if no split above has the same feature.
    uint32_t link;
    /// Slots of the children; in a terminal split, indices of their values.
    uint32_t left, right;
    /// Indexed by whether the row goes right: minus the right child's share of the cover, the left child's share.
    double shares[2];
};

/// The splits above a repeated one on the same feature, combined: low ≤ value < high; a `high` of NaN is no bound.
struct ce_explained_bounds {
    float low, high;
    uint32_t low_place, high_place;
};

struct ce_explained_tree {
    /// Number of splits with a split below them, each after its parent; then the number of those with two leaves.
    uint32_t first_split, inner, terminal;
    /// Number of leaves that are siblings of a split. Their slots follow the splits'; their values come first, then those of
    /// the terminal splits' leaves.
    uint32_t leaves, first_value;
    uint32_t first_bounds;
    /// Factors of the repeated splits: for each y(t), then e(t), at the points, as many as `points` rounded up to 4.
    uint32_t first_factor;
    /// Among the factors: weights of the quadrature, 1 − t, and ones, as many of each as `points` rounded up to 4. Behind the
    /// last point, weights are 0.
    uint32_t first_rule;
    uint32_t points;
};

/// Rows that are explained together.
enum { ce_explained_rows = 8 };

/// Subtracts the features' SHAP values for the trees from `sums`, which has one element for each value of a row.
///
/// - columns: for each group of 8 rows, for each index of a row, the 8 rows' values.
/// - slots: room for 8 · points doubles (points above 4 rounded up to a multiple of 4) for each slot of the largest tree;
///   aligned to 64 bytes.
/// - sums: laid out as `columns`; aligned to 64 bytes.
void ce_explain(
    int level, const struct ce_explained_tree *trees, size_t tree_count, const struct ce_explained_split *splits,
    const double *values, const struct ce_explained_bounds *bounds, const double *factors, const float *columns,
    size_t group_count, size_t place_count, double *slots, double *sums);

/// The same for one row, with the same bits.
///
/// - slots: room for three times `points`, rounded up to a multiple of 4, doubles for each slot; aligned to 32 bytes.
void ce_explain_row(
    int level, const struct ce_explained_tree *trees, size_t tree_count, const struct ce_explained_split *splits,
    const double *values, const struct ce_explained_bounds *bounds, const double *factors, const float *row,
    double *slots, double *sums);

/// e^x of eight values that are not above 0, in place: `Elementary.exp` bit for bit.
void ce_exp(int level, double values[8]);

#endif
