/* Memory -> words of blocks: every input pixel's channels once, padded to whole blocks. */

SINGLE void load(global const struct circ_card *restrict cards, int layer, int first, int frames,
                 global const word *restrict x, global ulong *restrict counts)
{
    const struct circ_card c = cards[layer];
    const int width = words_of_token(c.block), pixels = c.in_h * c.in_w;
    const int length = c.columns * c.block;
    ulong tally_words = 0, tally_read = 0;
    for (int frame = first; frame < first + frames; frame++)
        for (int pixel = 0; pixel < pixels; pixel++)
            for (int group = 0; group < c.groups; group++) {
                const int from = frame * c.in_frame + pixel * c.in_pixel +
                                 group * c.inputs * c.in_channel;
                for (int i = 0; i < length; i += width) {
                    token t;
#pragma unroll
                    for (int l = 0; l < 2 * PARALLEL; l++) {
                        const bool there = l < width && i + l < c.inputs;
                        t.w[l] = there ? x[from + (i + l) * c.in_channel] : 0;
                        TALLY(read, there);
                    }
                    TALLY(words, length - i < width ? length - i : width);
                    PUT(to_transform, t);
                }
            }
#ifdef COUNT
    counts[CIRC_CARD_COUNTS * layer + CIRC_CARD_WORDS] += tally_words;
    counts[CIRC_CARD_COUNTS * layer + CIRC_CARD_READ] += tally_read;
#endif
}
