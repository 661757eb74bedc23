/* circbench query: canned queries and free SQL over the database. The queries are in
 * results/queries/. */
#include "harness/cell.h"
#include "harness/commands/command.h"
#include "results/query.h"

#include <string.h>

static enum circ_status list_queries(enum circ_format format, struct circ_error *err)
{
    static const char *const columns[] = {"name", "description"};
    int count;
    const struct circ_query *queries = circ_query_list(&count);
    struct circ_writer *writer;
    enum circ_status status = circ_format_begin(&writer, stdout, format, "query", columns, 2, err);
    if (status != CIRC_OK) {
        return status;
    }
    for (int i = 0; i < count && status == CIRC_OK; i++) {
        const struct circ_cell cells[] = {circ_cell_text(queries[i].name),
                                          circ_cell_text(queries[i].description)};
        status = circ_format_row(writer, cells, err);
    }
    enum circ_status ended = circ_format_end(writer, status == CIRC_OK ? err : NULL);
    return status == CIRC_OK ? ended : status;
}

/* Free SQL may do without a campaign; text that asks for one gets it. */
static enum circ_status find_campaign(struct circ_store *store, const struct circ_options *options,
                                      char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    *key = '\0';
    if (options->sql && !strstr(options->sql, ":campaign")) {
        return CIRC_OK;
    }
    return circ_store_campaign_find(store, options->campaign, key, err);
}

enum circ_status circ_cmd_query_run(const struct circ_options *options, int *exit_code,
                                    struct circ_error *err)
{
    const struct circ_query *query = NULL;
    struct circ_store *store = NULL;
    char campaign[CIRC_KEY_SIZE];
    int64_t rows = 0;
    enum circ_status status = CIRC_OK;
    if (options->sql && options->word_count) {
        return circ_status_fail(err, CIRC_USAGE,
                                "query: give either a canned query ('%s') or --sql, not both",
                                options->words[0]);
    }
    if (options->list) {
        return list_queries(options->format, err);
    }
    if (!options->sql) {
        status = circ_query_find(options->word_count ? options->words[0] : "summary", &query, err);
    }
    if (status == CIRC_OK) {
        status = circ_store_open(&store, options->db, CIRC_STORE_READ, err);
    }
    if (status == CIRC_OK) {
        status = find_campaign(store, options, campaign, err);
    }
    if (status == CIRC_OK) {
        status = circ_query_run(store, query ? query->sql : options->sql, options->where,
                                *campaign ? campaign : NULL, options->format, stdout, &rows, err);
    }
    if (status == CIRC_OK && !rows) {
        *exit_code = 3;
    }
    circ_store_close(store);
    return status;
}
