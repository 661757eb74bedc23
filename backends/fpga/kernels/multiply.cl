/* Spectra of weights times spectra of the input, summed over taps and block columns, exactly: LANES
 * complex products a cycle, which go along the slots of a block row's columns: of a row that has
 * fewer, one tap takes a cycle all the same. The input's spectra of one frame are on chip; so are
 * the weights of a layer where they fit, and otherwise those of one block row, which are then read
 * once a frame. An FPGA's compiler needs no more than 2 BITS + 1 + log2 of the terms of the 64 bits
 * of a sum. A lane adds to the same sum every `banks` cycles, so that loop has no ivdep. */

SINGLE void multiply(global const struct circ_card *restrict cards, int layer, int frames,
                     global const word *restrict weights, global ulong *restrict counts)
{
    word w[WEIGHTS], x[SPECTRA];
    const struct circ_card c = cards[layer];
    const int k = c.block, width = words_of_token(k), parts = k == 1 ? 1 : 2;
    const int slots = k / parts; /* of a block: complex numbers, or the one real one */
    const int row = c.columns * k, row_slots = c.columns * slots, taps = c.taps_h * c.taps_w;
    const int fold = slots < LANES ? slots : LANES; /* lanes that differ in what they sum */
    const int banks = slots / fold, chunks = (row_slots + LANES - 1) / LANES;
    ulong tally_products = 0, tally_words = 0, tally_resident = 0, tally_streamed = 0;
    if (c.resident)
        for (int i = 0; i < c.groups * taps * c.rows * row; i++) {
            w[i] = weights[c.weights + i];
            TALLY(resident, 1);
        }
    for (int frame = 0; frame < frames; frame++) {
        for (int run = 0; run < c.in_h * c.in_w * c.groups; run++)
            for (int i = 0; i < row; i += width) {
                token t;
                GET(to_multiply, t);
#pragma unroll
                for (int l = 0; l < 2 * PARALLEL; l++)
                    if (l < width && i + l < row)
                        x[run * row + i + l] = t.w[l];
            }
        for (int i = 0; i < c.groups * c.rows; i++) {
            const int group = i / c.rows, block = i % c.rows;
            if (!c.resident)
                for (int tap = 0; tap < taps; tap++)
                    for (int j = 0; j < row; j++) {
                        w[tap * row + j] =
                            weights[c.weights + ((group * taps + tap) * c.rows + block) * row + j];
                        TALLY(streamed, 1);
                    }
            token pixels; /* of blocks of one word */
            for (int oy = 0; oy < c.out_h; oy++)
                for (int ox = 0; ox < c.out_w; ox++) {
                    long re[BANKS][LANES], im[BANKS][LANES];
                    for (int b = 0; b < banks; b++) {
#pragma unroll
                        for (int l = 0; l < LANES; l++)
                            re[b][l] = im[b][l] = 0;
                    }
                    for (int tap = 0; tap < taps; tap++) {
                        const int iy = oy * c.stride - c.pad + tap / c.taps_w;
                        const int ix = ox * c.stride - c.pad + tap % c.taps_w;
                        if (iy < 0 || iy >= c.in_h || ix < 0 || ix >= c.in_w)
                            continue;
                        const int at_x = ((iy * c.in_w + ix) * c.groups + group) * row;
                        const int at_w =
                            c.resident ? ((group * taps + tap) * c.rows + block) * row : tap * row;
                        for (int chunk = 0; chunk < chunks; chunk++) {
#pragma unroll
                            for (int l = 0; l < LANES; l++) {
                                const int s = chunk * LANES + l, bank = chunk & (banks - 1);
                                if (s >= row_slots)
                                    continue;
                                const bool real = (s & (slots - 1)) == 0; /* two of them, or one */
                                const long wr = w[at_w + s * parts], xr = x[at_x + s * parts];
                                const long wi = k == 1 ? 0 : w[at_w + 2 * s + 1];
                                const long xi = k == 1 ? 0 : x[at_x + 2 * s + 1];
                                re[bank][l] += real ? wr * xr : wr * xr - wi * xi;
                                im[bank][l] += real ? wi * xi : wr * xi + wi * xr;
                                TALLY(products, 1);
                            }
                        }
                    }
#pragma unroll
                    for (int apart = LANES / 2; apart > 0; apart /= 2) { /* lanes of one sum */
#pragma unroll
                        for (int l = 0; l < apart; l++)
                            if (apart >= fold) {
                                re[0][l] += re[0][l + apart];
                                im[0][l] += im[0][l + apart];
                            }
                    }
                    if (k == 1) {
                        const int lane = (oy * c.out_w + ox) % TOKEN;
                        pixels.w[lane] = to_word(re[0][0], c.product);
                        TALLY(words, 1);
                        if (lane == TOKEN - 1 || (oy == c.out_h - 1 && ox == c.out_w - 1))
                            PUT(to_inverse, pixels);
                        continue;
                    }
                    for (int i0 = 0; i0 < k; i0 += width) {
                        token t;
#pragma unroll
                        for (int l = 0; l < PARALLEL; l++) {
                            const int f = i0 / 2 + l;
                            const bool there = f < slots;
                            const long sum_re = there ? re[f / fold][f & (fold - 1)] : 0;
                            const long sum_im = there ? im[f / fold][f & (fold - 1)] : 0;
                            t.w[2 * l] = to_word(sum_re, c.product);
                            t.w[2 * l + 1] = to_word(sum_im, c.product);
                        }
                        TALLY(words, width);
                        PUT(to_inverse, t);
                    }
                }
        }
    }
#ifdef COUNT
    counts[CIRC_CARD_COUNTS * layer + CIRC_CARD_PRODUCTS] += tally_products;
    counts[CIRC_CARD_COUNTS * layer + CIRC_CARD_WORDS + 2] += tally_words;
    counts[CIRC_CARD_COUNTS * layer + CIRC_CARD_RESIDENT] += tally_resident;
    counts[CIRC_CARD_COUNTS * layer + CIRC_CARD_STREAMED] += tally_streamed;
#endif
}
