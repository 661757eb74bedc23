/* The transforms on vectors: one transform in every lane. Part of the template kernels.c.
 *
 * A real transform of even length k = 2 n is a complex one of the pairs (x[2 r], x[2 r + 1]) and an
 * untangling pass (core/fft.h). Here the first pass loads the rows where they lie and the last one
 * untangles what it has in registers and stores the slots; the inverse has the same two at its ends
 * in reverse. Between them are Stockham passes as in core/fft_passes.h: a pass of radix R over the
 * current length R m at stride s.
 *
 * Radices are constants at every call, so that the arrays of a butterfly are registers. */
#ifndef CIRC_PASSES_H
#define CIRC_PASSES_H

#include "backends/cpu/lanes.h"
#include "backends/cpu/transform.h"

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

INLINE void dft2(vec *r, vec *i)
{
    vec ar = r[0], ai = i[0];
    r[0] = ar + r[1], i[0] = ai + i[1];
    r[1] = ar - r[1], i[1] = ai - i[1];
}

INLINE void dft3(vec *r, vec *i)
{
    const float s = 0.86602540378443864676f;
    vec sr = r[1] + r[2], si = i[1] + i[2], dr = r[1] - r[2], di = i[1] - i[2];
    vec br = r[0] - 0.5f * sr, bi = i[0] - 0.5f * si;
    r[0] = r[0] + sr, i[0] = i[0] + si;
    r[1] = br + s * di, i[1] = bi - s * dr;
    r[2] = br - s * di, i[2] = bi + s * dr;
}

INLINE void dft4(vec *r, vec *i)
{
    vec ar = r[0] + r[2], ai = i[0] + i[2], br = r[0] - r[2], bi = i[0] - i[2];
    vec cr = r[1] + r[3], ci = i[1] + i[3], dr = i[1] - i[3], di = r[3] - r[1]; /* -i (x1 - x3) */
    r[0] = ar + cr, i[0] = ai + ci;
    r[1] = br + dr, i[1] = bi + di;
    r[2] = ar - cr, i[2] = ai - ci;
    r[3] = br - dr, i[3] = bi - di;
}

INLINE void dft5(vec *r, vec *i)
{
    const float c1 = 0.30901699437494742410f, c2 = -0.80901699437494742410f;
    const float s1 = 0.95105651629515357212f, s2 = 0.58778525229247312917f;
    vec pr = r[1] + r[4], pi = i[1] + i[4], qr = r[1] - r[4], qi = i[1] - i[4];
    vec ur = r[2] + r[3], ui = i[2] + i[3], vr = r[2] - r[3], vi = i[2] - i[3];
    vec ar = r[0] + c1 * pr + c2 * ur, ai = i[0] + c1 * pi + c2 * ui;
    vec br = r[0] + c2 * pr + c1 * ur, bi = i[0] + c2 * pi + c1 * ui;
    vec cr = s1 * qi + s2 * vi, ci = s1 * qr + s2 * vr;
    vec dr = s2 * qi - s1 * vi, di = s2 * qr - s1 * vr;
    r[0] = r[0] + pr + ur, i[0] = i[0] + pi + ui;
    r[1] = ar + cr, i[1] = ai - ci;
    r[4] = ar - cr, i[4] = ai + ci;
    r[2] = br + dr, i[2] = bi - di;
    r[3] = br - dr, i[3] = bi + di;
}

INLINE void dft8(vec *r, vec *i)
{
    const float c = 0.70710678118654752440f;
    vec er[4], ei[4], or [4], oi[4];
#pragma GCC unroll 4
    for (int t = 0; t < 4; t++) {
        er[t] = r[t] + r[t + 4], ei[t] = i[t] + i[t + 4];
        or [t] = r[t] - r[t + 4], oi[t] = i[t] - i[t + 4];
    }
    dft4(er, ei);
    /* or[1] and or[3] are turned by an eighth and three eighths, their factor c left for later */
    vec pr = or [1] + oi[1], pi = oi[1] - or [1], qr = oi[3] - or [3], qi = or [3] + oi[3];
    vec ur = pr + qr, ui = pi - qi, vr = pi + qi, vi = qr - pr;
    vec ar = or [0] + oi[2], ai = oi[0] - or [2], br = or [0] - oi[2], bi = oi[0] + or [2];
#pragma GCC unroll 4
    for (int t = 0; t < 4; t++)
        r[2 * t] = er[t], i[2 * t] = ei[t];
    r[1] = ar + c * ur, i[1] = ai + c * ui;
    r[5] = ar - c * ur, i[5] = ai - c * ui;
    r[3] = br + c * vr, i[3] = bi + c * vi;
    r[7] = br - c * vr, i[7] = bi - c * vi;
}

