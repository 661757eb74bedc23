/* The text of an OpenCL tuning, the limits that it must fit, and what a search is offered. No
 * device is needed: its limits are made by hand. */
#include "backends/opencl/tuning.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

#include <string.h>

static void test_text(void)
{
    static const char *const bad[] = {
        "",
        "v16",
        "v16 r4 c2 g1 p0 s4 h1 l1",       /* the last is missing */
        "v16 r4 c2 g1 p0 s4 h1 l1 m4 x1", /* one too many */
        "r4 v16 c2 g1 p0 s4 h1 l1 m4",    /* another order */
        "v12 r4 c2 g1 p0 s4 h1 l1 m4",    /* no power of two */
        "v32 r4 c2 g1 p0 s4 h1 l1 m4",    /* above the most */
        "v16 r0 c2 g1 p0 s4 h1 l1 m4",    /* below the least */
        "v16 r4 c2 g1 p0 s4 h1 l1 m2",    /* no such product */
        "v16 r99999999999 c2 g1 p0 s4 h1 l1 m4",
    };
    static const char good[] = "v16 r3 c2 g1 p8 s0 h4 l32 m4";
    struct circ_tuning tuning;
    char text[CIRC_TUNING_SIZE];
    tap_ok(circ_tuning_parse(good, &tuning) && tuning.vector == 16 && tuning.rows == 3 &&
               tuning.columns == 2 && tuning.group == 1 && tuning.points == 8 &&
               tuning.stream == 0 && tuning.share == 4 && tuning.lanes == 32 &&
               tuning.multiplies == 4,
           "a tuning is read");
    circ_tuning_print(&tuning, text);
    tap_ok(!strcmp(text, good), "and printed again: %s", text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        tap_ok(!circ_tuning_parse(bad[i], &tuning), "not read: '%s'", bad[i]);
}

static void test_limits(void)
{
    const struct circ_accelerator small = {.name = "small", .group = 64};
    struct circ_error err = {.message = ""};
    struct circ_tuning tuning;
    tap_ok(circ_tuning_parse("v1 r4 c2 g64 p8 s4 h2 l32 m4", &tuning) &&
               !circ_tuning_check(&tuning, &small, &err),
           "work-groups of 64 fit a device of 64");
    tap_ok(circ_tuning_parse("v1 r4 c2 g128 p8 s4 h2 l32 m4", &tuning) &&
               circ_tuning_check(&tuning, &small, &err) == CIRC_UNSUP && strstr(err.message, "128"),
           "one of 128 does not: %s", err.message);
    tap_ok(circ_tuning_parse("v1 r4 c2 g1 p8 s4 h4 l32 m4", &tuning) &&
               circ_tuning_check(&tuning, &small, &err) == CIRC_UNSUP,
           "nor one of 4 x 32: %s", err.message);
    for (int cpu = 0; cpu < 2; cpu++)
        for (int group = 1; group <= 1024; group *= 4) {
            const struct circ_accelerator a = {
                .name = "any", .cpu = cpu, .vector = 8, .group = (size_t)group};
            const struct circ_tuning own = circ_tuning_default(&a);
            char text[CIRC_TUNING_SIZE];
            circ_tuning_print(&own, text);
            tap_ok(circ_tuning_parse(text, &tuning) && !circ_tuning_check(&own, &a, &err),
                   "the default of a %s of %d fits: %s", cpu ? "CPU" : "GPU", group, text);
        }
}

/* Whether the field of some text that is offered has another value: its letter's position is its
 * axis. */
static int offered(const struct circ_request *request, const char *from, char letter)
{
    static const char letters[] = "vrcgpshlm";
    const struct circ_accelerator a = {.name = "any", .group = 256};
    struct circ_tuning tuning, varied[CIRC_MAX_TUNINGS];
    if (!circ_tuning_parse(from, &tuning))
        return -2;
    int count =
        circ_tuning_vary(&tuning, (int)(strchr(letters, letter) - letters), request, &a, varied);
    for (int i = 0; i < count; i++)
        if (!memcmp(&varied[i], &tuning, sizeof tuning) || circ_tuning_check(&varied[i], &a, NULL))
            return -3;
    return count;
}

static void test_offers(void)
{
    static const char own[] = "v1 r4 c2 g32 p8 s4 h1 l32 m4";
    struct circ_network net;
    struct circ_layer fc = {.op = CIRC_OP_FC, .out.c = 64, .compressible = true};
    if (network_fixture_build(&net, (struct circ_shape){64, 1, 1}, &fc, 1, CIRC_CIRCULANT, 8,
                              NULL)) {
        tap_ok(false, "set-up");
        return;
    }
    const struct circ_model model = {.network = &net};
    struct circ_request one = {.model = &model, .batch = 1, .pass = CIRC_INFER};
    struct circ_request many = {.model = &model, .batch = 64, .pass = CIRC_INFER};
    tap_ok(offered(&one, own, 'v') == 4 && offered(&many, own, 'v') == 4, "four other vectors");
    tap_ok(!offered(&one, own, 'r') && !offered(&one, own, 'c') && !offered(&one, own, 'g') &&
               offered(&one, own, 'h') > 0 && offered(&one, own, 'l') > 0,
           "where weights stream, nothing of the product");
    tap_ok(offered(&many, own, 'r') > 0 && offered(&many, own, 'c') > 0 &&
               offered(&many, own, 'g') > 0 && !offered(&many, own, 'h') &&
               !offered(&many, own, 'l'),
           "where they do not, nothing of the stream");
    tap_ok(offered(&one, own, 's') == 1 && !offered(&many, own, 's'),
           "one sample may stream or not, 64 cannot");
    tap_ok(!offered(&one, own, 'm') && offered(&many, own, 'm') == 1,
           "a product of 3 multiplications instead of 4");
    tap_ok(!offered(&one, own, 'p'), "a block of 8 is one work-item's whatever its points");
    one.pass = CIRC_TRAIN;
    tap_ok(!offered(&one, own, 's') && !offered(&one, own, 'l') && offered(&one, own, 'r') > 0 &&
               !offered(&one, own, 'm'),
           "training neither streams nor has that product");
    struct circ_tuning tuning, varied[CIRC_MAX_TUNINGS];
    const struct circ_accelerator a = {.name = "any", .group = 256};
    tap_ok(circ_tuning_parse(own, &tuning) && circ_tuning_vary(&tuning, 9, &one, &a, varied) == -1,
           "the tenth parameter is none");
}

int main(void)
{
    test_text();
    test_limits();
    test_offers();
    return tap_done();
}
