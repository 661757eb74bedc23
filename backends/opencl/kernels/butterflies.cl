/* Transforms of R complex numbers in registers, in place and in natural order: what the passes of
 * transform.cl are made of. Parameters: K, N, V, LARGEST (the most that R is). */

#define STEP    (K / N)
#define ROOT(e) roots[(e) * STEP] /* exp(-2 pi i e / N) */

INLINE void butterfly2(real *xr, real *xi)
{
    real ar = xr[0] - xr[1], ai = xi[0] - xi[1];
    xr[0] += xr[1];
    xi[0] += xi[1];
    xr[1] = ar;
    xi[1] = ai;
}

INLINE void butterfly3(real *xr, real *xi)
{
    const float s = 0.866025403784438647f;
    real ar = xr[1] + xr[2], ai = xi[1] + xi[2];
    real br = (xi[1] - xi[2]) * s, bi = (xr[2] - xr[1]) * s;
    real cr = xr[0] - ar * 0.5f, ci = xi[0] - ai * 0.5f;
    xr[0] += ar;
    xi[0] += ai;
    xr[1] = cr + br;
    xi[1] = ci + bi;
    xr[2] = cr - br;
    xi[2] = ci - bi;
}

INLINE void butterfly4(real *xr, real *xi)
{
    real ar = xr[0] + xr[2], ai = xi[0] + xi[2], br = xr[0] - xr[2], bi = xi[0] - xi[2];
    real cr = xr[1] + xr[3], ci = xi[1] + xi[3];
    real dr = xi[1] - xi[3], di = xr[3] - xr[1]; /* -i (x1 - x3) */
    xr[0] = ar + cr;
    xi[0] = ai + ci;
    xr[1] = br + dr;
    xi[1] = bi + di;
    xr[2] = ar - cr;
    xi[2] = ai - ci;
    xr[3] = br - dr;
    xi[3] = bi - di;
}

INLINE void butterfly5(real *xr, real *xi)
{
    const float c1 = 0.309016994374947424f, c2 = -0.809016994374947424f;
    const float s1 = 0.951056516295153572f, s2 = 0.587785252292473129f;
    real ar = xr[1] + xr[4], ai = xi[1] + xi[4], br = xr[1] - xr[4], bi = xi[1] - xi[4];
    real cr = xr[2] + xr[3], ci = xi[2] + xi[3], dr = xr[2] - xr[3], di = xi[2] - xi[3];
    real er = xr[0] + ar * c1 + cr * c2, ei = xi[0] + ai * c1 + ci * c2;
    real fr = xr[0] + ar * c2 + cr * c1, fi = xi[0] + ai * c2 + ci * c1;
    real gr = bi * s1 + di * s2, gi = br * s1 + dr * s2;
    real hr = bi * s2 - di * s1, hi = br * s2 - dr * s1;
    xr[0] += ar + cr;
    xi[0] += ai + ci;
    xr[1] = er + gr;
    xi[1] = ei - gi;
    xr[4] = er - gr;
    xi[4] = ei + gi;
    xr[2] = fr + hr;
    xi[2] = fi - hi;
    xr[3] = fr - hr;
    xi[3] = fi + hi;
}

INLINE void butterfly8(real *xr, real *xi)
{
    const float h = 0.707106781186547524f;
    real er[4] = {xr[0], xr[2], xr[4], xr[6]}, ei[4] = {xi[0], xi[2], xi[4], xi[6]};
    real or[4] = {xr[1], xr[3], xr[5], xr[7]}, oi[4] = {xi[1], xi[3], xi[5], xi[7]};
    butterfly4(er, ei);
    butterfly4(or, oi);
    real tr = (or[1] + oi[1]) * h, ti = (oi[1] - or[1]) * h;
    real ur = oi[2], ui = -or[2];
    real vr = (oi[3] - or[3]) * h, vi = -(or[3] + oi[3]) * h;
    xr[0] = er[0] + or[0], xi[0] = ei[0] + oi[0];
    xr[4] = er[0] - or[0], xi[4] = ei[0] - oi[0];
    xr[1] = er[1] + tr, xi[1] = ei[1] + ti;
    xr[5] = er[1] - tr, xi[5] = ei[1] - ti;
    xr[2] = er[2] + ur, xi[2] = ei[2] + ui;
    xr[6] = er[2] - ur, xi[6] = ei[2] - ui;
    xr[3] = er[3] + vr, xi[3] = ei[3] + vi;
    xr[7] = er[3] - vr, xi[7] = ei[3] - vi;
}

/* Any other radix, by definition. */
INLINE void butterfly_any(const int R, real *xr, real *xi, __global const float2 *roots)
{
    real yr[LARGEST], yi[LARGEST];
    for (int j = 0; j < R; j++) {
        yr[j] = xr[0];
        yi[j] = xi[0];
        for (int i = 1, e = j; i < R; i++, e = e + j < R ? e + j : e + j - R) {
            float2 w = ROOT(e * (N / R));
            yr[j] += xr[i] * w.x - xi[i] * w.y;
            yi[j] += xr[i] * w.y + xi[i] * w.x;
        }
    }
    for (int j = 0; j < R; j++) {
        xr[j] = yr[j];
        xi[j] = yi[j];
    }
}

INLINE void butterfly(const int R, real *xr, real *xi, __global const float2 *roots)
{
    switch (R) {
    case 2:
        butterfly2(xr, xi);
        break;
    case 3:
        butterfly3(xr, xi);
        break;
    case 4:
        butterfly4(xr, xi);
        break;
    case 5:
        butterfly5(xr, xi);
        break;
#if LARGEST >= 8
    case 8:
        butterfly8(xr, xi);
        break;
#endif
    default:
        butterfly_any(R, xr, xi, roots);
    }
}
