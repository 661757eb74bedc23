/* Backward passes of the layers without weights, one frame, channels first: a template, included
 * with
 *     CIRC_SLOPES_T        the type of a value: float or double
 *     CIRC_SLOPES_NAME(x)  the names of this instance
 * It includes nothing and has no include guard on purpose. dx never aliases the others.
 *
 * Where a function has no derivative (ReLU at 0, equal values under a maximum) any choice between
 * the one-sided slopes is one: here 0, and the first of the equal values. */

#define T CIRC_SLOPES_T

static inline void CIRC_SLOPES_NAME(relu)(int64_t count, const T *x, const T *dy, T *dx)
{
    for (int64_t i = 0; i < count; i++)
        dx[i] = x[i] > 0 ? dy[i] : 0;
}

/* Index of the input that a window of output `index` takes as its maximum. */
static inline int64_t CIRC_SLOPES_NAME(pool_winner)(const struct circ_layer *layer, const T *x,
                                                    int64_t index)
{
    struct circ_shape in = layer->in, out = layer->out;
    int64_t plane = index / ((int64_t)out.h * out.w) * in.h, best = -1;
    int pixel = (int)(index % ((int64_t)out.h * out.w));
    for (int t = 0; t < layer->taps_h * layer->taps_w; t++) {
        int iy = pixel / out.w * layer->stride - layer->pad + t / layer->taps_w;
        int ix = pixel % out.w * layer->stride - layer->pad + t % layer->taps_w;
        if (iy < 0 || iy >= in.h || ix < 0 || ix >= in.w)
            continue;
        int64_t at = (plane + iy) * in.w + ix;
        if (best < 0 || x[at] > x[best])
            best = at;
    }
    return best;
}

static inline void CIRC_SLOPES_NAME(pool)(const struct circ_layer *layer, const T *x, const T *dy,
                                          T *dx)
{
    struct circ_shape in = layer->in, out = layer->out;
    for (int64_t i = 0; i < circ_network_elements(in); i++)
        dx[i] = 0;
    for (int64_t i = 0; i < circ_network_elements(out); i++) {
        if (layer->op == CIRC_OP_POOL_MAX) {
            int64_t winner = CIRC_SLOPES_NAME(pool_winner)(layer, x, i);
            dx[winner] += dy[i];
            continue;
        }
        int64_t plane = i / ((int64_t)out.h * out.w) * in.h;
        int pixel = (int)(i % ((int64_t)out.h * out.w));
        int top = pixel / out.w * layer->stride - layer->pad, bottom = top + layer->taps_h;
        int left = pixel % out.w * layer->stride - layer->pad, right = left + layer->taps_w;
        top = top > 0 ? top : 0, left = left > 0 ? left : 0;
        bottom = bottom < in.h ? bottom : in.h, right = right < in.w ? right : in.w;
        T share = dy[i] / (T)((bottom - top) * (right - left));
        for (int iy = top; iy < bottom; iy++)
            for (int ix = left; ix < right; ix++)
                dx[(plane + iy) * in.w + ix] += share;
    }
}

/* With s_c = bias + alpha/size sum of x^2 over the window of c:
 *     dx_c = dy_c s_c^-beta - 2 alpha beta / size x_c sum over d in the window of c of
 *            dy_d x_d s_d^(-beta - 1)
 * scale holds s, then the products of that sum; count values. */
static inline void CIRC_SLOPES_NAME(lrn)(const struct circ_layer *layer, const T *x, const T *dy,
                                         T *dx, T *scale)
{
    int64_t pixels = (int64_t)layer->in.h * layer->in.w;
    int half = layer->lrn_size / 2, channels = layer->in.c;
    T alpha_n = (T)layer->lrn_alpha / (T)layer->lrn_size, beta = (T)layer->lrn_beta;
    for (int64_t i = 0; i < channels * pixels; i++) {
        int c = (int)(i / pixels);
        T sum = 0;
        for (int d = c > half ? c - half : 0; d <= c + half && d < channels; d++)
            sum += x[d * pixels + i % pixels] * x[d * pixels + i % pixels];
        T base = (T)layer->lrn_bias + alpha_n * sum;
        T power = (T)pow((double)base, -(double)beta);
        dx[i] = dy[i] * power;
        scale[i] = dx[i] * x[i] / base;
    }
    for (int64_t i = 0; i < channels * pixels; i++) {
        int c = (int)(i / pixels);
        T sum = 0;
        for (int d = c > half ? c - half : 0; d <= c + half && d < channels; d++)
            sum += scale[d * pixels + i % pixels];
        dx[i] -= 2 * alpha_n * beta * x[i] * sum;
    }
}

/* From the layer's output: dx = y o (dy - sum of dy o y). */
static inline void CIRC_SLOPES_NAME(softmax)(int64_t count, const T *y, const T *dy, T *dx)
{
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += (double)dy[i] * (double)y[i];
    for (int64_t i = 0; i < count; i++)
        dx[i] = y[i] * (dy[i] - (T)sum);
}

#undef T
