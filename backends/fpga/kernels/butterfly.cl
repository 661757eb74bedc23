/* One butterfly of one stage, both directions, as core/fixed_fft.h defines them. A stage reads a
 * block in one memory and leaves it in the next; its items are independent of one another. */

/* Two complex words and where they go; a pair that is one number has it twice. */
typedef struct {
    int at, bt;
    word ar, ai, br, bi;
} pair;

/* f with its `bits` low bits in reverse. */
int reversed(int f, int bits)
{
    int r = 0;
#pragma unroll
    for (int i = 0; i < STAGES - 1; i++)
        r |= ((f >> i) & 1) << (STAGES - 2 - i);
    return r >> (STAGES - 1 - bits);
}

/* Item b of stage s of `stages`: b-th butterfly, or of the last stage slots f = b and n - b. */
pair forward(const word *z, int n, int stages, int s, int shift, int b)
{
    const int step = BLOCK / 2 / n; /* roots of the largest block serve all */
    pair y;
    if (s < stages - 1) {
        const int m = n >> (s + 1), j = b & (m - 1), e = (j << (s + 1)) * step;
        const long wr = roots[2 * e], wi = roots[2 * e + 1];
        y.at = 2 * b - j;
        y.bt = y.at + m;
        const long ar = z[2 * y.at], ai = z[2 * y.at + 1];
        const long br = z[2 * y.bt], bi = z[2 * y.bt + 1];
        y.ar = to_word(ar + br, shift);
        y.ai = to_word(ai + bi, shift);
        y.br = to_word((ar - br) * wr - (ai - bi) * wi, shift + UNIT);
        y.bi = to_word((ar - br) * wi + (ai - bi) * wr, shift + UNIT);
    } else {
        const int a = reversed(b, stages - 1), c = reversed((n - b) & (n - 1), stages - 1);
        const long zr = z[2 * a], zi = z[2 * a + 1], cr = z[2 * c], ci = z[2 * c + 1];
        const long wr = roots[2 * b * step], wi = roots[2 * b * step + 1];
        const long er = (zr + cr) << UNIT, ei = (zi - ci) << UNIT;
        const long pr = (zi + ci) * wr - (cr - zr) * wi, pi = (zi + ci) * wi + (cr - zr) * wr;
        y.at = b;
        y.bt = (n - b) & (n - 1);
        if (b == 0) {
            y.ar = y.br = to_word(zr + zi, shift);
            y.ai = y.bi = to_word(zr - zi, shift);
        } else {
            y.ar = to_word(er + pr, shift + UNIT + 1);
            y.ai = to_word(ei + pi, shift + UNIT + 1);
            y.br = to_word(er - pr, shift + UNIT + 1);
            y.bi = to_word(pi - ei, shift + UNIT + 1);
        }
    }
    return y;
}

/* The same of the inverse, whose first stage tangles. */
pair inverse(const word *z, int n, int stages, int s, int shift, int b)
{
    const int step = BLOCK / 2 / n;
    pair y;
    if (s > 0) {
        const int m = 1 << (s - 1), j = b & (m - 1), e = j * (n >> (s - 1)) * step;
        const long wr = roots[2 * e], wi = roots[2 * e + 1];
        y.at = 2 * b - j;
        y.bt = y.at + m;
        const long ar = (long)z[2 * y.at] << UNIT, ai = (long)z[2 * y.at + 1] << UNIT;
        const long br = z[2 * y.bt], bi = z[2 * y.bt + 1];
        const long pr = br * wr + bi * wi, pi = bi * wr - br * wi;
        y.ar = to_word(ar + pr, shift + UNIT);
        y.ai = to_word(ai + pi, shift + UNIT);
        y.br = to_word(ar - pr, shift + UNIT);
        y.bi = to_word(ai - pi, shift + UNIT);
    } else {
        const int c = (n - b) & (n - 1);
        const long xr = z[2 * b], xi = z[2 * b + 1], cr = z[2 * c], ci = z[2 * c + 1];
        const long wr = roots[2 * b * step], wi = roots[2 * b * step + 1];
        const long er = (xr + cr) << UNIT, ei = (xi - ci) << UNIT;
        const long pr = (xr - cr) * wr + (xi + ci) * wi, pi = (xi + ci) * wr - (xr - cr) * wi;
        y.at = reversed(b, stages - 1);
        y.bt = reversed(c, stages - 1);
        if (b == 0) {
            y.ar = y.br = to_word(xr + xi, shift + 1);
            y.ai = y.bi = to_word(xr - xi, shift + 1);
        } else {
            y.ar = to_word(er - pi, shift + UNIT + 1);
            y.ai = to_word(ei + pr, shift + UNIT + 1);
            y.br = to_word(er + pi, shift + UNIT + 1);
            y.bi = to_word(pr - ei, shift + UNIT + 1);
        }
    }
    return y;
}
