/* How a number is made, the command that repeats it, and what the page is made of. */
#include "backends/core/embed.h"
#include "reports/render.h"
#include "reports/sections.h"
#include "reports/select.h"

#include <stdio.h>
#include <string.h>

extern const struct circ_embedded circ_report_files[];
extern const int circ_report_files_count;

/* As /usr/share/doc/node-d3/copyright of Debian gives it. */
static const char d3_licence[] =
    "Copyright 2010-2017 Mike Bostock (https://bost.ocks.org/mike)\n"
    "\n"
    "Redistribution and use in source and binary forms, with or without modification, are "
    "permitted "
    "provided that the following conditions are met:\n"
    "1. Redistributions of source code must retain the above copyright notice, this list of "
    "conditions "
    "and the following disclaimer.\n"
    "2. Redistributions in binary form must reproduce the above copyright notice, this list of "
    "conditions and the following disclaimer in the documentation and/or other materials provided "
    "with "
    "the distribution.\n"
    "3. Neither the name of the author nor the names of contributors may be used to endorse or "
    "promote "
    "products derived from this software without specific prior written permission.\n"
    "\n"
    "THIS SOFTWARE IS PROVIDED BY THE COPYRIGHT HOLDERS AND CONTRIBUTORS \"AS IS\" AND ANY EXPRESS "
    "OR "
    "IMPLIED WARRANTIES, INCLUDING, BUT NOT LIMITED TO, THE IMPLIED WARRANTIES OF MERCHANTABILITY "
    "AND "
    "FITNESS FOR A PARTICULAR PURPOSE ARE DISCLAIMED. IN NO EVENT SHALL THE COPYRIGHT OWNER OR "
    "CONTRIBUTORS BE LIABLE FOR ANY DIRECT, INDIRECT, INCIDENTAL, SPECIAL, EXEMPLARY, OR "
    "CONSEQUENTIAL "
    "DAMAGES (INCLUDING, BUT NOT LIMITED TO, PROCUREMENT OF SUBSTITUTE GOODS OR SERVICES; LOSS OF "
    "USE, "
    "DATA, OR PROFITS; OR BUSINESS INTERRUPTION) HOWEVER CAUSED AND ON ANY THEORY OF LIABILITY, "
    "WHETHER "
    "IN CONTRACT, STRICT LIABILITY, OR TORT (INCLUDING NEGLIGENCE OR OTHERWISE) ARISING IN ANY WAY "
    "OUT "
    "OF THE USE OF THIS SOFTWARE, EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.";

static const char *const method[] = {
    "Time: the median of at least ten samples, each long enough to be timed well and preceded by "
    "warm-up that is "
    "kept but not used. Sampling goes on until the 95\u00a0% interval of the median is within "
    "1\u00a0%, or "
    "the noise no "
    "longer falls, or the time limit is reached; the database says which, and a table here says so "
    "where it "
    "was the limit. No sample is deleted.",
    "Energy: counters are read at both ends of at least five windows that end at the counter's own "
    "ticks, "
    "and their differences are graded; windows grow until the error bound is small enough. It is a "
    "pass of its own, "
    "and an idle window stands before and after it. What no counter covers has no joules.",
    "Intervals: brackets and bars are the 95\u00a0% bootstrap interval of the median. A speed-up's "
    "interval divides the "
    "ends of the two intervals, so it is on the cautious side.",
    "Fair order: points that are divided by one another are measured together, their samples "
    "interleaved in a "
    "seeded random order, so that drift and heat are shared.",
    "Dense is the fastest dense row of the same workload, batch, device, threads and precision in "
    "this campaign, "
    "computed by the library named beside it. A speed-up is only as good as that library.",
    "Pruned keeps as many weights as circulant does at the same k, at random places; its bytes are "
    "larger because "
    "each weight carries its column.",
    "Weight bytes are counted from the shapes, not measured: they have no interval. Blocks cut by "
    "the edge count whole; "
    "biases do not count.",
    "Kinds: measured was timed on the device itself; emulated comes from an emulator of the "
    "device, modelled from a model. "
    "They are never divided by one another, and anything not measured is marked.",
    "The published 6 to 102 times better energy efficiency of CirCNN (Ding et al., MICRO 2017) "
    "speaks of FPGA and ASIC "
    "designs. A figure from a CPU or GPU reproduces the method, not that figure.",
};

static const char *base_name(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return slash ? slash + 1 : path && path[0] ? path : "memory";
}

static enum circ_status add_command(const struct circ_report *report, struct circ_error *err)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    enum circ_status status =
        circ_select_first(report->db, "SELECT command FROM campaign WHERE key = :campaign",
                          report->campaign, &statement, &row, err);
    if (status == CIRC_OK && row) {
        circ_document_section(report->document, 2, "Repeat it");
        circ_document_paragraph(report->document, "The exact command of this campaign:");
        circ_document_code(report->document, circ_select_text(statement, 0));
    }
    sqlite3_finalize(statement);
    return status;
}

static void add_d3(struct circ_document *document)
{
    char version[32] = "(version unknown)";
    for (int i = 0; i < circ_report_files_count; i++)
        (void)sscanf((const char *)circ_report_files[i].data, "// https://d3js.org v%31[0-9.]",
                     version);
    circ_document_paragraph(document,
                            "d3 %s, the charting library inside this page, BSD 3-Clause:", version);
    circ_document_code(document, d3_licence);
}

static void add_files(const struct circ_report *report)
{
    struct circ_document *document = report->document;
    const char *reason;
    circ_document_section(document, 2, "Files and licences");
    circ_document_list(document);
    circ_document_item(
        document,
        "Every sample is in the database %s, table sample; its view v_result has one row a "
        "point with all that is shown here.",
        base_name(sqlite3_db_filename(report->db, "main")));
    circ_document_item(document, "CircBench is under the Apache License 2.0.");
    if (!circ_render_html_has_charts(&reason))
        circ_document_item(document, "Charts: %s.", reason);
    if (report->charts)
        add_d3(document);
}

enum circ_status circ_section_method_add(const struct circ_report *report, struct circ_error *err)
{
    circ_document_section(report->document, 2, "How a number is made");
    circ_document_list(report->document);
    for (size_t i = 0; i < sizeof method / sizeof *method; i++)
        circ_document_item(report->document, "%s", method[i]);
    enum circ_status status = add_command(report, err);
    add_files(report);
    return status;
}
