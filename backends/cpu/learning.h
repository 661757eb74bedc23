/* The contract of the vector kernels that only training needs: one table for each ISA row, built
 * from learning.c. Transforms are those of kernels.h.
 *
 * The three products of a step are one kernel. For each bin and group, with spectra as matrices:
 *     forward   Y  = W X              rows: block rows, terms: block columns, columns: samples
 *     input     dX = conj(W)' dY      rows: block columns, terms: block rows, columns: samples
 *     update    W -= rate dY conj(X)' rows: block rows, terms: samples, columns: block columns
 * The first factor is read number by number with any strides, the second and the result by vectors:
 * so W needs one layout only, and the update wants X with block columns in lanes.
 *
 * Slots, alignment, slack and aliasing are as in kernels.h. */
#ifndef CIRC_LEARNING_H
#define CIRC_LEARNING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What becomes of a term a x: which of the two is conjugated, or the two parts multiplied one by
 * one, in slot 0. */
enum circ_learning_mode {
    CIRC_LEARNING_PLAIN,       /* a x */
    CIRC_LEARNING_CONJUGATE_A, /* conj(a) x */
    CIRC_LEARNING_CONJUGATE_X, /* a conj(x) */
    CIRC_LEARNING_PARTS        /* (re a re x, im a im x) */
};

/* For rows r, row groups o < groups and columns c < columns rounded up to whole vectors:
 *     sum(r, o, c) = sum over parts s < parts, terms t < terms of
 *                        a[s a_part + r a_row + t a_term + o a_group] x[x_part[s] + o x_group + t
 * x_term + c] y[r y_row + o y_group + c] = sum, or += scale sum when adds Imaginary parts of a, x
 * and y lie a_im, x_im and y_im floats after the real ones. */
struct circ_learning_product {
    enum circ_learning_mode mode;
    const float *a, *x;
    float *y;
    size_t a_im, x_im, y_im;
    size_t a_part, a_row, a_term, a_group;
    const size_t *x_part;
    size_t x_term, x_group;
    size_t y_row, y_group;
    int rows, terms, parts, groups, columns;
    bool adds;
    float scale;
};

/* Sums along vectors, for rows r < rows and columns c < columns:
 *     y[r y_row + c y_column] = sum, or += scale sum when adds, of the sum over lines o < lines,
 * values v < length of a[r a_row + o a_line + v] x[c x_column + o x_line + v] in a mode. Both are
 * read by vectors: a is zero from length to the next whole vector, x finite. */
struct circ_learning_dot {
    enum circ_learning_mode mode;
    const float *a, *x;
    float *y;
    size_t a_im, x_im, y_im;
    size_t a_row, a_line, x_column, x_line, y_row, y_column;
    int rows, columns, lines, length;
    bool adds;
    float scale;
};

struct circ_learning {
    const char *name;
    int rows_per_tile; /* rows that the product holds in registers */
    void (*product)(const struct circ_learning_product *args);
    void (*dot)(const struct circ_learning_dot *args);
    /* to[c to_row + b] = from[b from_row + c] for b < blocks and c < columns; zero for b from there
     * to the next whole vector. Reads whole vectors of from. */
    void (*turn)(const float *from, size_t from_row, int blocks, int columns, float *to,
                 size_t to_row);
    /* dx[i] = dy[i] where x[i] > 0, 0 elsewhere */
    void (*pass_positive)(float *dx, const float *x, const float *dy, int64_t count);
    /* where x[i] == y[i]: dx[i] += open[i] and open[i] = 0 */
    void (*pass_equal)(float *dx, const float *x, const float *y, float *open, int64_t count);
};

extern const struct circ_learning circ_learning_scalar;
extern const struct circ_learning circ_learning_avx2;
extern const struct circ_learning circ_learning_avx512;
extern const struct circ_learning circ_learning_neon;
extern const struct circ_learning circ_learning_sve256;

#endif
