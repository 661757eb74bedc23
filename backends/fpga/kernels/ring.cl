/* Transforms of a stream of blocks: DEPTH units in a ring, each of which runs one stage of one
 * block per tick, PARALLEL butterflies a cycle, and hands the block on. A block of s stages goes
 * round ceil(s / DEPTH) times while others follow it; the next one is read while the last one is
 * written. This text is compiled twice: RING is the kernel, BUTTERFLY the stage, FROM and ON_TO its
 * channels, a frame has RUNS x BLOCKS blocks, PAIRING is the stage that takes slots in pairs, and
 * the rest is where it counts. */

SINGLE void RING(global const struct circ_card *restrict cards, int layer, int frames,
                 global ulong *restrict counts)
{
    word z[2][DEPTH][BLOCK], done[2][BLOCK]; /* [0] and [1]: what is read and written, in turns */
    int stage[DEPTH];                        /* that a unit runs in this tick; -1: none */
    const struct circ_card c = cards[layer];
    /* n of a block of one word, which no stage runs, may be divided by all the same: compilers do
     * that ahead of time */
    const int k = c.block, n = k > 1 ? k / 2 : 1, stages = c.stages, width = words_of_token(k);
    const int items = n / 2 + 1, tokens = k / width;
    const int most = (items + PARALLEL - 1) / PARALLEL;
    const int cycles = tokens > most ? tokens : most;
    /* blocks; of blocks of one word, runs of them */
    const int blocks = frames * (stages ? BLOCKS * RUNS : RUNS);
    int read = 0, written = 0, side = 0;
    bool finished = false, waiting = false; /* a block in done[side]; one in z[side][0] */
    ulong tally_butterflies = 0, tally_words = 0;
#pragma unroll
    for (int d = 0; d < DEPTH; d++)
        stage[d] = -1;
    while (written < blocks) {
        if (stages == 0) { /* a block of one word is its own spectrum */
            for (int i = 0; i < BLOCKS; i += TOKEN) {
                token t;
                GET(FROM, t);
                PUT(ON_TO, t);
                TALLY(words, BLOCKS - i < TOKEN ? BLOCKS - i : TOKEN);
            }
            written++;
            continue;
        }
        const int back = stage[DEPTH - 1]; /* what comes round to unit 0 */
#pragma unroll
        for (int d = DEPTH - 1; d > 0; d--)
            stage[d] = stage[d - 1] < 0 || stage[d - 1] == stages - 1 ? -1 : stage[d - 1] + 1;
        stage[0] = back >= 0 && back < stages - 1 ? back + 1 : waiting ? 0 : -1;
        const int last = stage[DEPTH - 1];
        const bool enters = read < blocks && (last < 0 || last == stages - 1);
        bool finishes = false;
#pragma unroll
        for (int d = 0; d < DEPTH; d++)
            finishes |= stage[d] == stages - 1;
#pragma ivdep
        for (int cycle = 0; cycle < cycles; cycle++) {
            token t;
            if (finished && cycle < tokens) {
#pragma unroll
                for (int l = 0; l < 2 * PARALLEL; l++)
                    t.w[l] = l < width ? done[side][cycle * width + l] : 0;
                PUT(ON_TO, t);
                TALLY(words, width);
            }
#pragma unroll
            for (int d = 0; d < DEPTH; d++) {
                const int s = stage[d];
                if (s < 0)
                    continue;
#pragma unroll
                for (int l = 0; l < PARALLEL; l++) {
                    const int b = cycle * PARALLEL + l;
                    if (b >= (s == PAIRING ? items : n / 2))
                        continue;
                    const pair y = BUTTERFLY(z[side][d], n, stages, s, c.BUTTERFLY[s], b);
                    TALLY(butterflies, 1);
                    if (s == stages - 1) {
                        done[!side][2 * y.at] = y.ar;
                        done[!side][2 * y.at + 1] = y.ai;
                        done[!side][2 * y.bt] = y.br;
                        done[!side][2 * y.bt + 1] = y.bi;
                    } else {
                        z[!side][(d + 1) % DEPTH][2 * y.at] = y.ar;
                        z[!side][(d + 1) % DEPTH][2 * y.at + 1] = y.ai;
                        z[!side][(d + 1) % DEPTH][2 * y.bt] = y.br;
                        z[!side][(d + 1) % DEPTH][2 * y.bt + 1] = y.bi;
                    }
                }
            }
            if (enters && cycle < tokens) {
                GET(FROM, t);
#pragma unroll
                for (int l = 0; l < 2 * PARALLEL; l++)
                    if (l < width)
                        z[!side][0][cycle * width + l] = t.w[l];
            }
        }
        written += finished;
        read += enters;
        waiting = enters;
        finished = finishes;
        side = !side;
    }
#ifdef COUNT
    counts[CIRC_CARD_COUNTS * layer + TALLY_BUTTERFLIES] += tally_butterflies;
    counts[CIRC_CARD_COUNTS * layer + TALLY_WORDS] += tally_words;
#endif
}
#undef RING
#undef BUTTERFLY
#undef FROM
#undef ON_TO
#undef RUNS
#undef BLOCKS
#undef PAIRING
#undef TALLY_BUTTERFLIES
#undef TALLY_WORDS
