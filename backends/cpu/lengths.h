/* Whole transforms on vectors, for every length: made of the passes (passes.h) where it has those,
 * of the plain ones (core/fft_passes.h) where it has not. Part of the template kernels.c.
 *
 * For powers of two the lengths are constants, so that addresses are too. */
#ifndef CIRC_LENGTHS_H
#define CIRC_LENGTHS_H

#include "backends/cpu/passes.h"
#include "backends/cpu/transform.h"

#include <math.h>
#include <string.h>

/* A length and its passes, a constant where it can be one. */
struct shape {
    int n, passes;
    int radix[CIRC_TRANSFORM_MAX_PASSES];
};

/* So many transforms at once: blocks, of columns in so many vectors. */
struct many {
    int blocks, vectors;
    size_t row_block, slot_block; /* from a block to the next, among rows and among slots */
};

static const struct many single = {1, 1, 0, 0};

/* One case for each radix, a constant in it; a switch over a constant is one call. */
#define FOR_RADIX(radix, run)                                                                      \
    do {                                                                                           \
        switch (radix) {                                                                           \
        case 1:                                                                                    \
            run(1);                                                                                \
            break;                                                                                 \
        case 2:                                                                                    \
            run(2);                                                                                \
            break;                                                                                 \
        case 3:                                                                                    \
            run(3);                                                                                \
            break;                                                                                 \
        case 4:                                                                                    \
            run(4);                                                                                \
            break;                                                                                 \
        case 5:                                                                                    \
            run(5);                                                                                \
            break;                                                                                 \
        default:                                                                                   \
            run(8);                                                                                \
        }                                                                                          \
    } while (0)

/* Whole blocks in fused passes. work: 2 n vectors. */
INLINE void fused_forward(const struct circ_transform *t, const struct shape shape, struct rows x,
                          struct slots y, struct many many, vec *work)
{
    int n = shape.n;
    vec *re = work, *im = re + n;
    for (int b = 0; b < many.blocks; b++) {
        for (int v = 0; v < many.vectors; v++) {
            size_t x_at = (size_t)b * many.row_block + (size_t)v * CIRC_LANES;
            size_t y_at = (size_t)b * many.slot_block + (size_t)v * CIRC_LANES;
            struct rows from = {x.at + x_at, x.stride};
            struct slots to = {y.re + y_at, y.im + y_at, y.sum ? y.sum + y_at : NULL, y.stride};
            const float *w = t->forward;
            int length = n;
#define FIRST(r)  first_rows(r, n, w, from, re, im)
#define MIDDLE(r) middle(r, n, length, w, re, im)
#define LAST(r)   last_slots(r, n, t->forward_order, t->untangle, re, im, to)
#define ONLY(r)   only_slots(r, t->untangle, from, to)
            if (shape.passes == 1) {
                FOR_RADIX(n, ONLY);
                continue;
            }
            FOR_RADIX(shape.radix[0], FIRST);
            w += 2 * (length - length / shape.radix[0]);
            length /= shape.radix[0];
#pragma GCC unroll 4
            for (int pass = 1; pass < shape.passes - 1; pass++) {
                FOR_RADIX(shape.radix[pass], MIDDLE);
                w += 2 * (length - length / shape.radix[pass]);
                length /= shape.radix[pass];
            }
            FOR_RADIX(shape.radix[shape.passes - 1], LAST);
#undef ONLY
#undef FIRST
#undef MIDDLE
#undef LAST
        }
    }
}

