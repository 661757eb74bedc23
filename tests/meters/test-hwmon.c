/* The hwmon meter on trees in the layout of /sys: what covers what, names that stay, and readings
 * that are none. */
#include "harness/meters/choice.h"
#include "harness/meters/hwmon.h"
#include "harness/meters/meter.h"
#include "tests/meters/sysfs_tree.h"
#include "tests/tap.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS INT64_C(1000000)

static const struct circ_meter *meter;
static struct circ_channel channels[CIRC_MAX_CHANNELS];
static struct circ_reading readings[CIRC_MAX_CHANNELS];
static struct circ_error err;
static int count;

static const struct circ_channel *find(const char *name)
{
    for (int i = 0; i < count; i++)
        if (strcmp(channels[i].name, name) == 0)
            return &channels[i];
    tap_ok(false, "there is a channel %s", name);
    return &channels[0];
}

/* Opens, reads and closes; the number of valid readings. */
static int replay(const char *what)
{
    struct circ_meter_session *session;
    int valid = 0;
    count = 0;
    if (!tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK, "%s opens", what)) {
        tap_note("%s", err.message);
        return 0;
    }
    meter->read(session, readings);
    meter->close(session);
    for (int i = 0; i < count; i++) {
        tap_note("%s %s %s update %lld ms parent %d: %llu", channels[i].name, channels[i].source,
                 circ_meters_scope_name(channels[i].scope), (long long)(channels[i].update_ns / MS),
                 channels[i].parent, (unsigned long long)readings[i].raw);
        valid += readings[i].valid;
    }
    return valid;
}

static bool chooses(uint64_t packages, const char *name)
{
    const struct circ_consumer consumer = {.cpu = true, .packages = packages};
    int chosen[CIRC_MAX_CHANNELS], chosen_count;
    return circ_choice_make(channels, count, &consumer, chosen, &chosen_count, &err) == CIRC_OK &&
           strcmp(channels[chosen[0]].name, name) == 0;
}

static void jetson(const char *fixtures)
{
    tree_use(fixtures, "jetson-orin-nx");
    tap_ok(replay("jetson-orin-nx") == 3 && count == 3, "three rails, and no drop over a shunt");
    const struct circ_channel *input = find("ina3221-VDD_IN"),
                              *cpu = find("ina3221-VDD_CPU_GPU_CV");
    tap_ok(input->scope == CIRC_SCOPE_BOARD && input->unit == CIRC_UNIT_UW && !*input->pci &&
               readings[input - channels].raw == 5056u * 1216u,
           "VDD_IN is the board: 5056 mV x 1216 mA");
    tap_ok(cpu->parent == input - channels && cpu->package == -1 &&
               find("ina3221-VDD_SOC")->parent == input - channels && input->parent == -1,
           "the other rails lie in it");
    tap_ok(input->update_ns == 32 * MS && input->lag_ns == 0 &&
               strcmp(input->source, "hwmon:ina3221") == 0,
           "the chip says how often it measures");
    tap_ok(chooses(1, "ina3221-VDD_IN"), "the board is the CPU's energy here");

    tree_use(fixtures, "jetson-agx-orin");
    tap_ok(replay("jetson-agx-orin") == 5 && count == 5,
           "two chips of one name, a rail switched off");
    tap_ok(!chooses(1, "") && strstr(err.message, "no channel"), "no rail covers the board: %s",
           err.message);
    tap_ok(find("ina3221-VDD_CPU_CV")->scope == CIRC_SCOPE_CORE &&
               find("ina3221-VDDQ_VDD2_1V8AO")->scope == CIRC_SCOPE_DRAM,
           "rails are stored by what they feed");
}

