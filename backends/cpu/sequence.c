/* Sequences of oneDNN primitives. The library keeps no memory for them: its own scratchpad belongs
 * to the thread that created the primitive, and ours run on another. */
#include "backends/cpu/sequence.h"

#include <stdlib.h>

#define MAX_ARGUMENTS 6

struct item {
    dnnl_primitive_t primitive;
    int count;
    dnnl_exec_arg_t arguments[MAX_ARGUMENTS]; /* memories owned, their places set when they run */
    enum circ_region region[MAX_ARGUMENTS];
    size_t offset[MAX_ARGUMENTS];
    size_t floats[MAX_ARGUMENTS];
};

struct circ_sequence {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int count;
    struct item *items;
};

enum circ_status circ_sequence_status(dnnl_status_t status, const char *doing,
                                      struct circ_error *err)
{
    if (status == dnnl_success)
        return CIRC_OK;
    if (status == dnnl_out_of_memory)
        return circ_status_fail(err, CIRC_MEMORY, "oneDNN has no memory to %s", doing);
    return circ_status_fail_native(err, CIRC_DEVICE, (int)status,
                                   "oneDNN refused to %s (status %d)", doing, (int)status);
}

enum circ_status circ_sequence_create(struct circ_sequence **out, dnnl_engine_t engine,
                                      int capacity, struct circ_error *err)
{
    *out = NULL;
    struct circ_sequence *s = calloc(1, sizeof *s);
    if (s)
        s->items = calloc((size_t)capacity, sizeof *s->items);
    if (!s || !s->items) {
        free(s);
        return circ_status_fail(err, CIRC_MEMORY, "no memory for %d primitives", capacity);
    }
    s->engine = engine;
    enum circ_status status = circ_sequence_status(
        dnnl_stream_create(&s->stream, engine, dnnl_stream_default_flags), "create a stream", err);
    if (status)
        circ_sequence_free(s);
    else
        *out = s;
    return status;
}

static void clear(struct item *item)
{
    for (int a = 0; a < item->count; a++)
        dnnl_memory_destroy(item->arguments[a].memory);
    dnnl_primitive_destroy(item->primitive);
    *item = (struct item){.count = 0};
}

void circ_sequence_cut(struct circ_sequence *s, int count)
{
    while (s->count > count)
        clear(&s->items[--s->count]);
}

void circ_sequence_free(struct circ_sequence *s)
{
    if (!s)
        return;
    circ_sequence_cut(s, 0);
    dnnl_stream_destroy(s->stream);
    free(s->items);
    free(s);
}

static dnnl_status_t add_argument(const struct circ_sequence *s, struct item *item, int role,
                                  const struct circ_tensor *tensor)
{
    int a = item->count;
    dnnl_status_t status = dnnl_memory_create(&item->arguments[a].memory, &tensor->layout,
                                              s->engine, DNNL_MEMORY_NONE);
    if (status)
        return status;
    item->arguments[a].arg = role;
    item->region[a] = tensor->region;
    item->offset[a] = tensor->offset;
    item->floats[a] = (dnnl_memory_desc_get_size(&tensor->layout) + 3) / 4;
    item->count++;
    return dnnl_success;
}

enum circ_status circ_sequence_add(struct circ_sequence *s, const_dnnl_primitive_desc_t description,
                                   const struct circ_argument *arguments, int count,
                                   struct circ_error *err)
{
    struct item *item = &s->items[s->count];
    const dnnl_memory_desc_t *pad =
        dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0);
    dnnl_status_t status = dnnl_primitive_create(&item->primitive, description);
    for (int a = 0; a < count && !status; a++)
        status = add_argument(s, item, arguments[a].role, &arguments[a].tensor);
    if (!status && pad && dnnl_memory_desc_get_size(pad))
        status =
            add_argument(s, item, DNNL_ARG_SCRATCHPAD, &(struct circ_tensor){*pad, CIRC_AT_PAD, 0});
    if (status)
        clear(item);
    else
        s->count++;
    return circ_sequence_status(status, "create a primitive", err);
}

