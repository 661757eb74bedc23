/* Makes, fills and removes temporary folders. */
#include "tests/meters/sysfs_tree.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool tree_create(char root[TREE_PATH])
{
    const char *folder = getenv("TMPDIR");
    int length = snprintf(root, TREE_PATH, "%s/circ-sysfs-XXXXXX", folder ? folder : "/tmp");
    return length > 0 && length < TREE_PATH && mkdtemp(root) && chmod(root, 0755) == 0 &&
           setenv("CIRCBENCH_SYSFS", root, 1) == 0;
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

void tree_remove(const char *root)
{
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool tree_write(const char *root, const char *file, const char *text)
{
    char path[2 * TREE_PATH];
    int length = snprintf(path, sizeof path, "%s/%s", root, file);
    if (length < 0 || length >= (int)sizeof path)
        return false;
    for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0755); /* may be there */
        *slash = '/';
    }
    FILE *out = fopen(path, "w");
    if (!out)
        return false;
    bool written = fprintf(out, "%s\n", text) > 0;
    return fclose(out) == 0 && written;
}

bool tree_use(const char *fixtures, const char *name)
{
    char path[2 * TREE_PATH];
    int length = snprintf(path, sizeof path, "%s/%s", fixtures, name);
    return length > 0 && length < (int)sizeof path && setenv("CIRCBENCH_SYSFS", path, 1) == 0;
}
