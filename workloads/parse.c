/* Reads the text format of networks, one layer a line. Shapes are inferred and validated by
 * circ_network_append; files are opened elsewhere. */
#include "workloads/parse.h"

#include "backends/core/nearest.h"
#include "workloads/words.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_MIN 1e-9 /* LRN constants outside of this are typing errors */
#define REAL_MAX 1e6

struct word {
    const char *text;
    size_t length;
};

/* The line being read; at moves through it word by word. */
struct line {
    const char *source;
    int number;
    const char *at, *end;
    struct circ_error *err;
};

/* A layer's first word. The usage is what messages show when arguments are wrong. */
struct rule {
    const char *word;
    enum circ_op op;
    const char *usage;
};

static const struct rule rules[] = {
    {"fc", CIRC_OP_FC, "fc M [dense] [nobias]"},
    {"conv", CIRC_OP_CONV, "conv RxS P [stride N] [pad N] [groups N] [dense] [nobias]"},
    {"pool", CIRC_OP_POOL_MAX, "pool max|avg RxS [stride N] [pad N]"},
    {"relu", CIRC_OP_RELU, "relu"},
    {"lrn", CIRC_OP_LRN, "lrn [SIZE] [alpha A] [beta B] [bias K]"},
    {"flatten", CIRC_OP_FLATTEN, "flatten"},
    {"softmax", CIRC_OP_SOFTMAX, "softmax"},
};

/* What may follow a layer's arguments, in any order, each at most once. */
struct option {
    const char *word;
    enum {
        WHOLE,
        REAL,
        CLEAR
    } kind;         /* a whole number; a real one; a flag that sets a bool false */
    int minimum;    /* WHOLE */
    size_t offset;  /* in struct circ_layer */
    unsigned rules; /* bit i: rules[i] takes it */
};

enum { FC = 1 << 0, CONV = 1 << 1, POOL = 1 << 2, LRN = 1 << 4 }; /* places in rules */

