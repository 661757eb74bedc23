/* The training kernels' template: built once for each ISA row, like kernels.c, with
 *     CIRC_LANES           floats in a vector
 *     CIRC_LEARNING_TABLE  the name of the table, CIRC_TABLE_NAME the name of the row */
#include "backends/cpu/learning.h"

#include "backends/cpu/lanes.h"

/* Rows and vectors of a product tile: two accumulators each, two inputs a vector and two numbers of
 * a row, in the registers that the ISA has. */
#if CIRC_LANES == 16 || defined(__aarch64__)
#define REGISTERS 32
#else
#define REGISTERS 16
#endif
#if REGISTERS == 32 && CIRC_LANES > 1
#define TILE    6
#define VECTORS 2
#elif CIRC_LANES > 1
#define TILE    6
#define VECTORS 1
#else
#define TILE    2
#define VECTORS 1
#endif

/* re, im += a x in a mode, which is a constant at every call. */
INLINE void multiply_add(enum circ_learning_mode mode, vec ar, vec ai, vec xr, vec xi, vec *re,
                         vec *im)
{
    switch (mode) {
    case CIRC_LEARNING_PARTS:
        *re = *re + ar * xr;
        *im = *im + ai * xi;
        break;
    case CIRC_LEARNING_PLAIN:
        *re = *re + ar * xr;
        *im = *im + ar * xi;
        *re = *re - ai * xi;
        *im = *im + ai * xr;
        break;
    case CIRC_LEARNING_CONJUGATE_A:
        *re = *re + ar * xr;
        *im = *im + ar * xi;
        *re = *re + ai * xi;
        *im = *im - ai * xr;
        break;
    case CIRC_LEARNING_CONJUGATE_X:
        *re = *re + ar * xr;
        *im = *im - ar * xi;
        *re = *re + ai * xi;
        *im = *im + ai * xr;
        break;
    }
}

/* rows x vectors accumulators over all parts and terms; both are constants at every call. */
INLINE void tile(const struct circ_learning_product *p, enum circ_learning_mode mode, int rows,
                 int vectors, const float *a, const float *x, float *y)
{
    vec re[TILE][VECTORS], im[TILE][VECTORS];
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            re[i][v] = im[i][v] = zero();
    }
    for (int s = 0; s < p->parts; s++) {
        const float *as = a + (size_t)s * p->a_part, *xs = x + p->x_part[s];
        const float *as_im = as + p->a_im, *xs_im = xs + p->x_im;
        for (int t = 0; t < p->terms; t++) {
            vec xr[VECTORS], xi[VECTORS];
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                xr[v] = load(xs + v * CIRC_LANES);
                xi[v] = load(xs_im + v * CIRC_LANES);
            }
#pragma GCC unroll 8
            for (int i = 0; i < rows; i++) {
                vec ar = set1(as[(size_t)i * p->a_row]), ai = set1(as_im[(size_t)i * p->a_row]);
#pragma GCC unroll 4
                for (int v = 0; v < vectors; v++)
                    multiply_add(mode, ar, ai, xr[v], xi[v], &re[i][v], &im[i][v]);
            }
            as += p->a_term;
            as_im += p->a_term;
            xs += p->x_term;
            xs_im += p->x_term;
        }
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            float *to = y + (size_t)i * p->y_row + v * CIRC_LANES;
            store(to, p->adds ? load(to) + re[i][v] * p->scale : re[i][v]);
            to += p->y_im;
            store(to, p->adds ? load(to) + im[i][v] * p->scale : im[i][v]);
        }
    }
}

/* One tile of rows over all groups and columns. */
INLINE void tile_rows(const struct circ_learning_product *p, enum circ_learning_mode mode, int rows,
                      int first)
{
    for (int o = 0; o < p->groups; o++) {
        const float *a = p->a + (size_t)first * p->a_row + (size_t)o * p->a_group;
        const float *x = p->x + (size_t)o * p->x_group;
        float *y = p->y + (size_t)first * p->y_row + (size_t)o * p->y_group;
        int c = 0, wide = VECTORS * CIRC_LANES;
        for (; VECTORS > 1 && p->columns - c > CIRC_LANES; c += wide)
            tile(p, mode, rows, VECTORS, a, x + c, y + c);
        for (; c < p->columns; c += CIRC_LANES)
            tile(p, mode, rows, 1, a, x + c, y + c);
    }
}

/* All rows, in tiles whose heights are constants. */
INLINE void all_rows(const struct circ_learning_product *p, enum circ_learning_mode mode)
{
    int first = 0;
    for (; first + TILE <= p->rows; first += TILE)
        tile_rows(p, mode, TILE, first);
#if TILE > 4
    for (; first + 4 <= p->rows; first += 4)
        tile_rows(p, mode, 4, first);
#endif
#if TILE > 2
    for (; first + 2 <= p->rows; first += 2)
        tile_rows(p, mode, 2, first);
#endif
    for (; first < p->rows; first++)
        tile_rows(p, mode, 1, first);
}

static void product(const struct circ_learning_product *p)
{
    switch (p->mode) {
    case CIRC_LEARNING_PLAIN:
        all_rows(p, CIRC_LEARNING_PLAIN);
        break;
    case CIRC_LEARNING_CONJUGATE_A:
        all_rows(p, CIRC_LEARNING_CONJUGATE_A);
        break;
    case CIRC_LEARNING_CONJUGATE_X:
        all_rows(p, CIRC_LEARNING_CONJUGATE_X);
        break;
    case CIRC_LEARNING_PARTS:
        all_rows(p, CIRC_LEARNING_PARTS);
        break;
    }
}

