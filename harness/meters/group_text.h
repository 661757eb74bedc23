/* The text of a group file, as groups/README.md describes it. */
#ifndef CIRC_GROUP_TEXT_H
#define CIRC_GROUP_TEXT_H

#include "harness/meters/groups.h"

/* Reads group->text, which it cuts into words, into the rest of the group, and compiles its
 * formulas; name, place and text are there. USAGE names the file, the line and what is wrong. */
CIRC_MUST_USE enum circ_status circ_group_text_read(struct circ_event_group *group,
                                                    struct circ_error *err);

#endif
