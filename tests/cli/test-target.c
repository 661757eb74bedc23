/* Which devices a word after -d asks for, on a list such as three OpenCL drivers offer. */
#include "harness/target.h"
#include "tests/tap.h"

#define COUNT 4

static const struct circ_device devices[COUNT] = {
    {.name = "pthread-skylake-Intel(R) Xeon(R)", .platform = "Portable Computing Language"},
    {.name = "Intel(R) OpenCL:Intel(R) Xeon(R) 2.1", .platform = "Intel(R) OpenCL"},
    {.name = "FPGA Emulation Device #0", .platform = "Emulation Platform 1.2"},
    {.name = "FPGA Emulation Device #1", .platform = "Emulation Platform 1.2"},
};

static const struct {
    const char *wanted;
    int found; /* bit i: devices[i] */
} cases[] = {
    {"0", 1},
    {"2", 4}, /* a number is none of those in names */
    {"9", 0},
    {"portable", 1},
    {"Portable Computing Language", 1},
    {"PORTABLE:", 1},
    {"portable:0", 1},
    {"portable:1", 0},
    {"portable:xeon", 1},
    {"portable:computing", 0}, /* after the colon stands the device */
    {"xeon", 3},
    {"intel(r) opencl", 2},
    {"intel(r) opencl:0", 2},
    {"emulation", 12},
    {"emulation:1", 8},
    {"#1", 8},
    {"opencl:portable", 1},
    {"opencl:3", 8},
    {"opencl:emulation:0", 4},
    {"opencl:", 15},
    {"cpu:0", 0},
    {"nosuch", 0},
};

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int found = 0;
        for (int d = 0; d < COUNT; d++)
            found |= circ_target_matches(cases[i].wanted, "opencl", devices, d) << d;
        tap_ok(found == cases[i].found, "-d '%s' asks for %x of f, expected %x", cases[i].wanted,
               (unsigned)found, (unsigned)cases[i].found);
    }
    static const struct circ_device plain[1] = {{.name = "Intel(R) Xeon(R)", .platform = ""}};
    tap_ok(circ_target_matches("xeon", "cpu", plain, 0), "a device without a platform has a name");
    tap_ok(!circ_target_matches("portable", "cpu", plain, 0), "and no other");
    tap_ok(!circ_target_matches("xeon:0", "cpu", plain, 0), "nor a number in a platform");
    return tap_done();
}
