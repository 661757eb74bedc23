/* Seeded weights and inputs, and the oracle's answer, kept for as long as they serve. */
#include "harness/answer.h"

#include "harness/meters/clock.h"
#include "workloads/workload.h"

#include <stdlib.h>
#include <string.h>

/* Multiplications beyond which the oracle verifies a sample of the outputs: about a second. */
#define ORACLE_BUDGET 1e9

void circ_answer_begin(struct circ_answer *answer, uint64_t seed)
{
    memset(answer, 0, sizeof *answer);
    answer->seed = seed;
}

static void forget_words(struct circ_answer *answer)
{
    circ_fixed_free(answer->fixed);
    free(answer->words);
    answer->fixed = NULL;
    answer->words = NULL;
}

static void forget_weights(struct circ_answer *answer)
{
    circ_weights_free(&answer->model);
    circ_oracle_selection_free(&answer->selection);
    circ_training_free(&answer->training);
    forget_words(answer);
    free(answer->want);
    free(answer->target);
    answer->want = NULL;
    answer->target = NULL;
    answer->solved = false;
}

void circ_answer_free(struct circ_answer *answer)
{
    forget_weights(answer);
    free(answer->input);
    answer->input = NULL;
}

static bool same_input(const struct circ_point *a, const struct circ_point *b)
{
    return a->batch == b->batch && !strcmp(a->workload, b->workload) && !strcmp(a->pass, b->pass);
}

static bool same_weights(const struct circ_point *a, const struct circ_point *b)
{
    return a->block == b->block && a->block_conv == b->block_conv &&
           !strcmp(a->structure, b->structure);
}

/* Frames from distinct on repeat those before. */
static void repeat(float *values, size_t elements, int batch, int distinct)
{
    for (int frame = distinct; frame < batch; frame++)
        memcpy(values + (size_t)frame * elements, values + (size_t)(frame % distinct) * elements,
               elements * sizeof *values);
}

static enum circ_status ask_training(struct circ_answer *answer, int batch, struct circ_error *err)
{
    const struct circ_network *net = &answer->network;
    size_t outputs = (size_t)circ_network_elements(circ_network_output(net));
    int distinct = circ_training_distinct(net, batch, ORACLE_BUDGET);
    answer->target = malloc((size_t)batch * outputs * sizeof *answer->target);
    if (!answer->target)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for %d targets", net->name, batch);
    circ_workload_target(net, batch, answer->seed, answer->target);
    repeat(answer->target, outputs, batch, distinct);
    repeat(answer->input, (size_t)circ_network_elements(net->input), batch, distinct);
    return circ_training_solve(&answer->training, &answer->model, answer->input, answer->target,
                               batch, distinct, err);
}

static enum circ_status ask_oracle(struct circ_answer *answer, enum circ_pass pass, int batch,
                                   struct circ_error *err)
{
    const struct circ_network *net = &answer->network;
    int64_t outputs = circ_network_elements(circ_network_output(net));
    enum circ_status status = circ_weights_create(&answer->model, net, err);
    if (status)
        return status;
    circ_weights_random(&answer->model, answer->seed);
    if (pass == CIRC_TRAIN)
        return ask_training(answer, batch, err);
    status = circ_oracle_select(net, batch, ORACLE_BUDGET, answer->seed, &answer->selection, err);
    if (status)
        return status;
    int64_t per_frame = answer->selection.output_count ? answer->selection.output_count : outputs;
    answer->want =
        malloc((size_t)(per_frame * answer->selection.frame_count) * sizeof *answer->want);
    if (!answer->want)
        return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for the oracle's answer",
                                net->name);
    return circ_oracle_network(&answer->model, answer->input, &answer->selection, answer->want,
                               &answer->scale, err);
}

/* The answer in words of so many bits, for a point whose weights and input are there. */
static enum circ_status ask_fixed(struct circ_answer *answer, int bits, struct circ_error *err)
{
    const struct circ_network *net = &answer->network;
    int batch = answer->key.batch;
    size_t outputs = (size_t)circ_network_elements(circ_network_output(net)) * (size_t)batch;
    if (answer->fixed && answer->fixed->bits == bits)
        return CIRC_OK;
    forget_words(answer);
    memset(answer->saturated, 0, sizeof answer->saturated);
    enum circ_status status = circ_fixed_create(&answer->fixed, &answer->model, bits, NULL, 0, err);
    if (!status && !(answer->words = malloc(outputs * sizeof *answer->words)))
        status = circ_status_fail(err, CIRC_MEMORY, "%s: no memory for %d outputs in words",
                                  net->name, batch);
    if (!status)
        status = circ_fixed_forward(answer->fixed, answer->input, batch, answer->words,
                                    answer->saturated, err);
    if (status)
        forget_words(answer);
    return status;
}

static enum circ_status ask(struct circ_answer *answer, const struct circ_planned *planned,
                            struct circ_error *err)
{
    const struct circ_point *point = &planned->point;
    if (answer->solved && same_input(&answer->key, point) && same_weights(&answer->key, point))
        return CIRC_OK;
    forget_weights(answer);
    enum circ_status status = circ_sweep_network(planned, &answer->network, err);
    if (status)
        return status;
    if (!answer->input || !same_input(&answer->key, point)) {
        size_t inputs = (size_t)circ_network_elements(answer->network.input) * (size_t)point->batch;
        free(answer->input);
        answer->input = malloc(inputs * sizeof *answer->input);
        if (!answer->input)
            return circ_status_fail(err, CIRC_MEMORY, "%s: no memory for %d input frames",
                                    point->workload, point->batch);
        circ_workload_input(&answer->network, point->batch, answer->seed, answer->input);
    }
    answer->key = *point;
    status = ask_oracle(answer, planned->pass, point->batch, err);
    answer->solved = !status;
    if (status)
        forget_weights(answer);
    return status;
}

enum circ_status circ_answer_find(struct circ_answer *answer, const struct circ_planned *planned,
                                  struct circ_error *err)
{
    int bits = circ_network_precision_word(circ_network_precision_find(planned->point.precision));
    int64_t start = circ_clock_now_ns();
    enum circ_status status = ask(answer, planned, err);
    if (!status && bits && planned->pass == CIRC_INFER)
        status = ask_fixed(answer, bits, err);
    answer->oracle_ns = circ_clock_now_ns() - start;
    return status;
}
