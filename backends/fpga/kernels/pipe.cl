/* Channels between kernels behind one set of macros: cl_intel_channels, or OpenCL 2.0 pipes at
 * program scope as AMD's compiler takes them (-DPIPES). One writer and one reader a channel.
 *
 * A token is 2 PARALLEL words: a part of a block, or a block, of which only as many words count as
 * it has. Of blocks of one word a token takes several: before the product the channels of a pixel,
 * after it the pixels of a channel, where the last token of such a run may be partly filled. */

#define TOKEN (2 * PARALLEL)

typedef short word; /* BITS of them are used: what is wider the compiler of an FPGA cuts off */
typedef struct {
    word w[TOKEN];
} token;

#ifdef PIPES
#define TO(name)             pipe token name __attribute__((xcl_reqd_pipe_depth(CHANNEL)))
#define GET(name, value)     read_pipe_block(name, &(value))
#define PUT(name, value)     write_pipe_block(name, &(value))
#define SINGLE               kernel __attribute__((reqd_work_group_size(1, 1, 1)))
#else
#pragma OPENCL EXTENSION cl_intel_channels : enable
#define TO(name)             channel token name __attribute__((depth(CHANNEL)))
#define GET(name, value)     value = read_channel_intel(name)
#define PUT(name, value)     write_channel_intel(name, value)
#define SINGLE               kernel __attribute__((max_global_work_dim(0)))
#endif

TO(to_transform);
TO(to_multiply);
TO(to_inverse);
TO(to_store);

#ifdef COUNT /* counters cost logic: emulators have them, boards on request */
#define TALLY(what, much) tally_##what += (much)
#else
#define TALLY(what, much)
#endif

#define MOST ((1 << (BITS - 1)) - 1)
#define UNIT (BITS - 2) /* fraction bits of the roots */

/* floor(v 2^-shift + 1/2) as a word that saturates; core/fixed_fft.h. */
word to_word(long v, int shift)
{
    long r = shift > 0 ? (v + (1L << (shift - 1))) >> shift : v << -shift;
    return (word)(r > MOST ? MOST : r < -MOST - 1 ? -MOST - 1 : r);
}

int words_of_token(int block)
{
    return block == 1 || block > TOKEN ? TOKEN : block;
}