INLINE void dft(int radix, vec *r, vec *i)
{
    if (radix == 2)
        dft2(r, i);
    else if (radix == 3)
        dft3(r, i);
    else if (radix == 4)
        dft4(r, i);
    else if (radix == 5)
        dft5(r, i);
    else if (radix == 8)
        dft8(r, i);
}

/* r, i times w, whose p-th group of radix - 1 pairs this is. */
INLINE void twiddle(int radix, const float *w, vec *r, vec *i)
{
#pragma GCC unroll 8
    for (int j = 1; j < radix; j++) {
        vec c = set1(w[2 * j - 2]), d = set1(w[2 * j - 1]), t = r[j];
        r[j] = t * c - i[j] * d;
        i[j] = t * d + i[j] * c;
    }
}

/* A pass between the first and the last, or the only one that twiddles at all: x to y. */
INLINE void middle(int radix, int m, int s, const float *w, const vec *restrict xr,
                   const vec *restrict xi, vec *restrict yr, vec *restrict yi)
{
    for (int p = 0; p < m; p++, w += 2 * (radix - 1)) {
        for (int q = 0; q < s; q++) {
            vec r[8], i[8];
#pragma GCC unroll 8
            for (int t = 0; t < radix; t++) {
                r[t] = xr[q + s * (p + m * t)];
                i[t] = xi[q + s * (p + m * t)];
            }
            dft(radix, r, i);
            if (p)
                twiddle(radix, w, r, i);
#pragma GCC unroll 8
            for (int t = 0; t < radix; t++) {
                yr[q + s * (radix * p + t)] = r[t];
                yi[q + s * (radix * p + t)] = i[t];
            }
        }
    }
}

/* First pass of the forward transform: rows to y, at stride 1. */
INLINE void first_rows(int radix, int m, const float *w, struct rows x, vec *restrict yr,
                       vec *restrict yi)
{
    for (int p = 0; p < m; p++, w += 2 * (radix - 1)) {
        const float *at = x.at + 2 * (size_t)p * x.stride;
        vec r[8], i[8];
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            r[t] = load(at + (size_t)(2 * m * t) * x.stride);
            i[t] = load(at + (size_t)(2 * m * t + 1) * x.stride);
        }
        dft(radix, r, i);
        twiddle(radix, w, r, i);
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            yr[radix * p + t] = r[t];
            yi[radix * p + t] = i[t];
        }
    }
}

/* Last pass of the inverse transform: x, at stride s, to finished rows. */
INLINE void last_rows(int radix, int s, const vec *xr, const vec *xi, float scale, struct rows y,
                      struct finish finish)
{
    vec factor = set1(scale), least = set1(finish.least);
    for (int q = 0; q < s; q++) {
        vec r[8], i[8];
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            r[t] = xr[q + s * t];
            i[t] = xi[q + s * t];
        }
        dft(radix, r, i);
        float *at = y.at + 2 * (size_t)q * y.stride;
        const float *bias = finish.bias + 2 * (size_t)q * finish.bias_step;
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) { /* the two parts change places in an inverse */
            size_t row = (size_t)(2 * s * t);
            vec even = i[t] * factor + set1(bias[row * finish.bias_step]);
            vec odd = r[t] * factor + set1(bias[(row + 1) * finish.bias_step]);
            store(at + row * y.stride, vmax(least, even));
            store(at + (row + 1) * y.stride, vmax(least, odd));
        }
    }
}

