/* The activations' side of Winograd's minimal filtering (winograd.h), lanes over columns: input
 * rows to elements before the product, elements to output rows after it. Part of the template
 * kernels.c. */
#ifndef CIRC_WINOGRAD_ROWS_H
#define CIRC_WINOGRAD_ROWS_H

#include "backends/cpu/kernels.h"
#include "backends/cpu/lanes.h"

/* B x */
INLINE void elements_of(const vec x[6], vec e[6])
{
    vec even = x[4] - 4 * x[2], odd = x[3] - 4 * x[1];
    vec near = x[4] - x[2], far = 2 * (x[3] - x[1]);
    e[0] = (x[4] - 5 * x[2]) + 4 * x[0];
    e[1] = even + odd;
    e[2] = even - odd;
    e[3] = near + far;
    e[4] = near - far;
    e[5] = (x[5] - 5 * x[3]) + 4 * x[1];
}

static void winograd_in(const struct circ_winograd *a)
{
    for (int j = 0; j < a->blocks; j++) {
        size_t x_at = (size_t)j * a->x.block_stride, e_at = (size_t)j * a->e.block_stride;
        for (int c = 0; c < a->columns; c += CIRC_LANES, x_at += CIRC_LANES, e_at += CIRC_LANES) {
            vec x[6], re[6], im[6];
#pragma GCC unroll 6
            for (int r = 0; r < 6; r++)
                x[r] = load(a->x.re + a->row[r] + x_at);
            elements_of(x, re);
            if (!a->x.im) {
#pragma GCC unroll 6
                for (int e = 0; e < 6; e++)
                    store(a->e.re + (size_t)e * a->element + e_at, re[e]);
                continue;
            }
#pragma GCC unroll 6
            for (int r = 0; r < 6; r++)
                x[r] = load(a->x.im + a->row[r] + x_at);
            elements_of(x, im);
#pragma GCC unroll 6
            for (int e = 0; e < 6; e++) {
                size_t at = (size_t)e * a->element + e_at;
                store(a->e.re + at, re[e]);
                store(a->e.im + at, im[e]);
                store(a->e.sum + at, re[e] + im[e]);
            }
        }
    }
}

/* The first `rows` rows of A e; the last of them has the point at infinity too. */
INLINE void rows_of(const vec e[6], int rows, vec y[5])
{
    vec near = e[1] + e[2], far = e[3] + e[4], near_odd = e[1] - e[2], far_odd = e[3] - e[4];
    y[0] = e[0] + near + far;
    y[1] = near_odd + 2 * far_odd;
    y[2] = near + 4 * far;
    y[3] = near_odd + 8 * far_odd;
    y[4] = near + 16 * far;
    y[rows - 1] = y[rows - 1] + e[5];
}

/* The rows of the elements at `from`. */
INLINE void load_rows(const float *from, size_t element, int rows, vec y[5])
{
    vec e[6];
#pragma GCC unroll 6
    for (int l = 0; l < 6; l++)
        e[l] = load(from + (size_t)l * element);
    rows_of(e, rows, y);
}

/* The finished rows of blocks of one. */
INLINE void finished_rows(const struct circ_winograd *a, int rows)
{
    for (int i = 0; i < a->blocks; i++) {
        const float *from = a->e.re + (size_t)i * a->e.block_stride;
        float *to = a->x.re + (size_t)i * a->x.block_stride, bias = a->bias ? a->bias[i] : 0;
        for (int c = 0; c < a->columns; c += CIRC_LANES) {
            vec y[5];
            load_rows(from + c, a->element, rows, y);
#pragma GCC unroll 5
            for (int r = 0; r < rows; r++)
                if (r < a->kept) { /* the next channel's row is asked for */
                    __builtin_prefetch(to + a->x.block_stride + a->row[r] + c, 1);
                    finish(to + a->row[r] + c, y[r], bias, a->relu, a->columns - c);
                }
        }
    }
}

INLINE void winograd_out_rows(const struct circ_winograd *a, int rows)
{
    if (!a->x.im) {
        finished_rows(a, rows);
        return;
    }
    for (int i = 0; i < 2 * a->blocks; i++) { /* re of all blocks, then im */
        size_t block = (size_t)(i % a->blocks);
        const float *from = (i < a->blocks ? a->e.re : a->e.im) + block * a->e.block_stride;
        float *to = (i < a->blocks ? a->x.re : a->x.im) + block * a->x.block_stride;
        for (int c = 0; c < a->columns; c += CIRC_LANES) {
            vec y[5];
            load_rows(from + c, a->element, rows, y);
#pragma GCC unroll 5
            for (int r = 0; r < rows; r++)
                store(to + a->row[r] + c, y[r]);
        }
    }
}

static void winograd_out(const struct circ_winograd *a)
{
    switch (a->rows) {
    case 2:
        winograd_out_rows(a, 2);
        break;
    case 3:
        winograd_out_rows(a, 3);
        break;
    case 4:
        winograd_out_rows(a, 4);
        break;
    default:
        winograd_out_rows(a, 5);
    }
}

#endif
