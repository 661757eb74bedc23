/* The products of a layer's spectra, one for each slot, tap and group:
 *     forward   Y_i = sum over taps, j of W_ij X_j
 *     backward  X'_j = sum over taps, i of conj(W_ij) Y'_i       (BACKWARD: gradients)
 * with W [slot][group][tile of ROWS rows][tap][j]{re[ROWS], im[ROWS]}. Slot 0 carries two real bins
 * where K is even and one where it is odd: its product is that of its parts, apart.
 *
 * A work-item keeps a tile of ROWS rows and COLUMNS vectors in registers; weights are one number for
 * all lanes. With MULTIPLIES 3 a complex product is Gauss', three real ones: W has {re, im - re,
 * re + im}, in slot 0 {re, im, 0}. Forward only. Parameters: K, V, ROWS, COLUMNS, PARTS (1: real, for
 * K = 1), MULTIPLIES, BACKWARD. */

#define WEIGHT_PARTS (PARTS == 2 && MULTIPLIES == 3 ? 3 : PARTS)

/* One tap: which one it is, and how far its places lie from those of the output. */
struct tap {
    int index, offset;
};

/* rows, reduced: blocks of a group on the side that is written, and on the one that is summed over.
 * taps: all of them; residues (1 forward): planes of the output side, of which residue r takes the
 * taps from starts[r] to starts[r + 1]. Dimensions: tiles of columns; tiles of rows; slots x groups
 * x residues. */
struct product_shape {
    int groups, rows, reduced, taps, residues;
    int weight_rows, weight_blocks; /* p and q of W */
    int x_plane, y_plane; /* places of a block that is read, and that is written */
    int x_pitch, y_pitch; /* floats between two parts of theirs */
    int x_front, y_front; /* of the first place in either */
    int span;             /* places that a residue writes */
};

static inline size_t weight_at(const struct product_shape *s, int slot, int group, int tap, int i, int j)
{
    int tiles = (s->weight_rows + ROWS - 1) / ROWS;
    return ((((size_t)(slot * s->groups + group) * tiles + i / ROWS) * s->taps + tap) *
                s->weight_blocks + j) * (ROWS * WEIGHT_PARTS) + i % ROWS;
}

/* Those lanes of a vector that lie before the end, so many floats away. */
INLINE void put_lanes(SPECTRA float *to, int left, real value)
{
    if (left >= V) {
        STORE_S(value, to);
        return;
    }
    union lanes a = {.v = value};
    for (int l = 0; l < left; l++)
        to[l] = a.at[l];
}

/* One tile: of a residue, a group and a slot, rows from `row`, and of columns a vector every `width`
 * from `column`. */
INLINE void multiply(__global const float *w, SPECTRA const float *x, SPECTRA float *y,
                     __global const struct tap *taps, __global const int *starts,
                     struct product_shape s, int residue, int group, int slot, int row, int column,
                     int width)
{
    size_t x_part = s.x_pitch, y_part = s.y_pitch;
    real re[ROWS][COLUMNS], im[ROWS][COLUMNS], both[ROWS][COLUMNS]; /* both: Gauss' */
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
            re[r][c] = im[r][c] = both[r][c] = 0;

    for (int a = starts[residue]; a < starts[residue + 1]; a++) {
        struct tap tap = taps[a];
        SPECTRA const float *from = x + (size_t)slot * PARTS * x_part +
                                     (size_t)group * s.reduced * s.x_plane + s.x_front +
                                     tap.offset + column;
#if BACKWARD
        /* rows are j; those of the last tile that do not exist read the last that does */
        size_t at[ROWS];
#pragma unroll
        for (int r = 0; r < ROWS; r++)
            at[r] = weight_at(&s, slot, group, tap.index, 0, min(row + r, s.rows - 1));
#else
        __global const float *at = w + weight_at(&s, slot, group, tap.index, row, 0);
#endif
        for (int j = 0; j < s.reduced; j++, from += s.x_plane) {
            real xr[COLUMNS], xi[COLUMNS];
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) {
                xr[c] = LOAD_S(from + c * width);
                if (PARTS == 2)
                    xi[c] = LOAD_S(from + x_part + c * width);
            }
#if BACKWARD
            size_t next = weight_at(&s, slot, group, tap.index, j, 0) -
                          weight_at(&s, slot, group, tap.index, 0, 0);
#define WEIGHT(r, part) w[at[r] + next + (part) * ROWS]
#else
            __global const float *own = at + (size_t)j * ROWS * WEIGHT_PARTS;
#define WEIGHT(r, part) own[(part) * ROWS + (r)]
#endif
            if (PARTS == 1) {
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    float wr = WEIGHT(r, 0);
#pragma unroll
                    for (int c = 0; c < COLUMNS; c++)
                        re[r][c] += xr[c] * wr;
                }
            } else if (slot == 0) {
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    float wr = WEIGHT(r, 0), wi = WEIGHT(r, PARTS - 1);
#pragma unroll
                    for (int c = 0; c < COLUMNS; c++) {
                        re[r][c] += xr[c] * wr;
                        im[r][c] += xi[c] * wi;
                    }
                }
            } else if (WEIGHT_PARTS == 3) {
                real xs[COLUMNS];
#pragma unroll
                for (int c = 0; c < COLUMNS; c++)
                    xs[c] = xr[c] + xi[c];
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    float wr = WEIGHT(r, 0), wd = WEIGHT(r, 1), ws = WEIGHT(r, 2);
#pragma unroll
                    for (int c = 0; c < COLUMNS; c++) {
                        both[r][c] += xs[c] * wr;
                        im[r][c] += xr[c] * wd;
                        re[r][c] -= xi[c] * ws;
                    }
                }
            } else {
#pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    float wr = WEIGHT(r, 0), wi = BACKWARD ? -WEIGHT(r, PARTS - 1) : WEIGHT(r, PARTS - 1);
#pragma unroll
                    for (int c = 0; c < COLUMNS; c++) {
                        re[r][c] += xr[c] * wr;
                        im[r][c] += xr[c] * wi;
                        re[r][c] -= xi[c] * wi;
                        im[r][c] += xi[c] * wr;
                    }
                }
            }
        }
    }

    if (WEIGHT_PARTS == 3) {
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
            for (int c = 0; c < COLUMNS; c++) {
                re[r][c] += both[r][c];
                im[r][c] += both[r][c];
            }
    }
    SPECTRA float *to = y + (size_t)slot * PARTS * y_part +
                         ((size_t)group * s.rows + row) * s.y_plane + s.y_front +
                         residue * s.span + column;
    int left = s.span - column, rows = s.rows - row;
#pragma unroll
    for (int r = 0; r < ROWS; r++)
#pragma unroll
        for (int c = 0; c < COLUMNS; c++)
            if (r < rows) {
                SPECTRA float *own = to + (size_t)r * s.y_plane + c * width;
                put_lanes(own, left - c * width, re[r][c]);
                if (PARTS == 2)
                    put_lanes(own + y_part, left - c * width, im[r][c]);
            }
}

KERNEL void product(__global const float *w, SPECTRA const float *x, SPECTRA float *y,
                      __global const struct tap *taps, __global const int *starts, struct product_shape s)
{
    int residue = get_global_id(2) % s.residues, unit = get_global_id(2) / s.residues;
    int row = get_global_id(1) * ROWS, width = get_local_size(0) * V;
    int column = get_group_id(0) * width * COLUMNS + get_local_id(0) * V;
    if (row < s.rows && column < s.span)
        multiply(w, x, y, taps, starts, s, residue, unit % s.groups, unit / s.groups, row, column,
                 width);
}