INLINE void put_slot(const struct slots *y, int f, vec re, vec im)
{
    store(y->re + (size_t)f * y->stride, re);
    store(y->im + (size_t)f * y->stride, im);
    if (y->sum)
        store(y->sum + (size_t)f * y->stride, re + im);
}

/* Bins f and n - f of the real transform from those of the complex one, a and b. */
INLINE void untangle(const struct slots *y, const float *w, int n, int f, vec ar, vec ai, vec br,
                     vec bi)
{
    vec c = set1(w[2 * f]), d = set1(w[2 * f + 1]), half = set1(0.5f);
    vec er = ar + br, ei = ai - bi;                   /* twice the even part */
    vec or = half * (ai + bi), oi = half * (br - ar); /* the odd part */
    vec tr = or *c - oi * d, ti = or *d + oi * c;
    put_slot(y, f, half * er + tr, half * ei + ti);
    if (2 * f != n)
        put_slot(y, n - f, half * er - tr, ti - half * ei);
}

/* Last pass of the forward transform: x, at stride s, to slots. Butterfly q has bins q + s j, and
 * butterfly s - q those that they untangle with. */
INLINE void last_slots(int radix, int s, const float *w, const vec *xr, const vec *xi,
                       struct slots y)
{
    int n = radix * s;
    for (int q = 0; 2 * q <= s; q++) {
        vec ar[8], ai[8], br[8], bi[8];
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            ar[t] = xr[q + s * t];
            ai[t] = xi[q + s * t];
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
                br[t] = xr[s - q + s * t];
                bi[t] = xi[s - q + s * t];
            }
            dft(radix, br, bi);
#pragma GCC unroll 8
            for (int t = 0; t < radix; t++)
                untangle(&y, w, n, q + s * t, ar[t], ai[t], br[radix - 1 - t], bi[radix - 1 - t]);
        }
    }
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
    vec tr = or *c + oi * d, ti = oi * c - or *d;
    *ar = er - ti, *ai = ei + tr;
    *br = er + ti, *bi = tr - ei;
}

/* First pass of the inverse transform: slots to y, at stride 1. Butterfly p takes bins p + m t, and
 * butterfly m - p those that they tangle with. */
INLINE void first_slots(int radix, int m, const float *w, const float *untangling, struct slots x,
                        vec *restrict yr, vec *restrict yi)
{
    int n = radix * m;
    for (int p = 0; 2 * p <= m; p++) {
        vec ar[8], ai[8], br[8], bi[8];
        bool own = p == 0 || 2 * p == m; /* pairs within itself */
        if (p == 0) {
            vec dc = load(x.re), nyquist = load(x.im), skip;
            ar[0] = dc + nyquist, ai[0] = dc - nyquist;
#pragma GCC unroll 8
            for (int t = 1; 2 * t <= radix; t++)
                tangle(&x, untangling, n, m * t, &ar[t], &ai[t],
                       2 * t == radix ? &skip : &ar[radix - t],
                       2 * t == radix ? &skip : &ai[radix - t]);
        } else if (own) {
            vec skip;
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
            yr[radix * p + t] = ai[t];
            yi[radix * p + t] = ar[t];
        }
        if (own)
            continue;
        dft(radix, bi, br);
        twiddle(radix, w + 2 * (radix - 1) * (m - p), bi, br);
#pragma GCC unroll 8
        for (int t = 0; t < radix; t++) {
            yr[radix * (m - p) + t] = bi[t];
            yi[radix * (m - p) + t] = br[t];
        }
    }
}

/* One case for each radix, a constant in it. */
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

