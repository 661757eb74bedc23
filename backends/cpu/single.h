/* Transforms of one block at a time, its lanes within the block: for layers of few long blocks,
 * where lanes over blocks would be empty. Part of the template kernels.c.
 *
 * The complex transform of n = m L values, L lanes, in four steps (Bailey, "FFTs in external or
 * hierarchical memory", 1990): value r L + l is lane l of row r, so the rows are transformed as
 * they lie, m at a time in every lane; lane l of row f is turned by w_n^(l f); squares are
 * transposed, so that lanes become rows; and the L rows are transformed across. Bin f + m g comes
 * out as lane f of row g, in order. Untangling pairs bin f with n - f: the second of them in
 * reversed vectors. */
#ifndef CIRC_SINGLE_H
#define CIRC_SINGLE_H

#include "backends/cpu/kernels.h"
#include "backends/cpu/lengths.h"

#include <math.h>
#include <string.h>

#if CIRC_LANES > 1 /* one lane is always full: circ_transform_create never asks for these */
INLINE vec reversed(vec v)
{
    mask order;
    for (int l = 0; l < CIRC_LANES; l++)
        order[l] = CIRC_LANES - 1 - l;
    return __builtin_shuffle(v, order);
}

/* L rows across: L = 4, 8 or 16. */
INLINE void dft_across(vec *r, vec *i)
{
#if CIRC_LANES == 4
    dft4(r, i);
#elif CIRC_LANES == 8
    dft8(r, i);
#else
    static const float cosine[10] = {
        1,  0.92387953251128675613f,  0.70710678118654752440f,  0.38268343236508977173f,
        0,  -0.38268343236508977173f, -0.70710678118654752440f, -0.92387953251128675613f,
        -1, -0.92387953251128675613f};
    static const float sine[10] = {
        0, 0.38268343236508977173f, 0.70710678118654752440f, 0.92387953251128675613f,
        1, 0.92387953251128675613f, 0.70710678118654752440f, 0.38268343236508977173f,
        0, -0.38268343236508977173f};
    vec tr[16], ti[16];
#pragma GCC unroll 4
    for (int p = 0; p < 4; p++) {
        vec ar[4] = {r[p], r[p + 4], r[p + 8], r[p + 12]};
        vec ai[4] = {i[p], i[p + 4], i[p + 8], i[p + 12]};
        dft4(ar, ai);
#pragma GCC unroll 4
        for (int j = 0; j < 4; j++) {
            tr[4 * j + p] = p && j ? ar[j] * cosine[p * j] + ai[j] * sine[p * j] : ar[j];
            ti[4 * j + p] = p && j ? ai[j] * cosine[p * j] - ar[j] * sine[p * j] : ai[j];
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) {
        dft4(tr + 4 * j, ti + 4 * j);
#pragma GCC unroll 4
        for (int g = 0; g < 4; g++)
            r[j + 4 * g] = tr[4 * j + g], i[j + 4 * g] = ti[4 * j + g];
    }
#endif
}

/* Steps one to three and the transposition; rows in re, im, in place. work: 2 m vectors. */
static inline void turn_rows(const struct circ_transform *t, vec *re, vec *im, vec *work)
{
    int m = t->n / CIRC_LANES;
    lanes_complex(t->inner, t->inner->twiddle_f, re, im, work, work + m);
    for (int f = 0; f < m; f++) {
        vec c = load(t->across + 2 * f * CIRC_LANES);
        vec d = load(t->across + (2 * f + 1) * CIRC_LANES);
        vec a = re[f], b = im[f];
        re[f] = a * c - b * d;
        im[f] = a * d + b * c;
    }
    for (int f = 0; f < m; f += CIRC_LANES) {
        transpose(re + f);
        transpose(im + f);
    }
}

/* k values at x to the slots at re and im. work: 6 m + 2 vectors. */
static void single_forward(const struct circ_transform *t, const float *x, float *re, float *im,
                           vec *work)
{
    int n = t->n, m = n / CIRC_LANES;
    vec *zr = work, *zi = zr + m + 1;
    for (int r = 0; r < m; r++)
        part(load(x + 2 * r * CIRC_LANES), load(x + (2 * r + 1) * CIRC_LANES), &zr[r], &zi[r]);
    vec *fr = zi + m + 1, *fi = fr + m;
    turn_rows(t, zr, zi, fr);
    for (int f = 0; f < m; f += CIRC_LANES) {
        dft_across(zr + f, zi + f);
        for (int g = 0; g < CIRC_LANES; g++) {
            fr[(f + m * g) / CIRC_LANES] = zr[f + g];
            fi[(f + m * g) / CIRC_LANES] = zi[f + g];
        }
    }
    const float *fre = (const float *)fr, *fim = (const float *)fi;
    for (int f = 0; f < n / 2; f += CIRC_LANES) {
        /* bin n is bin 0, which is put right below: any number does */
        size_t high = (size_t)(n - f - CIRC_LANES + 1);
        vec ar = load(fre + f), ai = load(fim + f);
        vec br = reversed(load(fre + high)), bi = reversed(load(fim + high));
        vec c = load(t->halves + f), d = load(t->halves + n + f);
        vec er = ar + br, ei = ai - bi, or = ai + bi, oi = br - ar;
        vec lr = 0.5f * er + or *c - oi * d, li = 0.5f * ei + or *d + oi * c;
        vec hr = reversed(er - lr), hi = reversed(li - ei);
        store(re + f, lr);
        store(im + f, li);
        store_first(re + high, hr, f ? CIRC_LANES : CIRC_LANES - 1);
        store_first(im + high, hi, f ? CIRC_LANES : CIRC_LANES - 1);
    }
    re[0] = fre[0] + fim[0];
    im[0] = fre[0] - fim[0];
    re[n / 2] = fre[n / 2];
    im[n / 2] = -fim[n / 2];
}

/* The slots at re and im to k values at y, with bias (NULL: none) and no less than least. */
static void single_inverse(const struct circ_transform *t, const float *re, const float *im,
                           float *y, const float *bias, float least, vec *work)
{
    int n = t->n, m = n / CIRC_LANES;
    vec *zr = work, *zi = zr + m + 1, scale = set1(t->scale), floor = set1(least);
    float *fre = (float *)zr, *fim = (float *)zi;
    for (int f = 0; f < n / 2; f += CIRC_LANES) {
        size_t high = (size_t)(n - f - CIRC_LANES + 1);
        vec lr = load(re + f), li = load(im + f);
        vec hr = reversed(load(re + high)), hi = reversed(load(im + high));
        vec c = load(t->halves + f), d = load(t->halves + n + f);
        vec er = lr + hr, ei = li - hi, or = lr - hr, oi = li + hi;
        vec tr = or *c + oi * d, ti = oi * c - or *d;
        store(fre + f, er - 2 * ti);
        store(fim + f, ei + 2 * tr);
        store(fre + high, reversed(er + 2 * ti));
        store(fim + high, reversed(2 * tr - ei));
    }
    fre[0] = re[0] + im[0];
    fim[0] = re[0] - im[0];
    fre[n / 2] = 2 * re[n / 2];
    fim[n / 2] = -2 * im[n / 2];
    turn_rows(t, zi, zr, zi + m + 1); /* the inverse is the forward one with the parts exchanged */
    for (int f = 0; f < m; f += CIRC_LANES) {
        dft_across(zi + f, zr + f);
        for (int g = 0; g < CIRC_LANES; g++) {
            vec a, b;
            size_t at = 2 * (size_t)(f + m * g);
            join(zr[f + g] * scale, zi[f + g] * scale, &a, &b);
            if (bias) {
                a = a + load(bias + at);
                b = b + load(bias + at + CIRC_LANES);
            }
            store(y + at, vmax(floor, a));
            store(y + at + CIRC_LANES, vmax(floor, b));
        }
    }
}

static void forward_singles(const struct circ_forward *a, float *scratch)
{
    const struct circ_transform *t = a->transform;
    const struct circ_spectra *s = &a->spectra;
    float *edge = scratch + 8 * t->n; /* after the work of one */
    for (int j = 0; j < a->blocks; j++) {
        const float *x = a->x + (size_t)j * (size_t)t->k;
        int valid = a->channels - j * t->k;
        if (valid < t->k) {
            memset(edge, 0, (size_t)t->k * sizeof *edge);
            memcpy(edge, x, (size_t)valid * sizeof *edge);
            x = edge;
        }
        size_t at = (size_t)j * s->block_stride;
        single_forward(t, x, s->re + at, s->im + at, (vec *)scratch);
    }
}

static void inverse_singles(const struct circ_inverse *a, float *scratch)
{
    const struct circ_transform *t = a->transform;
    const struct circ_spectra *s = &a->spectra;
    float *edge = scratch + 8 * t->n, least = a->relu ? 0 : -INFINITY;
    for (int i = a->block_first; i < a->block_last; i++) {
        size_t at = (size_t)(i - a->block_first) * s->block_stride,
               first = (size_t)i * (size_t)t->k;
        const float *bias = a->bias ? a->bias + first : NULL;
        int valid = a->channels - i * t->k;
        if (valid >= t->k) {
            single_inverse(t, s->re + at, s->im + at, a->y + first, bias, least, (vec *)scratch);
            continue;
        }
        single_inverse(t, s->re + at, s->im + at, edge, NULL, -INFINITY, (vec *)scratch);
        for (int r = 0; r < valid; r++) {
            float value = edge[r] + (bias ? bias[r] : 0);
            a->y[first + (size_t)r] = least > value ? least : value;
        }
    }
}
#endif

#endif
