/* Transforms of every length in 1..128 and selected ones to 4096 against the DFT's definition in
 * double. */
#include "backends/core/fft.h"
#include "backends/core/random.h"
#include "tests/tap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const int selected[] = {160, 192, 243,  256,  320,  343,  384,  500,  509,  512,  625,
                               640, 768, 1000, 1021, 1024, 1280, 1331, 2048, 2187, 3072, 4096};

static void dft(int k, const double *x, double *packed)
{
    for (int f = 0; f <= k / 2; f++) {
        double re = 0, im = 0;
        for (int r = 0; r < k; r++) {
            double angle = -2 * M_PI * (double)((long long)f * r % k) / k;
            re += x[r] * cos(angle);
            im += x[r] * sin(angle);
        }
        if (f == 0)
            packed[0] = re;
        else if (2 * f == k)
            packed[1] = re;
        else
            packed[2 * f - k % 2] = re, packed[2 * f - k % 2 + 1] = im;
    }
}

static double distance(int k, const double *a, const double *b)
{
    double error = 0, norm = 0;
    for (int i = 0; i < k; i++) {
        error += (a[i] - b[i]) * (a[i] - b[i]);
        norm += b[i] * b[i];
    }
    return sqrt(error / norm);
}

struct buffers {
    double *x, *want, *got, *scratch;
    float *xf, *gotf, *scratchf;
};

static bool allocate(struct buffers *b, int k)
{
    size_t n = (size_t)k;
    b->x = malloc(n * sizeof(double));
    b->want = malloc(n * sizeof(double));
    b->got = malloc(n * sizeof(double));
    b->scratch = malloc(4 * n * sizeof(double));
    b->xf = malloc(n * sizeof(float));
    b->gotf = malloc(n * sizeof(float));
    b->scratchf = malloc(4 * n * sizeof(float));
    return b->x && b->want && b->got && b->scratch && b->xf && b->gotf && b->scratchf;
}

static void release(struct buffers *b)
{
    free(b->x), free(b->want), free(b->got), free(b->scratch);
    free(b->xf), free(b->gotf), free(b->scratchf);
}

/* The four errors of one length: forward and round trip, double and float. */
static bool check_length(int k, double errors[4])
{
    struct buffers b;
    struct circ_fft_plan *plan;
    if (circ_fft_create(&plan, k, NULL))
        return false;
    if (!allocate(&b, k))
        return false;
    struct circ_random random = circ_random_seed(7, (uint64_t)k);
    circ_random_fill(&random, b.xf, (size_t)k, 1);
    for (int i = 0; i < k; i++)
        b.x[i] = b.xf[i];
    dft(k, b.x, b.want);
    circ_fft_forward_f64(plan, b.x, b.got, b.scratch);
    errors[0] = distance(k, b.got, b.want);
    circ_fft_inverse_f64(plan, b.got, b.got, b.scratch);
    errors[1] = distance(k, b.got, b.x);
    circ_fft_forward_f32(plan, b.xf, b.gotf, b.scratchf);
    for (int i = 0; i < k; i++)
        b.got[i] = b.gotf[i];
    errors[2] = distance(k, b.got, b.want);
    circ_fft_inverse_f32(plan, b.gotf, b.gotf, b.scratchf);
    for (int i = 0; i < k; i++)
        b.got[i] = b.gotf[i];
    errors[3] = distance(k, b.got, b.x);
    release(&b);
    circ_fft_free(plan);
    return true;
}

static void test_length(int k, double worst[4])
{
    double errors[4];
    if (!check_length(k, errors)) {
        tap_ok(false, "k = %d: plan and buffers", k);
        return;
    }
    double f64 = 0x1p-53 * (8 + 4 * log2(k) + sqrt(k)), f32 = 0x1p-24 * (4 + 2 * log2(k) + sqrt(k));
    tap_ok(errors[0] <= f64 && errors[1] <= f64 && errors[2] <= f32 && errors[3] <= f32,
           "k = %d: double %.2g %.2g, float %.2g %.2g", k, errors[0], errors[1], errors[2],
           errors[3]);
    for (int i = 0; i < 4; i++)
        worst[i] = errors[i] > worst[i] ? errors[i] : worst[i];
}

int main(void)
{
    double worst[4] = {0};
    for (int k = 1; k <= 128; k++)
        test_length(k, worst);
    for (size_t i = 0; i < sizeof selected / sizeof *selected; i++)
        test_length(selected[i], worst);
    tap_note("worst: double %.2g %.2g, float %.2g %.2g", worst[0], worst[1], worst[2], worst[3]);

    struct circ_fft_plan *plan;
    struct circ_error err;
    tap_ok(circ_fft_create(&plan, 0, &err) == CIRC_USAGE && !plan, "k = 0 is refused: %s",
           err.message);
    circ_fft_free(NULL);
    return tap_done();
}
