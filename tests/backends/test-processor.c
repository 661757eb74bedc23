/* What is read of this machine's processor; "emulated" as argument: the tests run under an emulator
 * and it must be known. */
#include "backends/processor.h"
#include "tests/tap.h"

#include <string.h>

int main(int argc, char **argv)
{
    struct circ_processor processor;
    circ_processor_read(&processor);
    bool emulated = argc > 1 && !strcmp(argv[1], "emulated");
    struct circ_device device = circ_processor_device(&processor, processor.cores);
    tap_note("%s: %s, played by %s", device.name, device.description,
             *processor.emulator ? processor.emulator : "nobody");
    tap_ok(processor.cores >= 1 && processor.cores <= processor.cpus, "cores and CPUs");
    tap_ok(processor.memory_bytes > 0, "memory");
    tap_ok(*processor.name, "a name");
    tap_ok(emulated == !!*processor.emulator, "it is known whether an emulator plays it");
    tap_ok(device.kind == (emulated ? CIRC_EMULATED : CIRC_MEASURED), "and times are of that kind");
    return tap_done();
}