/* Whole blocks in fused passes. work: 4 n vectors. */
static void fused_forward(const struct circ_transform *t, struct rows x, struct slots y, vec *work)
{
    int n = t->n, last = t->radix[t->passes - 1], s = 1;
    vec *ar = work, *ai = ar + n, *br = ai + n, *bi = br + n;
    const float *w = t->forward;
#define FIRST(r)  first_rows(r, n / (r), w, x, ar, ai)
#define MIDDLE(r) middle(r, n / s / (r), s, w, ar, ai, br, bi)
#define LAST(r)   last_slots(r, n / (r), t->untangle, ar, ai, y)
    if (t->passes == 1) {
        FIRST(1);
    } else {
        FOR_RADIX(t->radix[0], FIRST);
        s = t->radix[0];
        w += 2 * (size_t)(n - n / s);
    }
    for (int pass = 1; pass < t->passes - 1; pass++) {
        FOR_RADIX(t->radix[pass], MIDDLE);
        w += 2 * (size_t)(n / s - n / s / t->radix[pass]);
        s *= t->radix[pass];
        vec *swap = ar;
        ar = br, br = swap;
        swap = ai;
        ai = bi, bi = swap;
    }
    FOR_RADIX(last, LAST);
#undef FIRST
#undef MIDDLE
#undef LAST
}

static void fused_inverse(const struct circ_transform *t, struct slots x, struct rows y,
                          struct finish finish, vec *work)
{
    int n = t->n, first = t->radix[t->passes - 1], s = first;
    float scale = 1.0f / (float)t->k;
    vec *ar = work, *ai = ar + n, *br = ai + n, *bi = br + n;
    const float *w = t->inverse;
#define FIRST(r)  first_slots(r, n / (r), w, t->untangle, x, ar, ai)
#define MIDDLE(r) middle(r, n / s / (r), s, w, ar, ai, br, bi)
#define LAST(r)   last_rows(r, n / (r), ar, ai, scale, y, finish)
    FOR_RADIX(first, FIRST);
    w += 2 * (size_t)(n - n / s);
    for (int pass = t->passes - 2; pass > 0; pass--) {
        FOR_RADIX(t->radix[pass], MIDDLE);
        w += 2 * (size_t)(n / s - n / s / t->radix[pass]);
        s *= t->radix[pass];
        vec *swap = ar;
        ar = br, br = swap;
        swap = ai;
        ai = bi, bi = swap;
    }
    if (t->passes == 1)
        LAST(1);
    else
        FOR_RADIX(t->radix[0], LAST);
#undef FIRST
#undef MIDDLE
#undef LAST
}

/* The same for lengths that have no fused passes: rows in and out through work of 4 n vectors. */
static void plain_forward(const struct circ_transform *t, struct rows x, struct slots y, vec *work)
{
    int n = t->n, odd = t->k % 2;
    vec *re = work, *im = re + n;
    for (int r = 0; r < n; r++) {
        re[r] = load(x.at + (size_t)(odd ? r : 2 * r) * x.stride);
        im[r] = odd ? zero() : load(x.at + (size_t)(2 * r + 1) * x.stride);
    }
    lanes_forward(t->plan, t->plan->twiddle_f, re, im, im + n, im + 2 * n);
    for (int f = 0; f < t->slots; f++)
        put_slot(&y, f, re[f], im[f]);
}

static void plain_inverse(const struct circ_transform *t, struct slots x, struct rows y,
                          struct finish finish, vec *work)
{
    int n = t->n, odd = t->k % 2;
    vec *re = work, *im = re + n, least = set1(finish.least);
    for (int f = 0; f < t->slots; f++) {
        re[f] = load(x.re + (size_t)f * x.stride);
        im[f] = load(x.im + (size_t)f * x.stride);
    }
    lanes_inverse(t->plan, t->plan->twiddle_f, re, im, im + n, im + 2 * n);
    for (int r = 0; r < t->k; r++) {
        vec value = odd ? re[r] : r % 2 ? im[r / 2] : re[r / 2];
        value = value + set1(finish.bias[(size_t)r * finish.bias_step]);
        store(y.at + (size_t)r * y.stride, vmax(least, value));
    }
}

/* Whole blocks of k rows to slots and back. work: 4 n vectors. */
static inline void rows_to_slots(const struct circ_transform *t, struct rows x, struct slots y,
                                 vec *work)
{
    (t->fused ? fused_forward : plain_forward)(t, x, y, work);
}

static inline void slots_to_rows(const struct circ_transform *t, struct slots x, struct rows y,
                                 struct finish finish, vec *work)
{
    (t->fused ? fused_inverse : plain_inverse)(t, x, y, finish, work);
}

#endif
