/* The parsing and the help that follow from the table of options. What an option does is for the
 * commands.
 *
 * Parsing itself is glibc's getopt_long: everywhere, without a dependency, with the habits users
 * know (bundled letters, --option=value, "--"). popt would bring its own table with defaults, but a
 * dependency for less than a page of code, and neither lists nor filtering by command; argp (glibc)
 * formats help well but prints its own messages and exits, and its parsers per command would each
 * restate the options they share. */
#include "backends/core/nearest.h"
#include "harness/options.h"
#include "harness/log.h"
#include "harness/options_table.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { LONG_VALUE = 256 }; /* of a long option's row: above all letters */

static bool listed(const char *list, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = list; (at = strstr(at, word)); at += length) {
        if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length])) {
            return true;
        }
    }
    return false;
}

static bool takes(const struct circ_option_row *row, const char *command)
{
    return !strcmp(row->commands, "*") || listed(row->commands, command);
}

/* "-k/--block" or "--db": how messages name an option. */
static const char *label(const struct circ_option_row *row, char buffer[48])
{
    if (row->letter) {
        snprintf(buffer, 48, "-%c/--%s", row->letter, row->name);
    } else {
        snprintf(buffer, 48, "--%s", row->name);
    }
    return buffer;
}

static enum circ_status refuse(const struct circ_option_row *row, const char *text,
                               const char *wanted, struct circ_error *err)
{
    char name[48];
    return circ_status_fail(err, CIRC_USAGE, "%s: '%.100s' is not %s; for example --%s %s",
                            label(row, name), text, wanted, row->name,
                            row->preset ? row->preset : row->argument);
}

static enum circ_status read_number(const struct circ_option_row *row, const char *text,
                                    double *value, struct circ_error *err)
{
    char *end, wanted[80];
    bool whole = row->store == CIRC_OPTION_INT;
    /* strtod alone would take blanks, signs, hexadecimal, "inf" and "nan" */
    bool plain = *text && strspn(text, whole ? "0123456789" : "0123456789.eE+-") == strlen(text) &&
                 strchr("0123456789.", *text);
    *value = plain ? strtod(text, &end) : 0;
    if (!plain || *end || !isfinite(*value) || *value < row->low || *value > row->high) {
        snprintf(wanted, sizeof wanted, "a %snumber from %g to %.10g", whole ? "whole " : "",
                 row->low, row->high);
        return refuse(row, text, wanted, err);
    }
    return CIRC_OK;
}

static enum circ_status read_uint64(const struct circ_option_row *row, const char *text,
                                    uint64_t *value, struct circ_error *err)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    if (errno || end == text || *end || *text < '0' || *text > '9') {
        return refuse(row, text, "a whole number from 0 to 18446744073709551615", err);
    }
    return CIRC_OK;
}

static enum circ_status read_shard(const struct circ_option_row *row, const char *text,
                                   struct circ_options *options, struct circ_error *err)
{
    int used = 0;
    if (strspn(text, "0123456789/") != strlen(text) || strlen(text) > 12 ||
        sscanf(text, "%d/%d%n", &options->shard, &options->shards, &used) != 2 || text[used] ||
        options->shard < 1 || options->shard > options->shards) {
        options->shard = options->shards = 1;
        return refuse(row, text, "a part I/N with I from 1 to N", err);
    }
    return CIRC_OK;
}

static enum circ_status read_format(const struct circ_option_row *row, const char *text,
                                    struct circ_options *options, struct circ_error *err)
{
    const char *names[CIRC_SQL + 1];
    char name[48];
    int format = circ_format_parse(text);
    if (format >= 0) {
        options->format = (enum circ_format)format;
        return CIRC_OK;
    }
    for (int i = 0; i <= CIRC_SQL; i++) {
        names[i] = circ_format_name((enum circ_format)i);
    }
    const char *nearest = circ_nearest_find(text, names, CIRC_SQL + 1);
    return circ_status_fail(err, CIRC_USAGE, "%s: unknown format '%.100s'%s%s%s It is %s",
                            label(row, name), text, nearest ? "; did you mean '" : "",
                            nearest ? nearest : "", nearest ? "'?" : ".", row->help);
}

