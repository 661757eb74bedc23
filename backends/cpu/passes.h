/* The transforms on vectors: one transform in every lane. Part of the template kernels.c.
 *
 * A real transform of even length k = 2 n is a complex one of the pairs (x[2 r], x[2 r + 1]) and an
 * untangling pass (core/fft.h). Here the first pass loads the rows where they lie and the last one
 * untangles what it has in registers and stores the slots; the inverse has the same two at its ends
 * in reverse. The passes are decimation in frequency, in place: the first-level cache holds a
 * block's rows, its n values and its slots, and no second copy. What that leaves out of order the
 * last pass puts right, for it can store anywhere.
 *
 * Radices are constants at every call, so that the arrays of a butterfly are registers; for powers
 * of two so are the lengths, so that addresses are too. */
#ifndef CIRC_PASSES_H
#define CIRC_PASSES_H

#include "backends/cpu/butterflies.h"
#include "backends/cpu/lanes.h"
#include "backends/cpu/transform.h"

#include <string.h>

/* Rows of a block: row r at `at + r stride`. */
struct rows {
    float *at;
    size_t stride;
};

/* A block's slots: slot f at `f stride` of each plane; sum = re + im, not stored where NULL. */
struct slots {
    float *re, *im, *sum;
    size_t stride;
};

/* What becomes of a row of the inverse: value scale + bias[row bias_step], no less than least. */
struct finish {
    const float *bias;
    size_t bias_step; /* 0: one bias for all rows */
    float least;      /* 0: ReLU; -INFINITY: none */
};

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

/* A pass between the first and the last, in place: sub-transforms of `length`. */
INLINE void middle(int radix, int n, int length, const float *w, vec *re, vec *im)
{
    int m = length / radix;
    for (int p = 0; p < m; p++, w += 2 * (radix - 1)) {
        for (int at = p; at < n; at += length) {
            vec r[8], i[8];
#pragma GCC unroll 8
            for (int t = 0; t < radix; t++) {
                r[t] = re[at + m * t];
                i[t] = im[at + m * t];
            }
            dft(radix, r, i);
            if (p)
                twiddle(radix, w, r, i);
#pragma GCC unroll 8
            for (int t = 0; t < radix; t++) {
                re[at + m * t] = r[t];
                im[at + m * t] = i[t];
            }
        }
    }
}

/* First pass of the forward transform: rows to values. */
INLINE void first_rows(int radix, int n, const float *w, struct rows x, vec *re, vec *im)
{
    int m = n / radix;
    for (int p = 0; p < m; p++, w += 2 * (radix - 1)) {
        const float *at = x.at + 2 * (size_t)p * x.stride;
        vec r[8], i[8];
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            r[t] = load(at + (size_t)(2 * m * t) * x.stride);
            i[t] = load(at + (size_t)(2 * m * t + 1) * x.stride);
        }
        dft(radix, r, i);
        if (p)
            twiddle(radix, w, r, i);
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            re[p + m * t] = r[t];
            im[p + m * t] = i[t];
        }
    }
}

/* Values of rows 2 pair and 2 pair + 1, finished; next: where what is written soon lies, or 0. */
INLINE void put_rows(const struct rows *y, int pair, vec even, vec odd, const struct finish *finish,
                     vec least, size_t next)
{
    size_t row = 2 * (size_t)pair;
    float *at = y->at + row * y->stride;
    const float *bias = finish->bias + row * finish->bias_step;
    if (next) {
        __builtin_prefetch(at + next, 1);
        __builtin_prefetch(at + y->stride + next, 1);
    }
    store(at, vmax(least, even + set1(bias[0])));
    store(at + y->stride, vmax(least, odd + set1(bias[finish->bias_step])));
}

/* Last pass of the inverse transform: values to finished rows. Those `next` further on are written
 * after them, and asked for. */
