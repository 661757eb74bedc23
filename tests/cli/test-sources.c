/* What is made of a meter's words: the reason, the lines to paste, whether a permission is all that
 * is missing; and quantities in words. */
#include "harness/sources.h"
#include "tests/tap.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static const struct circ_meter meter = {.name = "some"};

static const struct {
    const char *message, *reason, *remedy;
    enum circ_status status;
    int native;
    bool refused;
} cases[] = {
    {"some: nothing here", "nothing here", "", CIRC_ABSENT, 0, false},
    {"nothing here", "nothing here", "", CIRC_ABSENT, 0, false},
    {"something: else", "something: else", "", CIRC_ABSENT, 0, false},
    {"some: nothing here; try: sudo modprobe x", "nothing here", "try: sudo modprobe x",
     CIRC_ABSENT, ENOENT, false},
    {"some: not allowed (level 3): sudo sysctl a=1; or not", "not allowed (level 3)",
     "sudo sysctl a=1; or not", CIRC_ABSENT, EPERM, true},
    {"some: root only; until the next boot:\n    sudo chmod a+r x\nor for good:\n    echo 'a; b' | "
     "sudo tee y",
     "root only",
     "# until the next boot:\nsudo chmod a+r x\n# or for good:\necho 'a; b' | sudo tee y",
     CIRC_ABSENT, EACCES, true},
    {"some: root only:\n    sudo chmod a+r x", "root only:", "sudo chmod a+r x", CIRC_ABSENT,
     EACCES, true},
    {"some: no command: --do COMMAND, as: --do 'while :; do x; done'; or none",
     "no command: --do COMMAND, as: --do 'while :; do x; done'", "or none", CIRC_ABSENT, 0, false},
    {"some: the maker's driver is not here; install it", "the maker's driver is not here",
     "install it", CIRC_ABSENT, 0, false},
    /* a library's code that happens to be EPERM */
    {"some: not initialised", "not initialised", "", CIRC_ABSENT, EPERM, false},
    /* of one that is here a part may be missing: there is nothing to paste, or there is */
    {"some: half of it; the rest is nowhere", "half of it; the rest is nowhere", "", CIRC_OK, 0,
     false},
    {"some: x is for root:\n    sudo chmod a+r x", "x is for root:", "sudo chmod a+r x", CIRC_OK,
     EACCES, true},
    {"", "", "", CIRC_OK, 0, false},
};

static void test_split(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char reason[256], remedy[256];
        struct circ_source source = {.meter = &meter, .status = cases[i].status};
        source.why.native = cases[i].native;
        snprintf(source.why.message, sizeof source.why.message, "%s", cases[i].message);
        circ_sources_split(&source, reason, sizeof reason, remedy, sizeof remedy);
        tap_ok(!strcmp(reason, cases[i].reason) && !strcmp(remedy, cases[i].remedy) &&
                   circ_sources_refused(&source) == cases[i].refused,
               "case %zu: %s", i, reason);
    }
}

/* A message as long as they get, into less room than it needs. */
static void test_short(void)
{
    char reason[8], remedy[8];
    struct circ_source source = {.meter = &meter, .status = CIRC_ABSENT};
    memset(source.why.message, 'a', sizeof source.why.message - 1);
    memcpy(source.why.message + 100, "\n    bbbbbbbbbbbbbb\ncccc", 23);
    circ_sources_split(&source, reason, sizeof reason, remedy, sizeof remedy);
    tap_ok(!strcmp(reason, "aaaaaaa") && !strcmp(remedy, "bbbbbbb"), "both are cut to their room");
}

static void test_quantities(void)
{
    static const struct {
        double value;
        const char *text;
    } quantities[] = {
        {0, "0 W"},        {1, "1 W"},          {999.4, "999 W"},     {999.9, "1 kW"},
        {1234, "1.23 kW"}, {0.0125, "12.5 mW"}, {61.035e-6, "61 uW"}, {2.3e-10, "0.23 nW"},
        {-5, "-5 W"},      {2.62e5, "262 kW"},  {5e9, "5e+03 MW"},
    };
    for (size_t i = 0; i < sizeof quantities / sizeof *quantities; i++) {
        char text[32];
        circ_sources_quantity(quantities[i].value, "W", text, sizeof text);
        tap_ok(!strcmp(text, quantities[i].text), "%g is %s", quantities[i].value, text);
    }
}

static void test_resolution(void)
{
    struct circ_channel channel = {.unit = CIRC_UNIT_UJ, .scale = 61.035, .update_ns = 1000000};
    char text[96];
    circ_sources_resolution(&channel, text, sizeof text);
    tap_ok(!strcmp(text, "61 uJ every 1 ms"), "a counter of energy: %s", text);
    tap_ok(circ_sources_step_uj(&channel) == 61.035, "its step");
    channel = (struct circ_channel){.unit = CIRC_UNIT_UW, .scale = 1000};
    circ_sources_resolution(&channel, text, sizeof text);
    tap_ok(!strcmp(text, "1 mW"), "a power that is new at every read: %s", text);
    tap_ok(isnan(circ_sources_step_uj(&channel)), "which has no step of energy");
    channel = (struct circ_channel){.unit = CIRC_UNIT_COUNT, .scale = 1};
    circ_sources_resolution(&channel, text, sizeof text);
    tap_ok(!strcmp(text, "1"), "a count: %s", text);
}

int main(void)
{
    test_split();
    test_short();
    test_quantities();
    test_resolution();
    return tap_done();
}
