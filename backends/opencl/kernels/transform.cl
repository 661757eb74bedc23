/* Real transforms of the blocks of a layer, forward (spectra) and inverse (signals), as
 * backends/core/fft.h has them: an even K is one complex transform of K/2 and an untangling pass, an
 * odd K a complex transform of K.
 *
 * In place, so that one array and one barrier a pass are enough: decimation in frequency forward,
 * which leaves its output in digit-reversed order (the table `order`), and decimation in time
 * inverse, which takes it in that order (Cooley and Tukey, Math. Comp. 19, 1965; Gentleman and
 * Sande, AFIPS 29, 1966). T work-items share a transform and C vectors of columns a work-group, in
 * local memory; with T = 1 the array is private, and for small K becomes registers.
 *
 * Parameters: K, N (complex length), V, T, C, R0, R1, ... (radices, the largest stride first),
 * LARGEST (of them), BINS (spectra with the slots innermost, SLOTS floats apart: see stream.cl).
 * roots[e] = exp(-2 pi i e / K). */

#define EVEN (K % 2 == 0)
#define PARTS (K == 1 ? 1 : 2)

#if T > 1
#define SPACE __local
#define MEET  barrier(CLK_LOCAL_MEM_FENCE)
#else
#define SPACE __private
#define MEET
#endif

/* Whether there is a pass at all that may read or write where the numbers lie. */
#ifdef R0
#define DIRECT (T == 1)
#else
#define DIRECT 0
#endif

/* The lanes of a vector on both sides of the transform: `place` in the spectra (block * plane +
 * place), `at` in the activations (of the block's first channel, which is `origin`), -1 where there is
 * none, and how many channels the block has there. One run: neighbours on both sides, of one block. */
struct lane_map {
    int place[V], at[V], room[V], origin[V];
    bool run;
};

static inline void map_lane(struct lane_map *map, int l, struct side g, int block, int place,
                            int pixel)
{
    map->origin[l] = channel_of(g, block);
    map->place[l] = block * g.plane + place;
    map->at[l] = pixel < 0 ? -1 : map->origin[l] * g.step + pixel;
    map->room[l] = pixel < 0 ? 0 : room_of(g, block);
}

/* Lanes over places: for spectra. */
static inline struct lane_map map_places(struct side g, int first, int count)
{
    struct lane_map map;
    int last = first + V - 1;
    map.run = last < count && first / g.plane == last / g.plane;
    if (map.run) {
        int block = first / g.plane, place = first % g.plane;
        int low = pixel_of(g, place), high = pixel_of(g, place + V - 1);
        map_lane(&map, 0, g, block, place, low);
        map.run = low >= 0 && high == low + V - 1 &&
                  (g.stride == 1 || place % g.batch + V <= g.batch);
    }
    if (!map.run)
        for (int l = 0; l < V; l++) {
            int u = min(first + l, count - 1), place = u % g.plane;
            map_lane(&map, l, g, u / g.plane, place, first + l < count ? pixel_of(g, place) : -1);
        }
    return map;
}

/* Lanes over pixels: for signals. */
static inline struct lane_map map_pixels(struct side g, int first, int count)
{
    struct lane_map map;
    int pixels = g.height * g.width * g.batch, last = first + V - 1;
    map.run = last < count && first / pixels == last / pixels;
    if (map.run) {
        int block = first / pixels, low = place_of(g, first % pixels);
        map_lane(&map, 0, g, block, low, first % pixels);
        map.run = place_of(g, first % pixels + V - 1) == low + V - 1 &&
                  (g.stride == 1 || first % pixels % g.batch + V <= g.batch);
    }
    if (!map.run)
        for (int l = 0; l < V; l++) {
            int u = min(first + l, count - 1), pixel = u % pixels;
            map_lane(&map, l, g, u / pixels, place_of(g, pixel), first + l < count ? pixel : -1);
        }
    return map;
}

/* Row r of the blocks in the lanes; zero where there is none. */
static inline real fetch(__global const float *x, const struct lane_map *map, int r, int step)
{
    if (map->run)
        return r < map->room[0] ? LOAD(x + map->at[0] + (size_t)r * step) : (real)(0);
    union lanes a;
    for (int l = 0; l < V; l++)
        a.at[l] = r < map->room[l] ? x[map->at[l] + (size_t)r * step] : 0;
    return a.v;
}