/* finish: NULL stores rows as they are. */
INLINE void fused_inverse(const struct circ_transform *t, const struct shape shape, struct slots x,
                          struct rows y, struct finish *finish, struct many many, vec *work)
{
    int n = shape.n;
    vec *re = work, *im = re + n, scale = set1(t->scale);
    size_t next = many.vectors > 1 ? CIRC_LANES : many.row_block; /* what is written after this */
    for (int b = 0; b < many.blocks; b++) {
        for (int v = 0; v < many.vectors; v++) {
            size_t x_at = (size_t)b * many.slot_block + (size_t)v * CIRC_LANES;
            size_t y_at = (size_t)b * many.row_block + (size_t)v * CIRC_LANES;
            struct slots from = {x.re + x_at, x.im + x_at, NULL, x.stride};
            struct rows to = {y.at + y_at, y.stride};
            const float *w = t->inverse;
            int length = n;
#define FIRST(r)  first_slots(r, n, w, t->untangle, from, re, im)
#define MIDDLE(r) middle(r, n, length, w, re, im)
#define LAST(r)   last_rows(r, n, t->inverse_order, re, im, scale, to, finish, next)
#define ONLY(r)   only_rows(r, t->untangle, from, scale, to, finish, next)
            if (shape.passes == 1) {
                FOR_RADIX(n, ONLY);
                continue;
            }
            FOR_RADIX(shape.radix[shape.passes - 1], FIRST);
            w += 2 * (length - length / shape.radix[shape.passes - 1]);
            length /= shape.radix[shape.passes - 1];
#pragma GCC unroll 4
            for (int pass = shape.passes - 2; pass > 0; pass--) {
                FOR_RADIX(shape.radix[pass], MIDDLE);
                w += 2 * (length - length / shape.radix[pass]);
                length /= shape.radix[pass];
            }
            FOR_RADIX(shape.radix[0], LAST);
#undef ONLY
#undef FIRST
#undef MIDDLE
#undef LAST
        }
        if (finish)
            finish->bias += 2 * (size_t)n * finish->bias_step;
    }
}

/* The same for lengths that have no fused passes. work: 4 n vectors. */
static void plain_forward(const struct circ_transform *t, struct rows x, struct slots y,
                          struct many many, vec *work)
{
    int n = t->n, odd = t->k % 2;
    vec *re = work, *im = re + n;
    for (int at = 0; at < many.blocks * many.vectors; at++) {
        size_t b = (size_t)(at / many.vectors), c = (size_t)(at % many.vectors) * CIRC_LANES;
        const float *from = x.at + b * many.row_block + c;
        size_t y_at = b * many.slot_block + c;
        struct slots to = {y.re + y_at, y.im + y_at, y.sum ? y.sum + y_at : NULL, y.stride};
        for (int r = 0; r < n; r++) {
            re[r] = load(from + (size_t)(odd ? r : 2 * r) * x.stride);
            im[r] = odd ? zero() : load(from + (size_t)(2 * r + 1) * x.stride);
        }
        if (t->k > 1)
            lanes_forward(t->plan, t->plan->twiddle_f, re, im, im + n, im + 2 * n);
        for (int f = 0; f < t->slots; f++)
            put_slot(&to, f, re[f], im[f]);
    }
}

static void plain_inverse(const struct circ_transform *t, struct slots x, struct rows y,
                          struct finish finish, struct many many, vec *work)
{
    int n = t->n, odd = t->k % 2;
    vec *re = work, *im = re + n, least = set1(finish.least);
    for (int at = 0; at < many.blocks * many.vectors; at++) {
        size_t b = (size_t)(at / many.vectors), c = (size_t)(at % many.vectors) * CIRC_LANES;
        size_t from = b * many.slot_block + c;
        float *to = y.at + b * many.row_block + c;
        for (int f = 0; f < t->slots; f++) {
            re[f] = load(x.re + from + (size_t)f * x.stride);
            im[f] = load(x.im + from + (size_t)f * x.stride);
        }
        if (t->k > 1)
            lanes_inverse(t->plan, t->plan->twiddle_f, re, im, im + n, im + 2 * n);
        for (int r = 0; r < t->k; r++) {
            vec value = odd ? re[r] : r % 2 ? im[r / 2] : re[r / 2];
            value = value + set1(finish.bias[(b * (size_t)t->k + (size_t)r) * finish.bias_step]);
            store(to + (size_t)r * y.stride, vmax(least, value));
        }
    }
}

/* Powers of two, whose shapes are constants: as circ_transform_create splits them. */
#define FOR_SHAPE(run)                                                                             \
    run(1, 1, {1}) run(2, 1, {2}) run(4, 1, {4}) run(8, 1, {8}) run(16, 2, {4 COMMA 4})            \
        run(32, 2, {8 COMMA 4}) run(64, 3, {8 COMMA 4 COMMA 2}) run(128, 3, {8 COMMA 8 COMMA 2})   \
            run(256, 3, {8 COMMA 8 COMMA 4}) run(512, 3, {8 COMMA 8 COMMA 8})
#define COMMA ,

