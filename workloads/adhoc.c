/* Reads fc:MxN and conv:RxSxCxP@HxW. Whether the shape is possible is circ_network_append's to say.
 */
#include "workloads/adhoc.h"

#include "workloads/words.h"

#include <string.h>

/* The kinds of ad hoc layers; separators tell how many numbers there are. */
struct form {
    const char *prefix, *separators, *shape, *example;
    enum circ_op op;
};

static const struct form forms[] = {
    {"fc:", "x", "fc:MxN (M outputs, N inputs)", "fc:4096x9216", CIRC_OP_FC},
    {"conv:", "xxx@x", "conv:RxSxCxP@HxW (R x S taps, C to P channels, input H x W)",
     "conv:3x3x64x128@32x32", CIRC_OP_CONV},
};

static const struct form *find_form(const char *spec)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!strncmp(spec, forms[i].prefix, strlen(forms[i].prefix)))
            return &forms[i];
    return NULL;
}

bool circ_adhoc_matches(const char *spec)
{
    return find_form(spec) != NULL;
}

/* One padding serves both directions: that of the window's height, also where it is not square. */
static struct circ_layer describe(enum circ_op op, const int *n, struct circ_shape *input)
{
    struct circ_layer layer = {.op = op, .bias = true, .compressible = true};
    if (op == CIRC_OP_FC) {
        layer.out.c = n[0];
        *input = (struct circ_shape){n[1], 1, 1};
        return layer;
    }
    layer.taps_h = n[0];
    layer.taps_w = n[1];
    layer.pad = (n[0] - 1) / 2;
    layer.out.c = n[3];
    *input = (struct circ_shape){n[2], n[4], n[5]};
    return layer;
}

enum circ_status circ_adhoc_parse(const char *spec, struct circ_network *net,
                                  struct circ_error *err)
{
    const struct form *form = find_form(spec);
    struct circ_quote quote = circ_words_quote(spec, strlen(spec));
    if (!form)
        return circ_status_fail(err, CIRC_USAGE, "'%s' is not an ad hoc layer: write %s or %s",
                                quote.text, forms[0].example, forms[1].example);
    const char *numbers = spec + strlen(form->prefix);
    int n[6];
    if (!circ_words_numbers(numbers, strlen(numbers), form->separators, 1, n))
        return circ_status_fail(err, CIRC_USAGE,
                                "'%s': %s in whole numbers from 1 to %d is expected, as in %s",
                                quote.text, form->shape, CIRC_MAX_DIM, form->example);
    struct circ_shape input;
    struct circ_layer layer = describe(form->op, n, &input);
    struct circ_error detail;
    enum circ_status status = circ_network_begin(net, spec, input, &detail);
    if (!status)
        status = circ_network_append(net, &layer, &detail);
    return status ? circ_status_fail(err, status, "'%s': %s", quote.text, detail.message) : CIRC_OK;
}
