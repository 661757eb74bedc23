/* The table of options: defaults, the environment, every way of storing, and what is refused with
 * which words. */
#include "harness/options.h"
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ARGS 12

static const struct {
    const char *line; /* blank between arguments */
    const char *message;
} refusals[] = {
    {"sweep --blok 8", "did you mean --block"},
    {"sweep --zzz", "unknown option '--zzz'"},
    {"sweep --blok=8", "did you mean --block"},
    {"sweep -Z", "unknown option '-Z'"},
    {"sweep -qZ", "unknown option '-Z'"},
    {"query -k 8", "query does not take -k"},
    {"query --block 8", "query does not take --block; it is an option of: check sweep"},
    {"sweep --s 1", "may mean"},
    {"sweep -k", "-k/--block needs LIST"},
    {"sweep --block", "-k/--block needs LIST"},
    {"sweep --resume=yes", "--resume takes no value"},
    {"sweep --cold=1", "--cold takes no value"},
    {"check --cold", "check does not take --cold"},
    {"sweep -k 0", "below 1"},
    {"sweep -r 0", "-r/--samples: '0' is not a whole number from 1"},
    {"sweep -r 1.5", "not a whole number"},
    {"sweep -r 10x", "not a whole number"},
    {"sweep --min-time -1", "--min-time: '-1' is not a number from 0"},
    {"sweep --min-time nan", "--min-time: 'nan'"},
    {"sweep --min-time inf", "--min-time: 'inf'"},
    {"sweep --min-time 0x1", "--min-time: '0x1'"},
    {"sweep --max-noise 0", "--max-noise: '0'"},
    {"sweep --max-noise 2", "--max-noise: '2'"},
    {"sweep --seed -1", "--seed: '-1'"},
    {"sweep --seed 18446744073709551616", "--seed:"},
    {"sweep --shard 0/2", "--shard: '0/2'"},
    {"sweep --shard 3/2", "--shard: '3/2'"},
    {"sweep --shard 1", "--shard: '1'"},
    {"sweep --shard 1/2/3", "--shard: '1/2/3'"},
    {"sweep -o xml", "unknown format 'xml'"},
    {"sweep -o jso", "did you mean 'json'"},
    {"sweep a b c d e f g h i", "too many words"},
};

