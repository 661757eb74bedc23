/* Blocks of the output -> memory: bias, ReLU, pooling, ReLU, without the padding of edge blocks. A
 * block row arrives with all its pixels: a pooling needs as many lines of it as its window has. */

/* round(2^shift / pixels), and the shift: core/fixed.h. */
int reciprocal(int pixels, int *shift)
{
    int l = 0;
    while ((2 << l) <= pixels)
        l++;
    *shift = 15 + l;
    return (int)(((2L << *shift) + pixels) / (2L * pixels));
}

word relu(word v, int on)
{
    return on && v < 0 ? 0 : v;
}

SINGLE void store(global const struct circ_card *restrict cards, int layer, int first, int frames,
                  global const int *restrict biases, global word *restrict y,
                  global ulong *restrict counts)
{
    word lines[LINES]; /* [pool_h][out_w][k], row r in line r modulo pool_h */
    int bias[BLOCK];
    const struct circ_card c = cards[layer];
    const int k = c.block, width = k == 1 ? 1 : words_of_token(k);
    ulong tally_written = 0;
    for (int at = 0; at < frames * c.groups * c.rows; at++) {
        const int frame = first + at / (c.groups * c.rows);
        const int group = at / c.rows % c.groups, base = at % c.rows * k; /* channel, in its group */
        const int to = frame * c.end_frame + (group * c.outputs + base) * c.end_channel;
        int line = 0, end_y = 0;
        token t;
        for (int i = 0; i < k; i++)
            bias[i] = c.bias >= 0 && base + i < c.outputs
                          ? biases[c.bias + group * c.outputs + base + i]
                          : 0;
        for (int oy = 0; oy < c.out_h; oy++) {
            for (int ox = 0; ox < c.out_w; ox++)
                for (int i = 0; i < k; i += width) {
                    const int lane = k == 1 ? (oy * c.out_w + ox) % TOKEN : 0;
                    if (lane == 0)
                        GET(to_store, t);
#pragma unroll
                    for (int l = 0; l < 2 * PARALLEL; l++) {
                        if (l >= width)
                            continue;
                        const word v =
                            relu(to_word((long)t.w[lane + l] + bias[i + l], c.last), c.relu_before);
                        if (c.pool) {
                            lines[(line * c.out_w + ox) * k + i + l] = v;
                        } else if (base + i + l < c.outputs) {
                            y[to + (oy * c.out_w + ox) * c.end_pixel + (i + l) * c.end_channel] = v;
                            TALLY(written, 1);
                        }
                    }
                }
            line = line + 1 < c.pool_h ? line + 1 : 0;
            /* windows whose last line inside the picture this is */
            while (c.pool && end_y < c.end_h &&
                   (oy == c.out_h - 1 || end_y * c.pool_stride - c.pool_pad + c.pool_h - 1 <= oy)) {
                for (int end_x = 0; end_x < c.end_w; end_x++) {
                    const int y0 = end_y * c.pool_stride - c.pool_pad;
                    const int x0 = end_x * c.pool_stride - c.pool_pad;
                    for (int i = 0; i < k; i += width) {
                        long sum[2 * PARALLEL];
                        word best[2 * PARALLEL];
                        int pixels = 0, shift;
#pragma unroll
                        for (int l = 0; l < 2 * PARALLEL; l++) {
                            sum[l] = 0;
                            best[l] = -MOST - 1;
                        }
                        for (int tap = 0; tap < c.pool_h * c.pool_w; tap++) {
                            const int iy = y0 + tap / c.pool_w, ix = x0 + tap % c.pool_w;
                            if (iy < 0 || iy >= c.out_h || ix < 0 || ix >= c.out_w)
                                continue;
                            pixels++;
#pragma unroll
                            for (int l = 0; l < 2 * PARALLEL; l++) {
                                if (l >= width)
                                    continue;
                                const word v =
                                    lines[(iy % c.pool_h * c.out_w + ix) * k + i + l];
                                sum[l] += v;
                                best[l] = v > best[l] ? v : best[l];
                            }
                        }
                        const long share = reciprocal(pixels, &shift);
#pragma unroll
                        for (int l = 0; l < 2 * PARALLEL; l++) {
                            if (l >= width || base + i + l >= c.outputs)
                                continue;
                            const word v =
                                c.pool == 1 ? best[l] : to_word(sum[l] * share, shift);
                            y[to + (end_y * c.end_w + end_x) * c.end_pixel +
                              (i + l) * c.end_channel] = relu(v, c.relu_after);
                            TALLY(written, 1);
                        }
                    }
                }
                end_y++;
            }
        }
    }
#ifdef COUNT
    counts[CIRC_CARD_COUNTS * layer + CIRC_CARD_WRITTEN] += tally_written;
#endif
}