static inline void put(__global float *y, const struct lane_map *map, int r, int step, real value,
                       __global const float *bias, int relu)
{
    union lanes a;
    if (map->run) {
        if (r >= map->room[0])
            return;
        if (bias)
            value += bias[map->origin[0] + r];
        if (relu)
            value = value < 0 ? (real)(0) : value;
        STORE(value, y + map->at[0] + (size_t)r * step);
        return;
    }
    a.v = value;
    for (int l = 0; l < V; l++) {
        if (r >= map->room[l])
            continue;
        float one = a.at[l] + (bias ? bias[map->origin[l] + r] : 0);
        y[map->at[l] + (size_t)r * step] = relu && one < 0 ? 0 : one;
    }
}

/* One number of a spectrum, at the lanes' places; so many of them exist. */
INLINE void put_slot(SPECTRA float *s, struct side g, int first, int lanes, const bool whole, int slot,
                     int part, real value)
{
    union lanes a;
#if BINS
    a.v = value;
    for (int l = 0; l < lanes; l++)
        s[((size_t)(first + l) * PARTS + part) * SLOTS + slot] = a.at[l];
#else
    SPECTRA float *to = s + (size_t)(slot * PARTS + part) * g.pitch + first;
    if (whole) {
        STORE_S(value, to);
        return;
    }
    a.v = value;
    for (int l = 0; l < lanes; l++)
        to[l] = a.at[l];
#endif
}

INLINE real fetch_slot(SPECTRA const float *s, struct side g, const struct lane_map *map,
                       const bool run, int slot, int part)
{
    union lanes a;
#if BINS
    for (int l = 0; l < V; l++)
        a.at[l] = s[((size_t)map->place[run ? 0 : l] + (run ? l : 0)) * PARTS * SLOTS +
                    part * SLOTS + slot];
    return a.v;
#else
    SPECTRA const float *from = s + (size_t)(slot * PARTS + part) * g.pitch;
    if (run)
        return LOAD_S(from + map->place[0]);
    for (int l = 0; l < V; l++)
        a.at[l] = from[map->place[l]];
    return a.v;
#endif
}

/* The first pass of a forward transform may read its numbers where they lie, and the last one of an
 * inverse may write them there: of whole blocks, in a run (see lane_map). */
struct outside {
    __global const float *from; /* NULL: from the array */
    __global float *to;         /* NULL: to the array */
    size_t step;                /* between rows */
    __global const float *bias; /* of row 0, or NULL */
    int relu;
};

static inline real finish(const struct outside *o, int r, real value)
{
    if (o->bias)
        value += o->bias[r];
    return o->relu ? (value < 0 ? (real)(0) : value) : value;
}

/* A pass of the forward transform over runs of R * M: butterflies, then twiddles. */
INLINE void fall(const int R, const int M, SPACE real *re, SPACE real *im,
                        __global const float2 *roots, int t, const bool direct,
                        const struct outside *o)
{
    for (int b = t; b < N / R; b += T) {
        int p = b % M, base = b / M * (R * M) + p;
        real xr[LARGEST], xi[LARGEST];
#pragma unroll
        for (int i = 0; i < R; i++) {
            int at = base + i * M;
            if (direct) {
                xr[i] = LOAD(o->from + (EVEN ? 2 * at : at) * o->step);
                xi[i] = EVEN ? LOAD(o->from + (2 * at + 1) * o->step) : (real)(0);
            } else {
                xr[i] = re[at * C];
                xi[i] = im[at * C];
            }
        }
        butterfly(R, xr, xi, roots);
        re[base * C] = xr[0];
        im[base * C] = xi[0];
#pragma unroll
        for (int j = 1; j < R; j++) {
            float2 w = ROOT(j * p * (N / (R * M)));
            re[(base + j * M) * C] = M > 1 ? xr[j] * w.x - xi[j] * w.y : xr[j];
            im[(base + j * M) * C] = M > 1 ? xr[j] * w.y + xi[j] * w.x : xi[j];
        }
    }
    MEET;
}

/* The same pass of the transposed network: twiddles, then butterflies. What it takes for re is the
 * inverse transform's im, and the reverse. */
INLINE void rise(const int R, const int M, SPACE real *re, SPACE real *im,
                        __global const float2 *roots, int t, const bool direct,
                        const struct outside *o)
{
    for (int b = t; b < N / R; b += T) {
        int p = b % M, base = b / M * (R * M) + p;
        real xr[LARGEST], xi[LARGEST];
        xr[0] = re[base * C];
        xi[0] = im[base * C];
#pragma unroll
        for (int j = 1; j < R; j++) {
            float2 w = ROOT(j * p * (N / (R * M)));
            real ar = re[(base + j * M) * C], ai = im[(base + j * M) * C];
            xr[j] = M > 1 ? ar * w.x - ai * w.y : ar;
            xi[j] = M > 1 ? ar * w.y + ai * w.x : ai;
        }
        butterfly(R, xr, xi, roots);
#pragma unroll
        for (int i = 0; i < R; i++) {
            int at = base + i * M, r = EVEN ? 2 * at : at;
            if (direct) {
                STORE(finish(o, r, xi[i]), o->to + r * o->step);
                if (EVEN)
                    STORE(finish(o, r + 1, xr[i]), o->to + (r + 1) * o->step);
            } else {
                re[at * C] = xr[i];
                im[at * C] = xi[i];
            }
        }
    }
    MEET;
}