/* Stores text, or sets the flag, where the row says. */
static enum circ_status apply(const struct circ_option_row *row, const char *text,
                              struct circ_options *options, struct circ_error *err)
{
    void *target = (char *)options + row->offset;
    char name[48];
    double number;
    enum circ_status status = CIRC_OK;
    switch (row->store) {
    case CIRC_OPTION_FLAG:
        *(bool *)target = true;
        break;
    case CIRC_OPTION_INT:
        status = read_number(row, text, &number, err);
        if (status == CIRC_OK) {
            *(int *)target = (int)number;
        }
        break;
    case CIRC_OPTION_REAL:
        status = read_number(row, text, (double *)target, err);
        break;
    case CIRC_OPTION_UINT64:
        status = read_uint64(row, text, target, err);
        break;
    case CIRC_OPTION_TEXT:
        if (!*text) {
            return circ_status_fail(err, CIRC_USAGE, "%s: empty; give %s or leave the option out",
                                    label(row, name), row->argument);
        }
        *(const char **)target = text;
        break;
    case CIRC_OPTION_NAMES:
        status = circ_axes_add_names(target, label(row, name), text, err);
        break;
    case CIRC_OPTION_NUMBERS:
        status = circ_axes_add_numbers(target, label(row, name), text, err);
        break;
    case CIRC_OPTION_BLOCKS:
        status = circ_axes_add_blocks(target, text, err);
        break;
    case CIRC_OPTION_FORMAT:
        status = read_format(row, text, options, err);
        break;
    case CIRC_OPTION_SHARD:
        status = read_shard(row, text, options, err);
        break;
    case CIRC_OPTION_HELP:
        break;
    }
    return status;
}

static const struct circ_option_row *find(const char *command, char letter)
{
    for (int i = 0; i < circ_options_table_count; i++) {
        if (circ_options_table[i].letter == letter && takes(&circ_options_table[i], command)) {
            return &circ_options_table[i];
        }
    }
    return NULL;
}

/* Says of an option that getopt_long refused whether other commands take it, what it may have
 * meant, or that it is the beginning of several. text is without dashes and value. */
static enum circ_status refuse_unknown(const char *command, const char *text, bool is_long,
                                       struct circ_error *err)
{
    const char *names[CIRC_OPTIONS_TABLE_MOST], *dashes = is_long ? "--" : "-";
    int count = 0, fits = 0;
    for (int i = 0; i < circ_options_table_count; i++) {
        const struct circ_option_row *row = &circ_options_table[i];
        if (takes(row, command)) {
            names[count++] = row->name;
            fits += is_long && !strncmp(row->name, text, strlen(text));
        } else if (is_long ? !strcmp(row->name, text) : row->letter == *text) {
            return circ_status_fail(err, CIRC_USAGE,
                                    "%s does not take %s%s; it is an option of: %s. "
                                    "See 'circbench %s --help'",
                                    command, dashes, text, row->commands, command);
        }
    }
    if (fits > 1) {
        return circ_status_fail(err, CIRC_USAGE,
                                "option '--%s' may mean %d options of %s; write it out", text, fits,
                                command);
    }
    const char *nearest = is_long ? circ_nearest_find(text, names, count) : NULL;
    return circ_status_fail(
        err, CIRC_USAGE, "unknown option '%s%.100s'%s%s%s See 'circbench %s --help'", dashes, text,
        nearest ? "; did you mean --" : "", nearest ? nearest : "", nearest ? "?" : ".", command);
}

/* Explains what getopt_long answered with ':' or '?'. word is the argument that it was reading. */
static enum circ_status refuse_parse(const char *command, int answer, const char *word,
                                     struct circ_error *err)
{
    char text[64], name[48];
    const struct circ_option_row *row = NULL;
    bool is_long = !strncmp(word, "--", 2);
    if (optopt >= LONG_VALUE) {
        row = &circ_options_table[optopt - LONG_VALUE];
    } else if (optopt && answer == ':') {
        row = find(command, (char)optopt);
    }
    if (row && answer == ':') {
        return circ_status_fail(err, CIRC_USAGE, "%s needs %s: %s", label(row, name), row->argument,
                                row->help);
    }
    if (row) {
        return circ_status_fail(err, CIRC_USAGE, "%s takes no value; leave out what follows '='",
                                label(row, name));
    }
    if (is_long) {
        snprintf(text, sizeof text, "%.*s", (int)(strcspn(word + 2, "=")), word + 2);
    } else {
        snprintf(text, sizeof text, "%c", optopt);
    }
    return refuse_unknown(command, text, is_long, err);
}

