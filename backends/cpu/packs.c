/* Packed weights. What several threads ask for in one layout is there once. */
#include "backends/cpu/packs.h"

#include "backends/cpu/step.h"

#include <stdlib.h>

struct circ_pack {
    dnnl_memory_desc_t given, layout;
    const float *from; /* borrowed */
    size_t offset;
};

bool circ_packs_create(struct circ_packs *packs, int capacity)
{
    packs->count = 0;
    packs->items = calloc((size_t)capacity, sizeof *packs->items);
    return packs->items;
}

void circ_packs_free(struct circ_packs *packs)
{
    free(packs->items);
}

size_t circ_packs_floats(const struct circ_packs *packs)
{
    if (!packs->count)
        return 0;
    const struct circ_pack *last = &packs->items[packs->count - 1];
    return last->offset + (dnnl_memory_desc_get_size(&last->layout) + 3) / 4;
}

struct circ_tensor circ_packs_place(struct circ_packs *packs, const float *from,
                                    const dnnl_memory_desc_t *given,
                                    const dnnl_memory_desc_t *layout)
{
    size_t end = (circ_packs_floats(packs) + 15) / 16 * 16;
    for (int i = 0; i < packs->count; i++)
        if (packs->items[i].from == from && dnnl_memory_desc_equal(&packs->items[i].layout, layout))
            return (struct circ_tensor){*layout, CIRC_AT_WEIGHTS, packs->items[i].offset};
    packs->items[packs->count++] = (struct circ_pack){*given, *layout, from, end};
    return (struct circ_tensor){*layout, CIRC_AT_WEIGHTS, end};
}

static enum circ_status write_one(const struct circ_pack *pack, dnnl_engine_t engine, float *to,
                                  struct circ_error *err)
{
    struct circ_sequence *sequence = NULL;
    struct circ_tensor now = {pack->given, CIRC_AT_INPUT, 0};
    const struct circ_tensor packed = {pack->layout, CIRC_AT_WEIGHTS, pack->offset};
    float *pad = NULL;
    enum circ_status status = circ_sequence_create(&sequence, engine, 1, err);
    if (!status)
        status = circ_sequence_reorder(sequence, &now, &packed, err);
    if (!status && !(pad = circ_step_floats(circ_sequence_floats(sequence, CIRC_AT_PAD))))
        status = circ_status_fail(err, CIRC_MEMORY, "no memory to pack weights");
    if (!status && !circ_sequence_run(sequence, 0,
                                      (float *[CIRC_REGIONS]){
                                          [CIRC_AT_INPUT] = (float *)pack->from, /* only read */
                                          [CIRC_AT_PAD] = pad,
                                          [CIRC_AT_WEIGHTS] = to}))
        status = circ_status_fail(err, CIRC_DEVICE, "oneDNN refused to pack weights");
    free(pad);
    circ_sequence_free(sequence);
    return status;
}

enum circ_status circ_packs_write(const struct circ_packs *packs, dnnl_engine_t engine, float *to,
                                  struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < packs->count && !status; i++)
        status = write_one(&packs->items[i], engine, to, err);
    return status;
}