INLINE void last_rows(int radix, int n, const int *order, const vec *re, const vec *im, vec scale,
                      struct rows y, struct finish finish, size_t next)
{
    int s = n / radix;
    vec least = set1(finish.least);
    for (int q = 0; q < s; q++) {
        vec r[8], i[8];
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            r[t] = re[order[q] + t];
            i[t] = im[order[q] + t];
        }
        dft(radix, r, i);
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) /* the two parts change places in an inverse */
            put_rows(&y, q + s * t, i[t] * scale, r[t] * scale, &finish, least,
                     n <= 128 ? next : 0); /* those of longer ones would be gone when due */
    }
}

INLINE void put_slot(const struct slots *y, int f, vec re, vec im)
{
    size_t at = (size_t)f * y->stride;
    store(y->re + at, re);
    store(y->im + at, im);
    if (y->sum)
        store(y->sum + at, re + im);
}

/* Bins f and n - f of the real transform from those of the complex one, a and b. */
INLINE void untangle(const struct slots *y, const float *w, int n, int f, vec ar, vec ai, vec br,
                     vec bi)
{
    vec c = set1(w[2 * f]), d = set1(w[2 * f + 1]), half = set1(0.5f);
    vec er = ar + br, ei = ai - bi, or = ai + bi, oi = br - ar; /* twice the even and odd parts */
    vec ur = half * er, ui = half * ei;
    vec fr = ur + or *c - oi * d, fi = ui + or *d + oi * c; /* c, d: half the root */
    put_slot(y, f, fr, fi);
    if (2 * f != n)
        put_slot(y, n - f, er - fr, fi - ei);
}

/* Last pass of the forward transform: values to slots. Butterfly q has bins q + s t, and butterfly
 * s - q those that they untangle with. */
INLINE void last_slots(int radix, int n, const int *order, const float *w, const vec *re,
                       const vec *im, struct slots y)
{
    int s = n / radix;
    for (int q = 0; 2 * q <= s; q++) {
        vec ar[8], ai[8], br[8], bi[8];
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            ar[t] = re[order[q] + t];
            ai[t] = im[order[q] + t];
        }
        dft(radix, ar, ai);
        if (q == 0) {
            put_slot(&y, 0, ar[0] + ai[0], ar[0] - ai[0]);
#pragma GCC unroll 8
            for (int t = 1; 2 * t <= radix; t++)
                untangle(&y, w, n, s * t, ar[t], ai[t], ar[radix - t], ai[radix - t]);
        } else if (2 * q == s) {
#pragma GCC unroll 8
            for (int t = 0; 2 * t < radix; t++)
                untangle(&y, w, n, q + s * t, ar[t], ai[t], ar[radix - 1 - t], ai[radix - 1 - t]);
        } else {
#pragma GCC unroll 8
            for (int t = 0; t < radix; t++) {
                br[t] = re[order[s - q] + t];
                bi[t] = im[order[s - q] + t];
            }
            dft(radix, br, bi);
#pragma GCC unroll 8
            for (int t = 0; t < radix; t++)
                untangle(&y, w, n, q + s * t, ar[t], ai[t], br[radix - 1 - t], bi[radix - 1 - t]);
        }
    }
}

/* All passes of the forward transform where there is one. */
INLINE void only_slots(int n, const float *w, struct rows x, struct slots y)
{
    vec r[8], i[8];
#pragma GCC unroll 8
    for (int t = 0; t < n; t++) {
        r[t] = load(x.at + (size_t)(2 * t) * x.stride);
        i[t] = load(x.at + (size_t)(2 * t + 1) * x.stride);
    }
    dft(n, r, i);
    put_slot(&y, 0, r[0] + i[0], r[0] - i[0]);
#pragma GCC unroll 8
    for (int t = 1; 2 * t <= n; t++)
        untangle(&y, w, n, t, r[t], i[t], r[n - t], i[n - t]);
}

/* The other way: bins f and n - f of the real transform to those of the complex one, times 2. */
INLINE void tangle(const struct slots *x, const float *w, int n, int f, vec *ar, vec *ai, vec *br,
                   vec *bi)
{
    size_t low = (size_t)f * x->stride, high = (size_t)(n - f) * x->stride;
    vec c = set1(w[2 * f]), d = set1(w[2 * f + 1]);
    vec lr = load(x->re + low), li = load(x->im + low);
    vec hr = load(x->re + high), hi = load(x->im + high);
    vec er = lr + hr, ei = li - hi, or = lr - hr, oi = li + hi;
    vec tr = or *c + oi * d, ti = oi * c - or *d; /* c, d: half the root */
    *ar = er - 2 * ti, *ai = ei + 2 * tr;
    *br = er + 2 * ti, *bi = 2 * tr - ei;
}