static void amd(const char *fixtures)
{
    tree_use(fixtures, "amd-energy");
    tap_ok(replay("amd-energy") == 3 && count == 3, "two sockets and the machine; no cores");
    const struct circ_channel *machine = find("power_meter-power1"), *second = find("package-1");
    tap_ok(machine->scope == CIRC_SCOPE_BOARD && machine->update_ns == 1000 * MS &&
               machine->unit == CIRC_UNIT_UW && machine->lag_ns == 1000 * MS,
           "the machine by its average over a second");
    tap_ok(second->scope == CIRC_SCOPE_PACKAGE && second->package == 1 &&
               second->unit == CIRC_UNIT_UJ && second->wrap == 0 && second->update_ns == MS &&
               second->parent == machine - channels &&
               readings[second - channels].raw == 87654321098,
           "socket 1 is package 1, in the machine");
    tap_ok(chooses(1, "package-0") && chooses(4, "power_meter-power1"),
           "a package is chosen, for one that has no channel the machine");
}

static void supplies(const char *fixtures)
{
    tree_use(fixtures, "supplies");
    tap_ok(replay("supplies") == 6 && count == 6,
           "two supplies and a regulator; no battery, no graphics card");
    tap_ok(strstr(err.message, "several power supplies share the load"), "%s", err.message);
    const struct circ_channel *pin = find("cffps2-pin@3-0068"), *out = find("cffps2-pout1@3-0069");
    tap_ok(readings[pin - channels].raw == 150000000 && readings[out - channels].raw == 140000001,
           "names go by the address, not by the number of hwmon");
    tap_ok(out->parent == find("cffps2-pin@3-0069") - channels &&
               find("pmbus-pout1")->parent == find("pmbus-pin") - channels,
           "outputs lie in the input of their own chip");
    tap_ok(!chooses(1, "") && pin->scope != CIRC_SCOPE_BOARD, "and none is chosen");
}

/* What a folder may hold, written anew for each case. */
static void written(void)
{
    static const char meter1[] = "class/hwmon/hwmon0/power1_average";
    struct circ_hwmon_sensor sensors[4], *sensor = &sensors[0];
    char root[TREE_PATH], folder[2 * TREE_PATH], path[3 * TREE_PATH];
    uint64_t raw = 7;
    struct circ_meter_session *session;
    if (!tap_ok(tree_create(root) && tree_write(root, "class/hwmon/hwmon0/name", "power_meter") &&
                    tree_write(root, meter1, "5000000"),
                "a tree to write in"))
        return;
    snprintf(folder, sizeof folder, "%s/class/hwmon/hwmon0", root);
    snprintf(path, sizeof path, "%s/%s", root, meter1);
    tree_write(root, "class/hwmon/hwmon0/power1_input", "6000000");
    tree_write(root, "class/hwmon/hwmon0/power3_input", "4000000");
    tree_write(root, "class/hwmon/hwmon0/power3_label", "third one");
    tree_write(root, "class/hwmon/hwmon0/energy2_input", "3000000");
    tree_write(root, "class/hwmon/hwmon0/power1_average_interval", "500");
    tree_write(root, "class/hwmon/hwmon0/power1_max", "9");
    tap_ok(circ_hwmon_sensors(folder, sensors, 4) == 3 && sensors[0].unit == CIRC_UNIT_UJ &&
               strcmp(sensors[0].label, "energy2") == 0 && strstr(sensors[1].path, "average") &&
               sensors[1].update_ns == 500 * MS && strcmp(sensors[2].label, "third one") == 0 &&
               strcmp(sensors[2].chip, "power_meter") == 0 && sensors[1].mean && !sensors[2].mean,
           "energies before powers, averages before moments, labels where there are any");
    tap_ok(circ_hwmon_sensors(folder, sensors, 1) == 3, "more than there is room for");
    tap_ok(circ_hwmon_sensors("there/is/none", sensors, 4) == 0, "no folder");
    circ_hwmon_sensors(folder, sensors, 4);
    sensor = &sensors[1];
    static const char *const none[] = {"",    "-5", "5W", "error", "0x10", "123456789012345678901",
                                       "5 6", " 5"};
    int taken = 0;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        tree_write(root, meter1, none[i]);
        taken += circ_hwmon_read(sensor, &raw);
    }
    tap_ok(taken == 0, "no number, no reading");
    FILE *file = fopen(path, "w");
    tap_ok(file && fputs("500", file) >= 0 && fclose(file) == 0 && !circ_hwmon_read(sensor, &raw),
           "a number without its end is none");
    tree_write(root, meter1, "18446744073709551615");
    tap_ok(circ_hwmon_read(sensor, &raw) && raw == UINT64_MAX, "the largest");
    memcpy(sensor->factor, sensor->path, sizeof sensor->factor);
    tap_ok(circ_hwmon_try(sensor, &raw) == ERANGE, "a product beyond 64 bits is none");
    unlink(path);
    tap_ok(circ_hwmon_try(sensor, &raw) == ENOENT, "a file that is gone");

    tree_write(root, meter1, "5000000");
    if (tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_OK && count == 3,
               "a power meter with three sensors")) {
        tree_write(root, meter1, "");
        meter->read(session, readings);
        int valid = readings[0].valid + readings[1].valid + readings[2].valid;
        tap_ok(valid == 2, "one of them fails alone");
        meter->close(session);
    }
    tree_write(root, "class/hwmon/hwmon0/power1_is_battery", "1");
    tap_ok(meter->open(&session, channels, &count, NULL, &err) == CIRC_ABSENT &&
               strstr(err.message, "no chip"),
           "a battery is left out: %s", err.message);
    tree_remove(root);
}

