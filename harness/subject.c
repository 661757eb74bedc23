/* Loading and verification of one point, and the measured window. It decides nothing about
 * statistics. */
#include "harness/subject.h"

#include "backends/core/fixed_judge.h"
#include "backends/core/judge.h"
#include "harness/meters/meter.h"
#include "harness/meters/clock.h"
#include "harness/extremes.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the verified step's rates, in the steps that are timed. */
#define TIMED_RATE 0x1p-12f

static void fill_counts(struct circ_subject *subject)
{
    const struct circ_planned *planned = subject->planned;
    struct circ_counts counts =
        planned->pass == CIRC_TRAIN
            ? circ_network_training_counts(&subject->network, planned->point.batch)
            : circ_network_counts(&subject->network);
    subject->trial.flop_dense = counts.flop_dense;
    subject->trial.flop_executed = counts.flop_executed;
    subject->trial.weight_count = counts.weight_count;
    subject->trial.weight_count_dense = counts.weight_count_dense;
    subject->trial.weight_bytes = counts.weight_bytes;
}

static void begin(struct circ_subject *subject, const struct circ_planned *planned)
{
    memset(subject, 0, sizeof *subject);
    subject->planned = planned;
    subject->backend = planned->target->backend;
    bool replayed = circ_meters_replayed();
    struct circ_trial *trial = &subject->trial;
    *trial = circ_trial_unknown(&planned->point);
    trial->reason = subject->reason;
    trial->kind = replayed ? "emulated" : circ_backend_kind_name(planned->target->device.kind);
    trial->library = subject->info.library;
    trial->tuning = subject->info.tuning;
    trial->isa = subject->info.isa;
    trial->energy_reason = subject->energy_reason;
}

/* What the database has a word for: a point that does not fit in memory is valid and not offered.
 */
static enum circ_status stored_status(enum circ_status status)
{
    switch (status) {
    case CIRC_UNSUP:
    case CIRC_MEMORY:
    case CIRC_USAGE:
        return CIRC_UNSUP;
    case CIRC_ABSENT:
    case CIRC_WRONG:
    case CIRC_TIMEOUT:
        return status;
    default:
        return CIRC_DEVICE;
    }
}

void circ_subject_remark(struct circ_subject *subject, const char *format, ...)
{
    va_list list;
    size_t used = strlen(subject->reason);
    if (used && used + 2 < sizeof subject->reason)
        used += (size_t)snprintf(subject->reason + used, sizeof subject->reason - used, "; ");
    va_start(list, format);
    vsnprintf(subject->reason + used, sizeof subject->reason - used, format, list);
    va_end(list);
}

void circ_subject_fail(struct circ_subject *subject, enum circ_status status, const char *message)
{
    subject->trial.status = stored_status(status);
    snprintf(subject->reason, sizeof subject->reason, "%s", message);
    subject->finished = true;
    subject->backend->release(subject->program);
    subject->program = NULL;
}

static struct circ_request request_of(const struct circ_planned *planned,
                                      const struct circ_model *model)
{
    const struct circ_point *point = &planned->point;
    return (struct circ_request){.model = model,
                                 .batch = point->batch,
                                 .threads = point->threads,
                                 .pass = planned->pass,
                                 .precision = point->precision,
                                 .variant = point->variant,
                                 .isa = *point->isa ? point->isa : NULL,
                                 .cold_bytes = planned->cold_bytes,
                                 .tuning = *planned->tuning ? planned->tuning : NULL};
}

int64_t circ_subject_footprint(const struct circ_planned *planned)
{
    struct circ_network net;
    struct circ_model model = {.network = &net};
    struct circ_request request = request_of(planned, &model);
    if (circ_sweep_network(planned, &net, NULL))
        return 0;
    return planned->target->backend->footprint(&request);
}

bool circ_subject_window(struct circ_subject *subject, int64_t iterations, int64_t *ns,
                         int64_t *device_ns)
{
    struct circ_error err = {0};
    enum circ_status status = CIRC_OK;
    int64_t start = circ_clock_now_ns();
    for (int64_t i = 0; i < iterations && !status; i++)
        status = subject->backend->launch(subject->program, &err);
    if (!status)
        status = subject->backend->wait(subject->program, device_ns, &err);
    *ns = circ_clock_now_ns() - start;
    if (status)
        circ_subject_fail(subject, status, err.message);
    return !status;
}

