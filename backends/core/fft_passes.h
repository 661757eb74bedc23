/* The transform itself, written once for every number type: a template, included with
 *     CIRC_FFT_V        the type of a value: float, double, or a vector of lanes (one transform a
 * lane) CIRC_FFT_S        the type of a twiddle: float or double CIRC_FFT_NAME(x)  the names of
 * this instance It includes nothing and has no include guard on purpose.
 *
 * Stockham autosort, decimation in frequency (Swarztrauber, "FFT algorithms for vector computers",
 * Parallel Computing 1, 1984): a pass of radix R over the current length L = R m at stride s
 * computes y[q + s (R p + j)] = w_L^(j p) sum_i x[q + s (p + m i)] w_R^(i j),   q < s, p < m, j < R
 * and needs no bit reversal. Complex values are split: re and im in arrays of their own, so the
 * inverse is the forward transform with the two exchanged. A pass may destroy its input. */

#define V CIRC_FFT_V
#define S CIRC_FFT_S

static inline void CIRC_FFT_NAME(pass2)(int m, int s, const S *w, const V *restrict xr,
                                        const V *restrict xi, V *restrict yr, V *restrict yi)
{
    for (int p = 0; p < m; p++, w += 2) {
        for (int q = 0; q < s; q++) {
            int i0 = q + s * p, i1 = i0 + s * m, o0 = q + 2 * s * p, o1 = o0 + s;
            V dr = xr[i0] - xr[i1], di = xi[i0] - xi[i1];
            yr[o0] = xr[i0] + xr[i1];
            yi[o0] = xi[i0] + xi[i1];
            yr[o1] = dr * w[0] - di * w[1];
            yi[o1] = dr * w[1] + di * w[0];
        }
    }
}

static inline void CIRC_FFT_NAME(pass4)(int m, int s, const S *w, const V *restrict xr,
                                        const V *restrict xi, V *restrict yr, V *restrict yi)
{
    for (int p = 0; p < m; p++, w += 6) {
        for (int q = 0; q < s; q++) {
            int i0 = q + s * p, i1 = i0 + s * m, i2 = i1 + s * m, i3 = i2 + s * m;
            int o0 = q + 4 * s * p, o1 = o0 + s, o2 = o1 + s, o3 = o2 + s;
            V ar = xr[i0] + xr[i2], ai = xi[i0] + xi[i2];
            V br = xr[i0] - xr[i2], bi = xi[i0] - xi[i2];
            V cr = xr[i1] + xr[i3], ci = xi[i1] + xi[i3];
            V dr = xi[i1] - xi[i3], di = xr[i3] - xr[i1]; /* -i (x1 - x3) */
            V er = br + dr, ei = bi + di;
            V fr = ar - cr, fi = ai - ci;
            V gr = br - dr, gi = bi - di;
            yr[o0] = ar + cr;
            yi[o0] = ai + ci;
            yr[o1] = er * w[0] - ei * w[1];
            yi[o1] = er * w[1] + ei * w[0];
            yr[o2] = fr * w[2] - fi * w[3];
            yi[o2] = fr * w[3] + fi * w[2];
            yr[o3] = gr * w[4] - gi * w[5];
            yi[o3] = gr * w[5] + gi * w[4];
        }
    }
}

/* Any odd radix, O(radix^2) with the symmetry of cosine and sine: called with a constant for 3, 5
 * and 7, and with the number itself for other primes. root holds exp(-2 pi i t / n) at t * step for
 * radix. */
static inline __attribute__((always_inline)) void
CIRC_FFT_NAME(pass_odd)(int radix, int m, int s, const S *w, const S *root, int step,
                        V *restrict xr, V *restrict xi, V *restrict yr, V *restrict yi)
{
    int half = radix / 2;
    for (int p = 0; p < m; p++, w += 2 * (radix - 1)) {
        for (int q = 0; q < s; q++) {
            V *ar = xr + q + s * p, *ai = xi + q + s * p;
            V *br = yr + q + s * radix * p, *bi = yi + q + s * radix * p;
            V sum_r = ar[0], sum_i = ai[0];
            for (int i = 1; i <= half; i++) { /* sums and differences, in place */
                int low = i * s * m, high = (radix - i) * s * m;
                V tr = ar[low] - ar[high], ti = ai[low] - ai[high];
                ar[low] = ar[low] + ar[high];
                ai[low] = ai[low] + ai[high];
                ar[high] = tr;
                ai[high] = ti;
                sum_r = sum_r + ar[low];
                sum_i = sum_i + ai[low];
            }
            br[0] = sum_r;
            bi[0] = sum_i;
            for (int j = 1; j <= half; j++) {
                V er = ar[0], ei = ai[0];      /* cosine part */
                V or = ai[0] * (S)0, oi = or ; /* sine part */
                for (int i = 1; i <= half; i++) {
                    int t = (int)((long long)i * j % radix);
                    S c = root[2 * t * step], d = root[2 * t * step + 1]; /* d = -sin */
                    er = er + ar[i * s * m] * c;
                    ei = ei + ai[i * s * m] * c;
                    or = or +ai[(radix - i) * s * m] * d;
                    oi = oi + ar[(radix - i) * s * m] * d;
                }
                const S *wl = w + 2 * (j - 1), *wh = w + 2 * (radix - j - 1);
                V lr = er - or, li = ei + oi, hr = er + or, hi = ei - oi;
                br[s * j] = lr * wl[0] - li * wl[1];
                bi[s * j] = lr * wl[1] + li * wl[0];
                br[s * (radix - j)] = hr * wh[0] - hi * wh[1];
                bi[s * (radix - j)] = hr * wh[1] + hi * wh[0];
            }
        }
    }
}

