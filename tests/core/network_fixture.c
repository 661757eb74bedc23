/* Networks for the tests of core and backends. It tests nothing itself. */
#include "tests/core/network_fixture.h"

const struct circ_layer network_fixture_layers[NETWORK_FIXTURE_LAYERS] = {
    {.op = CIRC_OP_CONV, .out.c = 16, .taps_h = 5, .taps_w = 5, .pad = 2, .bias = true},
    {.op = CIRC_OP_RELU},
    {.op = CIRC_OP_LRN, .lrn_size = 5, .lrn_alpha = 1e-1f, .lrn_beta = 0.75f, .lrn_bias = 1},
    {.op = CIRC_OP_POOL_MAX, .taps_h = 3, .taps_w = 3, .stride = 2, .pad = 1},
    {.op = CIRC_OP_CONV,
     .out.c = 32,
     .taps_h = 3,
     .taps_w = 3,
     .pad = 1,
     .groups = 2,
     .bias = true,
     .compressible = true},
    {.op = CIRC_OP_LRN, .lrn_size = 3, .lrn_alpha = 1e-1f, .lrn_beta = 0.5f, .lrn_bias = 2},
    {.op = CIRC_OP_RELU},
    {.op = CIRC_OP_POOL_AVG, .taps_h = 2, .taps_w = 2, .stride = 2, .pad = 1},
    {.op = CIRC_OP_FLATTEN},
    {.op = CIRC_OP_FC, .out.c = 100, .bias = true, .compressible = true},
    {.op = CIRC_OP_RELU},
    {.op = CIRC_OP_FC, .out.c = 10, .compressible = true},
    {.op = CIRC_OP_SOFTMAX},
};

enum circ_status network_fixture_build(struct circ_network *net, struct circ_shape in,
                                       const struct circ_layer *layers, int count,
                                       enum circ_structure structure, int k, struct circ_error *err)
{
    enum circ_status status = circ_network_begin(net, "fixture", in, err);
    for (int i = 0; i < count && !status; i++)
        status = circ_network_append(net, &layers[i], err);
    return status ? status : circ_network_compress(net, structure, k, k, err);
}
