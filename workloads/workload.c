/* Resolves the names that -w takes and makes the inputs of networks. Parsing is elsewhere: parse.c
 * for network files, adhoc.c for layers on the command line. */
#include "workloads/workload.h"

#include "backends/core/random.h"
#include "workloads/adhoc.h"
#include "workloads/bytes.h"
#include "workloads/parse.h"
#include "backends/core/nearest.h"
#include "workloads/words.h"

#include <stdio.h>
#include <string.h>

#define FILE_LIMIT ((size_t)1 << 20) /* CIRC_MAX_LAYERS lines need a hundredth of it */

/* Far from the streams that weights take, so that equal seeds do not make inputs equal to weights.
 */
#define INPUT_STREAM  ((uint64_t)1 << 32)
#define TARGET_STREAM ((uint64_t)2 << 32)

extern const struct circ_builtin circ_builtins[]; /* generated from networks/ */
extern const int circ_builtins_count;

const struct circ_builtin *circ_workload_list(int *count)
{
    *count = circ_builtins_count;
    return circ_builtins;
}

static const struct circ_builtin *find_builtin(const char *name)
{
    for (int i = 0; i < circ_builtins_count; i++)
        if (!strcmp(name, circ_builtins[i].name))
            return &circ_builtins[i];
    return NULL;
}

static const char *nearest_builtin(const char *name, size_t length)
{
    struct circ_nearest nearest = circ_nearest_begin(name, length);
    for (int i = 0; i < circ_builtins_count; i++)
        circ_nearest_offer(&nearest, circ_builtins[i].name);
    return nearest.best;
}

static bool ends_in_net(const char *spec)
{
    size_t length = strlen(spec);
    return length >= 4 && !strcmp(spec + length - 4, ".net");
}

static enum circ_status reject_name(const char *spec, struct circ_error *err)
{
    const char *best = nearest_builtin(spec, strlen(spec));
    struct circ_quote quote = circ_words_quote(spec, strlen(spec));
    if (best)
        return circ_status_fail(
            err, CIRC_USAGE,
            "unknown workload '%s', did you mean '%s'? 'circbench workloads' lists "
            "them all",
            quote.text, best);
    return circ_status_fail(
        err, CIRC_USAGE,
        "unknown workload '%s': 'circbench workloads' lists the names; "
        "fc:4096x9216, conv:3x3x64x128@32x32 and the path of a .net file work too",
        quote.text);
}

/* The errors of the file itself are the user's to mend, like those of its lines. */
static enum circ_status read_text(const char *path, struct circ_bytes *text, struct circ_error *err)
{
    struct circ_error detail;
    enum circ_status status = circ_bytes_read(path, FILE_LIMIT, text, &detail);
    if (status == CIRC_ABSENT && ends_in_net(path)) {
        const char *best = nearest_builtin(path, strlen(path) - 4);
        if (best)
            return circ_status_fail_native(err, CIRC_USAGE, detail.native,
                                           "%s, did you mean the built-in network '%s'?",
                                           detail.message, best);
    }
    if (status == CIRC_ABSENT)
        status = CIRC_USAGE;
    if (status)
        return circ_status_fail_native(err, status, detail.native, "%s", detail.message);
    const unsigned char *nul = memchr(text->data, '\0', text->size);
    if (!nul)
        return CIRC_OK;
    int line = 1;
    for (const unsigned char *at = text->data; at < nul; at++)
        line += *at == '\n';
    return circ_status_fail(err, CIRC_USAGE, "%s:%d: a NUL byte: this is not a text file", path,
                            line);
}

static enum circ_status find_file(const char *path, struct circ_network *net,
                                  struct circ_error *err)
{
    struct circ_bytes bytes = {NULL, 0};
    enum circ_status status = read_text(path, &bytes, err);
    if (status)
        goto done;
    const char *text = (const char *)bytes.data;
    status = circ_parse_network(text, path, net, err);
    if (status)
        goto done;
    /* Rows of a database are known by the network's name: one name must not mean two networks. */
    const struct circ_builtin *builtin = find_builtin(net->name);
    if (builtin && strcmp(text, builtin->text))
        status =
            circ_status_fail(err, CIRC_USAGE,
                             "%s: differs from the built-in network '%s' of that name: rename the "
                             "file",
                             path, builtin->name);
done:
    circ_bytes_free(&bytes);
    return status;
}

enum circ_status circ_workload_find(const char *spec, struct circ_network *net,
                                    struct circ_error *err)
{
    if (circ_adhoc_matches(spec))
        return circ_adhoc_parse(spec, net, err);
    const struct circ_builtin *builtin = find_builtin(spec);
    if (builtin) {
        char source[sizeof net->name + 4];
        snprintf(source, sizeof source, "%s.net", builtin->name);
        return circ_parse_network(builtin->text, source, net, err);
    }
    if (strchr(spec, '/') || ends_in_net(spec))
        return find_file(spec, net, err);
    return reject_name(spec, err);
}

/* Frames of `elements` numbers in [-1, 1), each from a stream of its own. */
static void fill_frames(int64_t elements, int batch, uint64_t seed, uint64_t stream, float *to)
{
    for (int frame = 0; frame < batch; frame++) {
        struct circ_random random = circ_random_seed(seed, stream + (uint64_t)frame);
        circ_random_fill(&random, to + frame * elements, (size_t)elements, 1.0f);
    }
}

void circ_workload_input(const struct circ_network *net, int batch, uint64_t seed, float *input)
{
    fill_frames(circ_network_elements(net->input), batch, seed, INPUT_STREAM, input);
}

void circ_workload_target(const struct circ_network *net, int batch, uint64_t seed, float *target)
{
    fill_frames(circ_network_elements(circ_network_output(net)), batch, seed, TARGET_STREAM,
                target);
}