/* Runs left after each pass. */
#ifdef R0
#define M0 (N / R0)
#endif
#ifdef R1
#define M1 (M0 / R1)
#endif
#ifdef R2
#define M2 (M1 / R2)
#endif
#ifdef R3
#define M3 (M2 / R3)
#endif
#ifdef R4
#define M4 (M3 / R4)
#endif
#ifdef R5
#define M5 (M4 / R5)
#endif
#ifdef R6
#define M6 (M5 / R6)
#endif
#ifdef R7
#define M7 (M6 / R7)
#endif

#define FALL(i, direct) fall(R##i, M##i, re, im, roots, t, direct, o)
#define RISE(i, direct) rise(R##i, M##i, re, im, roots, t, direct, o)

/* All passes; what o does not read or write lies in the array. */
INLINE void fall_all(SPACE real *re, SPACE real *im, __global const float2 *roots, int t,
                            const struct outside *o)
{
#ifdef R0
    if (o->from)
        FALL(0, true);
    else
        FALL(0, false);
#endif
#ifdef R1
    FALL(1, false);
#endif
#ifdef R2
    FALL(2, false);
#endif
#ifdef R3
    FALL(3, false);
#endif
#ifdef R4
    FALL(4, false);
#endif
#ifdef R5
    FALL(5, false);
#endif
#ifdef R6
    FALL(6, false);
#endif
#ifdef R7
    FALL(7, false);
#endif
}

INLINE void rise_all(SPACE real *re, SPACE real *im, __global const float2 *roots, int t,
                            const struct outside *o)
{
#ifdef R7
    RISE(7, false);
#endif
#ifdef R6
    RISE(6, false);
#endif
#ifdef R5
    RISE(5, false);
#endif
#ifdef R4
    RISE(4, false);
#endif
#ifdef R3
    RISE(3, false);
#endif
#ifdef R2
    RISE(2, false);
#endif
#ifdef R1
    RISE(1, false);
#endif
#ifdef R0
    if (o->to)
        RISE(0, true);
    else
        RISE(0, false);
#endif
}

#if T > 1
#define WORKSPACE                                                                                  \
    __local real space[2 * N * C];                                                                 \
    int t = get_local_id(1);                                                                       \
    SPACE real *re = space + get_local_id(0), *im = re + N * C
#else
#define WORKSPACE                                                                                  \
    real space[2 * N];                                                                             \
    int t = 0;                                                                                     \
    SPACE real *re = space, *im = re + N
#endif

/* The packed spectrum of the K real numbers whose complex transform lies in the array, reversed. */
INLINE void untangle(SPACE real *re, SPACE real *im, SPECTRA float *s, struct side g, int first,
                     int lanes, const bool whole, __global const float2 *roots,
                     __global const int *order, int t)
{
    for (int f = t; f <= N / 2; f += T) {
        int a = order[f] * C, b = order[f ? N - f : 0] * C;
        if (EVEN && f == 0) {
            put_slot(s, g, first, lanes, whole, 0, 0, re[a] + im[a]);
            put_slot(s, g, first, lanes, whole, 0, 1, re[a] - im[a]);
        } else if (EVEN) {
            float2 w = roots[f];
            real er = (re[a] + re[b]) * 0.5f, ei = (im[a] - im[b]) * 0.5f;
            real or = (im[a] + im[b]) * 0.5f, oi = (re[b] - re[a]) * 0.5f;
            real tr = or * w.x - oi * w.y, ti = or * w.y + oi * w.x;
            put_slot(s, g, first, lanes, whole, f, 0, er + tr);
            put_slot(s, g, first, lanes, whole, f, 1, ei + ti);
            put_slot(s, g, first, lanes, whole, N - f, 0, er - tr); /* f = N / 2: the same again */
            put_slot(s, g, first, lanes, whole, N - f, 1, ti - ei);
        } else {
            put_slot(s, g, first, lanes, whole, f, 0, re[a]);
            if (PARTS == 2)
                put_slot(s, g, first, lanes, whole, f, 1, im[a]);
        }
    }
}

/* x [channels][pixels] -> s [slot][part][block][place], of the vector of places of all blocks that
 * begins at `first`; by work-item t of T, in the array. */
