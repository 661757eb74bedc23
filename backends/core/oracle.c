/* Direct evaluation in double. No transform, no library, no cleverness beyond loop order. */
#include "backends/core/oracle.h"

#include "backends/core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* When not all outputs can be verified within the budget, this share of it is spent. */
#define SAMPLED_SHARE 0.125

/* The dense entry (row, col) of group g's matrix at a tap: the definition of every structure but
 * PRUNED, which is read row by row. */
static double entry(const struct circ_layer *layer, const struct circ_weights *weights,
                    int64_t group, int64_t tap, int row, int col)
{
    int m, n, p, q, k = layer->block;
    circ_network_matrix(layer, &m, &n);
    int64_t taps = layer->op == CIRC_OP_CONV ? (int64_t)layer->taps_h * layer->taps_w : 1;
    if (layer->structure == CIRC_DENSE)
        return weights->values[((group * m + row) * n + col) * taps + tap];
    circ_network_blocks(layer, &p, &q);
    int64_t block = ((group * taps + tap) * p + row / k) * q + col / k;
    return weights->values[block * k + ((row - col) % k + k) % k];
}

/* One input value under a tap of output pixel (oy, ox), 0 in the padding. */
static double tapped(const struct circ_layer *layer, const double *x, int channel, int oy, int ox,
                     int64_t tap)
{
    int iy = oy * layer->stride - layer->pad + (int)(tap / layer->taps_w);
    int ix = ox * layer->stride - layer->pad + (int)(tap % layer->taps_w);
    if (iy < 0 || iy >= layer->in.h || ix < 0 || ix >= layer->in.w)
        return 0;
    return x[((int64_t)channel * layer->in.h + iy) * layer->in.w + ix];
}