/* Modes do not bind root: the child gives it up first. */
static void denied(void)
{
    char root[TREE_PATH], path[2 * TREE_PATH];
    int state = 0;
    if (!tap_ok(tree_create(root) && tree_write(root, "class/hwmon/hwmon0/name", "pmbus") &&
                    tree_write(root, "class/hwmon/hwmon0/power1_input", "5"),
                "a tree to lock"))
        return;
    snprintf(path, sizeof path, "%s/class/hwmon/hwmon0/power1_input", root);
    bool locked = chmod(path, geteuid() == 0 ? 0400 : 0) == 0;
    pid_t child = fork();
    if (child == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        bool absent = meter->probe(NULL, &err) == CIRC_ABSENT;
        _exit(!absent || !strstr(err.message, "sudo chmod a+r") ||
              !strstr(err.message, "hwmon*/power*_input"));
    }
    bool ended = child > 0 && waitpid(child, &state, 0) == child && WIFEXITED(state);
    if (ended && WEXITSTATUS(state) == 2)
        tap_skip("root cannot be given up here", "a power that only root may read");
    else
        tap_ok(locked && ended && WEXITSTATUS(state) == 0,
               "a power that only root may read is absent, with the line to paste");
    tree_remove(root);
}

/* amd_energy calls NUMA nodes sockets: four nodes on one package. */
static void nodes(void)
{
    char root[TREE_PATH], file[TREE_PATH], label[16];
    bool made = tree_create(root) && tree_write(root, "class/hwmon/hwmon0/name", "amd_energy") &&
                tree_write(root, "devices/system/cpu/online", "0") &&
                tree_write(root, "devices/system/cpu/cpu0/topology/physical_package_id", "0");
    for (int i = 1; i <= 4; i++) {
        snprintf(file, sizeof file, "class/hwmon/hwmon0/energy%d_label", i);
        snprintf(label, sizeof label, "Esocket%d", i - 1);
        made = made && tree_write(root, file, label);
        snprintf(file, sizeof file, "class/hwmon/hwmon0/energy%d_input", i);
        made = made && tree_write(root, file, "1000");
    }
    if (tap_ok(made, "a tree of four nodes")) {
        tap_ok(replay("it") == 4 && find("amd_energy-Esocket2")->package == -1 && !chooses(1, ""),
               "nodes that are no packages are stored, not chosen");
        tap_ok(strstr(err.message, "no channel"), "%s", err.message);
    }
    tree_remove(root);
}

int main(int argc, char **argv)
{
    meter = circ_meters_find("hwmon");
    if (!tap_ok(argc == 2 && meter && meter->energy, "the meter is there, for the energy pass"))
        return tap_done();
    jetson(argv[1]);
    amd(argv[1]);
    supplies(argv[1]);
    written();
    denied();
    nodes();
    return tap_done();
}
