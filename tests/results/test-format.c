/* Golden output of the six formats: NULL, numbers, quotes, control characters, Unicode. */
#include "results/format.h"
#include "tests/results/results_fixture.h"
#include "tests/tap.h"

#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 4
#define ROWS    4

static const char *const columns[COLUMNS] = {"name", "count", "real", "odd \"key\""};

static const struct circ_cell rows[ROWS][COLUMNS] = {
    {{.type = CIRC_CELL_TEXT, .text = "plain"},
     {.type = CIRC_CELL_INTEGER, .integer = 9223372036854775807},
     {.type = CIRC_CELL_REAL, .real = 0.1},
     {.type = CIRC_CELL_NULL}},
    {{.type = CIRC_CELL_TEXT, .text = "a|b, \"q\" <i>"},
     {.type = CIRC_CELL_INTEGER, .integer = -1},
     {.type = CIRC_CELL_REAL, .real = 1234567.891},
     {.type = CIRC_CELL_TEXT, .text = "it's"}},
    {{.type = CIRC_CELL_TEXT, .text = "\xc3\xa9\n\x01"},
     {.type = CIRC_CELL_NULL},
     {.type = CIRC_CELL_REAL, .real = NAN},
     {.type = CIRC_CELL_TEXT, .text = ""}},
    {{.type = CIRC_CELL_TEXT, .text = "bad\xff"},
     {.type = CIRC_CELL_INTEGER, .integer = 0},
     {.type = CIRC_CELL_REAL, .real = INFINITY},
     {.type = CIRC_CELL_REAL, .real = 2}},
};

static const char *const golden[] = {
    [CIRC_TABLE] = "name                        count     real  odd \"key\"\n"
                   "plain         9223372036854775807      0.1  -\n"
                   "a|b, \"q\" <i>                   -1  1234568  it's\n"
                   "\xc3\xa9\\n\\x01                         -      nan  \n"
                   "bad\xff                            0      inf  2\n",
    [CIRC_MD] = "| name         |               count |    real | odd \"key\" |\n"
                "| :----------- | ------------------: | ------: | :-------- |\n"
                "| plain        | 9223372036854775807 |     0.1 | -         |\n"
                "| a\\|b, \"q\" &lt;i> |                  -1 | 1234568 | it's      |\n"
                "| \xc3\xa9\\n\\x01      |                   - |     nan |           |\n"
                "| bad\xff         |                   0 |     inf | 2         |\n",
    [CIRC_CSV] = "name,count,real,\"odd \"\"key\"\"\"\r\n"
                 "plain,9223372036854775807,0.1,\r\n"
                 "\"a|b, \"\"q\"\" <i>\",-1,1234567.891,it's\r\n"
                 "\"\xc3\xa9\n\x01\",,,\"\"\r\n"
                 "bad\xff,0,inf,2.0\r\n",
    [CIRC_JSON] =
        "[\n"
        "{\"name\": \"plain\", \"count\": 9223372036854775807, \"real\": 0.1, \"odd \\\"key\\\"\": "
        "null},\n"
        "{\"name\": \"a|b, \\\"q\\\" <i>\", \"count\": -1, \"real\": 1234567.891, \"odd "
        "\\\"key\\\"\": \"it's\"},\n"
        "{\"name\": \"\xc3\xa9\\n\\u0001\", \"count\": null, \"real\": null, \"odd \\\"key\\\"\": "
        "\"\"},\n"
        "{\"name\": \"bad\\ufffd\", \"count\": 0, \"real\": null, \"odd \\\"key\\\"\": 2.0}\n"
        "]\n",
    [CIRC_JSONL] =
        "{\"name\": \"plain\", \"count\": 9223372036854775807, \"real\": 0.1, \"odd \\\"key\\\"\": "
        "null}\n"
        "{\"name\": \"a|b, \\\"q\\\" <i>\", \"count\": -1, \"real\": 1234567.891, \"odd "
        "\\\"key\\\"\": \"it's\"}\n"
        "{\"name\": \"\xc3\xa9\\n\\u0001\", \"count\": null, \"real\": null, \"odd \\\"key\\\"\": "
        "\"\"}\n"
        "{\"name\": \"bad\\ufffd\", \"count\": 0, \"real\": null, \"odd \\\"key\\\"\": 2.0}\n",
    [CIRC_SQL] =
        "CREATE TABLE IF NOT EXISTS \"t\" (\"name\", \"count\", \"real\", \"odd \"\"key\"\"\");\n"
        "INSERT INTO \"t\" VALUES ('plain', 9223372036854775807, 0.1, NULL);\n"
        "INSERT INTO \"t\" VALUES ('a|b, \"q\" <i>', -1, 1234567.891, 'it''s');\n"
        "INSERT INTO \"t\" VALUES ('\xc3\xa9\n\x01', NULL, NULL, '');\n"
        "INSERT INTO \"t\" VALUES ('bad\xff', 0, 9e999, 2.0);\n",
};

