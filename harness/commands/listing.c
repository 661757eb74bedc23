/* Rows with a sentence each. For a table the rows are formatted in memory, without their sentences,
 * and then printed line by line with the sentences between them. */
#include "harness/commands/listing.h"
#include "harness/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct circ_listing {
    struct circ_writer *writer;
    int column_count;
    FILE *memory; /* NULL unless a table */
    char *text;   /* what memory holds once closed */
    size_t size;
    char **sentences; /* owned, strings too; NULL entries have none */
    size_t count;
};

static enum circ_status fail_memory(struct circ_error *err)
{
    return circ_status_fail(err, CIRC_MEMORY, "out of memory for a table");
}

static void free_listing(struct circ_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->sentences[i]);
    }
    free(listing->sentences);
    if (listing->memory) {
        fclose(listing->memory);
    }
    free(listing->text);
    free(listing);
}

enum circ_status circ_listing_begin(struct circ_listing **listing, enum circ_format format,
                                    const char *name, const char *const *columns, int column_count,
                                    struct circ_error *err)
{
    struct circ_listing *created = calloc(1, sizeof *created);
    *listing = NULL;
    if (!created) {
        return fail_memory(err);
    }
    if (format == CIRC_TABLE &&
        !(created->memory = open_memstream(&created->text, &created->size))) {
        free_listing(created);
        return fail_memory(err);
    }
    created->column_count = created->memory ? column_count - 1 : column_count;
    enum circ_status status =
        circ_format_begin(&created->writer, created->memory ? created->memory : stdout, format,
                          name, columns, created->column_count, err);
    if (status != CIRC_OK) {
        free_listing(created);
        return status;
    }
    *listing = created;
    return CIRC_OK;
}

enum circ_status circ_listing_row(struct circ_listing *listing, const struct circ_cell *cells,
                                  struct circ_error *err)
{
    if (listing->memory) {
        const struct circ_cell *last = &cells[listing->column_count];
        char **grown = realloc(listing->sentences, (listing->count + 1) * sizeof *grown);
        if (!grown) {
            return fail_memory(err);
        }
        listing->sentences = grown;
        grown[listing->count] = last->type == CIRC_CELL_TEXT ? strdup(last->text) : NULL;
        if (last->type == CIRC_CELL_TEXT && !grown[listing->count]) {
            return fail_memory(err);
        }
        listing->count++;
    }
    return circ_format_row(listing->writer, cells, err);
}

/* text: the header and a line for each sentence. */
static void print_lines(const struct circ_listing *listing)
{
    enum { INDENT = 4 };
    int width = circ_log_width(STDOUT_FILENO);
    const char *line = listing->text;
    for (size_t i = 0; i <= listing->count && *line; i++) {
        size_t length = strcspn(line, "\n");
        printf("%.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
        if (i && listing->sentences[i - 1]) {
            printf("%*s", INDENT, "");
            circ_log_fold(stdout, listing->sentences[i - 1], INDENT, width);
        }
    }
}

enum circ_status circ_listing_end(struct circ_listing *listing, enum circ_status status,
                                  struct circ_error *err)
{
    if (!listing) {
        return status;
    }
    enum circ_status ended = circ_format_end(listing->writer, status == CIRC_OK ? err : NULL);
    if (status == CIRC_OK) {
        status = ended;
    }
    if (status == CIRC_OK && listing->memory) {
        print_lines(listing); /* main looks after a stdout that fails */
    }
    free_listing(listing);
    return status;
}