/* Everything up to the answer, each phase timed. */
static enum circ_status run_once(struct circ_subject *subject, struct circ_session *session,
                                 const struct circ_model *model, const struct circ_answer *answer,
                                 struct circ_error *err)
{
    const struct circ_lesson lesson = {answer->target, answer->training.rate};
    bool train = subject->planned->pass == CIRC_TRAIN;
    const struct circ_backend *backend = subject->backend;
    struct circ_request request = request_of(subject->planned, model);
    int64_t marks[5], device_ns;
    marks[0] = circ_clock_now_ns();
    enum circ_status status = backend->prepare(session, &request, &subject->program, err);
    marks[1] = circ_clock_now_ns();
    if (!status) {
        backend->describe(subject->program, &subject->info);
        status = backend->upload(subject->program, answer->input, train ? &lesson : NULL, err);
    }
    marks[2] = circ_clock_now_ns();
    if (!status)
        status = backend->launch(subject->program, err);
    if (!status)
        status = backend->wait(subject->program, &device_ns, err);
    marks[3] = circ_clock_now_ns();
    if (!status)
        status = backend->download(subject->program, subject->output, err);
    marks[4] = circ_clock_now_ns();
    if (status)
        return status;
    subject->trial.prepare_ns = marks[1] - marks[0];
    subject->trial.upload_ns = marks[2] - marks[1];
    subject->first_ns = marks[3] - marks[2];
    subject->trial.download_ns = marks[4] - marks[3];
    return CIRC_OK;
}

/* What one step has learned, against the oracle's step. Then the program gets rates so small that
 * any number of steps stays near these weights: the work is the same, and no value grows. */
static enum circ_status judge_training(struct circ_subject *subject,
                                       const struct circ_model *before,
                                       const struct circ_answer *answer,
                                       struct circ_verdict *verdict, bool *intact,
                                       struct circ_error *err)
{
    const struct circ_network *net = &subject->network;
    const struct circ_backend *backend = subject->backend;
    size_t inputs = (size_t)circ_network_elements(net->input) * (size_t)answer->training.batch;
    struct circ_model after;
    float rate[CIRC_MAX_LAYERS];
    float *dx = circ_judge_guarded_alloc(inputs);
    enum circ_status status = circ_weights_create(&after, net, err);
    if (!status && !dx)
        status =
            circ_status_fail(err, CIRC_MEMORY, "no memory for gradients of %zu inputs", inputs);
    if (!status)
        status = backend->learned(subject->program, &after, dx, err);
    if (!status) {
        *verdict = circ_training_judge(&answer->training, before, subject->output, dx, &after);
        *intact = circ_judge_guards_intact(dx, inputs);
        for (int l = 0; l < net->layer_count; l++)
            rate[l] = answer->training.rate[l] * TIMED_RATE;
        status = backend->upload(subject->program, answer->input,
                                 &(struct circ_lesson){answer->target, rate}, err);
    }
    circ_judge_guarded_free(dx);
    circ_weights_free(&after);
    return status;
}

/* In words every output is known; what they are worth stands beside it. */
static struct circ_verdict judge_fixed(struct circ_subject *subject,
                                       const struct circ_answer *answer, int64_t outputs)
{
    const struct circ_fixed *fixed = answer->fixed;
    int batch = subject->planned->point.batch;
    double bound = circ_fixed_judge_bound(fixed, answer->saturated, batch);
    struct circ_verdict verdict =
        circ_judge_selection(subject->output, outputs, batch, &answer->selection, answer->want,
                             fmax(answer->scale, circ_fixed_judge_scale(fixed)), bound);
    circ_fixed_judge_equal(&verdict, subject->output, answer->words, outputs, batch);
    return verdict;
}

