/* The sections of the report, each in the file of its name. A section adds its blocks to the
 * document; document failures are sticky, so what is returned are failures of reading the database.
 */
#ifndef CIRC_SECTIONS_H
#define CIRC_SECTIONS_H

#include "reports/document.h"
#include "reports/rows.h"

struct circ_report {
    sqlite3 *db;           /* borrowed */
    const char *campaign;  /* its key */
    struct circ_rows rows; /* of the campaign */
    bool charts;           /* the page will draw them */
    struct circ_document *document;
};

/* section_verdict.c: a card for each workload and batch. */
void circ_section_verdict_add(const struct circ_report *report);
/* section_run.c: warnings, host, devices, implementations. */
CIRC_MUST_USE enum circ_status circ_section_run_add(const struct circ_report *report,
                                                    struct circ_error *err);
/* section_picture.c: charts and the table of their numbers, a set for each panel. */
void circ_section_picture_add(const struct circ_report *report);
/* section_tables.c: speed-up by block and batch; end-to-end throughput. */
void circ_section_tables_add(const struct circ_report *report);
/* section_cold.c: warm and cold weights side by side. */
void circ_section_cold_add(const struct circ_report *report);
/* section_precision.c: spectra in fewer bits beside f32; nothing where there are none. */
void circ_section_precision_add(const struct circ_report *report);
/* section_roof.c: how near the machine's limit, and what that limit is. */
CIRC_MUST_USE enum circ_status circ_section_roof_add(const struct circ_report *report,
                                                     struct circ_error *err);
/* section_energy.c: joules, or why there are none. */
CIRC_MUST_USE enum circ_status circ_section_energy_add(const struct circ_report *report,
                                                       struct circ_error *err);
/* section_power.c: traces of power; nothing where none were kept. */
CIRC_MUST_USE enum circ_status circ_section_power_add(const struct circ_report *report,
                                                      struct circ_error *err);
/* section_meters.c: the meters of the campaign, their windows and disagreements; nothing where none
 * is known. */
CIRC_MUST_USE enum circ_status circ_section_meters_add(const struct circ_report *report,
                                                       struct circ_error *err);
/* section_modelled.c: predictions for hardware that is not here, and quoted figures beside them;
 * nothing where there are none. */
CIRC_MUST_USE enum circ_status circ_section_modelled_add(const struct circ_report *report,
                                                         struct circ_error *err);
/* section_trust.c: correctness and what could not be measured. */
CIRC_MUST_USE enum circ_status circ_section_trust_add(const struct circ_report *report,
                                                      struct circ_error *err);
/* section_method.c: how a number is made, the command, files and licences. */
CIRC_MUST_USE enum circ_status circ_section_method_add(const struct circ_report *report,
                                                       struct circ_error *err);

#endif
