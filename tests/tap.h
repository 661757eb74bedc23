/* Test Anything Protocol output for the C tests: the few lines that every suite needs. */
#ifndef CIRC_TAP_H
#define CIRC_TAP_H

#include "backends/core/status.h"

#include <stdbool.h>

/* Prints "ok N - ..." or "not ok N - ..." and returns ok. */
bool tap_ok(bool ok, const char *format, ...) CIRC_PRINTF(2, 3);

/* Prints a passed test that did not run, with the reason. */
void tap_skip(const char *reason, const char *format, ...) CIRC_PRINTF(2, 3);

/* A comment line: seeds, worst errors. */
void tap_note(const char *format, ...) CIRC_PRINTF(1, 2);

/* Prints the plan; the test's exit code. Fails when nothing was tested. */
int tap_done(void);

#endif
