/* The grammar of axes: what it yields, and what it refuses with which words. */
#include "backends/core/nearest.h"
#include "harness/axes.h"
#include "tests/tap.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *text, *values;
} numbers[] = {
    {"8", "8"},
    {"8,16,32", "8 16 32"},
    {"8-1024*2", "8 16 32 64 128 256 512 1024"},
    {"8-64+8", "8 16 24 32 40 48 56 64"},
    {"3-6", "3 4 5 6"},
    {"8-8", "8"},
    {"8-100*3", "8 24 72"},
    {"1-10+4", "1 5 9"},
    {"32,8,8,32,16", "32 8 16"},
    {"4-16*2,8-12+2", "4 8 16 10 12"},
    {"2147483647", "2147483647"},
    {"2147483646-2147483647", "2147483646 2147483647"},
    {"1073741824-2147483647*2", "1073741824"},
    {"007", "7"},
};

static const struct {
    const char *text, *values;
} blocks[] = {
    {"16", "16/16"},
    {"16/8", "16/8"},
    {"16/8,32/4", "16/8 32/4"},
    {"8-32*2", "8/8 16/16 32/32"},
    {"8-32*2/4", "8/4 16/4 32/4"},
    {"16,16/16,16/8", "16/16 16/8"},
    {"1/64", "1/64"},
};

/* text, a piece of the sentence */
static const char *const bad_numbers[][2] = {
    {"", "empty"},
    {",", "empty"},
    {"8,", "empty"},
    {",8", "empty"},
    {"8,,16", "empty"},
    {"0", "below 1"},
    {"8,0", "below 1"},
    {"0-8", "below 1"},
    {"8-0", "below 1"},
    {"8-64+0", "below 1"},
    {"8-64*0", "below 1"},
    {"8-64*1", "multiplies by 1"},
    {"64-8", "backwards"},
    {"64-8*2", "backwards"},
    {"2147483648", "too large"},
    {"99999999999999999999", "too large"},
    {"8-99999999999", "too large"},
    {"1-2000", "more than 1024"},
    {"1-2147483647", "more than 1024"},
    {"-8", "not a whole number"},
    {"+8", "not a whole number"},
    {" 8", "not a whole number"},
    {"8 ", "not a whole number"},
    {"8x", "not a whole number"},
    {"8.5", "not a whole number"},
    {"0x10", "below 1"},
    {"8-", "not a whole number"},
    {"8-64*", "not a whole number"},
    {"8-64/2", "not a whole number"},
    {"8*2", "not a whole number"},
    {"8-16-32", "not a whole number"},
    {"1e3", "not a whole number"},
};

static const char *const bad_blocks[][2] = {
    {"16/0", "below 1"}, {"0/16", "below 1"},       {"16/", "not a whole number"},
    {"/8", "not a"},     {"16/8/4", "not a block"}, {"16/8-64", "not a block"},
    {"k", "not a"},      {"64-8/4", "backwards"},   {"16/99999999999", "too large"},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void test_numbers(void)
{
    for (size_t i = 0; i < COUNT(numbers); i++) {
        struct circ_axes axes = {0};
        char text[256] = "";
        enum circ_status status = circ_axes_add_numbers(&axes.batches, "-n", numbers[i].text, NULL);
        for (int v = 0; v < axes.batches.count; v++) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, v ? " %d" : "%d", axes.batches.items[v]);
        }
        tap_ok(status == CIRC_OK && !strcmp(text, numbers[i].values), "numbers '%s' are '%s'",
               numbers[i].text, text);
        circ_axes_free(&axes);
    }
}

static void test_blocks(void)
{
    for (size_t i = 0; i < COUNT(blocks); i++) {
        struct circ_axes axes = {0};
        char text[256] = "";
        enum circ_status status = circ_axes_add_blocks(&axes.blocks, blocks[i].text, NULL);
        for (int v = 0; v < axes.blocks.count; v++) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, v ? " %d/%d" : "%d/%d",
                     axes.blocks.items[v].fc, axes.blocks.items[v].conv);
        }
        tap_ok(status == CIRC_OK && !strcmp(text, blocks[i].values), "blocks '%s' are '%s'",
               blocks[i].text, text);
        circ_axes_free(&axes);
    }
}

static void test_refusals(void)
{
    for (size_t i = 0; i < COUNT(bad_numbers); i++) {
        struct circ_axes axes = {0};
        struct circ_error err = {0};
        enum circ_status status =
            circ_axes_add_numbers(&axes.batches, "-n/--batch", bad_numbers[i][0], &err);
        tap_ok(status == CIRC_USAGE && strstr(err.message, bad_numbers[i][1]) &&
                   strstr(err.message, "-n/--batch"),
               "numbers '%s' refused: %s", bad_numbers[i][0], err.message);
        circ_axes_free(&axes);
    }
    for (size_t i = 0; i < COUNT(bad_blocks); i++) {
        struct circ_axes axes = {0};
        struct circ_error err = {0};
        enum circ_status status = circ_axes_add_blocks(&axes.blocks, bad_blocks[i][0], &err);
        tap_ok(status == CIRC_USAGE && strstr(err.message, bad_blocks[i][1]) &&
                   strstr(err.message, "-k/--block") && strstr(err.message, "for example"),
               "blocks '%s' refused: %s", bad_blocks[i][0], err.message);
        circ_axes_free(&axes);
    }
}

static void test_names(void)
{
    struct circ_axes axes = {0};
    struct circ_names *names = &axes.workloads;
    enum circ_status status = circ_axes_add_names(names, "-w", "b,a,b", NULL);
    tap_ok(status == CIRC_OK && names->count == 2 && !strcmp(names->items[0], "b") &&
               !strcmp(names->items[1], "a"),
           "names keep their order, duplicates are dropped");
    status = circ_axes_add_names(names, "-w", "a,conv:3x3x64x128@32x32", NULL);
    tap_ok(status == CIRC_OK && names->count == 3 &&
               !strcmp(names->items[2], "conv:3x3x64x128@32x32"),
           "a repeated option adds up");
    struct circ_error err = {0};
    tap_ok(circ_axes_add_names(names, "-w", "a,,b", &err) == CIRC_USAGE &&
               strstr(err.message, "-w"),
           "an empty name is refused: %s", err.message);
    char text[5000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    tap_ok(circ_axes_add_names(names, "-w", text, &err) == CIRC_USAGE,
           "an endless name is refused");
    circ_axes_free(&axes);
    tap_ok(axes.workloads.count == 0 && !axes.workloads.items, "freed axes are empty");
    circ_axes_free(&axes);
}

static void test_nearest(void)
{
    static const char *const candidates[] = {"sweep", "check", "query", "alexnet-fc7", "cpu", "k"};
    static const char *const cases[][2] = {
        {"swep", "sweep"}, {"swepe", "sweep"}, {"wseep", "sweep"}, {"alex", "alexnet-fc7"},
        {"cpi", "cpu"},    {"gpu", "cpu"},     {"sweep", "sweep"}, {"fpga", NULL},
        {"", NULL},        {"zzzzzz", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *nearest = circ_nearest_find(cases[i][0], candidates, (int)COUNT(candidates));
        bool equal =
            nearest && cases[i][1] ? !strcmp(nearest, cases[i][1]) : nearest == cases[i][1];
        tap_ok(equal, "nearest to '%s' is %s", cases[i][0], nearest ? nearest : "nothing");
    }
    tap_ok(!circ_nearest_find("x", candidates, 0), "no candidate, nothing near");
}

int main(void)
{
    test_numbers();
    test_blocks();
    test_refusals();
    test_names();
    test_nearest();
    return tap_done();
}
