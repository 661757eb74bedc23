/* Canonical weights: allocation, seeded filling, expansion, projection, first-row import. */
#include "backends/core/weights.h"

#include "backends/core/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The dense matrix as compressed rows sees it. */
static void pruned_shape(const struct circ_layer *layer, int64_t *rows, int64_t *cols)
{
    int m, n;
    circ_network_matrix(layer, &m, &n);
    *rows = layer->out.c;
    *cols = layer->op == CIRC_OP_CONV ? (int64_t)n * layer->taps_h * layer->taps_w : n;
}

static bool create_layer(const struct circ_layer *layer, struct circ_weights *weights)
{
    struct circ_counts counts = circ_network_layer_counts(layer);
    weights->count = (size_t)counts.weight_count;
    weights->values = calloc(weights->count, sizeof *weights->values);
    if (!weights->values)
        return false;
    if (layer->bias && !(weights->bias = calloc((size_t)layer->out.c, sizeof *weights->bias)))
        return false;
    if (layer->structure != CIRC_PRUNED)
        return true;

    int64_t rows, cols;
    pruned_shape(layer, &rows, &cols);
    weights->columns = calloc(weights->count, sizeof *weights->columns);
    weights->row_start = calloc((size_t)rows + 1, sizeof *weights->row_start);
    if (!weights->columns || !weights->row_start)
        return false;
    for (int64_t r = 0; r <= rows; r++)
        weights->row_start[r] = (int32_t)(counts.weight_count * r / rows);
    return true;
}

enum circ_status circ_weights_create(struct circ_model *model, const struct circ_network *network,
                                     struct circ_error *err)
{
    memset(model, 0, sizeof *model);
    model->network = network;
    for (int i = 0; i < network->layer_count; i++) {
        const struct circ_layer *layer = &network->layers[i];
        int64_t count = circ_network_layer_counts(layer).weight_count;
        if (layer->structure == CIRC_PRUNED && count > INT32_MAX) {
            circ_weights_free(model);
            return circ_status_fail(
                err, CIRC_UNSUP,
                "%s: layer %d has %lld nonzeros: compressed rows index fewer than "
                "2^31",
                network->name, i + 1, (long long)count);
        }
        if (circ_network_has_weights(layer) && !create_layer(layer, &model->layers[i])) {
            circ_weights_free(model);
            return circ_status_fail(err, CIRC_MEMORY,
                                    "%s: no memory for the %lld weights of layer %d", network->name,
                                    (long long)count, i + 1);
        }
    }
    return CIRC_OK;
}

void circ_weights_free(struct circ_model *model)
{
    for (int i = 0; i < CIRC_MAX_LAYERS; i++) {
        free(model->layers[i].values);
        free(model->layers[i].columns);
        free(model->layers[i].row_start);
        free(model->layers[i].bias);
    }
    memset(model, 0, sizeof *model);
}

/* need distinct columns out of cols, rising: selection sampling (Knuth, TAOCP 2, 3.4.2, algorithm
 * S) where the row is well filled, Floyd's sampling into sorted order where it is sparse. */
static void draw_columns(struct circ_random *random, int32_t *columns, int need, int64_t cols)
{
    if (need * 8 > cols) {
        int found = 0;
        for (int64_t c = 0; found < need; c++)
            if (circ_random_below(random, (uint64_t)(cols - c)) < (uint64_t)(need - found))
                columns[found++] = (int32_t)c;
        return;
    }
    for (int i = 0; i < need; i++) {
        int64_t top = cols - need + i;
        int32_t c = (int32_t)circ_random_below(random, (uint64_t)top + 1);
        int low = 0, high = i;
        while (low < high) { /* first position not below c */
            int middle = (low + high) / 2;
            if (columns[middle] < c)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < i && columns[low] == c) { /* taken: Floyd takes the new top instead */
            c = (int32_t)top;
            low = i;
        }
        memmove(columns + low + 1, columns + low, (size_t)(i - low) * sizeof *columns);
        columns[low] = c;
    }
}

