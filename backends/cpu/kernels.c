/* The kernels' template: built once for each ISA row of meson.build with
 *     CIRC_LANES    floats in a vector
 *     CIRC_TILE          most block rows of a product tile
 *     CIRC_ACCUMULATORS  vectors of it that registers hold, so that a tile of fewer rows is wider
 *     CIRC_TABLE    the name of the table, CIRC_TABLE_NAME the name of the row
 * The vector code is GCC's vector extension, so one text serves every ISA; the compiler's flags
 * choose the instructions, and contraction to FMA is switched on there for the rows that have it.
 */
#include "backends/cpu/blocks.h"
#include "backends/cpu/kernels.h"
#include "backends/cpu/lengths.h"
#include "backends/cpu/pointwise.h"
#include "backends/cpu/spectra.h"
#include "backends/cpu/winograd_rows.h"

#include <math.h>
#include <string.h>

_Static_assert(CIRC_TILE <= CIRC_ACCUMULATORS, "a tile has an accumulator for every row");

/* Weights come from the third-level cache where there are many, and no prefetcher of the hardware
 * crosses a page: this far ahead, in floats, every line is asked for. */
#define WEIGHTS_AHEAD 2048

/* Registers for a tile's sums and inputs: of 32 one is for a weight; of 16 inputs may be read
 * again, which costs nothing where two are read in a cycle. */
#define TILE_REGISTERS (CIRC_ACCUMULATORS > 16 ? 31 : 16)

/* acc += w x of one tap and block column, or w (x + more). */
INLINE void accumulate_one(int rows, int vectors, const float *w, const float *x, const float *more,
                           vec acc[CIRC_ACCUMULATORS])
{
    vec values[8];
#pragma GCC unroll 8
    for (int v = 0; v < vectors; v++) {
        values[v] = more ? load(x + v * CIRC_LANES) + load(more + v * CIRC_LANES)
                         : load(x + v * CIRC_LANES);
        if (TILE_REGISTERS > 16 && rows > 1 && rows < 4) /* gcc would read them for each row */
            values[v] = held(values[v]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++) {
        vec weight = set1_at(w, i);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; v++)
            acc[i * vectors + v] = acc[i * vectors + v] + weight * values[v];
    }
    __builtin_prefetch(w + WEIGHTS_AHEAD, 0, 2);
}

/* The same over so many taps and their block columns; rows and vectors are constants at every call,
 * so the accumulators are registers. Two block columns a turn: the loop's own additions and jump
 * take slots from multiply-adds, a tenth of them in tiles of one vector. Wider tiles need all
 * registers for one. */
INLINE void accumulate(const struct circ_product *a, int taps, int rows, int vectors,
                       const float *w, const float *x, const float *more,
                       vec acc[CIRC_ACCUMULATORS])
{
    size_t block = a->x.block_stride;
    for (int t = 0; t < taps; t++) {
        const float *at = x + a->tap[t], *with = more ? more + a->tap[t] : NULL;
        int j = 0, q = a->terms[t];
        for (; vectors <= 2 && j + 2 <= q; j += 2, w += 2 * rows, at += 2 * block) {
            accumulate_one(rows, vectors, w, at, with, acc);
            accumulate_one(rows, vectors, w + rows, at + block, more ? with + block : NULL, acc);
            with = more ? with + 2 * block : NULL;
        }
        for (; j < q; j++, w += rows, at += block) {
            accumulate_one(rows, vectors, w, at, with, acc);
            with = more ? with + block : NULL;
        }
    }
}

#define FOR_TILE                                                                                   \
    _Pragma("GCC unroll 16") for (int i = 0; i < rows; i++)                                        \
        _Pragma("GCC unroll 8") for (int v = 0; v < vectors; v++)

/* One tile of blocks of one, finished; so many columns are there. */
INLINE void tile_finished(const struct circ_product *a, int rows, int vectors, size_t x_at,
                          size_t y_at, int columns)
{
    vec acc[CIRC_ACCUMULATORS];
    float *y = a->y.re + y_at;
    FOR_TILE acc[i * vectors + v] = zero();
    accumulate(a, a->taps, rows, vectors, a->w, a->x.re + x_at, NULL, acc);
    vec least = set1(a->relu ? 0 : -INFINITY);
    FOR_TILE acc[i * vectors + v] =
        vmax(least, acc[i * vectors + v] + set1(a->bias ? a->bias[i] : 0));
    if (columns >= vectors * CIRC_LANES) {
        FOR_TILE store(y + (size_t)i * a->y.block_stride + v * CIRC_LANES, acc[i * vectors + v]);
        return;
    }
    columns -= (vectors - 1) * CIRC_LANES; /* of the last vector */
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++, y += a->y.block_stride) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors - 1; v++)
            store(y + v * CIRC_LANES, acc[i * vectors + v]);
        store_first(y + (vectors - 1) * CIRC_LANES, acc[i * vectors + vectors - 1], columns);
    }
}

