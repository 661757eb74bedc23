/* Databases for the tests of results: scratch paths, one plain trial, and a filled campaign. */
#ifndef CIRC_RESULTS_FIXTURE_H
#define CIRC_RESULTS_FIXTURE_H

#include "results/store.h"

#include <stdio.h>

struct fixture_keys {
    char host[CIRC_KEY_SIZE], device[CIRC_KEY_SIZE], campaign[CIRC_KEY_SIZE];
};

/* Makes a fresh folder and writes the path of a file in it, not yet there, into path[size]. */
void fixture_path(char *path, size_t size);
/* Removes the file, what SQLite keeps beside it, and the folder. */
void fixture_remove(const char *path);

/* An ok circulant trial on device "cpu0": time 1000 ns [990, 1010] of batch 1, three samples of
 * which one is warm-up, one counter, one idle and one busy energy window. Change what the test is
 * about. */
struct circ_trial fixture_trial(const char *workload, const char *structure, int block);

/* Gives the trial an energy pass: 8 uJ a frame [7.2, 8.8] +- 0.02 and 4 W, of which 1 W idle, from
 * two windows of 2 s; a third one is of no use; a second source disagrees in the first; three
 * powers are worth keeping. */
void fixture_energy(struct circ_trial *trial);

/* Opens path for writing, adds host, device and a campaign called name. Exits on failure. */
struct circ_store *fixture_store(const char *path, enum circ_store_mode mode, const char *name,
                                 struct fixture_keys *keys);

/* Adds one trial in a transaction of its own. */
enum circ_status fixture_add(struct circ_store *store, const struct fixture_keys *keys,
                             const struct circ_trial *trial, struct circ_error *err);

/* The first column of the first row; -1 when there is none or it is NULL. */
double fixture_number(struct circ_store *store, const char *sql);
/* The same as text, owned by the caller; NULL when there is none. */
char *fixture_text(struct circ_store *store, const char *sql);

/* Everything in the file, from its beginning; owned by the caller. */
char *fixture_read(FILE *file);

#endif
