/* Expressions by SQLite, in a database of its own that holds one row. Compiling is watched by an
 * authorizer, which also tells which variables a formula reads; running needs none, for what was
 * compiled can do no more. It reads no file. */
#include "harness/meters/formula.h"
#include "backends/core/nearest.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE    48
#define MAX_LENGTH   400 /* of a formula */
#define MAX_DEPTH    50  /* of parentheses */
#define SQL_CAPACITY (CIRC_MAX_VARIABLES * (NAME_SIZE + 16))

/* Pure, and of numbers; those of mathematics are in SQLite where it was built with them. */
static const char *const functions[] = {
    "abs",  "ceil", "coalesce", "exp", "floor",  "ifnull", "iif",   "ln",    "log",  "log10",
    "log2", "max",  "min",      "mod", "nullif", "pow",    "power", "round", "sign", "sqrt"};

struct circ_formula {
    sqlite3 *db;
    sqlite3_stmt *fill; /* replaces the row */
    sqlite3_stmt *formulas[CIRC_MAX_FORMULAS];
    int formula_count;
    char names[CIRC_MAX_VARIABLES][NAME_SIZE];
    int count;
    /* of the formula that is being compiled */
    bool compiling;
    uint64_t uses;
    int selects;
    char denied[NAME_SIZE]; /* the function that is not on the list; "" */
};

bool circ_formula_may_name(const char *name)
{
    size_t length = strlen(name);
    return length > 0 && length < NAME_SIZE && !(*name >= '0' && *name <= '9') &&
           strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") ==
               length &&
           !sqlite3_keyword_check(name, (int)length);
}

static int find(const struct circ_formula *formula, const char *name)
{
    for (int i = 0; i < formula->count; i++)
        if (!sqlite3_stricmp(formula->names[i], name))
            return i;
    return -1;
}

/* What a formula may do: be one SELECT, read variables, call what is on the list. */
static int authorize(void *context, int action, const char *first, const char *second,
                     const char *database, const char *trigger)
{
    struct circ_formula *formula = context;
    (void)first;
    (void)database;
    (void)trigger;
    if (!formula->compiling) /* ours */
        return SQLITE_OK;
    if (action == SQLITE_SELECT)
        return formula->selects++ ? SQLITE_DENY : SQLITE_OK;
    if (action == SQLITE_READ) {
        int i = second ? find(formula, second) : -1;
        if (i < 0)
            return second && *second ? SQLITE_DENY : SQLITE_OK; /* "": the row, nothing of it */
        formula->uses |= UINT64_C(1) << i;
        return SQLITE_OK;
    }
    if (action == SQLITE_FUNCTION) {
        for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
            if (second && !sqlite3_stricmp(functions[i], second))
                return SQLITE_OK;
        snprintf(formula->denied, sizeof formula->denied, "%s", second ? second : "");
    }
    return SQLITE_DENY;
}

static enum circ_status fail(const struct circ_formula *formula, int code, struct circ_error *err)
{
    return circ_status_fail_native(err, code == SQLITE_NOMEM ? CIRC_MEMORY : CIRC_INTERNAL, code,
                                   "formulas: %s", sqlite3_errmsg(formula->db));
}

/* CREATE TABLE and the statement that fills it, for the variables. */
static int create(struct circ_formula *formula)
{
    char *table = malloc(SQL_CAPACITY), *fill = malloc(SQL_CAPACITY);
    int code = SQLITE_NOMEM;
    if (table && fill) {
        size_t t = (size_t)snprintf(table, SQL_CAPACITY, "CREATE TABLE v (_ INTEGER PRIMARY KEY");
        size_t f = (size_t)snprintf(fill, SQL_CAPACITY, "INSERT OR REPLACE INTO v VALUES (1");
        for (int i = 0; i < formula->count; i++) {
            t += (size_t)snprintf(table + t, SQL_CAPACITY - t, ", \"%s\" REAL", formula->names[i]);
            f += (size_t)snprintf(fill + f, SQL_CAPACITY - f, ", ?");
        }
        snprintf(table + t, SQL_CAPACITY - t, ")");
        snprintf(fill + f, SQL_CAPACITY - f, ")");
        code = sqlite3_exec(formula->db, table, NULL, NULL, NULL);
        if (!code)
            code = sqlite3_prepare_v2(formula->db, fill, -1, &formula->fill, NULL);
    }
    free(table);
    free(fill);
    return code;
}

