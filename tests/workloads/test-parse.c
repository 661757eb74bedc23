/* The text format of networks: what good lines mean, and the exact message of every kind of broken
 * one. */
#include "tests/tap.h"
#include "workloads/parse.h"

#include <stdio.h>
#include <string.h>

struct broken {
    const char *what, *text, *message;
};

#define IN  "input 3x8x8\n"
#define T10 "relu\nrelu\nrelu\nrelu\nrelu\nrelu\nrelu\nrelu\nrelu\nrelu\n"
#define T90 T10 T10 T10 T10 T10 T10 T10 T10 T10

static const struct broken brokens[] = {
    /* the file as a whole */
    {"empty", "", "a/b.net:1: the line 'input CxHxW' is missing"},
    {"comments only", "# one\n\n# two\n", "a/b.net:3: the line 'input CxHxW' is missing"},
    {"no layer", "# one\n" IN, "a/b.net:2: no layer follows the input"},
    {"no input", "# one\nfc 3\n",
     "a/b.net:2: fc: the line 'input CxHxW' must come before the first layer"},
    {"second input", IN "relu\n" IN, "a/b.net:3: input is given twice, first on line 1"},
    {"too many layers", IN T90 "relu\nrelu\nrelu\nrelu\nrelu\nrelu\nrelu\n",
     "a/b.net:98: more than 96 layers"},
    /* unknown words */
    {"unknown layer", IN "\n\ncnov 3x3 4\n",
     "a/b.net:4: unknown layer 'cnov', did you mean 'conv'?"},
    {"unknown first word", "inptu 3x8x8\nrelu\n",
     "a/b.net:1: unknown layer 'inptu', did you mean 'input'?"},
    {"unlike any layer", IN "attention 8\n",
     "a/b.net:2: unknown layer 'attention': input, fc, conv, pool, relu, lrn, flatten or softmax "
     "is "
     "expected"},
    {"capitals", IN "ReLU\n", "a/b.net:2: unknown layer 'ReLU', did you mean 'relu'?"},
    {"joined with its number", IN "fc4096\n",
     "a/b.net:2: unknown layer 'fc4096': input, fc, conv, pool, relu, lrn, flatten or softmax is "
     "expected"},
    {"bytes that cannot be printed", IN "\x01\xff\x7f\n",
     "a/b.net:2: unknown layer '?\?\?': input, fc, conv, pool, relu, lrn, flatten or softmax is "
     "expected"},
    {"a very long word", IN "aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbb\n",
     "a/b.net:2: unknown layer 'aaaaaaaaaabbbbbbbbbbaaaaaaaaaabbbbbbbbbbaaaa...': input, fc, conv, "
     "pool, relu, lrn, flatten or softmax is expected"},
    /* input */
    {"input without shape", "input\n",
     "a/b.net:1: input: the shape is missing: write 'input CxHxW'"},
    {"input of two numbers", "input 8x8\n",
     "a/b.net:1: input: shape '8x8': CxHxW, as in 3x32x32 is expected, in whole numbers from 1 to "
     "1048576"},
    {"input of four numbers", "input 1x8x8x8\n",
     "a/b.net:1: input: shape '1x8x8x8': CxHxW, as in 3x32x32 is expected, in whole numbers from 1 "
     "to 1048576"},
    {"input of zero", "input 3x0x8\n",
     "a/b.net:1: input: shape '3x0x8': CxHxW, as in 3x32x32 is expected, in whole numbers from 1 "
     "to "
     "1048576"},
    {"input with junk", "input 3x8x8 rgb\n",
     "a/b.net:1: input: unexpected 'rgb': write 'input CxHxW'"},
    {"input too large", "input 4096x4096x4096\nrelu\n",
     "a/b.net:1: input 4096x4096x4096: every dimension must be in 1..1048576 and the whole below "
     "2^31 elements"},
    /* numbers */
    {"fc without number", IN "fc\n",
     "a/b.net:2: fc: the number of outputs is missing: write 'fc M [dense] [nobias]'"},
    {"fc with a comment for a number", IN "fc # 10\n",
     "a/b.net:2: fc: the number of outputs is missing: write 'fc M [dense] [nobias]'"},
    {"fc with a word", IN "fc many\n",
     "a/b.net:2: fc: number of outputs 'many': M, as in 4096 is expected, in whole numbers from 1 "
     "to "
     "1048576"},
    {"fc of zero", IN "fc 0\n",
     "a/b.net:2: fc: number of outputs '0': M, as in 4096 is expected, in whole numbers from 1 to "
     "1048576"},
    {"fc negative", IN "fc -3\n",
     "a/b.net:2: fc: number of outputs '-3': M, as in 4096 is expected, in whole numbers from 1 to "
     "1048576"},
    {"fc one too large", IN "fc 1048577\n",
     "a/b.net:2: fc: number of outputs '1048577': M, as in 4096 is expected, in whole numbers from "
     "1 "
     "to 1048576"},
    {"fc beyond every integer", IN "fc 99999999999999999999999\n",
     "a/b.net:2: fc: number of outputs '99999999999999999999999': M, as in 4096 is expected, in "
     "whole numbers from 1 to 1048576"},
    {"fc with a unit", IN "fc 4k\n",
     "a/b.net:2: fc: number of outputs '4k': M, as in 4096 is expected, in whole numbers from 1 to "
     "1048576"},
    {"fc with a leading zero", IN "fc 010\n",
     "a/b.net:2: fc: number of outputs '010': M, as in 4096 is expected, in whole numbers from 1 "
     "to "
     "1048576"},
    {"conv without window", IN "conv 64\n",
     "a/b.net:2: conv: window '64': RxS, as in 3x3 is expected, in whole numbers from 1 to "
     "1048576"},
    {"conv without channels", IN "conv 3x3\n",
     "a/b.net:2: conv: the number of output channels is missing: write 'conv RxS P [stride N] [pad "
     "N] [groups N] [dense] [nobias]'"},
    {"conv with an option for channels", IN "conv 3x3 pad 1\n",
     "a/b.net:2: conv: number of output channels 'pad': P, as in 64 is expected, in whole numbers "
     "from 1 to 1048576"},
    {"stride 0", IN "conv 3x3 4 stride 0\n",
     "a/b.net:2: conv: stride '0': a whole number from 1 to 1048576 is expected"},
    {"stride missing", IN "conv 3x3 4 stride\n",
     "a/b.net:2: conv: the number after 'stride' is missing"},
    {"pad negative", IN "conv 3x3 4 pad -1\n",
     "a/b.net:2: conv: pad '-1': a whole number from 0 to 1048576 is expected"},
    {"groups 0", IN "conv 3x3 4 groups 0\n",
     "a/b.net:2: conv: groups '0': a whole number from 1 to 1048576 is expected"},
    {"lrn of a word", IN "lrn alpha lots\n",
     "a/b.net:2: lrn: alpha 'lots': a number from 1e-9 to 1e6 is expected"},
    {"lrn of nan", IN "lrn 5 bias nan\n",
     "a/b.net:2: lrn: bias 'nan': a number from 1e-9 to 1e6 is expected"},
    {"lrn of zero", IN "lrn 5 beta 0\n",
     "a/b.net:2: lrn: beta '0': a number from 1e-9 to 1e6 is expected"},
    {"lrn of two points", IN "lrn 5 beta 0.7.5\n",
     "a/b.net:2: lrn: beta '0.7.5': a number from 1e-9 to 1e6 is expected"},
    {"lrn size negative", IN "lrn -5\n",
     "a/b.net:2: lrn: size '-5': SIZE, as in 5 is expected, in whole numbers from 1 to 1048576"},
    /* options */
    {"option misspelt", IN "conv 3x3 4 strid 2\n",
     "a/b.net:2: conv: unknown option 'strid', did you mean 'stride'?"},
    {"option of another layer", IN "fc 3 stride 2\n",
     "a/b.net:2: fc: unexpected 'stride': write 'fc M [dense] [nobias]'"},
    {"option twice", IN "conv 3x3 4 pad 1 stride 1 pad 1\n",
     "a/b.net:2: conv: 'pad' is given twice"},
    {"flag twice", IN "fc 4 dense dense\n", "a/b.net:2: fc: 'dense' is given twice"},
    {"junk behind fc", IN "fc 4 5\n",
     "a/b.net:2: fc: unexpected '5': write 'fc M [dense] [nobias]'"},
    {"junk behind relu", IN "relu 6\n", "a/b.net:2: relu: unexpected '6': write 'relu'"},
    {"carriage return inside a line", IN "relu\rrelu\n",
     "a/b.net:2: unknown layer 'relu?relu': input, fc, conv, pool, relu, lrn, flatten or softmax "
     "is "
     "expected"},
    {"pool without kind", IN "pool\n",
     "a/b.net:2: pool: the kind is missing: write 'pool max|avg RxS [stride N] [pad N]'"},
    {"pool of another kind", IN "pool median 2x2\n",
     "a/b.net:2: pool: kind 'median': 'max' or 'avg' is expected"},
    {"pool without window", IN "pool max\n",
     "a/b.net:2: pool: the window is missing: write 'pool max|avg RxS [stride N] [pad N]'"},
    /* shapes that do not fit */
    {"window larger than the input", IN "relu\nconv 9x9 4\n",
     "a/b.net:3: conv: window 9x9 is larger than its padded input 8x8"},
    {"window larger than the padded input", IN "conv 3x11 4 pad 1\n",
     "a/b.net:2: conv: window 3x11 is larger than its padded input 10x10"},
    {"pool on a vector", IN "fc 16\npool max 2x2\n",
     "a/b.net:3: pool_max: window 2x2 is larger than its padded input 1x1"},
    {"groups that do not divide the input", IN "conv 3x3 4 groups 2\n",
     "a/b.net:2: conv: 2 groups must divide its 3 input and 4 output channels"},
    {"groups that do not divide the output", IN "conv 3x3 4 groups 3\n",
     "a/b.net:2: conv: 3 groups must divide its 3 input and 4 output channels"},
};