/* Eight partial sums, so that the loop is not one chain of additions. */
static double dot(const float *w, const double *x, int n)
{
    double sum[8] = {0};
    int c = 0;
    for (; c + 8 <= n; c += 8)
        for (int l = 0; l < 8; l++)
            sum[l] += w[c + l] * x[c + l];
    for (; c < n; c++)
        sum[0] += w[c] * x[c];
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* Row `row` of a dense or circulant matrix of one tap times x[n]: a circulant row is its block's
 * first column read backwards from row % k, around the end. */
static double row_product(const struct circ_layer *layer, const struct circ_weights *weights,
                          int row, const double *x)
{
    int m, n, p, q, k = layer->block, r = row % k;
    circ_network_matrix(layer, &m, &n);
    circ_network_blocks(layer, &p, &q);
    if (layer->structure == CIRC_DENSE)
        return dot(weights->values + (int64_t)row * n, x, n);
    double sum = 0;
    for (int j = 0; j < q; j++) {
        const float *w = weights->values + ((int64_t)(row / k) * q + j) * k;
        int columns = n - j * k < k ? n - j * k : k;
        for (int c = 0; c < columns; c++)
            sum += w[c <= r ? r - c : r - c + k] * x[j * k + c];
    }
    return sum;
}

/* One output by its definition. */
static double output_at(const struct circ_layer *layer, const struct circ_weights *weights,
                        const double *x, int64_t index)
{
    int m, n;
    circ_network_matrix(layer, &m, &n);
    bool conv = layer->op == CIRC_OP_CONV;
    int64_t pixels = (int64_t)layer->out.h * layer->out.w, taps = 1;
    if (conv)
        taps = (int64_t)layer->taps_h * layer->taps_w;
    int channel = (int)(index / pixels);
    int oy = (int)(index % pixels) / layer->out.w, ox = (int)(index % pixels) % layer->out.w;
    int group = channel / m;
    double sum = weights->bias ? weights->bias[channel] : 0;
    if (layer->structure == CIRC_PRUNED) {
        for (int32_t i = weights->row_start[channel]; i < weights->row_start[channel + 1]; i++) {
            int32_t col = weights->columns[i];
            sum += weights->values[i] *
                   (conv ? tapped(layer, x, group * n + (int)(col / taps), oy, ox, col % taps)
                         : x[col]);
        }
        return sum;
    }
    if (!conv)
        return sum + row_product(layer, weights, channel, x);
    for (int64_t tap = 0; tap < taps; tap++)
        for (int c = 0; c < n; c++)
            sum += entry(layer, weights, group, tap, channel % m, c) *
                   tapped(layer, x, group * n + c, oy, ox, tap);
    return sum;
}

/* y[r] += sum_c w[(r - c) mod k] x[c] for r < rows, c < cols: column c of the block is w turned by
 * c. */
static void block_product(const float *w, int k, int rows, int cols, const double *x, double *y)
{
    for (int c = 0; c < cols; c++) {
        int wrapped = c < rows ? c : rows;
        for (int r = 0; r < wrapped; r++)
            y[r] += w[r - c + k] * x[c];
        for (int r = c; r < rows; r++)
            y[r] += w[r - c] * x[c];
    }
}

static void fc(const struct circ_layer *layer, const struct circ_weights *weights, const double *x,
               double *y)
{
    int m, n, p, q, k = layer->block;
    circ_network_matrix(layer, &m, &n);
    circ_network_blocks(layer, &p, &q);
    for (int r = 0; r < m; r++)
        y[r] = weights->bias ? weights->bias[r] : 0;
    if (layer->structure == CIRC_DENSE) {
        for (int r = 0; r < m; r++)
            y[r] += dot(weights->values + (int64_t)r * n, x, n);
    } else if (layer->structure == CIRC_PRUNED) {
        for (int r = 0; r < m; r++)
            for (int32_t i = weights->row_start[r]; i < weights->row_start[r + 1]; i++)
                y[r] += weights->values[i] * x[weights->columns[i]];
    } else {
        for (int i = 0; i < p; i++)
            for (int j = 0; j < q; j++)
                block_product(weights->values + ((int64_t)i * q + j) * k, k,
                              m - i * k < k ? m - i * k : k, n - j * k < k ? n - j * k : k,
                              x + j * k, y + i * k);
    }
}

/* The convolution with pixels outside and output channels inside: weights expanded to [tap][c][m]
 * doubles for one group at a time. */
static void conv_group(const struct circ_layer *layer, const double *w, int group, const double *x,
                       double *line, double *y)
{
    int m, n;
    circ_network_matrix(layer, &m, &n);
    int64_t pixels = (int64_t)layer->out.h * layer->out.w;
    int64_t taps = (int64_t)layer->taps_h * layer->taps_w;
    for (int64_t pixel = 0; pixel < pixels; pixel++) {
        int oy = (int)(pixel / layer->out.w), ox = (int)(pixel % layer->out.w);
        memset(line, 0, (size_t)m * sizeof *line);
        for (int64_t tap = 0; tap < taps; tap++) {
            for (int c = 0; c < n; c++) {
                double value = tapped(layer, x, group * n + c, oy, ox, tap);
                const double *column = w + (tap * n + c) * m;
                if (value != 0)
                    for (int r = 0; r < m; r++)
                        line[r] += column[r] * value;
            }
        }
        for (int r = 0; r < m; r++)
            y[((int64_t)group * m + r) * pixels + pixel] += line[r];
    }
}

static enum circ_status conv(const struct circ_layer *layer, const struct circ_weights *weights,
                             const double *x, double *y, struct circ_error *err)
{
    int m, n;
    circ_network_matrix(layer, &m, &n);
    int64_t pixels = (int64_t)layer->out.h * layer->out.w;
    int64_t taps = (int64_t)layer->taps_h * layer->taps_w;
    size_t count = (size_t)(taps * n * m);
    double *w = malloc(count * sizeof *w);
    double *line = malloc((size_t)m * sizeof *line);
    float *dense = malloc(count * (size_t)layer->groups * sizeof *dense);
    enum circ_status status = CIRC_OK;
    if (!w || !line || !dense) {
        status =
            circ_status_fail(err, CIRC_MEMORY, "no memory for the oracle of a %dx%dx%dx%d layer",
                             layer->taps_h, layer->taps_w, layer->in.c, layer->out.c);
        goto done;
    }
    circ_weights_expand(layer, weights, dense);
    for (int64_t i = 0; i < layer->out.c * pixels; i++)
        y[i] = weights->bias ? weights->bias[i / pixels] : 0;
    for (int group = 0; group < layer->groups; group++) {
        for (int r = 0; r < m; r++)
            for (int c = 0; c < n; c++)
                for (int64_t tap = 0; tap < taps; tap++)
                    w[(tap * n + c) * m + r] =
                        dense[(((int64_t)group * m + r) * n + c) * taps + tap];
        conv_group(layer, w, group, x, line, y);
    }
done:
    free(dense);
    free(line);
    free(w);
    return status;
}

static void pool(const struct circ_layer *layer, const double *x, double *y)
{
    struct circ_shape in = layer->in, out = layer->out;
    bool max = layer->op == CIRC_OP_POOL_MAX;
    for (int c = 0; c < out.c; c++) {
        for (int oy = 0; oy < out.h; oy++) {
            for (int ox = 0; ox < out.w; ox++) {
                double best = -INFINITY, sum = 0;
                int count = 0;
                for (int t = 0; t < layer->taps_h * layer->taps_w; t++) {
                    int iy = oy * layer->stride - layer->pad + t / layer->taps_w;
                    int ix = ox * layer->stride - layer->pad + t % layer->taps_w;
                    if (iy < 0 || iy >= in.h || ix < 0 || ix >= in.w)
                        continue;
                    double value = x[((int64_t)c * in.h + iy) * in.w + ix];
                    best = value > best ? value : best;
                    sum += value;
                    count++;
                }
                y[((int64_t)c * out.h + oy) * out.w + ox] = max ? best : sum / count;
            }
        }
    }
}

static void lrn(const struct circ_layer *layer, const double *x, double *y)
{
    int64_t pixels = (int64_t)layer->in.h * layer->in.w;
    int half = layer->lrn_size / 2;
    for (int c = 0; c < layer->in.c; c++) {
        for (int64_t i = 0; i < pixels; i++) {
            double sum = 0;
            for (int d = c - half; d <= c + half; d++)
                if (d >= 0 && d < layer->in.c)
                    sum += x[d * pixels + i] * x[d * pixels + i];
            y[c * pixels + i] =
                x[c * pixels + i] /
                pow((double)layer->lrn_bias + (double)layer->lrn_alpha / layer->lrn_size * sum,
                    (double)layer->lrn_beta);
        }
    }
}

static void softmax(int64_t count, const double *x, double *y)
{
    double top = x[0], sum = 0;
    for (int64_t i = 1; i < count; i++)
        top = x[i] > top ? x[i] : top;
    for (int64_t i = 0; i < count; i++)
        sum += y[i] = exp(x[i] - top);
    for (int64_t i = 0; i < count; i++)
        y[i] /= sum;
}

enum circ_status circ_oracle_layer(const struct circ_layer *layer,
                                   const struct circ_weights *weights, const double *x, double *y,
                                   struct circ_error *err)
{
    int64_t count = circ_network_elements(layer->in);
    switch (layer->op) {
    case CIRC_OP_FC:
        fc(layer, weights, x, y);
        break;
    case CIRC_OP_CONV:
        return conv(layer, weights, x, y, err);
    case CIRC_OP_POOL_MAX:
    case CIRC_OP_POOL_AVG:
        pool(layer, x, y);
        break;
    case CIRC_OP_RELU:
        for (int64_t i = 0; i < count; i++)
            y[i] = x[i] < 0 ? 0 : x[i]; /* NaN stays: an activation hides no fault */
        break;
    case CIRC_OP_LRN:
        lrn(layer, x, y);
        break;
    case CIRC_OP_FLATTEN:
        memcpy(y, x, (size_t)count * sizeof *y);
        break;
    case CIRC_OP_SOFTMAX:
        softmax(count, x, y);
        break;
    }
    return CIRC_OK;
}

double circ_oracle_cost(const struct circ_network *net)
{
    double cost = 0;
    for (int i = 0; i < net->layer_count; i++) {
        struct circ_counts counts = circ_network_layer_counts(&net->layers[i]);
        cost += (double)(net->layers[i].structure == CIRC_PRUNED ? counts.flop_executed
                                                                 : counts.flop_dense) /
                2;
    }
    return cost;
}

/* count of limit indices, rising: one drawn in each of count equal parts, so that every region is
 * looked at; the first and the last index are always among them. */
static void spread(struct circ_random *random, int64_t limit, int64_t count, int64_t *indices)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t low = limit * i / count, high = limit * (i + 1) / count;
        indices[i] = low + (int64_t)circ_random_below(random, (uint64_t)(high - low));
    }
    indices[0] = 0;
    if (count > 1)
        indices[count - 1] = limit - 1;
}

