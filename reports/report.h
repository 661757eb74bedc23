/* The comparison report of one campaign. */
#ifndef CIRC_REPORT_H
#define CIRC_REPORT_H

#include "results/store.h"

#include <stdio.h>

enum circ_report_format { CIRC_REPORT_MD, CIRC_REPORT_HTML };

/* Whether this build draws charts; when not, the reason ("built without d3: install node-d3,
 * rebuild"). */
bool circ_report_has_charts(const char **reason);

/* Writes the report of a campaign (its key) to path, through a temporary file renamed at the end;
 * "-" is stdout. NOTHING when the campaign has no row; IO names the path. */
CIRC_MUST_USE enum circ_status circ_report_write(struct circ_store *store, const char *campaign,
                                                 enum circ_report_format format, const char *path,
                                                 struct circ_error *err);

/* The verdict, at most three lines of plain text, owned by the caller (free). Example:
 *   alexnet-fc7, batch 1: circulant k=256 is 217x faster than dense (openblas) [210, 223], 256x
 * less weight. */
CIRC_MUST_USE enum circ_status circ_report_verdict(struct circ_store *store, const char *campaign,
                                                   char **text, struct circ_error *err);

#endif