static void check_broken(const struct broken *broken)
{
    struct circ_network net;
    struct circ_error err = {.message = ""};
    enum circ_status status = circ_parse_network(broken->text, "a/b.net", &net, &err);
    if (!tap_ok(status == CIRC_USAGE && err.code == CIRC_USAGE &&
                    !strcmp(err.message, broken->message),
                "broken: %s", broken->what))
        tap_note("%s: %s", circ_status_name(status), err.message);
}

static bool parse(const char *text, struct circ_network *net)
{
    struct circ_error err = {.message = ""};
    bool right = !circ_parse_network(text, "folder/good.net", net, &err);
    if (!right)
        tap_note("%s", err.message);
    return right;
}

static void check_good(void)
{
    struct circ_network net, other;
    const char *text = "# comment\n"
                       "\n"
                       "\tinput 4x9x7   # channels first\n"
                       "  conv 3x2 6 groups 2 stride 2 pad 1 nobias dense#glued\n"
                       "pool avg 2x1\n"
                       "pool max 2x2 stride 1 pad 1\n"
                       "lrn\n"
                       "lrn 3 bias 2 alpha 1E-3 beta .5\n"
                       "fc 5";
    if (!tap_ok(parse(text, &net), "good: every layer and option"))
        return;
    const struct circ_layer *conv = &net.layers[0], *avg = &net.layers[1], *max = &net.layers[2];
    tap_ok(!strcmp(net.name, "good") && net.layer_count == 6, "good: name and number of layers");
    tap_ok(conv->taps_h == 3 && conv->taps_w == 2 && conv->out.c == 6 && conv->groups == 2 &&
               conv->stride == 2 && conv->pad == 1 && !conv->bias && !conv->compressible &&
               conv->out.h == 5 && conv->out.w == 4,
           "good: conv with all its options");
    tap_ok(avg->op == CIRC_OP_POOL_AVG && avg->stride == 2 && avg->pad == 0 && avg->out.h == 2 &&
               avg->out.w == 2,
           "good: the stride of a pool is the height of its window by default");
    tap_ok(max->op == CIRC_OP_POOL_MAX && max->stride == 1 && max->pad == 1 && max->out.h == 3,
           "good: pool with all its options");
    tap_ok(net.layers[3].lrn_size == 5 && net.layers[3].lrn_alpha == 1e-4f &&
               net.layers[3].lrn_beta == 0.75f && net.layers[3].lrn_bias == 1,
           "good: lrn has AlexNet's constants by default");
    tap_ok(net.layers[4].lrn_size == 3 && net.layers[4].lrn_alpha == 1e-3f &&
               net.layers[4].lrn_beta == 0.5f && net.layers[4].lrn_bias == 2,
           "good: lrn with all its options");
    tap_ok(net.layers[5].bias && net.layers[5].compressible, "good: fc has a bias and compresses");
    tap_ok(parse("\xef\xbb\xbfinput 1x2x3\r\nfc 4 nobias\r\nrelu\r\n", &net) &&
               parse("input 1x2x3\nfc 4 nobias\nrelu\n", &other) &&
               net.layer_count == other.layer_count && net.layers[1].out.c == other.layers[1].out.c,
           "good: CRLF and a byte order mark change nothing");
    tap_ok(parse(IN T90 "relu\nrelu\nrelu\nrelu\nrelu\nrelu\n", &net) && net.layer_count == 96,
           "good: 96 layers");
    tap_ok(parse("input 1048576x1x1\nfc 1048576\n", &net), "good: the largest numbers");
}

static void check_names(void)
{
    struct circ_network net;
    struct circ_error err;
    char source[200];
    memset(source, 'n', sizeof source);
    memcpy(source + 95, ".net", 5);
    tap_ok(!circ_parse_network("input 1x1x1\nrelu\n", source, &net, &err) && strlen(net.name) == 95,
           "name: 95 characters fit");
    memset(source, 'n', 99);
    memcpy(source + 96, ".net", 5);
    tap_ok(circ_parse_network("input 1x1x1\nrelu\n", source, &net, &err) == CIRC_USAGE &&
               strstr(err.message, ":1: the file's name is longer than 95 characters"),
           "name: 96 do not");
    tap_ok(circ_parse_network("fc 1\n", "x.net", &net, NULL) == CIRC_USAGE,
           "an error that nobody wants to read is allowed");
}

int main(void)
{
    check_good();
    check_names();
    for (size_t i = 0; i < sizeof brokens / sizeof *brokens; i++)
        check_broken(&brokens[i]);
    return tap_done();
}