/* One tile of slot f, whose planes w are: rows x vectors. Slot 0 has two products and not three, or
 * one. */
INLINE void tile(const struct circ_product *a, const float *w, int rows, int vectors, int f,
                 size_t x_at, size_t y_at)
{
    vec acc[CIRC_ACCUMULATORS];
    size_t plane = (size_t)a->taps * (size_t)a->q * (size_t)rows;
    const float *first = f ? a->x.im : a->x.re, *second = f ? a->x.re : a->x.im;
    float *re = a->y.re + y_at, *im = a->y.im + y_at;
    FOR_TILE acc[i * vectors + v] = zero();
    if (f && (a->x.sum || vectors > 2))
        accumulate(a, a->taps, rows, vectors, w, a->x.sum + x_at, NULL, acc);
    else if (f)
        accumulate(a, a->taps, rows, vectors, w, first + x_at, second + x_at, acc);
    if (f)
        FOR_TILE store(im + (size_t)i * a->y.block_stride + v * CIRC_LANES, acc[i * vectors + v]);
    accumulate(a, a->taps, rows, vectors, a->ones ? w : w + plane, first + x_at, NULL, acc);
    FOR_TILE store(re + (size_t)i * a->y.block_stride + v * CIRC_LANES, acc[i * vectors + v]);
    if (!f && a->odd)
        return;
    if (f)
        FOR_TILE acc[i * vectors + v] = load(im + (size_t)i * a->y.block_stride + v * CIRC_LANES);
    else
        FOR_TILE acc[i * vectors + v] = zero();
    accumulate(a, a->taps, rows, vectors, w + 2 * plane, second + x_at, NULL, acc);
    FOR_TILE store(im + (size_t)i * a->y.block_stride + v * CIRC_LANES, acc[i * vectors + v]);
}

/* The three planes of a slot's weights from its pairs. */
static void widen(const float *pairs, size_t terms, bool first, float *planes)
{
    float *second = planes + terms, *third = second + terms;
    size_t at = 0;
    for (; at + CIRC_LANES <= terms; at += CIRC_LANES) {
        vec re = load(pairs + at), im = lower_half(re);
        store(planes + at, re);
        store(second + at, first ? re : -(re + im));
        store(third + at, first ? im : im - re);
    }
    if (at < terms) {
        vec re = load(pairs + at), im = lower_half(re);
        int left = (int)(terms - at);
        store_first(planes + at, re, left);
        store_first(second + at, first ? re : -(re + im), left);
        store_first(third + at, first ? im : im - re, left);
    }
}

/* As many vectors at a time as there are accumulators for. */
INLINE void tile_rows(const struct circ_product *a, int rows)
{
    size_t terms = (size_t)a->taps * (size_t)a->q * (size_t)rows;
    for (int f = a->slot_first; f < a->slot_last; f++) {
        const float *w = a->w + (size_t)f * a->w_slot;
        if (a->planes) {
            widen(w, terms, f == 0, a->planes);
            w = a->planes;
        }
        for (int o = 0; o < a->out_rows; o++) {
            size_t x_at = (size_t)f * a->x.slot_stride + (size_t)o * a->x_row;
            size_t y_at = (size_t)f * a->y.slot_stride + (size_t)o * a->y_row;
            int columns = a->columns, left = (columns + CIRC_LANES - 1) / CIRC_LANES;
#define WIDTH(vectors)                                                                             \
    for (; rows * vectors <= CIRC_ACCUMULATORS && (rows + 1) * vectors <= TILE_REGISTERS &&        \
           left >= vectors;                                                                        \
         left -= vectors) {                                                                        \
        if (a->finished)                                                                           \
            tile_finished(a, rows, vectors, x_at, y_at, columns);                                  \
        else                                                                                       \
            tile(a, w, rows, vectors, f, x_at, y_at);                                              \
        columns -= vectors * CIRC_LANES;                                                           \
        x_at += vectors * CIRC_LANES;                                                              \
        y_at += vectors * CIRC_LANES;                                                              \
    }
            /* without a sum there are two inputs to hold, and no register for more */
            if (a->x.sum || a->ones) {
                WIDTH(8)
                WIDTH(4)
            }
            WIDTH(2)
            WIDTH(1)
#undef WIDTH
        }
    }
}

