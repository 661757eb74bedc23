/* Formulas of metrics over named numbers: "instructions / cycles". They are SQLite's expressions,
 * over one row of reals: division by zero and what is not known give NULL, and an authorizer lets
 * nothing through but names, operators and a few pure functions. It knows no file and no event. */
#ifndef CIRC_FORMULA_H
#define CIRC_FORMULA_H

#include "backends/core/status.h"

#include <stdbool.h>
#include <stdint.h>

#define CIRC_MAX_VARIABLES 64 /* as many bits as a mask has */
#define CIRC_MAX_FORMULAS  48

/* Formulas over the same variables. */
struct circ_formula;

/* A name must be of letters, digits and _, and not begin with a digit; whether it can be a name in
 * a formula: no word of SQL is one. */
bool circ_formula_may_name(const char *name);

/* Opens a database in memory that holds nothing but the variables' values. names are copied. */
CIRC_MUST_USE enum circ_status circ_formula_open(struct circ_formula **formula,
                                                 const char *const *names, int count,
                                                 struct circ_error *err);
void circ_formula_close(struct circ_formula *formula); /* NULL allowed */

/* Compiles a formula; it is number 0, 1, ... in the order of adding. uses gets a bit for each
 * variable that occurs in it. USAGE says what is wrong: a name (with the nearest), a function,
 * the syntax, or that it is no number. */
CIRC_MUST_USE enum circ_status circ_formula_add(struct circ_formula *formula, const char *text,
                                                uint64_t *uses, struct circ_error *err);

/* The value of a formula where the variables have these values, NaN for those unknown. NaN when it
 * is not a finite number. */
double circ_formula_value(struct circ_formula *formula, int number, const double *values);

#endif