/* What a right answer in words is worth, layer by layer. */
static void remark_on_words(struct circ_subject *subject, const struct circ_answer *answer)
{
    const struct circ_network *net = &subject->network;
    int64_t saturated = 0;
    char text[384];
    size_t used = 0;
    for (int i = 0; i < net->layer_count && used < sizeof text; i++) {
        saturated += answer->saturated[i];
        if (circ_network_has_weights(&net->layers[i]))
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%.1f", used ? ", " : "",
                                     answer->fixed->layers[i].sqnr_db);
    }
    circ_subject_remark(subject, "SQNR %s dB after each layer with weights, on calibration frames",
                        text);
    if (saturated)
        circ_subject_remark(subject, "%lld word%s saturated", (long long)saturated,
                            saturated == 1 ? "" : "s");
}

static void judge(struct circ_subject *subject, const struct circ_model *model,
                  const struct circ_answer *answer, size_t outputs)
{
    int batch = subject->planned->point.batch;
    int64_t start = circ_clock_now_ns();
    struct circ_verdict verdict = {0};
    struct circ_error err = {0};
    bool intact = true;
    bool fixed = circ_network_precision_word(
                     circ_network_precision_find(subject->planned->point.precision)) != 0;
    enum circ_status status = CIRC_OK;
    if (subject->planned->pass == CIRC_TRAIN)
        status = judge_training(subject, model, answer, &verdict, &intact, &err);
    else if (fixed) {
        verdict = judge_fixed(subject, answer, (int64_t)outputs);
        if (verdict.right)
            status = circ_extremes_try(subject->backend, subject->program, answer->fixed, batch,
                                       answer->input, &verdict, &err);
    } else
        verdict =
            circ_judge_selection(subject->output, (int64_t)outputs, batch, &answer->selection,
                                 answer->want, answer->scale, circ_judge_bound(&subject->network));
    if (status) {
        circ_subject_fail(subject, status, err.message);
        return;
    }
    intact = circ_judge_guards_intact(subject->output, outputs * (size_t)batch) && intact;
    subject->trial.rel_rms_error = verdict.rel_rms_error;
    subject->trial.max_error = verdict.max_error;
    subject->trial.error_bound = verdict.bound;
    subject->trial.checked = verdict.checked;
    subject->trial.outputs = verdict.total;
    subject->trial.verify_ns = answer->oracle_ns + circ_clock_now_ns() - start;
    if (!intact)
        circ_subject_fail(subject, CIRC_WRONG, "it wrote outside its output buffer");
    else if (!verdict.right)
        circ_subject_fail(subject, CIRC_WRONG, verdict.reason);
    else if (fixed)
        remark_on_words(subject, answer);
}

/* Bytes of the host that a batch takes: the program, unless the device has memory of its own, which
 * the backend looks after; and inputs and outputs here, and again as the backend turns them. */
static int64_t host_bytes(const struct circ_subject *subject, const struct circ_request *request)
{
    const struct circ_network *net = request->model->network;
    int64_t frame =
        circ_network_elements(net->input) + circ_network_elements(circ_network_output(net));
    int64_t program =
        subject->planned->target->device.own_memory ? 0 : subject->backend->footprint(request);
    return program + 2 * frame * request->batch * (int64_t)sizeof(float) +
           subject->trial.weight_bytes;
}

/* The largest batch that takes no more than room; 0 where not one sample fits. */
static int batch_within(const struct circ_subject *subject, const struct circ_request *request,
                        int64_t room)
{
    struct circ_request smaller = *request;
    int low = 0, high = request->batch; /* low fits, high does not */
    while (high - low > 1) {
        smaller.batch = low + (high - low) / 2;
        if (host_bytes(subject, &smaller) <= room)
            low = smaller.batch;
        else
            high = smaller.batch;
    }
    return low;
}

