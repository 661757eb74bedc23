/* Makes row keys (RFC 9562, versions 4 and 5). It touches no database.
 *
 * The text that a version 5 key hashes is "NAME=LENGTH:VALUE\n" for each column in a fixed order;
 * the length keeps a value from passing for the next column. Changing names or order changes every
 * key, so it needs a migration. */
#include "results/keys.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <uuid.h>

/* The project's namespace: a random UUID, drawn once. */
static const uuid_t namespace_id = {0x7c, 0x1e, 0x5d, 0x2a, 0x94, 0x0b, 0x4f, 0x36,
                                    0xa8, 0xd1, 0x3b, 0x6f, 0x27, 0xc5, 0x80, 0xe9};

static void append_text(sqlite3_str *content, const char *name, const char *value)
{
    if (!value)
        value = "";
    sqlite3_str_appendf(content, "%s=%lld:%s\n", name, (long long)strlen(value), value);
}

static void append_number(sqlite3_str *content, const char *name, int64_t value)
{
    char text[24];

    sqlite3_snprintf(sizeof text, text, "%lld", (long long)value);
    append_text(content, name, text);
}

/* Frees content. */
static enum circ_status hash(sqlite3_str *content, char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    size_t length = (size_t)sqlite3_str_length(content);
    char *text = sqlite3_str_finish(content);
    uuid_t uuid;

    if (!text)
        return circ_status_fail(err, CIRC_MEMORY, "out of memory while hashing a row's content");
    uuid_generate_sha1(uuid, namespace_id, text, length);
    uuid_unparse_lower(uuid, key);
    sqlite3_free(text);
    return CIRC_OK;
}

enum circ_status circ_keys_point(const struct circ_point *point, char key[CIRC_KEY_SIZE],
                                 struct circ_error *err)
{
    sqlite3_str *content = sqlite3_str_new(NULL);

    append_text(content, "workload", point->workload);
    append_text(content, "network", point->network);
    append_text(content, "backend", point->backend);
    append_text(content, "device", point->device);
    append_text(content, "structure", point->structure);
    append_text(content, "variant", point->variant);
    append_text(content, "isa", point->isa);
    append_text(content, "precision", point->precision);
    append_text(content, "pass", point->pass);
    append_number(content, "block", point->block);
    append_number(content, "block_conv", point->block_conv);
    append_number(content, "batch", point->batch);
    append_number(content, "threads", point->threads);
    append_number(content, "cold", point->cold);
    return hash(content, key, err);
}

static int compare_facts(const void *a, const void *b)
{
    const struct circ_fact *const *left = a;
    const struct circ_fact *const *right = b;

    return strcmp((*left)->key, (*right)->key);
}

enum circ_status circ_keys_host(const struct circ_fact *facts, size_t count,
                                char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    const struct circ_fact **sorted = calloc(count ? count : 1, sizeof *sorted);
    sqlite3_str *content;
    size_t used = 0;

    if (!sorted)
        return circ_status_fail(err, CIRC_MEMORY, "out of memory for %zu host facts", count);
    for (size_t i = 0; i < count; i++)
        if (facts[i].identifies)
            sorted[used++] = &facts[i];
    qsort(sorted, used, sizeof *sorted, compare_facts);
    content = sqlite3_str_new(NULL);
    for (size_t i = 0; i < used; i++)
        append_text(content, sorted[i]->key, sorted[i]->value);
    free(sorted);
    return hash(content, key, err);
}

enum circ_status circ_keys_device(const char *host, const struct circ_device_row *device,
                                  char key[CIRC_KEY_SIZE], struct circ_error *err)
{
    sqlite3_str *content = sqlite3_str_new(NULL);

    append_text(content, "host", host);
    append_text(content, "backend", device->backend);
    append_text(content, "name", device->name);
    append_text(content, "description", device->description);
    append_text(content, "device_kind", device->device_kind);
    return hash(content, key, err);
}

enum circ_status circ_keys_tuning(const struct circ_tuning_row *row, char key[CIRC_KEY_SIZE],
                                  struct circ_error *err)
{
    sqlite3_str *content = sqlite3_str_new(NULL);

    append_text(content, "backend", row->backend);
    append_text(content, "device", row->device);
    append_text(content, "variant", row->variant);
    append_text(content, "op", row->op);
    append_text(content, "pass", row->pass);
    append_number(content, "block", row->block);
    append_number(content, "batch", row->batch);
    return hash(content, key, err);
}

void circ_keys_random(char key[CIRC_KEY_SIZE])
{
    uuid_t uuid;

    uuid_generate_random(uuid);
    uuid_unparse_lower(uuid, key);
}
