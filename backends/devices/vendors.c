/* Finding the files that name drivers, and the folder of our own beside the system's: the loader
 * reads one folder, so ours holds links to the system's files. */
#include "backends/devices/vendors.h"

#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYSTEM "/etc/OpenCL/vendors"

static int by_name(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return length > 4 && !strcmp(entry->d_name + length - 4, ".icd");
}

/* The folder that ./quickstart fpga and opencl-extra fill; false where there is none. */
static bool own_folder(char *path, size_t size)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    int length = data && *data ? snprintf(path, size, "%s/circbench/opencl/vendors", data)
                 : home && *home
                     ? snprintf(path, size, "%s/.local/share/circbench/opencl/vendors", home)
                     : -1;
    return length > 0 && (size_t)length < size && !access(path, R_OK | X_OK);
}

/* Drivers come and go: links to those that the system has, and none to one that is gone. Where the
 * folder cannot be written it stays as it is. */
static void link_system(const char *folder)
{
    struct dirent **names = NULL;
    char link[1200], target[1200];
    int found = scandir(folder, &names, by_name, alphasort);
    for (int i = 0; i < found; i++) {
        snprintf(link, sizeof link, "%s/%s", folder, names[i]->d_name);
        if (readlink(link, target, sizeof target) > 0 && access(link, F_OK))
            unlink(link);
        free(names[i]);
    }
    free(names);
    names = NULL;
    found = scandir(SYSTEM, &names, by_name, alphasort);
    for (int i = 0; i < found; i++) {
        snprintf(link, sizeof link, "%s/%s", folder, names[i]->d_name);
        snprintf(target, sizeof target, SYSTEM "/%s", names[i]->d_name);
        if (symlink(target, link)) {
            /* it is there already, or the folder is not ours to write */
        }
        free(names[i]);
    }
    free(names);
}

static void list_files(struct circ_vendors *files)
{
    const char *vendors = getenv("OCL_ICD_VENDORS");
    char own[900];
    struct dirent **names = NULL;
    files->count = 0;
    if ((!vendors || !*vendors) && own_folder(own, sizeof own)) {
        link_system(own);
        setenv("OCL_ICD_VENDORS", own, 1);
        vendors = own;
    }
    if (!vendors || !*vendors)
        vendors = SYSTEM;
    size_t length = strlen(vendors);
    if (length > 4 && !strcmp(vendors + length - 4, ".icd")) {
        snprintf(files->paths[files->count++], sizeof *files->paths, "%s", vendors);
        return;
    }
    int found = scandir(vendors, &names, by_name, alphasort);
    for (int i = 0; i < found; i++) {
        if (files->count < CIRC_MAX_VENDORS)
            snprintf(files->paths[files->count++], sizeof *files->paths, "%s/%s", vendors,
                     names[i]->d_name);
        free(names[i]);
    }
    free(names);
}

/* A file that begins with a zero byte crashes the loader (ocl-icd 2.3.1), so it is not even asked.
 */
static enum circ_status check_files(const struct circ_vendors *files, struct circ_error *err)
{
    for (int i = 0; i < files->count; i++) {
        FILE *file = fopen(files->paths[i], "r");
        int first = file ? getc(file) : EOF;
        if (file)
            fclose(file);
        if (first == 0)
            return circ_status_fail(err, CIRC_ABSENT,
                                    "%.300s is no text, and the OpenCL loader does not survive "
                                    "it: remove the file",
                                    files->paths[i]);
    }
    return CIRC_OK;
}

enum circ_status circ_vendors_list(struct circ_vendors *vendors, struct circ_error *err)
{
    list_files(vendors);
    return check_files(vendors, err);
}