static const struct option options[] = {
    {"stride", WHOLE, 1, offsetof(struct circ_layer, stride), CONV | POOL},
    {"pad", WHOLE, 0, offsetof(struct circ_layer, pad), CONV | POOL},
    {"groups", WHOLE, 1, offsetof(struct circ_layer, groups), CONV},
    {"alpha", REAL, 0, offsetof(struct circ_layer, lrn_alpha), LRN},
    {"beta", REAL, 0, offsetof(struct circ_layer, lrn_beta), LRN},
    {"bias", REAL, 0, offsetof(struct circ_layer, lrn_bias), LRN},
    {"dense", CLEAR, 0, offsetof(struct circ_layer, compressible), FC | CONV},
    {"nobias", CLEAR, 0, offsetof(struct circ_layer, bias), FC | CONV},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

CIRC_PRINTF(2, 3) static enum circ_status complain(const struct line *line, const char *format, ...)
{
    char message[400];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return circ_status_fail(line->err, CIRC_USAGE, "%s:%d: %s", line->source, line->number,
                            message);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next word of the line, of length 0 at its end. */
static struct word next_word(struct line *line)
{
    while (line->at < line->end && is_blank(*line->at))
        line->at++;
    struct word word = {line->at, 0};
    while (line->at < line->end && !is_blank(*line->at))
        line->at++;
    word.length = (size_t)(line->at - word.text);
    return word;
}

static bool is_word(struct word word, const char *text)
{
    return word.length == strlen(text) && !memcmp(word.text, text, word.length);
}

static struct circ_quote quote(struct word word)
{
    return circ_words_quote(word.text, word.length);
}

/* A positional argument: whole numbers of at least 1 joined by separators. */
static enum circ_status read_argument(struct line *line, const struct rule *rule, const char *what,
                                      const char *separators, const char *form, int *values)
{
    struct word word = next_word(line);
    if (!word.length)
        return complain(line, "%s: the %s is missing: write '%s'", rule->word, what, rule->usage);
    if (!circ_words_numbers(word.text, word.length, separators, 1, values))
        return complain(line, "%s: %s '%s': %s is expected, in whole numbers from 1 to %d",
                        rule->word, what, quote(word).text, form, CIRC_MAX_DIM);
    return CIRC_OK;
}

static enum circ_status read_window(struct line *line, const struct rule *rule,
                                    struct circ_layer *layer)
{
    int taps[2];
    enum circ_status status = read_argument(line, rule, "window", "x", "RxS, as in 3x3", taps);
    if (status)
        return status;
    layer->taps_h = taps[0];
    layer->taps_w = taps[1];
    return CIRC_OK;
}

static enum circ_status read_conv(struct line *line, const struct rule *rule,
                                  struct circ_layer *layer)
{
    enum circ_status status = read_window(line, rule, layer);
    if (status)
        return status;
    return read_argument(line, rule, "number of output channels", "", "P, as in 64", &layer->out.c);
}

static enum circ_status read_pool(struct line *line, const struct rule *rule,
                                  struct circ_layer *layer)
{
    struct word kind = next_word(line);
    if (is_word(kind, "avg"))
        layer->op = CIRC_OP_POOL_AVG;
    else if (!kind.length)
        return complain(line, "pool: the kind is missing: write '%s'", rule->usage);
    else if (!is_word(kind, "max"))
        return complain(line, "pool: kind '%s': 'max' or 'avg' is expected", quote(kind).text);
    enum circ_status status = read_window(line, rule, layer);
    layer->stride = layer->taps_h;
    return status;
}

/* The size may be left out: what starts with a letter is an option. */
static enum circ_status read_lrn(struct line *line, const struct rule *rule,
                                 struct circ_layer *layer)
{
    struct line ahead = *line;
    struct word word = next_word(&ahead);
    bool letter = word.length && word.text[0] >= 'a' && word.text[0] <= 'z';
    layer->lrn_size = 5; /* the constants of Caffe's AlexNet */
    layer->lrn_alpha = 1e-4f;
    layer->lrn_beta = 0.75f;
    layer->lrn_bias = 1;
    if (!word.length || letter)
        return CIRC_OK;
    return read_argument(line, rule, "size", "", "SIZE, as in 5", &layer->lrn_size);
}

static enum circ_status read_arguments(struct line *line, const struct rule *rule,
                                       struct circ_layer *layer)
{
    switch (rule->op) {
    case CIRC_OP_FC:
        return read_argument(line, rule, "number of outputs", "", "M, as in 4096", &layer->out.c);
    case CIRC_OP_CONV:
        return read_conv(line, rule, layer);
    case CIRC_OP_POOL_MAX:
        return read_pool(line, rule, layer);
    case CIRC_OP_LRN:
        return read_lrn(line, rule, layer);
    default:
        return CIRC_OK;
    }
}

/* strtod alone would take "inf", "nan" and hexadecimal. */
static bool read_real(struct word word, float *value)
{
    char text[32], *end;
    if (!word.length || word.length >= sizeof text)
        return false;
    memcpy(text, word.text, word.length);
    text[word.length] = '\0';
    if (strspn(text, "0123456789.eE+-") != word.length)
        return false;
    double real = strtod(text, &end);
    *value = (float)real;
    return !*end && real >= REAL_MIN && real <= REAL_MAX;
}

static enum circ_status read_option(struct line *line, const struct rule *rule,
                                    const struct option *option, struct circ_layer *layer)
{
    void *field = (char *)layer + option->offset;
    if (option->kind == CLEAR) {
        *(bool *)field = false;
        return CIRC_OK;
    }
    struct word word = next_word(line);
    if (!word.length)
        return complain(line, "%s: the number after '%s' is missing", rule->word, option->word);
    if (option->kind == REAL && !read_real(word, field))
        return complain(line, "%s: %s '%s': a number from 1e-9 to 1e6 is expected", rule->word,
                        option->word, quote(word).text);
    if (option->kind == WHOLE &&
        !circ_words_numbers(word.text, word.length, "", option->minimum, field))
        return complain(line, "%s: %s '%s': a whole number from %d to %d is expected", rule->word,
                        option->word, quote(word).text, option->minimum, CIRC_MAX_DIM);
    return CIRC_OK;
}

static enum circ_status reject_option(const struct line *line, const struct rule *rule,
                                      unsigned rule_bit, struct word word)
{
    struct circ_nearest nearest = circ_nearest_begin(word.text, word.length);
    for (int i = 0; i < COUNT(options); i++)
        if (options[i].rules & rule_bit)
            circ_nearest_offer(&nearest, options[i].word);
    if (nearest.best)
        return complain(line, "%s: unknown option '%s', did you mean '%s'?", rule->word,
                        quote(word).text, nearest.best);
    return complain(line, "%s: unexpected '%s': write '%s'", rule->word, quote(word).text,
                    rule->usage);
}

static enum circ_status read_options(struct line *line, const struct rule *rule,
                                     struct circ_layer *layer)
{
    unsigned rule_bit = 1u << (rule - rules), seen = 0;
    for (struct word word; word = next_word(line), word.length;) {
        int i = 0;
        while (i < COUNT(options) &&
               !(is_word(word, options[i].word) && options[i].rules & rule_bit))
            i++;
        if (i == COUNT(options))
            return reject_option(line, rule, rule_bit, word);
        if (seen & 1u << i)
            return complain(line, "%s: '%s' is given twice", rule->word, options[i].word);
        seen |= 1u << i;
        enum circ_status status = read_option(line, rule, &options[i], layer);
        if (status)
            return status;
    }
    return CIRC_OK;
}

static enum circ_status read_layer(struct line *line, const struct rule *rule,
                                   struct circ_network *net)
{
    bool weights = rule->op == CIRC_OP_FC || rule->op == CIRC_OP_CONV;
    struct circ_layer layer = {.op = rule->op, .bias = weights, .compressible = weights};
    enum circ_status status = read_arguments(line, rule, &layer);
    if (!status)
        status = read_options(line, rule, &layer);
    if (status)
        return status;
    struct circ_error detail;
    status = circ_network_append(net, &layer, &detail);
    return status ? complain(line, "%s", detail.message) : CIRC_OK;
}

/* The network's name: the base name of source without ".net". */
static enum circ_status begin_network(struct line *line, struct circ_shape input,
                                      struct circ_network *net)
{
    const char *slash = strrchr(line->source, '/');
    const char *base = slash ? slash + 1 : line->source;
    size_t length = strlen(base);
    if (length > 4 && !strcmp(base + length - 4, ".net"))
        length -= 4;
    if (length >= sizeof net->name)
        return complain(line, "the file's name is longer than %d characters",
                        (int)sizeof net->name - 1);
    char name[sizeof net->name] = "";
    memcpy(name, base, length);
    struct circ_error detail;
    enum circ_status status = circ_network_begin(net, name, input, &detail);
    return status ? complain(line, "%s", detail.message) : CIRC_OK;
}

static enum circ_status read_input(struct line *line, struct circ_network *net, int *input_line)
{
    if (*input_line)
        return complain(line, "input is given twice, first on line %d", *input_line);
    static const struct rule rule = {"input", CIRC_OP_FC, "input CxHxW"};
    int dims[3];
    enum circ_status status =
        read_argument(line, &rule, "shape", "xx", "CxHxW, as in 3x32x32", dims);
    if (status)
        return status;
    struct word junk = next_word(line);
    if (junk.length)
        return complain(line, "input: unexpected '%s': write '%s'", quote(junk).text, rule.usage);
    *input_line = line->number;
    return begin_network(line, (struct circ_shape){dims[0], dims[1], dims[2]}, net);
}

static enum circ_status reject_layer(const struct line *line, struct word word)
{
    struct circ_nearest nearest = circ_nearest_begin(word.text, word.length);
    circ_nearest_offer(&nearest, "input");
    for (int i = 0; i < COUNT(rules); i++)
        circ_nearest_offer(&nearest, rules[i].word);
    if (nearest.best)
        return complain(line, "unknown layer '%s', did you mean '%s'?", quote(word).text,
                        nearest.best);
    return complain(line,
                    "unknown layer '%s': input, fc, conv, pool, relu, lrn, flatten or softmax is "
                    "expected",
                    quote(word).text);
}

static enum circ_status read_line(struct line *line, struct circ_network *net, int *input_line)
{
    struct word word = next_word(line);
    if (!word.length)
        return CIRC_OK;
    if (is_word(word, "input"))
        return read_input(line, net, input_line);
    int i = 0;
    while (i < COUNT(rules) && !is_word(word, rules[i].word))
        i++;
    if (i == COUNT(rules))
        return reject_layer(line, word);
    if (!*input_line)
        return complain(line, "%s: the line 'input CxHxW' must come before the first layer",
                        rules[i].word);
    return read_layer(line, &rules[i], net);
}

enum circ_status circ_parse_network(const char *text, const char *source, struct circ_network *net,
                                    struct circ_error *err)
{
    struct line line = {.source = source, .err = err};
    int input_line = 0;
    memset(net, 0, sizeof *net);
    if (!strncmp(text, "\xef\xbb\xbf", 3)) /* the byte order mark that some editors write */
        text += 3;
    while (*text) {
        size_t length = strcspn(text, "\n");
        const char *next = text + length + (text[length] == '\n');
        if (length && text[length - 1] == '\r')
            length--;
        const char *comment = memchr(text, '#', length);
        line.number++;
        line.at = text;
        line.end = comment ? comment : text + length;
        enum circ_status status = read_line(&line, net, &input_line);
        if (status)
            return status;
        text = next;
    }
    line.number += !line.number; /* an empty text ends on its first line */
    if (!input_line)
        return complain(&line, "the line 'input CxHxW' is missing");
    if (!net->layer_count)
        return complain(&line, "no layer follows the input");
    return CIRC_OK;
}