/* getopt_long's two descriptions of the options that a command takes. */
static void describe_to_getopt(const char *command, char letters[2 * CIRC_OPTIONS_TABLE_MOST + 3],
                               struct option longs[CIRC_OPTIONS_TABLE_MOST + 1])
{
    int count = 0;
    /* '-' hands words over in place, whatever POSIXLY_CORRECT says; ':' tells missing arguments
     * apart */
    char *at = stpcpy(letters, "-:");
    for (int i = 0; i < circ_options_table_count; i++) {
        if (takes(&circ_options_table[i], command)) {
            int has = circ_options_table[i].argument ? required_argument : no_argument;
            longs[count++] = (struct option){circ_options_table[i].name, has, NULL, LONG_VALUE + i};
            if (circ_options_table[i].letter) {
                *at++ = circ_options_table[i].letter;
                at = stpcpy(at, circ_options_table[i].argument ? ":" : "");
            }
        }
    }
    *at = '\0';
    longs[count] = (struct option){0};
}

static enum circ_status add_word(struct circ_options *options, const char *word,
                                 struct circ_error *err)
{
    if (options->word_count == CIRC_MAX_WORDS) {
        return circ_status_fail(err, CIRC_USAGE, "too many words: '%.100s' is the ninth", word);
    }
    options->words[options->word_count++] = word;
    return CIRC_OK;
}

static enum circ_status apply_presets(struct circ_options *options, struct circ_error *err)
{
    enum circ_status status = CIRC_OK;
    for (int i = 0; i < circ_options_table_count && status == CIRC_OK; i++) {
        const char *value =
            circ_options_table[i].environment ? getenv(circ_options_table[i].environment) : NULL;
        if (!value || !*value) {
            value = circ_options_table[i].preset;
        }
        if (value) {
            status = apply(&circ_options_table[i], value, options, err);
        }
    }
    return status;
}

enum circ_status circ_options_parse(const char *command, int argc, char **argv,
                                    struct circ_options *options, bool *help,
                                    struct circ_error *err)
{
    char letters[2 * CIRC_OPTIONS_TABLE_MOST + 3];
    struct option longs[CIRC_OPTIONS_TABLE_MOST + 1];
    int answer = 0;
    *options = (struct circ_options){0};
    *help = false;
    describe_to_getopt(command, letters, longs);
    enum circ_status status = apply_presets(options, err);
    opterr = 0;
    optind = 0; /* glibc: start anew */
    while (status == CIRC_OK) {
        int reading = optind ? optind : 1;
        answer = getopt_long(argc, argv, letters, longs, NULL);
        if (answer == -1) {
            break;
        }
        if (answer == 1) {
            status = add_word(options, optarg, err);
            continue;
        }
        if (answer == '?' || answer == ':') {
            status = refuse_parse(command, answer, argv[reading], err);
            continue;
        }
        const struct circ_option_row *row = answer >= LONG_VALUE
                                                ? &circ_options_table[answer - LONG_VALUE]
                                                : find(command, (char)answer);
        *help = *help || row->store == CIRC_OPTION_HELP;
        options->format_given = options->format_given || row->store == CIRC_OPTION_FORMAT;
        status = apply(row, optarg, options, err);
    }
    for (; status == CIRC_OK && optind < argc; optind++) {
        status = add_word(options, argv[optind], err);
    }
    return status;
}

void circ_options_free(struct circ_options *options)
{
    circ_axes_free(&options->axes);
    circ_axes_free_names(&options->meters);
    circ_axes_free_names(&options->events);
}

/* " [$VARIABLE or value]", empty for an option without a default. */
static void describe_default(const struct circ_option_row *row, const char *command, char *text,
                             size_t size)
{
    const char *derived = row->check && !strcmp(command, "check") ? row->check : row->derived;
    const char *value = row->preset ? row->preset : derived;
    const char *variable = row->environment;
    *text = '\0';
    if (value || variable) {
        snprintf(text, size, " [%s%s%s%s]", variable ? "$" : "", variable ? variable : "",
                 value && variable ? " or " : "", value ? value : "");
    }
}

void circ_options_describe(const char *command, FILE *file, int width)
{
    enum { INDENT = 29 };
    char text[512], name[64], preset[128];
    for (int i = 0; i < circ_options_table_count; i++) {
        const struct circ_option_row *row = &circ_options_table[i];
        if (!takes(row, command)) {
            continue;
        }
        char letter[8] = "    ";
        if (row->letter) {
            snprintf(letter, sizeof letter, "-%c, ", row->letter);
        }
        snprintf(name, sizeof name, "  %s--%s %s", letter, row->name,
                 row->argument ? row->argument : "");
        describe_default(row, command, preset, sizeof preset);
        snprintf(text, sizeof text, "%s%s", row->help, preset);
        fprintf(file, "%-*s", INDENT, name);
        circ_log_fold(file, text, INDENT, width);
    }
}