/* A function for each height, so that each has its registers for itself. */
#define HEIGHT(rows)                                                                               \
    static __attribute__((noinline)) void product_##rows(const struct circ_product *a)             \
    {                                                                                              \
        tile_rows(a, rows);                                                                        \
    }
HEIGHT(1)
HEIGHT(2)
HEIGHT(3)
HEIGHT(4)
#if CIRC_TILE > 4
HEIGHT(5)
HEIGHT(6)
HEIGHT(7)
HEIGHT(8)
HEIGHT(9)
HEIGHT(10)
HEIGHT(11)
HEIGHT(12)
#endif
#if CIRC_TILE > 12
HEIGHT(13)
HEIGHT(14)
HEIGHT(15)
HEIGHT(16)
#endif

static void product(const struct circ_product *a)
{
    static void (*const height[])(const struct circ_product *) = {
        product_1,
        product_2,
        product_3,
        product_4,
#if CIRC_TILE > 4
        product_5,
        product_6,
        product_7,
        product_8,
        product_9,
        product_10,
        product_11,
        product_12,
#endif
#if CIRC_TILE > 12
        product_13,
        product_14,
        product_15,
        product_16,
#endif
    };
    height[a->rows - 1](a);
}

/* The im of a vector of weights whose re lies at w: to_im further, or in the same words. */
INLINE vec load_im(const float *w, size_t to_im, bool pairs, vec re)
{
    return held(pairs ? lower_half(re) : load(w + to_im));
}

/* Streams the weights of one tile of one slot. The four partial products are kept apart, and in a
 * tile of one vector those of even and odd j: eight chains or more hide the latency of FMA, and
 * slot 0 takes two of the products as they are. */
INLINE void stream_tile(const float *w, int vectors, bool pairs, int q, const float *x_re,
                        const float *x_im, bool packed, float *y_re, float *y_im)
{
    size_t one = (pairs ? 1 : 2) * CIRC_LANES;
    int chains = vectors == 1 ? 2 : 1;
    vec rr[4], ii[4], ri[4], ir[4];
#pragma GCC unroll 4
    for (int v = 0; v < vectors * chains; v++)
        rr[v] = ii[v] = ri[v] = ir[v] = zero();
#define STEP(u)                                                                                    \
    do {                                                                                           \
        vec xr = set1(x_re[j + u]), xi = set1(x_im[j + u]);                                        \
        _Pragma("GCC unroll 4") for (int v = 0; v < vectors; v++)                                  \
        {                                                                                          \
            const float *at = w + (size_t)(u * vectors + v) * one;                                 \
            int to = u % chains + v;                                                               \
            vec wr = held(load(at));                                                               \
            rr[to] = rr[to] + wr * xr;                                                             \
            ri[to] = ri[to] + wr * xi;                                                             \
            vec wi = load_im(at, CIRC_LANES, pairs, wr);                                           \
            ii[to] = ii[to] + wi * xi;                                                             \
            ir[to] = ir[to] + wi * xr;                                                             \
        }                                                                                          \
    } while (0)
    int j = 0;
    for (; j + 2 <= q; j += 2, w += 2 * (size_t)vectors * one) {
        STEP(0);
        STEP(1);
    }
    if (j < q)
        STEP(0);
#undef STEP
    if (chains == 2)
        rr[0] = rr[0] + rr[1], ii[0] = ii[0] + ii[1], ri[0] = ri[0] + ri[1], ir[0] = ir[0] + ir[1];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        store(y_re + v * CIRC_LANES, packed ? rr[v] : rr[v] - ii[v]);
        store(y_im + v * CIRC_LANES, packed ? ii[v] : ri[v] + ir[v]);
    }
}

/* Four vectors with all that they need are more than 16 registers. */
#define STREAM_VECTORS (CIRC_ACCUMULATORS > 16 ? 4 : 2)

