/* Where the numbers of one side of a layer lie in its activations and in its spectra. Parameter: K. */

/* All counts are floats or numbers of things; see planes.h, which fills it on the host. */
struct side {
    int blocks;        /* of all groups */
    int per_group;     /* blocks of one group */
    int channels;      /* of one group */
    int height, width; /* of the activation */
    int batch;
    int stride, pad;
    int wide;  /* floats of a row of a plane */
    int high;  /* rows of a plane, of each residue */
    int front; /* places before the first row */
    int plane; /* places of a block: front, rows, and what rounds them up */
    int pitch; /* floats between two parts of a spectrum: places of all blocks, and a pad */
    int step;  /* floats between two channels of the activation */
};

/* Where a place's pixel lies in its channel, or -1 for a place in a margin. */
static inline int pixel_of(struct side g, int place)
{
    place -= g.front;
    if (place < 0)
        return -1;
    int row = place / g.wide, column = place % g.wide;
    int residue = row / g.high, x = column / g.batch;
    int down = row % g.high * g.stride + residue / g.stride - g.pad;
    int across = x * g.stride + residue % g.stride - g.pad;
    if (residue >= g.stride * g.stride || down < 0 || down >= g.height || across < 0 ||
        across >= g.width)
        return -1;
    return (down * g.width + across) * g.batch + column % g.batch;
}

/* The reverse: the place of a pixel. */
static inline int place_of(struct side g, int pixel)
{
    int row = pixel / (g.width * g.batch) + g.pad, column = pixel % (g.width * g.batch);
    int x = column / g.batch + g.pad;
    int residue = row % g.stride * g.stride + x % g.stride;
    return g.front + (residue * g.high + row / g.stride) * g.wide + x / g.stride * g.batch +
           column % g.batch;
}

/* The first channel of a block, and how many of its K channels there are. */
static inline int channel_of(struct side g, int block)
{
    return block / g.per_group * g.channels + block % g.per_group * K;
}

static inline int room_of(struct side g, int block)
{
    return min(K, g.channels - block % g.per_group * K);
}