static char *print(enum circ_format format, int count)
{
    FILE *file = tmpfile();
    struct circ_writer *writer;
    struct circ_error err;
    char *text;

    if (!file || circ_format_begin(&writer, file, format, "t", columns, COLUMNS, &err))
        exit(1);
    for (int i = 0; i < count; i++)
        if (circ_format_row(writer, rows[i], &err))
            exit(1);
    if (circ_format_end(writer, &err))
        exit(1);
    text = fixture_read(file);
    fclose(file);
    return text;
}

static void test_golden(void)
{
    for (int format = CIRC_TABLE; format <= CIRC_SQL; format++) {
        const char *name = circ_format_name((enum circ_format)format);
        char *text = print((enum circ_format)format, ROWS);

        tap_ok(circ_format_parse(name) == format, "%s has its name", name);
        if (!tap_ok(!strcmp(text, golden[format]), "%s is as it should be", name))
            tap_note("got:\n%s", text);
        free(text);
    }
    tap_ok(circ_format_parse("xml") == -1, "an unknown name");
}

static void test_empty(void)
{
    char *json = print(CIRC_JSON, 0), *jsonl = print(CIRC_JSONL, 0), *csv = print(CIRC_CSV, 0);

    tap_ok(!strcmp(json, "[]\n") && !strcmp(jsonl, "") &&
               !strcmp(csv, "name,count,real,\"odd \"\"key\"\"\"\r\n"),
           "no rows");
    free(json);
    free(jsonl);
    free(csv);
}

static int64_t ask(sqlite3 *db, const char *sql, const char *text)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = -1;

    if (!sqlite3_prepare_v2(db, sql, -1, &statement, NULL) &&
        (!text || !sqlite3_bind_text(statement, 1, text, -1, SQLITE_STATIC)) &&
        sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

static void test_parsed_again(void)
{
    char *json = print(CIRC_JSON, ROWS), *sql = print(CIRC_SQL, ROWS);
    sqlite3 *db;

    if (sqlite3_open(":memory:", &db))
        exit(1);
    tap_ok(ask(db, "SELECT json_valid(?)", json) == 1, "the JSON is valid");
    tap_ok(ask(db, "SELECT json_array_length(?)", json) == ROWS, "one array of all rows");
    tap_ok(ask(db, "SELECT json_extract(?, '$[1].real') = 1234567.891", json) == 1,
           "reals read back");
    tap_ok(!sqlite3_exec(db, sql, NULL, NULL, NULL), "the SQL runs");
    tap_ok(!sqlite3_exec(db, sql, NULL, NULL, NULL) && ask(db, "SELECT count(*) FROM t", NULL) == 8,
           "twice");
    tap_ok(ask(db, "SELECT count(*) FROM t WHERE typeof(real) = 'real'", NULL) == 6,
           "reals stay real");
    sqlite3_close(db);
    free(json);
    free(sql);
}

static void test_round_trip(void)
{
    static const double values[] = {1.0 / 3, 5e-324, 1.7976931348623157e308, 123456789012345680.0,
                                    -0.0,    1e21,   2.2250738585072014e-308};
    int same = 0;

    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const struct circ_cell cell = {.type = CIRC_CELL_REAL, .real = values[i]};
        const char *const column = "x";
        FILE *file = tmpfile();
        struct circ_writer *writer;
        char *text;

        if (!file || circ_format_begin(&writer, file, CIRC_JSONL, "t", &column, 1, NULL) ||
            circ_format_row(writer, &cell, NULL) || circ_format_end(writer, NULL))
            exit(1);
        text = fixture_read(file);
        same += strtod(text + strlen("{\"x\": "), NULL) == values[i];
        free(text);
        fclose(file);
    }
    tap_ok(same == 7, "%d of 7 reals round-trip", same);
}

static void test_write_errors(void)
{
    for (int format = CIRC_TABLE; format <= CIRC_SQL; format++) {
        FILE *file = fopen("/dev/full", "w");
        struct circ_writer *writer;
        struct circ_error err = {.message = ""};

        if (!file) {
            tap_skip("no /dev/full", "write errors");
            return;
        }
        if (circ_format_begin(&writer, file, (enum circ_format)format, "t", columns, COLUMNS,
                              &err) ||
            circ_format_row(writer, rows[0], &err))
            exit(1);
        tap_ok(circ_format_end(writer, &err) == CIRC_IO && strstr(err.message, "No space left"),
               "%s: %s", circ_format_name((enum circ_format)format), err.message);
        fclose(file);
    }
}

int main(void)
{
    test_golden();
    test_empty();
    test_parsed_again();
    test_round_trip();
    test_write_errors();
    return tap_done();
}
