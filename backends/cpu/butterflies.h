/* Small transforms in registers, lanes being independent ones: what passes are made of. Part of the
 * template kernels.c. */
#ifndef CIRC_BUTTERFLIES_H
#define CIRC_BUTTERFLIES_H

#include "backends/cpu/lanes.h"

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

#endif
