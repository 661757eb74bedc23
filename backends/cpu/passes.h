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

/* Values of rows 2 pair and 2 pair + 1, finished where there is a finish; next: where what is
 * written soon lies, or 0. */
INLINE void put_rows(const struct rows *y, int pair, vec even, vec odd, const struct finish *finish,
                     size_t next)
{
    size_t row = 2 * (size_t)pair;
    float *at = y->at + row * y->stride;
    if (!finish) {
        store(at, even);
        store(at + y->stride, odd);
        return;
    }
    const float *bias = finish->bias + row * finish->bias_step;
    vec least = set1(finish->least);
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
                      struct rows y, const struct finish *finish, size_t next)
{
    int s = n / radix;
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
            put_rows(&y, q + s * t, i[t] * scale, r[t] * scale, finish,
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
                      const struct finish *finish, size_t next)
{
    vec r[8], i[8], skip, dc = load(x.re), nyquist = load(x.im);
    r[0] = dc + nyquist, i[0] = dc - nyquist;
#pragma GCC unroll 8
    for (int t = 1; 2 * t <= n; t++)
        tangle(&x, untangling, n, t, &r[t], &i[t], 2 * t == n ? &skip : &r[n - t],
               2 * t == n ? &skip : &i[n - t]);
    dft(n, i, r);
#pragma GCC unroll 8
    for (int t = 0; t < n; t++)
        put_rows(&y, t, r[t] * scale, i[t] * scale, finish, next);
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

#endif