INLINE void analyse(__global const float *x, SPECTRA float *s, __global const float2 *roots,
                    __global const int *order, struct side g, int first, SPACE real *re,
                    SPACE real *im, int t)
{
    int count = g.blocks * g.plane, step = g.step;
    bool mine = first < count;
    struct lane_map map = map_places(g, mine ? first : 0, count);
    struct outside o = {.step = step};
    if (DIRECT && mine && map.run && map.room[0] == K)
        o.from = x + map.at[0];
    for (int i = t; i < N && mine && !o.from; i += T) {
        re[i * C] = fetch(x, &map, EVEN ? 2 * i : i, step);
        im[i * C] = EVEN ? fetch(x, &map, 2 * i + 1, step) : (real)(0);
    }
    MEET;
    fall_all(re, im, roots, t, &o);
    if (first + V <= count)
        untangle(re, im, s, g, first, V, true, roots, order, t);
    else if (mine)
        untangle(re, im, s, g, first, count - first, false, roots, order, t);
}

/* Dimension 0: vectors of places of all blocks; dimension 1: the T work-items of a transform. */
KERNEL void spectra(__global const float *x, SPECTRA float *s, __global const float2 *roots,
                      __global const int *order, struct side g)
{
    WORKSPACE;
    analyse(x, s, roots, order, g, get_global_id(0) * V, re, im, t);
}

/* The reverse, scaled by 1/K. */
INLINE void tangle(SPACE real *re, SPACE real *im, SPECTRA const float *s, struct side g,
                   const struct lane_map *map, const bool run, __global const float2 *roots,
                   __global const int *order, int t)
{
    for (int f = t; f <= N / 2; f += T) {
        int a = order[f] * C, b = order[f ? N - f : 0] * C;
        real fr = fetch_slot(s, g, map, run, f, 0);
        real fi = PARTS == 2 ? fetch_slot(s, g, map, run, f, 1) : (real)(0);
        if (EVEN && f == 0) {
            re[a] = (fr + fi) * (1.0f / K);
            im[a] = (fr - fi) * (1.0f / K);
        } else if (EVEN) {
            float2 w = roots[f];
            real gr = fetch_slot(s, g, map, run, N - f, 0), gi = fetch_slot(s, g, map, run, N - f, 1);
            real er = fr + gr, ei = fi - gi, dr = fr - gr, di = fi + gi;
            real tr = dr * w.x + di * w.y, ti = di * w.x - dr * w.y;
            re[a] = (er - ti) * (1.0f / K);
            im[a] = (ei + tr) * (1.0f / K);
            re[b] = (er + ti) * (1.0f / K); /* f = N / 2: the same again */
            im[b] = (tr - ei) * (1.0f / K);
        } else {
            re[a] = fr * (1.0f / K);
            im[a] = f ? fi * (1.0f / K) : (real)(0);
            if (f) {
                re[b] = re[a];
                im[b] = -im[a];
            }
        }
    }
}

/* s -> y, scaled by 1/K, with bias [channels] (or NULL) added and negatives cut where relu is set, of
 * the vector of pixels of all blocks that begins at `first`. */
INLINE void synthesise(SPECTRA const float *s, __global float *y, __global const float2 *roots,
                       __global const int *order, struct side g, __global const float *bias, int relu,
                       int first, SPACE real *re, SPACE real *im, int t)
{
    int step = g.step, count = g.blocks * g.height * g.width * g.batch;
    bool mine = first < count;
    struct lane_map map = map_pixels(g, mine ? first : 0, count);
    if (mine && map.run)
        tangle(re, im, s, g, &map, true, roots, order, t);
    else if (mine)
        tangle(re, im, s, g, &map, false, roots, order, t);
    MEET;
    struct outside o = {.step = step, .relu = relu};
    if (DIRECT && mine && map.run && map.room[0] == K) {
        o.to = y + map.at[0];
        o.bias = bias ? bias + map.origin[0] : 0;
    }
    rise_all(im, re, roots, t, &o);
    for (int i = t; i < N && mine && !o.to; i += T) {
        put(y, &map, EVEN ? 2 * i : i, step, re[i * C], bias, relu);
        if (EVEN)
            put(y, &map, 2 * i + 1, step, im[i * C], bias, relu);
    }
}

/* Dimension 0: vectors of pixels of all blocks; dimension 1: the T work-items of a transform. */
KERNEL void signals(SPECTRA const float *s, __global float *y, __global const float2 *roots,
                      __global const int *order, struct side g, __global const float *bias,
                      int has_bias, int relu)
{
    WORKSPACE;
    synthesise(s, y, roots, order, g, has_bias ? bias : 0, relu, get_global_id(0) * V, re, im, t);
}