INLINE float sum_of(vec v)
{
#if CIRC_LANES > 1
#pragma GCC unroll 4
    for (int half = CIRC_LANES / 2; half; half /= 2) {
        mask other;
        for (int l = 0; l < CIRC_LANES; l++)
            other[l] = l ^ half;
        v = v + __builtin_shuffle(v, other);
    }
    return v[0];
#else
    return v;
#endif
}

/* rows x columns sums; both are constants at every call. */
INLINE void dot_tile(const struct circ_learning_dot *d, enum circ_learning_mode mode, int rows,
                     int columns, const float *a, const float *x, float *y)
{
    vec re[4][2], im[4][2];
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 2
        for (int c = 0; c < columns; c++)
            re[r][c] = im[r][c] = zero();
    }
    for (int o = 0; o < d->lines; o++) {
        const float *al = a + (size_t)o * d->a_line, *xl = x + (size_t)o * d->x_line;
        for (int v = 0; v < d->length; v += CIRC_LANES) {
            vec xr[2], xi[2];
#pragma GCC unroll 2
            for (int c = 0; c < columns; c++) {
                xr[c] = load(xl + (size_t)c * d->x_column + v);
                xi[c] = load(xl + (size_t)c * d->x_column + d->x_im + v);
            }
#pragma GCC unroll 4
            for (int r = 0; r < rows; r++) {
                vec ar = load(al + (size_t)r * d->a_row + v);
                vec ai = load(al + (size_t)r * d->a_row + d->a_im + v);
#pragma GCC unroll 2
                for (int c = 0; c < columns; c++)
                    multiply_add(mode, ar, ai, xr[c], xi[c], &re[r][c], &im[r][c]);
            }
        }
    }
#pragma GCC unroll 4
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 2
        for (int c = 0; c < columns; c++) {
            float *to = y + (size_t)r * d->y_row + (size_t)c * d->y_column;
            float sum_re = sum_of(re[r][c]), sum_im = sum_of(im[r][c]);
            to[0] = d->adds ? to[0] + d->scale * sum_re : sum_re;
            to[d->y_im] = d->adds ? to[d->y_im] + d->scale * sum_im : sum_im;
        }
    }
}

/* A strip of rows, a constant number, over all columns. */
INLINE void dot_rows(const struct circ_learning_dot *d, enum circ_learning_mode mode, int rows,
                     int first)
{
    const float *a = d->a + (size_t)first * d->a_row;
    float *y = d->y + (size_t)first * d->y_row;
    int c = 0;
    for (; c + 2 <= d->columns; c += 2)
        dot_tile(d, mode, rows, 2, a, d->x + (size_t)c * d->x_column, y + (size_t)c * d->y_column);
    if (c < d->columns)
        dot_tile(d, mode, rows, 1, a, d->x + (size_t)c * d->x_column, y + (size_t)c * d->y_column);
}

INLINE void dot_all(const struct circ_learning_dot *d, enum circ_learning_mode mode)
{
    int r = 0;
#if REGISTERS == 32
    for (; r + 4 <= d->rows; r += 4)
        dot_rows(d, mode, 4, r);
#endif
    for (; r + 2 <= d->rows; r += 2)
        dot_rows(d, mode, 2, r);
    if (r < d->rows)
        dot_rows(d, mode, 1, r);
}

static void dot(const struct circ_learning_dot *d)
{
    switch (d->mode) {
    case CIRC_LEARNING_CONJUGATE_X:
        dot_all(d, CIRC_LEARNING_CONJUGATE_X);
        break;
    case CIRC_LEARNING_PARTS:
        dot_all(d, CIRC_LEARNING_PARTS);
        break;
    default: /* what training asks for has no conjugate of a */
        dot_all(d, CIRC_LEARNING_PLAIN);
    }
}

static void turn(const float *from, size_t from_row, int blocks, int columns, float *to,
                 size_t to_row)
{
    for (int b = 0; b < blocks; b += CIRC_LANES) {
        for (int c = 0; c < columns; c += CIRC_LANES) {
            vec rows[CIRC_LANES];
#pragma GCC unroll 16
            for (int l = 0; l < CIRC_LANES; l++)
                rows[l] = b + l < blocks ? load(from + (size_t)(b + l) * from_row + c) : zero();
            transpose(rows);
#pragma GCC unroll 16
            for (int l = 0; l < CIRC_LANES; l++)
                if (c + l < columns)
                    store(to + (size_t)(c + l) * to_row + b, rows[l]);
        }
    }
}

static void pass_positive(float *restrict dx, const float *restrict x, const float *restrict dy,
                          int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float slope = dy[i];
        dx[i] = x[i] > 0 ? slope : 0;
    }
}

static void pass_equal(float *restrict dx, const float *restrict x, const float *restrict y,
                       float *restrict open, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        float slope = open[i], taken = x[i] == y[i] ? slope : 0;
        dx[i] += taken;
        open[i] = slope - taken;
    }
}

const struct circ_learning CIRC_LEARNING_TABLE = {
    .name = CIRC_TABLE_NAME,
    .rows_per_tile = TILE,
    .product = product,
    .dot = dot,
    .turn = turn,
    .pass_positive = pass_positive,
    .pass_equal = pass_equal,
};
