/* Temporary trees in the layout of /sys, for tests that change a counter or its permissions. */
#ifndef CIRC_TEST_SYSFS_TREE_H
#define CIRC_TEST_SYSFS_TREE_H

#include <stdbool.h>

#define TREE_PATH 256

/* Makes an empty folder and points CIRCBENCH_SYSFS at it. */
bool tree_create(char root[TREE_PATH]);
void tree_remove(const char *root);

/* Writes text and a newline to a file below root, with the folders that lead to it. */
bool tree_write(const char *root, const char *file, const char *text);

/* Points CIRCBENCH_SYSFS at one of the trees in the source folder named by the test's first
 * argument. */
bool tree_use(const char *fixtures, const char *name);

#endif
