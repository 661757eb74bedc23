/* What lies around clFFT's transforms, which want the numbers of each of them next to each other:
 *     gather   x [channel][pixel] -> signals [block][pixel][K], zeros where a block is not full
 *     spread   bins [block][pixel][K / 2 + 1] -> spectra, zeros in the margins of a plane
 *     collect  spectra -> bins
 *     scatter  signals -> y [channel][pixel], with bias and ReLU
 * Each is a transposition by square tiles of local memory, so that work-items next to each other read
 * and write numbers next to each other. Spectra lie as lanes.cl and stream.cl have them, DC and
 * Nyquist in slot 0.
 *
 * Parameters: K, TILE (work-items are TILE x TILE; dimension 2: blocks), BINS and WIDTH (spectra with
 * the slots innermost, WIDTH floats apart: then pixels are samples). */

#define EVEN      (K % 2 == 0)
#define ALL       (K / 2 + 1)   /* bins */
#define SLOTS     ((K + 1) / 2)

#define TILED                                                                                      \
    int lx = get_local_id(0), ly = get_local_id(1), block = get_global_id(2);                      \
    int across = get_group_id(0) * TILE, down = get_group_id(1) * TILE;                            \
    int pixels = g.height * g.width * g.batch

__kernel void gather(__global const float *x, __global float *signals, struct side g)
{
    TILED;
    __local float tile[TILE][TILE + 1];
    int pixel = across + lx, r = down + ly;
    tile[ly][lx] = pixel < pixels && r < room_of(g, block)
                       ? x[(size_t)(channel_of(g, block) + r) * pixels + pixel]
                       : 0;
    barrier(CLK_LOCAL_MEM_FENCE);
    pixel = across + ly;
    r = down + lx;
    if (pixel < pixels && r < K)
        signals[((size_t)block * pixels + pixel) * K + r] = tile[lx][ly];
}

__kernel void scatter(__global const float *signals, __global float *y, struct side g,
                      __global const float *bias, int has_bias, int relu)
{
    TILED;
    __local float tile[TILE][TILE + 1];
    int pixel = across + ly, r = down + lx;
    if (pixel < pixels && r < K)
        tile[ly][lx] = signals[((size_t)block * pixels + pixel) * K + r];
    barrier(CLK_LOCAL_MEM_FENCE);
    pixel = across + lx;
    r = down + ly;
    if (pixel >= pixels || r >= room_of(g, block))
        return;
    int row = channel_of(g, block) + r;
    float value = tile[lx][ly] + (has_bias ? bias[row] : 0);
    y[(size_t)row * pixels + pixel] = relu && value < 0 ? 0 : value;
}

/* Slot `slot` of a transform's bins. */
static inline float2 slot_of(__global const float2 *bins, int slot)
{
    float2 value = bins[slot];
    if (slot == 0)
        value.y = EVEN ? bins[K / 2].x : 0;
    return value;
}

/* And bin f of its slots, whose re and im of slot 0 and of slot f are given. */
static inline float2 bin_of(int f, float first_im, float re, float im)
{
    return EVEN && f == K / 2 ? (float2)(first_im, 0) : (float2)(re, f ? im : 0);
}

#if BINS

/* Dimensions: slots or bins; samples; blocks. */
__kernel void spread(__global const float2 *bins, __global float *spectra, struct side g)
{
    int slot = get_global_id(0);
    size_t transform = (size_t)get_global_id(2) * g.batch + get_global_id(1);
    float2 value = slot_of(bins + transform * ALL, slot);
    spectra[transform * 2 * WIDTH + slot] = value.x;
    spectra[(transform * 2 + 1) * WIDTH + slot] = value.y;
}

__kernel void collect(__global const float *spectra, __global float2 *bins, struct side g)
{
    int f = get_global_id(0);
    size_t transform = (size_t)get_global_id(2) * g.batch + get_global_id(1);
    __global const float *own = spectra + transform * 2 * WIDTH;
    int slot = min(f, SLOTS - 1);
    bins[transform * ALL + f] = bin_of(f, own[WIDTH], own[slot], own[WIDTH + slot]);
}

#else

__kernel void spread(__global const float2 *bins, __global float *spectra, struct side g)
{
    TILED;
    __local float re[TILE][TILE + 1], im[TILE][TILE + 1];
    int place = across + ly, slot = down + lx, part = g.pitch;
    int pixel = place < g.plane ? pixel_of(g, place) : -1;
    float2 value = 0;
    if (pixel >= 0 && slot < SLOTS)
        value = slot_of(bins + ((size_t)block * pixels + pixel) * ALL, slot);
    re[ly][lx] = value.x;
    im[ly][lx] = value.y;
    barrier(CLK_LOCAL_MEM_FENCE);
    place = across + lx;
    slot = down + ly;
    if (place >= g.plane || slot >= SLOTS)
        return;
    __global float *to = spectra + (size_t)slot * 2 * part + block * g.plane + place;
    to[0] = re[lx][ly];
    to[part] = im[lx][ly];
}

__kernel void collect(__global const float *spectra, __global float2 *bins, struct side g)
{
    TILED;
    __local float re[TILE][TILE + 1], im[TILE][TILE + 1];
    int pixel = across + lx, f = down + ly, part = g.pitch;
    if (pixel < pixels && f < ALL) {
        __global const float *own = spectra + block * g.plane + place_of(g, pixel);
        __global const float *from = own + (size_t)min(f, SLOTS - 1) * 2 * part;
        float2 value = bin_of(f, own[part], from[0], from[part]);
        re[ly][lx] = value.x;
        im[ly][lx] = value.y;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    pixel = across + ly;
    f = down + lx;
    if (pixel < pixels && f < ALL)
        bins[((size_t)block * pixels + pixel) * ALL + f] = (float2)(re[lx][ly], im[lx][ly]);
}

#endif