enum circ_status circ_oracle_select(const struct circ_network *net, int batch, double budget,
                                    uint64_t seed, struct circ_selection *selection,
                                    struct circ_error *err)
{
    memset(selection, 0, sizeof *selection);
    int64_t outputs = circ_network_elements(circ_network_output(net));
    double cost = circ_oracle_cost(net);
    double share = cost * batch > budget ? SAMPLED_SHARE * budget / (cost * batch) : 1;
    bool single = net->layer_count == 1 && circ_network_has_weights(&net->layers[0]);
    int64_t frames = batch, chosen = outputs;
    if (share < 1 && single)
        chosen = (int64_t)ceil(share * (double)outputs);
    else if (share < 1)
        frames = (int64_t)ceil(share * batch);
    if (frames < 2 && batch > 1 && cost * 2 <= budget)
        frames = 2;

    struct circ_random random = circ_random_seed(seed, 0x5e1ec7);
    int64_t *indices = malloc((size_t)(frames > chosen ? frames : chosen) * sizeof *indices);
    selection->frames = malloc((size_t)frames * sizeof *selection->frames);
    if (!indices || !selection->frames) {
        free(indices);
        circ_oracle_selection_free(selection);
        return circ_status_fail(err, CIRC_MEMORY, "no memory to choose outputs to verify");
    }
    spread(&random, batch, frames, indices);
    selection->frame_count = (int)frames;
    for (int64_t i = 0; i < frames; i++)
        selection->frames[i] = (int)indices[i];
    if (chosen < outputs) {
        spread(&random, outputs, chosen, indices);
        selection->output_count = chosen;
        selection->outputs = indices;
    } else {
        free(indices);
    }
    return CIRC_OK;
}

