/* Both directions of fixed_fft.c over one kind of number: included once for words and once for
 * doubles, which define NAME, WORD, WIDE, STATE, ROOTS, ROOT, UP, SUM and PRODUCT. */

static inline void NAME(forward)(const struct circ_fixed_fft *plan, const WORD *x, STATE,
                                 WORD *slots)
{
    ROOTS;
    const int n = plan->n, k = plan->k;
    WORD z[CIRC_FIXED_MAX_BLOCK];
    int stage = 0;
    if (k == 1) {
        slots[0] = x[0];
        return;
    }
    for (int i = 0; i < k; i++)
        z[i] = x[i];
    for (int m = n / 2; m > 0; m /= 2, stage++)
        for (int b = 0; b < n / 2; b++) {
            int j = b % m, lo = 2 * (b / m * 2 * m + j), hi = lo + 2 * m;
            ROOT(j * (k / (2 * m)));
            WIDE dr = (WIDE)z[lo] - z[hi], di = (WIDE)z[lo + 1] - z[hi + 1];
            z[lo] = SUM((WIDE)z[lo] + z[hi], stage, 0);
            z[lo + 1] = SUM((WIDE)z[lo + 1] + z[hi + 1], stage, 0);
            z[hi] = PRODUCT(dr * wr - di * wi, stage, 0);
            z[hi + 1] = PRODUCT(dr * wi + di * wr, stage, 0);
        }
    slots[0] = SUM((WIDE)z[0] + z[1], stage, 0);
    slots[1] = SUM((WIDE)z[0] - z[1], stage, 0);
    for (int f = 1; f <= n / 2; f++) {
        int a = 2 * reversed(f, n), b = 2 * reversed(n - f, n);
        ROOT(f);
        WIDE er = (WIDE)z[a] + z[b], ei = (WIDE)z[a + 1] - z[b + 1];
        WIDE or = (WIDE)z[a + 1] + z[b + 1], oi = (WIDE)z[b] - z[a];
        WIDE pr = or *wr - oi * wi, pi = or *wi + oi * wr;
        slots[2 * f] = PRODUCT(UP(er) + pr, stage, 1);
        slots[2 * f + 1] = PRODUCT(UP(ei) + pi, stage, 1);
        slots[2 * (n - f)] = PRODUCT(UP(er) - pr, stage, 1);
        slots[2 * (n - f) + 1] = PRODUCT(pi - UP(ei), stage, 1);
    }
}

static inline void NAME(inverse)(const struct circ_fixed_fft *plan, const WORD *slots, STATE,
                                 WORD *x)
{
    ROOTS;
    const int n = plan->n, k = plan->k;
    WORD z[CIRC_FIXED_MAX_BLOCK];
    int stage = 0;
    if (k == 1) {
        x[0] = slots[0];
        return;
    }
    z[0] = SUM((WIDE)slots[0] + slots[1], stage, 1);
    z[1] = SUM((WIDE)slots[0] - slots[1], stage, 1);
    for (int f = 1; f <= n / 2; f++) {
        int a = 2 * reversed(f, n), b = 2 * reversed(n - f, n), g = n - f;
        ROOT(f);
        WIDE er = (WIDE)slots[2 * f] + slots[2 * g], ei = (WIDE)slots[2 * f + 1] - slots[2 * g + 1];
        WIDE dr = (WIDE)slots[2 * f] - slots[2 * g], di = (WIDE)slots[2 * f + 1] + slots[2 * g + 1];
        WIDE pr = dr * wr + di * wi, pi = di * wr - dr * wi;
        z[a] = PRODUCT(UP(er) - pi, stage, 1);
        z[a + 1] = PRODUCT(UP(ei) + pr, stage, 1);
        z[b] = PRODUCT(UP(er) + pi, stage, 1);
        z[b + 1] = PRODUCT(pr - UP(ei), stage, 1);
    }
    stage++;
    for (int m = 1; m < n; m *= 2, stage++)
        for (int b = 0; b < n / 2; b++) {
            int j = b % m, lo = 2 * (b / m * 2 * m + j), hi = lo + 2 * m;
            ROOT(j * (k / (2 * m)));
            WIDE ar = UP((WIDE)z[lo]), ai = UP((WIDE)z[lo + 1]);
            WIDE br = z[hi] * wr + z[hi + 1] * wi, bi = z[hi + 1] * wr - z[hi] * wi;
            z[lo] = PRODUCT(ar + br, stage, 0);
            z[lo + 1] = PRODUCT(ai + bi, stage, 0);
            z[hi] = PRODUCT(ar - br, stage, 0);
            z[hi + 1] = PRODUCT(ai - bi, stage, 0);
        }
    for (int i = 0; i < k; i++)
        x[i] = z[i];
}

#undef NAME
#undef WORD
#undef WIDE
#undef STATE
#undef ROOTS
#undef ROOT
#undef UP
#undef SUM
#undef PRODUCT
