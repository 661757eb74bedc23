/* The files that name OpenCL drivers to the ICD loader. */
#ifndef CIRC_VENDORS_H
#define CIRC_VENDORS_H

#include "backends/core/status.h"

#define CIRC_MAX_VENDORS 16

struct circ_vendors {
    char paths[CIRC_MAX_VENDORS][1024];
    int count;
};

/* Those that the loader will read; to be called before its first call of this process. They are in
 * $OCL_ICD_VENDORS; where that is not set, in ${XDG_DATA_HOME:-~/.local/share}/circbench/opencl/
 * vendors if ./quickstart made that folder: it is kept to hold the system's files too, and
 * $OCL_ICD_VENDORS is set to it. Else in the system's own. ABSENT for a file that the loader does
 * not survive. */
CIRC_MUST_USE enum circ_status circ_vendors_list(struct circ_vendors *vendors,
                                                 struct circ_error *err);

#endif