/* Complex transform of n values in (xr, xi); work (yr, yi) of n each. The result is in the x
 * arrays. */
static inline void CIRC_FFT_NAME(complex)(const struct circ_fft_plan *plan, const S *twiddle, V *xr,
                                          V *xi, V *yr, V *yi)
{
    const S *w = twiddle, *root = twiddle + 2 * plan->root_offset;
    int length = plan->n, s = 1;
    for (int pass = 0; pass < plan->passes; pass++) {
        int radix = plan->radix[pass], m = length / radix, step = plan->n / radix;
        switch (radix) {
        case 2:
            CIRC_FFT_NAME(pass2)(m, s, w, xr, xi, yr, yi);
            break;
        case 3:
            CIRC_FFT_NAME(pass_odd)(3, m, s, w, root, step, xr, xi, yr, yi);
            break;
        case 4:
            CIRC_FFT_NAME(pass4)(m, s, w, xr, xi, yr, yi);
            break;
        case 5:
            CIRC_FFT_NAME(pass_odd)(5, m, s, w, root, step, xr, xi, yr, yi);
            break;
        case 7:
            CIRC_FFT_NAME(pass_odd)(7, m, s, w, root, step, xr, xi, yr, yi);
            break;
        default:
            CIRC_FFT_NAME(pass_odd)(radix, m, s, w, root, step, xr, xi, yr, yi);
        }
        w += 2 * (radix - 1) * m;
        length = m;
        s *= radix;
        V *t = xr;
        xr = yr, yr = t;
        t = xi;
        xi = yi, yi = t;
    }
    if (plan->passes % 2) /* the result lies in the caller's work arrays: bring it home */
        for (int i = 0; i < plan->n; i++)
            yr[i] = xr[i], yi[i] = xi[i];
}

/* Real forward transform. In: (re, im)[n] hold x[2 r], x[2 r + 1] of an even k, or x[r] and 0 of an
 * odd one. Out: the slots of fft.h. work (wr, wi) of n each. */
static inline void CIRC_FFT_NAME(forward)(const struct circ_fft_plan *plan, const S *twiddle, V *re,
                                          V *im, V *wr, V *wi)
{
    CIRC_FFT_NAME(complex)(plan, twiddle, re, im, wr, wi);
    if (plan->k % 2)
        return;
    int n = plan->n;
    const S *w = twiddle + 2 * plan->untangle_offset;
    V dc = re[0] + im[0], nyquist = re[0] - im[0];
    re[0] = dc;
    im[0] = nyquist;
    for (int f = 1; f <= n / 2; f++) {
        V ar = (re[f] + re[n - f]) * (S)0.5, ai = (im[f] - im[n - f]) * (S)0.5; /* even part */
        V br = (im[f] + im[n - f]) * (S)0.5, bi = (re[n - f] - re[f]) * (S)0.5; /* odd part */
        V tr = br * w[2 * f] - bi * w[2 * f + 1], ti = br * w[2 * f + 1] + bi * w[2 * f];
        re[f] = ar + tr;
        im[f] = ai + ti;
        re[n - f] = ar - tr;
        im[n - f] = ti - ai;
    }
}

/* Real inverse transform of the slots in (re, im), scaled by 1/k; out as the input of forward. */
static inline void CIRC_FFT_NAME(inverse)(const struct circ_fft_plan *plan, const S *twiddle, V *re,
                                          V *im, V *wr, V *wi)
{
    int n = plan->n;
    S scale = (S)1 / (S)plan->k;
    if (plan->k % 2) {
        re[0] = re[0] * scale;
        im[0] = re[0] * (S)0; /* DC is real whatever the slot carries */
        for (int f = 1; f <= n / 2; f++) {
            re[f] = re[f] * scale;
            im[f] = im[f] * scale;
            re[n - f] = re[f];
            im[n - f] = -im[f];
        }
    } else {
        const S *w = twiddle + 2 * plan->untangle_offset;
        V dc = re[0], nyquist = im[0];
        re[0] = (dc + nyquist) * scale;
        im[0] = (dc - nyquist) * scale;
        for (int f = 1; f <= n / 2; f++) {
            V ar = re[f] + re[n - f], ai = im[f] - im[n - f];
            V br = re[f] - re[n - f], bi = im[f] + im[n - f];
            V tr = br * w[2 * f] + bi * w[2 * f + 1], ti = bi * w[2 * f] - br * w[2 * f + 1];
            re[f] = (ar - ti) * scale;
            im[f] = (ai + tr) * scale;
            re[n - f] = (ar + ti) * scale;
            im[n - f] = (tr - ai) * scale;
        }
    }
    CIRC_FFT_NAME(complex)(plan, twiddle, im, re, wi, wr);
}

#undef V
#undef S