INLINE void stream_rows_of(const struct circ_stream_rows *a, bool pairs)
{
    size_t vector = (pairs ? 1 : 2) * (size_t)a->q * CIRC_LANES;
    for (int f = 0; f < a->slots; f++) {
        const float *x_re = a->x.re + (size_t)f * a->x.slot_stride;
        const float *x_im = a->x.im + (size_t)f * a->x.slot_stride;
        for (int v = a->vector_first; v < a->vector_last; v += a->tile) {
            const float *w = a->w + ((size_t)f * (size_t)a->vectors + (size_t)v) * vector;
            size_t at = (size_t)f * a->y.slot_stride + (size_t)v * CIRC_LANES;
            float *re = a->y.re + at, *im = a->y.im + at;
            int left = a->vector_last - v;
            switch (left < a->tile ? left : a->tile) {
            case 1:
                stream_tile(w, 1, pairs, a->q, x_re, x_im, f == 0, re, im);
                break;
            case 2:
                stream_tile(w, 2, pairs, a->q, x_re, x_im, f == 0, re, im);
                break;
#if CIRC_ACCUMULATORS > 16
            case 3:
                stream_tile(w, 3, pairs, a->q, x_re, x_im, f == 0, re, im);
                break;
            default:
                stream_tile(w, 4, pairs, a->q, x_re, x_im, f == 0, re, im);
#endif
            }
        }
    }
}

static void stream_rows(const struct circ_stream_rows *a)
{
    if (a->pairs)
        stream_rows_of(a, true);
    else
        stream_rows_of(a, false);
}

/* Rows i .. i + rows - 1, a tile, vectors of slots one by one. */
INLINE void slots_rows(const struct circ_stream_slots *a, int i, int rows, bool pairs)
{
    size_t vectors = (size_t)(a->slots + CIRC_LANES - 1) / CIRC_LANES;
    size_t one = (pairs ? 1 : 2) * CIRC_LANES;
    const float *w = a->w + (size_t)i * vectors * (size_t)a->q * one;
    for (size_t f = 0; f < vectors * CIRC_LANES; f += CIRC_LANES) {
        vec rr[4], ii[4], ri[4], ir[4];
#pragma GCC unroll 4
        for (int u = 0; u < rows; u++)
            rr[u] = ii[u] = ri[u] = ir[u] = zero();
        const float *x_re = a->x.re + f, *x_im = a->x.im + f;
        for (int j = 0; j < a->q; j++) {
            vec xr = load(x_re), xi = load(x_im);
#pragma GCC unroll 4
            for (int u = 0; u < rows; u++, w += one) {
                vec wr = held(load(w));
                rr[u] = rr[u] + wr * xr;
                ri[u] = ri[u] + wr * xi;
                vec wi = load_im(w, CIRC_LANES, pairs, wr);
                ii[u] = ii[u] + wi * xi;
                ir[u] = ir[u] + wi * xr;
            }
            x_re += a->x.block_stride;
            x_im += a->x.block_stride;
        }
#pragma GCC unroll 4
        for (int u = 0; u < rows; u++) {
            size_t at = (size_t)(i + u) * a->y.block_stride + f;
            vec re = rr[u] - ii[u], im = ri[u] + ir[u];
            if (!f) { /* slot 0 is two real bins */
                re = with_first(re, rr[u]);
                im = with_first(im, ii[u]);
            }
            store(a->y.re + at, re);
            store(a->y.im + at, im);
        }
    }
}

INLINE void stream_slots_of(const struct circ_stream_slots *a, bool pairs)
{
    for (int i = a->row_first; i < a->row_last; i += a->tile) {
        int left = a->row_last - i;
        switch (left < a->tile ? left : a->tile) {
        case 1:
            slots_rows(a, i, 1, pairs);
            break;
        case 2:
            slots_rows(a, i, 2, pairs);
            break;
#if CIRC_ACCUMULATORS > 16
        case 3:
            slots_rows(a, i, 3, pairs);
            break;
        default:
            slots_rows(a, i, 4, pairs);
#endif
        }
    }
}

static void stream_slots(const struct circ_stream_slots *a)
{
    if (a->pairs)
        stream_slots_of(a, true);
    else
        stream_slots_of(a, false);
}

/* One row times one column: four chains of gathered vectors, then one, then number by number. A row
 * of less than two vectors takes longer to gather and to sum across than number by number. */