enum circ_status circ_formula_open(struct circ_formula **formula, const char *const *names,
                                   int count, struct circ_error *err)
{
    struct circ_formula *opened = calloc(1, sizeof *opened);
    if (!opened)
        return circ_status_fail(err, CIRC_MEMORY, "formulas: out of memory");
    enum circ_status status = CIRC_OK;
    if (count > CIRC_MAX_VARIABLES)
        status = circ_status_fail(err, CIRC_USAGE, "%d names, %d are the most", count,
                                  CIRC_MAX_VARIABLES);
    for (int i = 0; i < count && !status; i++) {
        if (!circ_formula_may_name(names[i]))
            status = circ_status_fail(err, CIRC_USAGE, "'%s' cannot be a name", names[i]);
        snprintf(opened->names[i], NAME_SIZE, "%s", names[i]);
        opened->count++;
    }
    if (!status) {
        int code =
            sqlite3_open_v2(":memory:", &opened->db,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
        if (!code) { /* "text" is then no string, and a wrong name is always an error */
            sqlite3_db_config(opened->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
            sqlite3_limit(opened->db, SQLITE_LIMIT_EXPR_DEPTH, MAX_DEPTH);
            sqlite3_set_authorizer(opened->db, authorize, opened);
            code = create(opened);
        }
        status = code ? fail(opened, code, err) : CIRC_OK;
    }
    if (status) {
        circ_formula_close(opened);
        return status;
    }
    *formula = opened;
    return CIRC_OK;
}

void circ_formula_close(struct circ_formula *formula)
{
    if (!formula)
        return;
    for (int i = 0; i < formula->formula_count; i++)
        sqlite3_finalize(formula->formulas[i]);
    sqlite3_finalize(formula->fill);
    sqlite3_close(formula->db);
    free(formula);
}

/* SQLite's words, made ours where they speak of columns. */
static enum circ_status explain(const struct circ_formula *formula, struct circ_error *err)
{
    static const char column[] = "no such column: ";
    const char *message = sqlite3_errmsg(formula->db), *nearest;
    const char *names[CIRC_MAX_VARIABLES];
    if (*formula->denied)
        return circ_status_fail(err, CIRC_USAGE, "the function %s is not one that formulas may use",
                                formula->denied);
    /* where it ends, the sentence round it would be named */
    if (!strncmp(message, "near \")\"", 8) || !strncmp(message, "near \"FROM\"", 11))
        return circ_status_fail(err, CIRC_USAGE,
                                "it ends too early, or its parentheses do not match");
    if (strncmp(message, column, strlen(column)))
        return circ_status_fail(err, CIRC_USAGE, "%s",
                                strstr(message, "prohibited") || strstr(message, "not authorized")
                                    ? "more than an expression over events"
                                    : message);
    message += strlen(column);
    for (int i = 0; i < formula->count; i++)
        names[i] = formula->names[i];
    nearest = circ_nearest_find(message, names, (size_t)formula->count);
    return circ_status_fail(err, CIRC_USAGE, "unknown name '%.60s'%s%s%s", message,
                            nearest ? ", did you mean '" : "", nearest ? nearest : "",
                            nearest ? "'?" : "");
}

/* Whether a formula is a number when every variable is one. */
static bool is_number(struct circ_formula *formula, sqlite3_stmt *statement)
{
    for (int i = 0; i < formula->count; i++)
        sqlite3_bind_double(formula->fill, i + 1, 1);
    sqlite3_step(formula->fill);
    sqlite3_reset(formula->fill);
    bool number = sqlite3_step(statement) == SQLITE_ROW &&
                  sqlite3_column_type(statement, 0) != SQLITE_TEXT &&
                  sqlite3_column_type(statement, 0) != SQLITE_BLOB;
    sqlite3_reset(statement);
    return number;
}

enum circ_status circ_formula_add(struct circ_formula *formula, const char *text, uint64_t *uses,
                                  struct circ_error *err)
{
    char sql[MAX_LENGTH + 64];
    const char *tail;
    sqlite3_stmt *statement = NULL;
    if (strlen(text) > MAX_LENGTH)
        return circ_status_fail(err, CIRC_USAGE, "longer than %d characters", MAX_LENGTH);
    if (formula->formula_count == CIRC_MAX_FORMULAS)
        return circ_status_fail(err, CIRC_USAGE, "more than %d formulas", CIRC_MAX_FORMULAS);
    /* the end of the line ends a comment, too */
    snprintf(sql, sizeof sql, "SELECT (%s\n) FROM v", text);
    formula->uses = 0;
    formula->selects = 0;
    *formula->denied = '\0';
    formula->compiling = true;
    int code = sqlite3_prepare_v2(formula->db, sql, -1, &statement, &tail);
    formula->compiling = false;
    enum circ_status status = CIRC_OK;
    if (code == SQLITE_NOMEM)
        status = fail(formula, code, err);
    else if (code)
        status = explain(formula, err);
    else if (*tail || sqlite3_bind_parameter_count(statement) ||
             sqlite3_column_count(statement) != 1)
        status = circ_status_fail(err, CIRC_USAGE, "more than one expression");
    else if (!is_number(formula, statement))
        status = circ_status_fail(err, CIRC_USAGE, "not a number");
    if (status) {
        sqlite3_finalize(statement);
        return status;
    }
    *uses = formula->uses;
    formula->formulas[formula->formula_count++] = statement;
    return CIRC_OK;
}

double circ_formula_value(struct circ_formula *formula, int number, const double *values)
{
    double value = NAN;
    for (int i = 0; i < formula->count; i++) /* SQLite takes NaN for NULL */
        sqlite3_bind_double(formula->fill, i + 1, values[i]);
    int code = sqlite3_step(formula->fill);
    sqlite3_reset(formula->fill);
    sqlite3_stmt *statement = formula->formulas[number];
    if (code == SQLITE_DONE && sqlite3_step(statement) == SQLITE_ROW &&
        sqlite3_column_type(statement, 0) != SQLITE_NULL)
        value = sqlite3_column_double(statement, 0);
    sqlite3_reset(statement);
    return isfinite(value) ? value : NAN;
}