void circ_oracle_selection_free(struct circ_selection *selection)
{
    free(selection->frames);
    free(selection->outputs);
    memset(selection, 0, sizeof *selection);
}

static double mean_square_f32(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * values[i];
    return count ? sum / (double)count : 0;
}

static double mean_square_f64(const double *values, int64_t count)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += values[i] * values[i];
    return count ? sum / (double)count : 0;
}

int circ_oracle_last_weighted(const struct circ_network *net)
{
    for (int i = net->layer_count - 1; i >= 0; i--) {
        enum circ_op op = net->layers[i].op;
        if (circ_network_has_weights(&net->layers[i]))
            return i;
        if (op != CIRC_OP_RELU && op != CIRC_OP_POOL_MAX && op != CIRC_OP_FLATTEN)
            return -1;
    }
    return -1;
}

double circ_oracle_uncancelled(const struct circ_layer *layer, const struct circ_weights *weights,
                               const double *x)
{
    int m, n;
    circ_network_matrix(layer, &m, &n);
    double taps =
        (double)(circ_network_matrices(layer) / (layer->op == CIRC_OP_CONV ? layer->groups : 1));
    double terms =
        layer->structure == CIRC_PRUNED ? (double)weights->count / layer->out.c : n * taps;
    return terms * mean_square_f32(weights->values, weights->count) *
           mean_square_f64(x, circ_network_elements(layer->in));
}

/* One whole frame through all layers, between two buffers; the result is left in *x. */
static enum circ_status run_frame(const struct circ_model *model, double **x, double **y,
                                  double *scale2, struct circ_error *err)
{
    int last = circ_oracle_last_weighted(model->network);
    for (int i = 0; i < model->network->layer_count; i++) {
        if (i == last)
            *scale2 += circ_oracle_uncancelled(&model->network->layers[i], &model->layers[i], *x);
        enum circ_status status =
            circ_oracle_layer(&model->network->layers[i], &model->layers[i], *x, *y, err);
        if (status)
            return status;
        double *t = *x;
        *x = *y;
        *y = t;
    }
    return CIRC_OK;
}

enum circ_status circ_oracle_network(const struct circ_model *model, const float *input,
                                     const struct circ_selection *selection, double *y,
                                     double *scale, struct circ_error *err)
{
    double scale2 = 0; /* summed over frames */
    const struct circ_network *net = model->network;
    int64_t inputs = circ_network_elements(net->input), widest = inputs;
    int64_t outputs = circ_network_elements(circ_network_output(net));
    for (int i = 0; i < net->layer_count; i++) {
        int64_t count = circ_network_elements(net->layers[i].out);
        widest = count > widest ? count : widest;
    }
    enum circ_status status = CIRC_OK;
    double *a = malloc((size_t)widest * sizeof *a), *b = malloc((size_t)widest * sizeof *b);
    if (!a || !b) {
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory for the oracle's activations",
                                  net->name);
        goto done;
    }
    for (int f = 0; f < selection->frame_count && !status; f++) {
        const float *frame = input + selection->frames[f] * inputs;
        for (int64_t i = 0; i < inputs; i++)
            a[i] = frame[i];
        if (selection->output_count) {
            scale2 += circ_oracle_uncancelled(&net->layers[0], &model->layers[0], a);
            for (int64_t i = 0; i < selection->output_count; i++)
                *y++ = output_at(&net->layers[0], &model->layers[0], a, selection->outputs[i]);
            continue;
        }
        status = run_frame(model, &a, &b, &scale2, err);
        if (!status)
            memcpy(y, a, (size_t)outputs * sizeof *y);
        y += outputs;
    }
    *scale = sqrt(scale2 / (selection->frame_count ? selection->frame_count : 1));
done:
    free(b);
    free(a);
    return status;
}