/* All passes of the inverse transform where there is one. */
INLINE void only_rows(int n, const float *untangling, struct slots x, vec scale, struct rows y,
                      struct finish finish, size_t next)
{
    vec r[8], i[8], skip, dc = load(x.re), nyquist = load(x.im), least = set1(finish.least);
    r[0] = dc + nyquist, i[0] = dc - nyquist;
#pragma GCC unroll 8
    for (int t = 1; 2 * t <= n; t++)
        tangle(&x, untangling, n, t, &r[t], &i[t], 2 * t == n ? &skip : &r[n - t],
               2 * t == n ? &skip : &i[n - t]);
    dft(n, i, r);
#pragma GCC unroll 8
    for (int t = 0; t < n; t++)
        put_rows(&y, t, r[t] * scale, i[t] * scale, &finish, least, next);
}

/* First pass of the inverse transform: slots to values. Butterfly p takes bins p + m t, and
 * butterfly m - p those that they tangle with. */
INLINE void first_slots(int radix, int n, const float *w, const float *untangling, struct slots x,
                        vec *re, vec *im)
{
    int m = n / radix;
    for (int p = 0; 2 * p <= m; p++) {
        vec ar[8], ai[8], br[8], bi[8], skip;
        bool own = p == 0 || 2 * p == m; /* pairs within itself */
        if (p == 0) {
            vec dc = load(x.re), nyquist = load(x.im);
            ar[0] = dc + nyquist, ai[0] = dc - nyquist;
#pragma GCC unroll 8
            for (int t = 1; 2 * t <= radix; t++)
                tangle(&x, untangling, n, m * t, &ar[t], &ai[t],
                       2 * t == radix ? &skip : &ar[radix - t],
                       2 * t == radix ? &skip : &ai[radix - t]);
        } else if (own) {
#pragma GCC unroll 8
            for (int t = 0; 2 * t < radix; t++)
                tangle(&x, untangling, n, p + m * t, &ar[t], &ai[t],
                       2 * t == radix - 1 ? &skip : &ar[radix - 1 - t],
                       2 * t == radix - 1 ? &skip : &ai[radix - 1 - t]);
        } else {
#pragma GCC unroll 8
            for (int t = 0; t < radix; t++)
                tangle(&x, untangling, n, p + m * t, &ar[t], &ai[t], &br[radix - 1 - t],
                       &bi[radix - 1 - t]);
        }
        /* the inverse is the forward transform with the parts exchanged */
        dft(radix, ai, ar);
        if (p)
            twiddle(radix, w + 2 * (radix - 1) * p, ai, ar);
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            re[p + m * t] = ai[t];
            im[p + m * t] = ar[t];
        }
        if (own)
            continue;
        dft(radix, bi, br);
        twiddle(radix, w + 2 * (radix - 1) * (m - p), bi, br);
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            re[m - p + m * t] = bi[t];
            im[m - p + m * t] = br[t];
        }
    }
}

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

INLINE void fused_inverse(const struct circ_transform *t, const struct shape shape, struct slots x,
                          struct rows y, struct finish finish, struct many many, vec *work)
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
        finish.bias += 2 * (size_t)n * finish.bias_step;
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
        run(32, 2, {8 COMMA 4}) run(64, 3, {4 COMMA 4 COMMA 4}) run(128, 3, {8 COMMA 4 COMMA 4})   \
            run(256, 3, {8 COMMA 8 COMMA 4}) run(512, 4, {8 COMMA 4 COMMA 4 COMMA 4})
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
        fused_inverse(t, (struct shape){n, passes, __VA_ARGS__}, x, y, finish, many, work);        \
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
    fused_inverse(t, shape, x, y, finish, many, work);
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

#endif
