/* The product of an FC layer's spectra for few samples: every weight is read once, in the order in
 * which it lies, and serves SAMPLES samples.
 *
 * Weights W [outer][strip][j][part][WIDE lanes of the strip]: what a work-group reads is one run.
 * Lanes are block rows and outer the slots, or, with BINS, lanes are slots and outer the block rows:
 * where block rows are fewer than lanes. Spectra of the samples:
 * [slot][part][block][sample], or with BINS [block][sample][part][slot].
 *
 * Parameters: V, PARTS, SAMPLES, SHARE (work-items that share a sum over j), GROUP (vectors of
 * lanes in a work-group), BINS. */

#define WIDE   (V * GROUP)
#define CHAINS (SAMPLES == 1 ? 4 : SAMPLES == 2 ? 2 : 1) /* sums side by side, to hide latency */

#if BINS
#define X_AT(slot, j, n, part) (((size_t)((j) * SAMPLES + (n)) * PARTS + (part)) * lanes + (slot))
#else
#define X_AT(slot, j, n, part) (((size_t)(slot) * PARTS + (part)) * x_pitch + (j) * SAMPLES + (n))
#endif

/* lanes: of a row of W, whole vectors. rows: how many of them are block rows, without BINS. q: blocks
 * that are summed over. x_pitch, y_pitch: floats between two parts of a spectrum, without BINS.
 * Dimensions: vectors of lanes; SHARE; outer. */
KERNEL void stream(__global const float *w, __global const float *x, __global float *y, int lanes,
                   int rows, int q, int x_pitch, int y_pitch)
{
    int lane = get_global_id(0) * V, share = get_local_id(1), outer = get_global_id(2);
    bool mine = lane < lanes;
    real re[SAMPLES], im[SAMPLES], res[CHAINS][SAMPLES], ims[CHAINS][SAMPLES];
    for (int c = 0; c < CHAINS; c++)
        for (int n = 0; n < SAMPLES; n++)
            res[c][n] = ims[c][n] = 0;
    int strip = mine ? lane / WIDE : 0;
    __global const float *row =
        w + ((size_t)outer * (lanes / WIDE) + strip) * q * PARTS * WIDE + (mine ? lane % WIDE : 0);
    for (int first = share; first < q && mine; first += SHARE * CHAINS) {
#pragma unroll
        for (int c = 0; c < CHAINS; c++) {
            int j = first + c * SHARE;
            if (j >= q)
                break;
            real wr = LOAD(row + (size_t)j * PARTS * WIDE);
            real wi = PARTS == 2 ? LOAD(row + ((size_t)j * PARTS + 1) * WIDE) : (real)(0);
#pragma unroll
            for (int n = 0; n < SAMPLES; n++) {
#if BINS
                real xr = LOAD(x + X_AT(lane, j, n, 0)), xi = LOAD(x + X_AT(lane, j, n, PARTS - 1));
#else
                float xr = x[X_AT(outer, j, n, 0)], xi = x[X_AT(outer, j, n, PARTS - 1)];
                if (PARTS == 2 && outer == 0) { /* two real bins */
                    res[c][n] += wr * xr;
                    ims[c][n] += wi * xi;
                    continue;
                }
#endif
                res[c][n] += wr * xr;
                if (PARTS == 2) {
                    res[c][n] -= wi * xi;
                    ims[c][n] += wr * xi;
                    ims[c][n] += wi * xr;
                }
            }
        }
    }
    for (int n = 0; n < SAMPLES; n++) {
        re[n] = res[0][n];
        im[n] = ims[0][n];
        for (int c = 1; c < CHAINS; c++) {
            re[n] += res[c][n];
            im[n] += ims[c][n];
        }
    }
#if BINS
    if (PARTS == 2 && lane == 0) /* the lane of the two real bins, once more */
        for (int n = 0; n < SAMPLES; n++) {
            union lanes a = {.v = re[n]}, b = {.v = im[n]};
            a.at[0] = b.at[0] = 0;
            for (int j = share; j < q; j += SHARE) {
                a.at[0] += row[(size_t)j * PARTS * WIDE] * x[X_AT(0, j, n, 0)];
                b.at[0] += row[((size_t)j * PARTS + 1) * WIDE] * x[X_AT(0, j, n, PARTS - 1)];
            }
            re[n] = a.v;
            im[n] = b.v;
        }
#endif
#if SHARE > 1
    __local real sums[SHARE][GROUP];
    int own = get_local_id(0);
    for (int n = 0; n < SAMPLES; n++)
        for (int part = 0; part < PARTS; part++) {
            sums[share][own] = part ? im[n] : re[n];
            for (int reach = SHARE / 2; reach > 0; reach /= 2) {
                barrier(CLK_LOCAL_MEM_FENCE);
                if (share < reach)
                    sums[share][own] += sums[share + reach][own];
            }
            if (share == 0 && part)
                im[n] = sums[0][own];
            else if (share == 0)
                re[n] = sums[0][own];
            barrier(CLK_LOCAL_MEM_FENCE);
        }
#endif
    if (!mine || share)
        return;
    for (int n = 0; n < SAMPLES; n++)
        for (int part = 0; part < PARTS; part++) {
            real value = part ? im[n] : re[n];
#if BINS
            STORE(value, y + ((size_t)(outer * SAMPLES + n) * PARTS + part) * lanes + lane);
#else
            __global float *to = y + ((size_t)outer * PARTS + part) * y_pitch + n;
            if (SAMPLES == 1 && lane + V <= rows) {
                STORE(value, to + lane);
                continue;
            }
            union lanes a = {.v = value};
            for (int l = 0; l < V && lane + l < rows; l++)
                to[(lane + l) * SAMPLES] = a.at[l];
#endif
        }
}