void circ_weights_random(struct circ_model *model, uint64_t seed)
{
    for (int i = 0; i < model->network->layer_count; i++) {
        const struct circ_layer *layer = &model->network->layers[i];
        struct circ_weights *weights = &model->layers[i];
        if (!circ_network_has_weights(layer))
            continue;
        struct circ_random random = circ_random_seed(seed, (uint64_t)i);
        int64_t rows, fan_in;
        pruned_shape(layer, &rows, &fan_in);
        if (layer->structure == CIRC_PRUNED)
            fan_in = (int64_t)weights->count / rows > 0 ? (int64_t)weights->count / rows : 1;
        circ_random_fill(&random, weights->values, weights->count, sqrtf(3.0f / (float)fan_in));
        if (weights->bias)
            circ_random_fill(&random, weights->bias, (size_t)layer->out.c, 0.1f);
        if (layer->structure != CIRC_PRUNED)
            continue;
        pruned_shape(layer, &rows, &fan_in);
        for (int64_t r = 0; r < rows; r++) {
            int32_t start = weights->row_start[r];
            draw_columns(&random, weights->columns + start, weights->row_start[r + 1] - start,
                         fan_in);
        }
    }
}

/* Walks every entry of the dense layout that a circulant layer stands for, with the index of its
 * number in the circulant layout. */
struct walk {
    int m, n, p, q, k;
    int64_t taps;
    int64_t matrices;
};

static struct walk walk_begin(const struct circ_layer *layer)
{
    struct walk walk = {.k = layer->block, .matrices = circ_network_matrices(layer)};
    circ_network_matrix(layer, &walk.m, &walk.n);
    circ_network_blocks(layer, &walk.p, &walk.q);
    walk.taps = walk.matrices / (layer->op == CIRC_OP_CONV ? layer->groups : 1);
    return walk;
}

static size_t walk_dense(const struct walk *walk, int64_t matrix, int row, int col)
{
    int64_t group = matrix / walk->taps, tap = matrix % walk->taps;
    return (size_t)(((group * walk->m + row) * walk->n + col) * walk->taps + tap);
}

static size_t walk_circulant(const struct walk *walk, int64_t matrix, int row, int col)
{
    int k = walk->k, r = row % k, c = col % k;
    int64_t block = (matrix * walk->p + row / k) * walk->q + col / k;
    return (size_t)(block * k + (r - c + k) % k);
}

void circ_weights_expand(const struct circ_layer *layer, const struct circ_weights *weights,
                         float *dense)
{
    if (layer->structure == CIRC_DENSE) {
        memcpy(dense, weights->values, weights->count * sizeof *dense);
        return;
    }
    if (layer->structure == CIRC_PRUNED) {
        int64_t rows, cols;
        pruned_shape(layer, &rows, &cols);
        memset(dense, 0, (size_t)(rows * cols) * sizeof *dense);
        for (int64_t r = 0; r < rows; r++)
            for (int32_t i = weights->row_start[r]; i < weights->row_start[r + 1]; i++)
                dense[r * cols + weights->columns[i]] = weights->values[i];
        return;
    }
    struct walk walk = walk_begin(layer);
    for (int64_t matrix = 0; matrix < walk.matrices; matrix++)
        for (int row = 0; row < walk.m; row++)
            for (int col = 0; col < walk.n; col++)
                dense[walk_dense(&walk, matrix, row, col)] =
                    weights->values[walk_circulant(&walk, matrix, row, col)];
}

/* Sums along the wrapped diagonals of one block and divides by the entries that exist. */
static void project_block(const struct walk *walk, const float *dense, int64_t matrix, int i, int j,
                          float *out)
{
    int k = walk->k;
    int rows = walk->m - i * k < k ? walk->m - i * k : k;
    int cols = walk->n - j * k < k ? walk->n - j * k : k;
    for (int d = 0; d < k; d++) {
        double sum = 0;
        int entries = 0;
        for (int c = 0; c < cols; c++) {
            int r = (c + d) % k;
            if (r < rows) {
                sum += dense[walk_dense(walk, matrix, i * k + r, j * k + c)];
                entries++;
            }
        }
        out[d] = entries ? (float)(sum / entries) : 0;
    }
}

void circ_weights_project(const struct circ_layer *layer, const float *dense, float *out)
{
    struct walk walk = walk_begin(layer);
    for (int64_t matrix = 0; matrix < walk.matrices; matrix++)
        for (int i = 0; i < walk.p; i++)
            for (int j = 0; j < walk.q; j++)
                project_block(&walk, dense, matrix, i, j,
                              out + walk_circulant(&walk, matrix, i * walk.k, j * walk.k));
}

void circ_weights_import_first_row(float *vectors, size_t blocks, int k)
{
    for (size_t b = 0; b < blocks; b++) {
        float *w = vectors + b * (size_t)k;
        for (int i = 1, j = k - 1; i < j; i++, j--) {
            float t = w[i];
            w[i] = w[j];
            w[j] = t;
        }
    }
}
