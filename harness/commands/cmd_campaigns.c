/* circbench campaigns: lists, names and deletes the campaigns of a database. */
#include "backends/core/nearest.h"
#include "harness/commands/command.h"
#include "harness/log.h"
#include "results/query.h"

#include <string.h>
#include <unistd.h>

static enum circ_status list_campaigns(const struct circ_options *options, int *exit_code,
                                       struct circ_error *err)
{
    static const char sql[] =
        "SELECT c.name AS campaign, substr(c.key, 1, 8) AS key, "
        "strftime('%Y-%m-%d %H:%M', c.created_ns / 1000000000, 'unixepoch') AS started_utc, "
        "count(t.key) AS points, count(CASE t.status WHEN 'ok' THEN 1 END) AS ok, "
        "count(CASE WHEN t.status IN ('wrong', 'device', 'timeout') THEN 1 END) AS failed, "
        "c.command "
        "FROM campaign AS c LEFT JOIN trial AS t ON t.campaign = c.key "
        "GROUP BY c.key ORDER BY c.created_ns DESC, c.rowid DESC";
    struct circ_store *store = NULL;
    int64_t rows = 0;
    enum circ_status status = circ_store_open(&store, options->db, CIRC_STORE_READ, err);
    if (status == CIRC_OK) {
        status = circ_query_run(store, sql, NULL, NULL, options->format, stdout, &rows, err);
    }
    if (status == CIRC_OK && !rows) {
        *exit_code = 3;
    }
    circ_store_close(store);
    return status;
}

/* Renames (name given) or deletes one campaign. */
static enum circ_status change_campaign(const struct circ_options *options, const char *which,
                                        const char *name, struct circ_error *err)
{
    struct circ_store *store = NULL;
    char key[CIRC_KEY_SIZE];
    /* a wrong path is to be refused, not created */
    enum circ_store_mode mode = access(options->db, F_OK) == 0 ? CIRC_STORE_WRITE : CIRC_STORE_READ;
    enum circ_status status = circ_store_open(&store, options->db, mode, err);
    if (status == CIRC_OK) {
        status = circ_store_campaign_find(store, which, key, err);
    }
    if (status == CIRC_OK) {
        status = name ? circ_store_campaign_rename(store, key, name, err)
                      : circ_store_campaign_delete(store, key, err);
    }
    if (status == CIRC_OK) {
        circ_log_note(name ? "campaign %.8s is now named %s" : "campaign %.8s deleted%s", key,
                      name ? name : "");
    }
    circ_store_close(store);
    return status;
}

enum circ_status circ_cmd_campaigns_run(const struct circ_options *options, int *exit_code,
                                        struct circ_error *err)
{
    static const char *const actions[] = {"list", "name", "delete"};
    const char *action = options->word_count ? options->words[0] : "list";
    if (!strcmp(action, "list") && options->word_count <= 1) {
        return list_campaigns(options, exit_code, err);
    }
    if (!strcmp(action, "name") && options->word_count == 3) {
        return change_campaign(options, options->words[1], options->words[2], err);
    }
    if (!strcmp(action, "delete") && options->word_count == 2) {
        return change_campaign(options, options->words[1], NULL, err);
    }
    const char *nearest = circ_nearest_find(action, actions, 3);
    if (nearest && strcmp(nearest, action) != 0) {
        return circ_status_fail(err, CIRC_USAGE,
                                "campaigns: unknown action '%.100s'; did you mean '%s'?", action,
                                nearest);
    }
    return circ_status_fail(err, CIRC_USAGE,
                            "campaigns: write 'campaigns', 'campaigns name WHICH NEWNAME' or "
                            "'campaigns delete WHICH'");
}
