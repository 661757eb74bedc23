/* What the kernels must know of one layer with weights: the same text for the host and, embedded,
 * for the kernels, so that the two cannot differ. Nothing but ints, so that there is no padding. */
#ifndef CIRC_CARD_H
#define CIRC_CARD_H

#define CIRC_CARD_STAGES 12 /* of the longest transform */

struct circ_card {
    int block, stages;               /* k; stages of a transform of k words, 0 for k = 1 */
    int groups, rows, columns;       /* groups; block rows p and block columns q of one */
    int outputs, inputs;             /* channels of a group, without the padding of its blocks */
    int taps_h, taps_w, stride, pad; /* 1, 1, 1, 0 for FC */
    int in_h, in_w, out_h, out_w;    /* pixels; 1 for FC */
    int in_channel, in_pixel,
        in_frame;      /* words from one to the next in the memory that load reads */
    int resident;      /* whether the weights stay on chip */
    int weights, bias; /* where this layer's begin in their buffers */
    int forward[CIRC_CARD_STAGES], inverse[CIRC_CARD_STAGES], product, last; /* shifts */
    int relu_before, relu_after;           /* the pooling; relu_before alone without one */
    int pool, pool_h, pool_w;              /* 0: none, 1: maximum, 2: average; its window */
    int pool_stride, pool_pad;             /* both directions */
    int end_h, end_w;                      /* pixels that store writes */
    int end_channel, end_pixel, end_frame; /* words from one to the next where it writes */
};

/* What the kernels count, one array of 64-bit numbers a layer. */
enum {
    CIRC_CARD_FORWARD, /* butterflies */
    CIRC_CARD_INVERSE,
    CIRC_CARD_PRODUCTS,                       /* complex multiply-accumulates */
    CIRC_CARD_WORDS,                          /* through the four channels, one after the other */
    CIRC_CARD_RESIDENT = CIRC_CARD_WORDS + 4, /* words of weights read to stay */
    CIRC_CARD_STREAMED,                       /* and read for one frame */
    CIRC_CARD_READ,                           /* words of activations */
    CIRC_CARD_WRITTEN,
    CIRC_CARD_COUNTS
};

#endif