INLINE float sparse_one(const struct circ_sparse *a, int32_t e, int32_t last)
{
    float rest[4] = {0}, gathered = 0;
    if (a->x_stride == 1 && last - e >= 2 * CIRC_LANES) {
        vec sum[4] = {zero(), zero(), zero(), zero()};
        for (; e + 4 * CIRC_LANES <= last; e += 4 * CIRC_LANES)
#pragma GCC unroll 4
            for (int v = 0; v < 4; v++)
                sum[v] = sum[v] + load(a->values + e + v * CIRC_LANES) *
                                      gather(a->x, a->index + e + v * CIRC_LANES);
        for (; e + CIRC_LANES <= last; e += CIRC_LANES)
            sum[0] = sum[0] + load(a->values + e) * gather(a->x, a->index + e);
        gathered = across((sum[0] + sum[1]) + (sum[2] + sum[3]));
    }
    for (; e + 4 <= last; e += 4)
        for (int l = 0; l < 4; l++)
            rest[l] += a->values[e + l] * a->x[(size_t)a->index[e + l] * a->x_stride];
    for (; e < last; e++)
        rest[0] += a->values[e] * a->x[(size_t)a->index[e] * a->x_stride];
    return gathered + ((rest[0] + rest[1]) + (rest[2] + rest[3]));
}

/* One row times `vectors` vectors of columns, which share an index, in 4 / vectors chains; vectors
 * is a constant at every call, so the sums are registers. */
INLINE void sparse_vectors(const struct circ_sparse *a, int r, int c, int vectors)
{
    vec sum[4] = {zero(), zero(), zero(), zero()};
    int chains = 4 / vectors;
    int32_t e = a->row_start[r], last = a->row_start[r + 1];
    for (; e + chains <= last; e += chains)
#pragma GCC unroll 4
        for (int l = 0; l < chains; l++) {
            const float *x = a->x + (size_t)a->index[e + l] * a->x_stride + c;
            vec value = set1(a->values[e + l]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[l * vectors + v] = sum[l * vectors + v] + load(x + v * CIRC_LANES) * value;
        }
    for (; e < last; e++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            sum[v] = sum[v] + load(a->x + (size_t)a->index[e] * a->x_stride + c + v * CIRC_LANES) *
                                  a->values[e];
    float *y = a->y + (size_t)r * a->y_stride + c;
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        for (int l = 1; l < chains; l++)
            sum[v] = sum[v] + sum[l * vectors + v];
        int left = a->columns - c - v * CIRC_LANES;
        if (left > 0)
            finish(y + v * CIRC_LANES, sum[v], a->bias ? a->bias[r] : 0, a->relu, left);
    }
}

static void sparse(const struct circ_sparse *a)
{
    for (int r = a->row_first; r < a->row_last; r++) {
        if (a->columns == 1) {
            float value =
                sparse_one(a, a->row_start[r], a->row_start[r + 1]) + (a->bias ? a->bias[r] : 0);
            a->y[(size_t)r * a->y_stride] = a->relu && value < 0 ? 0 : value;
            continue;
        }
        int c = 0; /* four vectors also where three do: within the slack of x, and not written */
        for (; a->columns - c > 2 * CIRC_LANES; c += 4 * CIRC_LANES)
            sparse_vectors(a, r, c, 4);
        for (; a->columns - c > CIRC_LANES; c += 2 * CIRC_LANES)
            sparse_vectors(a, r, c, 2);
        for (; c < a->columns; c += CIRC_LANES)
            sparse_vectors(a, r, c, 1);
    }
}

const struct circ_kernels CIRC_TABLE = {
    .name = CIRC_TABLE_NAME,
    .lanes = CIRC_LANES,
    .rows_of_one = CIRC_TILE,
    .rows_of_more = CIRC_ACCUMULATORS / 2,
    .stream_vectors = STREAM_VECTORS,
    .forward = forward,
    .forward_blocks = forward_blocks,
    .inverse = inverse,
    .inverse_blocks = inverse_blocks,
    .product = product,
    .deal = deal,
    .unfold = unfold,
    .winograd_in = winograd_in,
    .winograd_out = winograd_out,
    .stream_rows = stream_rows,
    .stream_slots = stream_slots,
    .sparse = sparse,
    .bias_relu = bias_relu,
    .pool = pool,
    .lrn = lrn,
};
