/* Writes the report of one of the test databases, so that it can be opened in a browser:
 *     make-report FIXTURE FILE.html|FILE.md|-     (typical, rich, slow, energy, simulated, ...) */
#include "reports/report.h"
#include "tests/reports/report_fixture.h"

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct circ_store *store = NULL;
    struct circ_error err = {0};
    char campaign[CIRC_KEY_SIZE], *verdict = NULL;
    int fixture = 0;
    if (argc != 3)
        return 2;
    while (circ_report_fixture_name(fixture) &&
           strcmp(circ_report_fixture_name(fixture), argv[1]) != 0)
        fixture++;
    if (!circ_report_fixture_name(fixture))
        return 2;
    enum circ_report_format format = strstr(argv[2], ".html") ? CIRC_REPORT_HTML : CIRC_REPORT_MD;
    enum circ_status status =
        circ_report_fixture_make((enum circ_fixture)fixture, &store, campaign, &err);
    if (status == CIRC_OK)
        status = circ_report_write(store, campaign, format, argv[2], &err);
    if (status == CIRC_OK)
        status = circ_report_verdict(store, campaign, &verdict, &err);
    fputs(verdict ? verdict : err.message, stderr);
    free(verdict);
    circ_store_close(store);
    return status == CIRC_OK ? 0 : 1;
}
