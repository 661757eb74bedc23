/* Backward passes by definition: sums over all that a weight or an input touches, in loops ordered
 * for speed. */
#include "backends/core/backward.h"

#include "backends/core/geometry.h"

#include <stdlib.h>
#include <string.h>

int64_t circ_backward_count(const struct circ_layer *layer, const struct circ_weights *weights)
{
    return layer->op == CIRC_OP_CONV ? circ_network_layer_counts(layer).weight_count_dense
                                     : (int64_t)weights->count;
}

/* From DENSE layout [group][r][c][tap]. */
double *circ_backward_expand(const struct circ_layer *layer, const struct circ_weights *weights)
{
    struct circ_geometry g = circ_geometry_of(layer);
    size_t count = (size_t)circ_network_layer_counts(layer).weight_count_dense, at = 0;
    float *given = malloc(count * sizeof *given);
    double *w = malloc(count * sizeof *w);
    if (given && w) {
        circ_weights_expand(layer, weights, given);
        for (int group = 0; group < g.groups; group++)
            for (int tap = 0; tap < g.taps; tap++)
                for (int c = 0; c < g.n; c++)
                    for (int r = 0; r < g.m; r++)
                        w[at++] = given[(((size_t)group * (size_t)g.m + (size_t)r) * (size_t)g.n +
                                         (size_t)c) *
                                            (size_t)g.taps +
                                        (size_t)tap];
    }
    if (!given) {
        free(w);
        w = NULL;
    }
    free(given);
    return w;
}

void circ_backward_fc(const struct circ_layer *layer, const float *w, const double *x,
                      const double *dy, double weight, double *sum, double *dx)
{
    struct circ_geometry g = circ_geometry_of(layer);
    memset(dx, 0, (size_t)g.n * sizeof *dx);
    for (int r = 0; r < g.m && layer->structure == CIRC_DENSE; r++) {
        const float *row = w + (int64_t)r * g.n;
        double *to = sum + (int64_t)r * g.n, slope = dy[r];
        if (slope != 0)
            for (int c = 0; c < g.n; c++) {
                dx[c] += slope * row[c];
                to[c] += weight * slope * x[c];
            }
    }
    for (int64_t b = 0; b < (int64_t)g.p * g.q && layer->structure == CIRC_CIRCULANT; b++) {
        int row = (int)(b / g.q) * g.k, col = (int)(b % g.q) * g.k;
        int rows = g.m - row < g.k ? g.m - row : g.k, cols = g.n - col < g.k ? g.n - col : g.k;
        const float *block = w + b * g.k;
        double *to = sum + b * g.k;
        for (int c = 0; c < cols; c++) { /* column c of the block is its vector turned by c */
            int wrapped = c < rows ? c : rows;
            double total = 0, value = weight * x[col + c];
            for (int r = 0; r < wrapped; r++) {
                total += block[r - c + g.k] * dy[row + r];
                to[r - c + g.k] += value * dy[row + r];
            }
            for (int r = c; r < rows; r++) {
                total += block[r - c] * dy[row + r];
                to[r - c] += value * dy[row + r];
            }
            dx[col + c] += total;
        }
    }
}

/* to[r] += value dy[r]; returns the sum of w[r] dy[r]. */
static double back_column(int m, const double *w, const double *dy, double value, double *to)
{
    double total[4] = {0};
    int r = 0;
    for (; r + 4 <= m; r += 4)
        for (int l = 0; l < 4; l++) {
            total[l] += w[r + l] * dy[r + l];
            to[r + l] += value * dy[r + l];
        }
    for (; r < m; r++) {
        total[0] += w[r] * dy[r];
        to[r] += value * dy[r];
    }
    return (total[0] + total[1]) + (total[2] + total[3]);
}

void circ_backward_conv(const struct circ_layer *layer, const double *w, const double *x,
                        const double *dy, double weight, double *sum, double *dx, double *line)
{
    struct circ_geometry g = circ_geometry_of(layer);
    int64_t matrix = (int64_t)g.taps * g.n * g.m;
    memset(dx, 0, (size_t)circ_network_elements(layer->in) * sizeof *dx);
    for (int64_t at = 0; at < (int64_t)g.groups * g.out_pixels; at++) {
        int group = (int)(at / g.out_pixels), pixel = (int)(at % g.out_pixels), some = 0;
        for (int r = 0; r < g.m; r++) {
            line[r] = dy[((int64_t)group * g.m + r) * g.out_pixels + pixel];
            some |= line[r] != 0;
        }
        for (int tap = 0; tap < g.taps && some; tap++) {
            int under = circ_geometry_under(layer, pixel, tap);
            for (int c = 0; c < g.n && under >= 0; c++) {
                int64_t xi = ((int64_t)group * g.n + c) * g.in_pixels + under;
                int64_t wi = group * matrix + ((int64_t)tap * g.n + c) * g.m;
                dx[xi] += back_column(g.m, w + wi, line, weight * x[xi], sum + wi);
            }
        }
    }
}

void circ_backward_fold(const struct circ_layer *layer, const double *sum, int64_t count,
                        double *out)
{
    if (layer->op != CIRC_OP_CONV) {
        memcpy(out, sum, (size_t)count * sizeof *out);
        return;
    }
    struct circ_geometry g = circ_geometry_of(layer);
    memset(out, 0, (size_t)count * sizeof *out);
    for (int64_t group = 0; group < g.groups; group++)
        for (int64_t tap = 0; tap < g.taps; tap++)
            for (int c = 0; c < g.n; c++)
                for (int r = 0; r < g.m; r++) {
                    int64_t block = ((group * g.taps + tap) * g.p + r / g.k) * g.q + c / g.k;
                    int64_t at = layer->structure == CIRC_DENSE
                                     ? ((group * g.m + r) * g.n + c) * g.taps + tap
                                     : block * g.k + ((r - c) % g.k + g.k) % g.k;
                    out[at] += *sum++;
                }
}