static dnnl_status_t attributes(bool relu, dnnl_primitive_attr_t *attr)
{
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t status = dnnl_primitive_attr_create(attr);
    if (!status)
        status = dnnl_primitive_attr_set_scratchpad_mode(*attr, dnnl_scratchpad_mode_user);
    if (!status && relu)
        status = dnnl_post_ops_create(&ops);
    if (!status && relu)
        status = dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0);
    if (!status && relu)
        status = dnnl_primitive_attr_set_post_ops(*attr, ops);
    dnnl_post_ops_destroy(ops);
    return status;
}

dnnl_status_t circ_sequence_describe(const struct circ_sequence *s, const_dnnl_op_desc_t op,
                                     bool relu, dnnl_primitive_desc_t *description)
{
    dnnl_primitive_attr_t attr = NULL;
    *description = NULL;
    dnnl_status_t status = attributes(relu, &attr);
    if (!status)
        status = dnnl_primitive_desc_create(description, op, attr, s->engine, NULL);
    dnnl_primitive_attr_destroy(attr);
    return status;
}

enum circ_status circ_sequence_reorder(struct circ_sequence *s, struct circ_tensor *now,
                                       const struct circ_tensor *to, struct circ_error *err)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = attributes(false, &attr);
    if (!status)
        status = dnnl_reorder_primitive_desc_create(&description, &now->layout, s->engine,
                                                    &to->layout, s->engine, attr);
    enum circ_status result = circ_sequence_status(status, "reorder a tensor", err);
    if (!result)
        result = circ_sequence_add(
            s, description, (struct circ_argument[]){{DNNL_ARG_FROM, *now}, {DNNL_ARG_TO, *to}}, 2,
            err);
    dnnl_primitive_desc_destroy(description);
    dnnl_primitive_attr_destroy(attr);
    *now = *to;
    return result;
}

static enum circ_region other(enum circ_region region)
{
    return region == CIRC_AT_THIS ? CIRC_AT_THAT : CIRC_AT_THIS;
}

enum circ_status circ_sequence_append(struct circ_sequence *s,
                                      const_dnnl_primitive_desc_t description,
                                      struct circ_tensor *now, const struct circ_tensor *y,
                                      const struct circ_argument *weights, int weight_count,
                                      struct circ_error *err)
{
    const dnnl_memory_desc_t *in = dnnl_primitive_desc_query_md(description, dnnl_query_src_md, 0);
    const dnnl_memory_desc_t *out = dnnl_primitive_desc_query_md(description, dnnl_query_dst_md, 0);
    enum circ_status status = CIRC_OK;
    if (!dnnl_memory_desc_equal(in, &now->layout))
        status =
            circ_sequence_reorder(s, now, &(struct circ_tensor){*in, other(now->region), 0}, err);
    struct circ_tensor to = {*out, other(now->region), 0};
    if (y && dnnl_memory_desc_equal(out, &y->layout))
        to = *y;
    struct circ_argument arguments[4] = {{DNNL_ARG_SRC, *now}, {DNNL_ARG_DST, to}};
    for (int i = 0; i < weight_count; i++)
        arguments[2 + i] = weights[i];
    if (!status)
        status = circ_sequence_add(s, description, arguments, 2 + weight_count, err);
    *now = to;
    return status;
}

int circ_sequence_count(const struct circ_sequence *s)
{
    return s->count;
}

size_t circ_sequence_floats(const struct circ_sequence *s, enum circ_region region)
{
    size_t most = 0;
    for (int i = 0; i < s->count; i++)
        for (int a = 0; a < s->items[i].count; a++)
            if (s->items[i].region[a] == region && s->items[i].floats[a] > most)
                most = s->items[i].floats[a];
    return most;
}

bool circ_sequence_run(struct circ_sequence *s, int first, float *const at[CIRC_REGIONS])
{
    bool well = true;
    for (int i = first; i < s->count; i++) {
        struct item *item = &s->items[i];
        for (int a = 0; a < item->count; a++) {
            void *now, *place = at[item->region[a]] + item->offset[a];
            dnnl_memory_get_data_handle(item->arguments[a].memory, &now);
            if (now != place) /* setting it also clears what pads a layout: not at every run */
                dnnl_memory_set_data_handle_v2(item->arguments[a].memory, place, s->stream);
        }
        well &= dnnl_primitive_execute(item->primitive, s->stream, item->count, item->arguments) ==
                dnnl_success;
    }
    return well && dnnl_stream_wait(s->stream) == dnnl_success;
}