/* The kernel promises memory that it does not have, so asking malloc is too late. */
static enum circ_status check_room(const struct circ_subject *subject,
                                   const struct circ_request *request, int64_t room,
                                   struct circ_error *err)
{
    int64_t need = host_bytes(subject, request);
    char remedy[64] = "not even one sample fits: take a larger block";
    if (need <= room)
        return CIRC_OK;
    if (request->cold_bytes) /* fewer copies would be warm ones by a colder name */
        return circ_status_fail(
            err, CIRC_UNSUP,
            "it needs about %.1f GiB of memory, %.1f of them for cold weights beyond the caches, "
            "and %.1f GiB may be used: free memory, or leave out --cold",
            (double)need / (1 << 30), (double)request->cold_bytes / (1 << 30),
            (double)room / (1 << 30));
    int fits = batch_within(subject, request, room);
    if (fits)
        snprintf(remedy, sizeof remedy, "a batch of at most %d fits", fits);
    return circ_status_fail(err, CIRC_UNSUP,
                            "it needs about %.1f GiB of memory and %.1f GiB may be used: %s",
                            (double)need / (1 << 30), (double)room / (1 << 30), remedy);
}

void circ_subject_load(struct circ_subject *subject, const struct circ_planned *planned,
                       struct circ_session *session, struct circ_answer *answer, int64_t room,
                       bool keep_output)
{
    struct circ_error err = {0};
    begin(subject, planned);
    enum circ_status status = circ_sweep_network(planned, &subject->network, &err);
    fill_counts(subject);
    if (!status && planned->target->status) {
        status = planned->target->status;
        err = planned->target->error;
    }
    struct circ_model model = {.network = &subject->network};
    struct circ_request request = request_of(planned, &model);
    if (!status && planned->point.cold && !planned->cold_bytes)
        status = circ_status_fail(&err, CIRC_UNSUP,
                                  "cold weights: the sizes of this machine's caches are unknown "
                                  "(sysfs does not say), so nothing can be kept out of them");
    if (!status)
        status = subject->backend->supports(session, &request, &err);
    if (!status)
        status = check_room(subject, &request, room, &err);
    if (!status)
        status = circ_answer_find(answer, planned, &err);
    size_t outputs = (size_t)circ_network_elements(circ_network_output(&subject->network));
    if (!status &&
        !(subject->output = circ_judge_guarded_alloc(outputs * (size_t)planned->point.batch)))
        status = circ_status_fail(&err, CIRC_MEMORY, "no memory for %d output frames of %zu",
                                  planned->point.batch, outputs);
    if (!status) {
        model = answer->model; /* the same arrays, but the network that the program may keep */
        model.network = &subject->network;
        status = run_once(subject, session, &model, answer, &err);
    }
    if (status)
        circ_subject_fail(subject, status, err.message);
    else
        judge(subject, &model, answer, outputs);
    if (!keep_output) {
        circ_judge_guarded_free(subject->output);
        subject->output = NULL;
    }
}

void circ_subject_predict(struct circ_subject *subject)
{
    struct circ_prediction prediction;
    struct circ_trial *trial = &subject->trial;
    subject->backend->predict(subject->program, &prediction);
    trial->time_ns_median = prediction.time_ns < 1 ? 1 : llround(prediction.time_ns);
    trial->stop_reason = "modelled";
    trial->cycles = prediction.cycles;
    trial->roof_bound = prediction.bound;
    trial->energy_uj_per_frame = prediction.energy_uj_per_frame;
    trial->energy_kind = circ_backend_kind_name(CIRC_MODELLED);
    trial->energy_source = "model";
    trial->energy_scope = "chip and memory";
    circ_subject_remark(subject, "%s", prediction.remark);
    for (int i = 0; i < prediction.part_count && i < CIRC_MAX_COUNTERS; i++) {
        const struct circ_prediction_part *part = &prediction.parts[i];
        subject->counters[subject->counter_count++] =
            (struct circ_counter){part->name, part->unit, "model", part->value, 1, ""};
    }
    trial->counters = subject->counters;
    trial->counter_count = subject->counter_count;
    subject->finished = subject->complete = true;
    subject->backend->release(subject->program);
    subject->program = NULL;
}

void circ_subject_release(struct circ_subject *subject)
{
    if (subject->backend)
        subject->backend->release(subject->program);
    circ_judge_guarded_free(subject->output);
    free(subject->samples);
    free(subject->sorted);
    free(subject->windows);
    free(subject->powers);
    for (size_t i = 0; i < subject->counter_count; i++)
        free(subject->counter_reasons[i]);
    memset(subject, 0, sizeof *subject);
}