#define DEFINE(n, passes, ...)                                                                     \
    static                                                                                         \
        __attribute__((noinline)) void forward_##n(const struct circ_transform *t, struct rows x,  \
                                                   struct slots y, struct many many, vec *work)    \
    {                                                                                              \
        fused_forward(t, (struct shape){n, passes, __VA_ARGS__}, x, y, many, work);                \
    }                                                                                              \
    static __attribute__((noinline)) void inverse_##n(                                             \
        const struct circ_transform *t, struct slots x, struct rows y, struct finish finish,       \
        struct many many, vec *work)                                                               \
    {                                                                                              \
        fused_inverse(t, (struct shape){n, passes, __VA_ARGS__}, x, y, &finish, many, work);       \
    }                                                                                              \
    static __attribute__((noinline)) void forward_gathered_##n(                                    \
        const struct circ_transform *t, float *rows, struct slots y, vec *work)                    \
    {                                                                                              \
        fused_forward(t, (struct shape){n, passes, __VA_ARGS__}, (struct rows){rows, CIRC_LANES},  \
                      y, single, work);                                                            \
    }                                                                                              \
    static __attribute__((noinline)) void inverse_gathered_##n(                                    \
        const struct circ_transform *t, struct slots x, float *rows, vec *work)                    \
    {                                                                                              \
        fused_inverse(t, (struct shape){n, passes, __VA_ARGS__}, x,                                \
                      (struct rows){rows, CIRC_LANES}, NULL, single, work);                        \
    }
FOR_SHAPE(DEFINE)
#undef DEFINE

static void any_forward(const struct circ_transform *t, struct rows x, struct slots y,
                        struct many many, vec *work)
{
    struct shape shape = {t->n, t->passes, {0}};
    memcpy(shape.radix, t->radix, sizeof shape.radix);
    fused_forward(t, shape, x, y, many, work);
}

static void any_inverse(const struct circ_transform *t, struct slots x, struct rows y,
                        struct finish finish, struct many many, vec *work)
{
    struct shape shape = {t->n, t->passes, {0}};
    memcpy(shape.radix, t->radix, sizeof shape.radix);
    fused_inverse(t, shape, x, y, &finish, many, work);
}

/* Whole blocks of k rows to slots and back. work: 4 n vectors. */
static inline void rows_to_slots(const struct circ_transform *t, struct rows x, struct slots y,
                                 struct many many, vec *work)
{
    switch (t->fused ? t->n : -1) {
    case -1:
        plain_forward(t, x, y, many, work);
        break;
#define CASE(n, passes, ...)                                                                       \
    case n:                                                                                        \
        forward_##n(t, x, y, many, work);                                                          \
        break;
        FOR_SHAPE(CASE)
#undef CASE
    default:
        any_forward(t, x, y, many, work);
    }
}

static inline void slots_to_rows(const struct circ_transform *t, struct slots x, struct rows y,
                                 struct finish finish, struct many many, vec *work)
{
    switch (t->fused ? t->n : -1) {
    case -1:
        plain_inverse(t, x, y, finish, many, work);
        break;
#define CASE(n, passes, ...)                                                                       \
    case n:                                                                                        \
        inverse_##n(t, x, y, finish, many, work);                                                  \
        break;
        FOR_SHAPE(CASE)
#undef CASE
    default:
        any_inverse(t, x, y, finish, many, work);
    }
}

/* The same of one vector of one block whose rows lie side by side, as they are before a finish: the
 * strides are constants, and addresses leave registers to values. */
static inline void gathered_to_slots(const struct circ_transform *t, float *rows, struct slots y,
                                     vec *work)
{
    switch (t->fused ? t->n : -1) {
#define CASE(n, passes, ...)                                                                       \
    case n:                                                                                        \
        forward_gathered_##n(t, rows, y, work);                                                    \
        break;
        FOR_SHAPE(CASE)
#undef CASE
    default:
        rows_to_slots(t, (struct rows){rows, CIRC_LANES}, y, single, work);
    }
}

static inline void slots_to_gathered(const struct circ_transform *t, struct slots x, float *rows,
                                     vec *work)
{
    static const float none = 0;
    switch (t->fused ? t->n : -1) {
#define CASE(n, passes, ...)                                                                       \
    case n:                                                                                        \
        inverse_gathered_##n(t, x, rows, work);                                                    \
        break;
        FOR_SHAPE(CASE)
#undef CASE
    default:
        slots_to_rows(t, x, (struct rows){rows, CIRC_LANES}, (struct finish){&none, 0, -INFINITY},
                      single, work);
    }
}

#endif
