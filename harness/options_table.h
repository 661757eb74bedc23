/* The table of options: which there are, which commands take them, and what --help says of them. */
#ifndef CIRC_OPTIONS_TABLE_H
#define CIRC_OPTIONS_TABLE_H

#include "harness/options.h"

#include <stddef.h>

#define CIRC_OPTIONS_TABLE_MOST 128 /* rows, for the arrays of who reads it */

enum circ_option_store {
    CIRC_OPTION_FLAG,
    CIRC_OPTION_INT,
    CIRC_OPTION_UINT64,
    CIRC_OPTION_REAL,
    CIRC_OPTION_TEXT,
    CIRC_OPTION_NAMES,
    CIRC_OPTION_NUMBERS,
    CIRC_OPTION_BLOCKS,
    CIRC_OPTION_FORMAT,
    CIRC_OPTION_SHARD,
    CIRC_OPTION_HELP
};

struct circ_option_row {
    const char *name;
    char letter;          /* 0: none */
    const char *argument; /* its name in the help; NULL: a flag */
    const char *commands; /* that take it, blank between; "*": all */
    enum circ_option_store store;
    size_t offset;           /* in struct circ_options */
    double low, high;        /* of numbers, both allowed */
    const char *preset;      /* applied before parsing; NULL: none */
    const char *environment; /* the variable that replaces preset; NULL: none */
    const char *derived;     /* a default made by the command, for the help only */
    const char *check;       /* that of check where it differs; NULL: the same */
    const char *help;
};

extern const struct circ_option_row circ_options_table[];
extern const int circ_options_table_count;

#endif