/* Splits line at blanks and parses it; the words stay valid until the next call. */
static enum circ_status parse(const char *line, struct circ_options *options, bool *help,
                              struct circ_error *err)
{
    static char text[512];
    char *argv[MAX_ARGS + 1], *save = NULL;
    int argc = 0;
    snprintf(text, sizeof text, "%s", line);
    for (char *word = strtok_r(text, " ", &save); word && argc < MAX_ARGS;
         word = strtok_r(NULL, " ", &save)) {
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    return circ_options_parse(argv[0], argc, argv, options, help, err);
}

static void test_defaults(void)
{
    struct circ_options options;
    bool help;
    enum circ_status status = parse("sweep", &options, &help, NULL);
    tap_ok(status == CIRC_OK && !help, "no options");
    tap_ok(options.samples == 10 && options.min_time_s == 0.5 && options.timeout_s == 10 &&
               options.max_noise == 0.01 && options.energy_error == 0.02 && options.seed == 1,
           "defaults of measurement");
    tap_ok(options.shard == 1 && options.shards == 1, "one shard");
    tap_ok(!strcmp(options.db, "circbench.db") && !options.data &&
               !strcmp(options.campaign, "latest"),
           "defaults of places");
    tap_ok(options.format == CIRC_TABLE && !options.format_given, "table by default, not given");
    tap_ok(!options.axes.blocks.count && !options.axes.workloads.count &&
               !options.axes.batches.count,
           "no axis is given");
    tap_ok(!options.resume && !options.dry_run && !options.quiet && !options.list && !options.cold,
           "no flag is set");
    circ_options_free(&options);
}

static void test_stores(void)
{
    struct circ_options options;
    bool help;
    enum circ_status status = parse(
        "sweep -w lenet -w=x,fc:8x8 -k 8-16*2 --block=32/4 -n1,64 -qr 20", &options, &help, NULL);
    tap_ok(status == CIRC_OK && options.axes.workloads.count == 3 &&
               options.axes.blocks.count == 3 && options.axes.blocks.items[2].conv == 4 &&
               options.axes.batches.count == 2 && options.quiet && options.samples == 20,
           "axes add up, letters bundle, values attach");
    circ_options_free(&options);

    status = parse("sweep --seed 18446744073709551615 --shard 2/3 --min-time 1e-1 --dry-run "
                   "--resume --cold -o jsonl",
                   &options, &help, NULL);
    tap_ok(status == CIRC_OK && options.seed == UINT64_MAX && options.shard == 2 &&
               options.shards == 3 && options.min_time_s == 0.1 && options.dry_run &&
               options.resume && options.cold && options.format == CIRC_JSONL &&
               options.format_given,
           "numbers, flags, shard and format");
    circ_options_free(&options);

    status = parse("query summary --sql x -o csv later -- --list", &options, &help, NULL);
    tap_ok(status == CIRC_OK && options.word_count == 3 && !strcmp(options.words[0], "summary") &&
               !strcmp(options.words[1], "later") && !strcmp(options.words[2], "--list") &&
               !options.list && options.format == CIRC_CSV,
           "words and options mix, and end at --");
    circ_options_free(&options);

    status = parse("report -o out.md", &options, &help, NULL);
    tap_ok(status == CIRC_OK && !strcmp(options.output, "out.md") && options.format == CIRC_TABLE,
           "-o of report is a file");
    circ_options_free(&options);

    status = parse("query --help", &options, &help, NULL);
    tap_ok(status == CIRC_OK && help, "--help");
    circ_options_free(&options);
}

static void test_environment(void)
{
    struct circ_options options;
    bool help;
    setenv("CIRCBENCH_DB", "env.db", 1);
    setenv("CIRCBENCH_DATA", "data", 1);
    setenv("POSIXLY_CORRECT", "1", 1);
    enum circ_status status = parse("query NAME -o json", &options, &help, NULL);
    tap_ok(status == CIRC_OK && !strcmp(options.db, "env.db") && !strcmp(options.data, "data"),
           "the environment replaces defaults");
    tap_ok(options.format == CIRC_JSON && options.word_count == 1,
           "options after words work under POSIXLY_CORRECT");
    circ_options_free(&options);
    status = parse("query --db given.db", &options, &help, NULL);
    tap_ok(status == CIRC_OK && !strcmp(options.db, "given.db"),
           "an option wins over the environment");
    circ_options_free(&options);
    setenv("CIRCBENCH_DB", "", 1);
    status = parse("query", &options, &help, NULL);
    tap_ok(status == CIRC_OK && !strcmp(options.db, "circbench.db"), "an empty variable is none");
    circ_options_free(&options);
    unsetenv("CIRCBENCH_DB");
    unsetenv("CIRCBENCH_DATA");
    unsetenv("POSIXLY_CORRECT");
}

static void test_refusals(void)
{
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct circ_options options;
        struct circ_error err = {0};
        bool help;
        enum circ_status status = parse(refusals[i].line, &options, &help, &err);
        tap_ok(status == CIRC_USAGE && strstr(err.message, refusals[i].message), "%s: %s",
               refusals[i].line, err.message);
        circ_options_free(&options);
    }
    struct circ_options options;
    struct circ_error err = {0};
    bool help;
    char *argv[] = {(char[]){"query"}, (char[]){"--sql"}, (char[]){""}, NULL};
    tap_ok(circ_options_parse("query", 3, argv, &options, &help, &err) == CIRC_USAGE &&
               strstr(err.message, "--sql: empty"),
           "an empty text: %s", err.message);
    circ_options_free(&options);
}

static void test_help(void)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    if (!tap_ok(memory != NULL, "memory stream")) {
        return;
    }
    circ_options_describe("query", memory, 80);
    fclose(memory);
    tap_ok(strstr(text, "--sql SQL") && strstr(text, "[$CIRCBENCH_DB or") &&
               strstr(text, "[table]") && !strstr(text, "--block"),
           "help holds the command's options with their defaults, and no others");
    bool fits = true;
    for (char *line = text; *line;) {
        size_t length = strcspn(line, "\n");
        fits = fits && length <= 80;
        line += length + (line[length] == '\n');
    }
    tap_ok(fits, "help folds at 80 columns");
    free(text);
}

int main(void)
{
    unsetenv("CIRCBENCH_DB");
    unsetenv("CIRCBENCH_DATA");
    test_defaults();
    test_stores();
    test_environment();
    test_refusals();
    test_help();
    return tap_done();
}
