/* What a backend does not offer it refuses with a sentence, before anything is allocated. */
#include "backends/registry.h"
#include "tests/core/network_fixture.h"
#include "tests/tap.h"

int main(void)
{
    static const struct {
        const char *backend, *variant, *isa, *precision;
        int threads;
        enum circ_pass pass;
    } cases[] = {
        {"cpu", "fused", NULL, "f32", 100000, CIRC_INFER},
        {"cpu", "fused", NULL, "f32", 0, CIRC_INFER},
        {"cpu", "fused", NULL, "q16", 1, CIRC_INFER},
        {"cpu", "fused", "mmx", "f32", 1, CIRC_INFER},
        {"cpu", "csr", NULL, "f32", 1, CIRC_INFER},
        {"cpu", "nothing", NULL, "f32", 1, CIRC_INFER},
        {"cpu", "openblas", NULL, "bf16", 1, CIRC_INFER},
        {"ref", "plain", NULL, "bf16", 1, CIRC_INFER},
        {"ref", "plain", NULL, "f32", 2, CIRC_INFER},
        {"ref", "plain", NULL, "q8", 1, CIRC_TRAIN},
        {"ref", "plain", NULL, "q8", 2, CIRC_INFER},
    };
    struct circ_network net;
    struct circ_layer fc = {.op = CIRC_OP_FC, .out.c = 8, .compressible = true};
    if (network_fixture_build(&net, (struct circ_shape){8, 1, 1}, &fc, 1, CIRC_CIRCULANT, 4,
                              NULL)) {
        tap_ok(false, "set-up");
        return tap_done();
    }
    struct circ_model model = {.network = &net};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct circ_backend *backend = circ_registry_find(cases[i].backend);
        struct circ_session *session = NULL;
        struct circ_error err = {0};
        struct circ_request request = {.model = &model,
                                       .batch = 1,
                                       .threads = cases[i].threads,
                                       .pass = cases[i].pass,
                                       .precision = cases[i].precision,
                                       .variant = cases[i].variant,
                                       .isa = cases[i].isa};
        bool opened = backend && !backend->open("", &session, &err);
        tap_ok(opened && backend->supports(session, &request, &err) == CIRC_UNSUP && err.message[0],
               "%s: %s", cases[i].backend, err.message);
        if (opened)
            backend->close(session);
    }
    tap_ok(!circ_registry_find("abacus"), "an unknown backend is not found");
    return tap_done();
}
