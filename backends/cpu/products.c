/* The template of products.h, built once for each ISA row of meson.build.
 *
 * A complex product with interleaved parts needs no shuffle inside the sum: re(a) b and im(a) b are
 * summed apart, two FMA a term, and c = sum + i sum' once at the end. */
#include "backends/cpu/products.h"

#if CIRC_LANES == 1 /* complex numbers need two floats, and every processor of ours has four */
#undef CIRC_LANES
#define CIRC_LANES 4
#endif
#include "backends/cpu/lanes.h"

#include <math.h>

#define PAIRS (CIRC_LANES / 2)
/* Rows of a tile, of VECTORS vectors each: 12 sums in 16 registers, 24 in 32. */
#define TILE 6
#if CIRC_LANES == 16 || defined(__aarch64__)
#define VECTORS 2
#else
#define VECTORS 1
#endif
#define WIDE (4 * VECTORS) /* vectors of a tile of one row: chains that hide the latency */

/* i v: (re, im) becomes (-im, re). */
INLINE vec times_i(vec v)
{
    mask swap;
    vec sign;
    for (int l = 0; l < CIRC_LANES; l++) {
        swap[l] = l ^ 1;
        sign[l] = l % 2 ? 1.0f : -1.0f;
    }
    return __builtin_shuffle(v, swap) * sign;
}

/* rows x vectors of c; both are constants at every call, so the arrays are registers. */
INLINE void tile(const struct circ_bin_product *p, int rows, int vectors, int row, int column)
{
    vec re[TILE][WIDE], im[TILE][WIDE];
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            re[m][v] = im[m][v] = zero();
    }
    const float *a = p->a + 2 * (size_t)row;
    for (int t = 0; t < p->taps; t++) {
        if (p->a_tap)
            a = p->a + 2 * (p->a_tap[t] + (size_t)row);
        const float *b = p->b + 2 * (p->b_tap[t] + (size_t)column);
        for (int j = 0; j < p->terms; j++) {
            vec x[WIDE];
#pragma GCC unroll 8
            for (int v = 0; v < vectors; v++)
                x[v] = load(b + v * CIRC_LANES);
#pragma GCC unroll 8
            for (int m = 0; m < rows; m++) {
                vec ar = set1(a[2 * m]), ai = set1(a[2 * m + 1]);
#pragma GCC unroll 8
                for (int v = 0; v < vectors; v++) {
                    re[m][v] = re[m][v] + ar * x[v];
                    im[m][v] = im[m][v] + ai * x[v];
                }
            }
            a += 2 * p->a_term;
            b += 2 * p->b_term;
        }
    }
#pragma GCC unroll 8
    for (int m = 0; m < rows; m++) {
        float *c = p->c + 2 * ((size_t)(row + m) * p->c_row + (size_t)column);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            store(c + v * CIRC_LANES, re[m][v] + times_i(im[m][v]));
    }
}

INLINE void tile_row(const struct circ_bin_product *p, int rows, int row)
{
    int column = 0;
    for (; rows == 1 && p->columns - column > (WIDE - 1) * PAIRS; column += WIDE * PAIRS)
        tile(p, 1, WIDE, row, column);
    for (; p->columns - column > (VECTORS - 1) * PAIRS; column += VECTORS * PAIRS)
        tile(p, rows, VECTORS, row, column);
    for (; column < p->columns; column += PAIRS)
        tile(p, rows, 1, row, column);
}

static void bin(const struct circ_bin_product *p)
{
    for (int row = 0; row < p->rows; row += TILE) {
        switch (p->rows - row < TILE ? p->rows - row : TILE) {
        case 6:
            tile_row(p, 6, row);
            break;
        case 5:
            tile_row(p, 5, row);
            break;
        case 4:
            tile_row(p, 4, row);
            break;
        case 3:
            tile_row(p, 3, row);
            break;
        case 2:
            tile_row(p, 2, row);
            break;
        default:
            tile_row(p, 1, row);
        }
    }
}

/* Bins f .. f + PAIRS - 1 of `rows` rows: w re(x) and w im(x) are summed apart. */
INLINE void bins_tile(const struct circ_bins_product *p, int rows, int row, int f)
{
    vec re[4], im[4];
    mask even, odd;
    for (int l = 0; l < CIRC_LANES; l++) {
        even[l] = l & ~1;
        odd[l] = l | 1;
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
        re[i] = im[i] = zero();
    size_t w_row = 2 * (size_t)p->padded * (size_t)p->terms;
    const float *w = p->w + (size_t)row * w_row + 2 * (size_t)f * (size_t)p->terms;
    const float *x = p->x + 2 * f;
    for (int j = 0; j < p->terms; j++, w += CIRC_LANES, x += 2 * p->padded) {
        vec value = load(x);
        vec xr = __builtin_shuffle(value, even), xi = __builtin_shuffle(value, odd);
#pragma GCC unroll 4
        for (int i = 0; i < rows; i++) {
            vec weight = load(w + (size_t)i * w_row);
            re[i] = re[i] + weight * xr;
            im[i] = im[i] + weight * xi;
        }
    }
#pragma GCC unroll 4
    for (int i = 0; i < rows; i++)
        store(p->y + 2 * ((size_t)(row + i) * (size_t)p->padded + (size_t)f),
              re[i] + times_i(im[i]));
}

static void bins(const struct circ_bins_product *p)
{
    int row = 0;
    for (; row + 4 <= p->rows; row += 4)
        for (int f = 0; f < p->padded; f += PAIRS)
            bins_tile(p, 4, row, f);
    for (; row < p->rows; row++)
        for (int f = 0; f < p->padded; f += PAIRS)
            bins_tile(p, 1, row, f);
}

static void finish_rows(const struct circ_finish *p)
{
    float least = p->relu ? 0 : -INFINITY;
    if (p->columns == 1 && p->x_row == 1 && p->y_row == 1) {
        for (int c = 0; c < p->channels; c++) {
            float value = p->x[c] + (p->bias ? p->bias[c] : 0);
            p->y[c] = value < least ? least : value;
        }
        return;
    }
    for (int c = 0; c < p->channels; c++) {
        const float *x = p->x + (size_t)c * p->x_row;
        float *y = p->y + (size_t)c * p->y_row, bias = p->bias ? p->bias[c] : 0;
        for (int i = 0; i < p->columns; i++) {
            float value = x[i] + bias;
            y[i] = value < least ? least : value;
        }
    }
}

const struct circ_products CIRC_PRODUCTS = {
    .name = CIRC_TABLE_NAME,
    .pairs = PAIRS,
    .tile = TILE,
    .bin = bin,
    .bins = bins,
    .finish = finish_rows,
};
