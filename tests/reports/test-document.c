/* Tests the document model and its two renderers: golden snippets, hostile text, and an allocation
 * that fails at every possible place. What a report says is test-report.c's. */
#include "reports/document.h"
#include "reports/escape.h"
#include "reports/render.h"
#include "tests/tap.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The linker sends the allocations of the libraries here (meson.build); the one that counts down to
 * zero fails. */
static long countdown = -1;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
char *__real_strdup(const char *text);
int __real_vasprintf(char **text, const char *format, va_list args);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_vasprintf(char **text, const char *format, va_list args);

static bool fails(void)
{
    return countdown >= 0 && countdown-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

int __wrap_vasprintf(char **text, const char *format, va_list args)
{
    return fails() ? -1 : __real_vasprintf(text, format, args);
}

static char *to_text(const struct circ_document *document,
                     void (*write)(const struct circ_document *, FILE *))
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    if (!file)
        abort();
    write(document, file);
    fclose(file);
    return text;
}

static char *escaped(const char *text, void (*escape)(FILE *, const char *))
{
    char *result = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&result, &size);
    if (!file)
        abort();
    escape(file, text);
    fclose(file);
    return result;
}

static void same(const char *got, const char *want, const char *what)
{
    if (!tap_ok(strcmp(got, want) == 0, "%s", what))
        tap_note("got: %s\n# expected: %s", got, want);
}

/* Every kind of block once, with text that each format must escape. */
static void fill(struct circ_document *document)
{
    circ_document_section(document, 2, "Verdict");
    circ_document_card(document, CIRC_TONE_GOOD, "a_b, batch 1", "k = 8 is 2× faster");
    circ_document_item(document, "less <weight>");
    circ_document_paragraph(document, "1. a *b* | c & d_e _f_ [x](y) %d", 7);
    circ_document_note(document, CIRC_TONE_WARN, "slow\nclock");
    circ_document_facts(document);
    circ_document_fact(document, "cpu", "%s", "x86 \"fast\"");
    circ_document_list(document);
    circ_document_item(document, "one");
    circ_document_item(document, "two");
    circ_document_code(document, "echo ```a``` <b>");
    circ_document_chart(document, CIRC_QUANTITY_TIME, CIRC_TICKS_AT_POINTS, "Time", "block", "ns");
    circ_document_series(document, "</script><!--", "measured", 0, 0, CIRC_DRAW_LINE);
    circ_document_point(document, 4, 200, 190, 210, "tip %d", 1);
    circ_document_point(document, 8, NAN, NAN, NAN, "none");
    circ_document_table(document, true, "Numbers");
    circ_document_column(document, false, "what|");
    circ_document_column(document, true, "time");
    circ_document_cell(document, "a|b");
    circ_document_number(document, CIRC_QUANTITY_TIME, 2200000, 2150000, 2250000, "emulated");
    circ_document_strong(document);
    circ_document_cell(document, "c");
    circ_document_number(document, CIRC_QUANTITY_TIME, NAN, NAN, NAN, "unsup");
}

static const char golden_md[] = "# Title &lt;b&gt;\n\nsub\n\n"
                                "## Verdict\n\n"
                                "**a_b, batch 1: k = 8 is 2× faster**\n\n"
                                "- less &lt;weight&gt;\n\n"
                                "1\\. a \\*b\\* \\| c &amp; d_e \\_f\\_ [x\\](y) 7\n\n"
                                "> Warning: slow clock\n\n"
                                "- **cpu:** x86 \"fast\"\n\n"
                                "- one\n- two\n\n"
                                "````\necho ```a``` <b>\n````\n\n"
                                "Numbers:\n\n"
                                "| what\\| | time |\n|---|---:|\n"
                                "| a\\|b | **2.20 ms** [2.15, 2.25] emulated |\n"
                                "| c | – unsup |\n\n";

static const char *const golden_html[] = {
    "<title>Title &lt;b&gt;</title>",
    "<h2 id=\"s0\">Verdict</h2>",
    "<div class=\"cards\">\n<section class=\"card good\"><h3>a_b, batch 1</h3>"
    "<p class=\"figure\">k = 8 is 2× faster</p><ul>\n<li>less "
    "&lt;weight&gt;</li>\n</ul></section>\n</div>",
    "<p>1. a *b* | c &amp; d_e _f_ [x](y) 7</p>",
    "<p class=\"note warn\"><b>Warning</b>slow\nclock</p>",
    "<dt>cpu</dt><dd>x86 &quot;fast&quot;</dd>",
    "<pre><code>echo ```a``` &lt;b&gt;</code></pre>",
    "<th scope=\"row\" class=\"text\">a|b</th><td class=\"num strong\">2.20 ms "
    "<span class=\"detail\">[2.15, 2.25] emulated</span></td>",
    "<td class=\"num missing\">– <span class=\"detail\">unsup</span></td>",
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';",
};

static const char *const golden_charts[] = {
    "aria-describedby=\"t8\"",
    "<table id=\"t8\">",
    "{\"label\":\"\\u003c/script\\u003e\\u003c!--\",\"kind\":\"measured\",\"colour\":0,\"shape\":0,"
    "\"drawing\":\"line\",\"points\":[{\"x\":4,\"y\":200,\"low\":190,\"high\":210,\"text\":\"tip "
    "1\"},"
    "{\"x\":8,\"y\":null,\"low\":null,\"high\":null,\"text\":\"none\"}]}",
};

static void test_renderers(void)
{
    struct circ_document *document = NULL;
    struct circ_error err;
    enum circ_status status = circ_document_create(&document, "Title <b>", "sub", &err);
    if (status == CIRC_OK) {
        fill(document);
        status = circ_document_check(document, &err);
    }
    if (!tap_ok(status == CIRC_OK, "a document with every kind of block"))
        return;
    char *md = to_text(document, circ_render_md_write),
         *html = to_text(document, circ_render_html_write);
    same(md, golden_md, "Markdown is as expected");
    for (size_t i = 0; i < sizeof golden_html / sizeof *golden_html; i++)
        tap_ok(strstr(html, golden_html[i]) != NULL, "HTML has golden snippet %zu", i);
    const char *reason;
    if (circ_render_html_has_charts(&reason)) {
        for (size_t i = 0; i < sizeof golden_charts / sizeof *golden_charts; i++)
            tap_ok(strstr(html, golden_charts[i]) != NULL, "HTML has chart snippet %zu", i);
    } else {
        tap_ok(!strstr(html, "<figure") && strstr(html, "<details open>"),
               "without d3: open tables");
        tap_note("%s", reason);
    }
    char *program = strstr(html, "<script>");
    if (program)
        *program = '\0'; /* what d3 holds as text is no reference of the page */
    tap_ok(!strstr(html, "src=") && !strstr(html, "@import") && !strstr(html, "href=\"http"),
           "HTML refers to no other file");
    free(md);
    free(html);
    circ_document_free(document);
}

static void test_escapes(void)
{
    static const struct {
        const char *text, *html, *json, *md;
    } cases[] = {
        {"", "", "\"\"", ""},
        {"a<b>&\"'", "a&lt;b&gt;&amp;&quot;&#39;", "\"a\\u003cb\\u003e\\u0026\\u0022'\"",
         "a&lt;b&gt;&amp;\"'"},
        {"\x01\x7F", "\uFFFD\uFFFD", "\"\uFFFD\uFFFD\"", "\uFFFD\uFFFD"},
        {"\xFF\xC0\xAF\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD",
         "\"\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\"", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"},
        {"\xE2\x82", "\uFFFD\uFFFD", "\"\uFFFD\uFFFD\"", "\uFFFD\uFFFD"},
        {"\u202E\u2067x", "\uFFFD\uFFFDx", "\"\uFFFD\uFFFDx\"", "\uFFFD\uFFFDx"},
        {"\u00B5\u20AC\U0001F600", "\u00B5\u20AC\U0001F600", "\"\u00B5\u20AC\U0001F600\"",
         "\u00B5\u20AC\U0001F600"},
        {"a\nb\tc\\", "a\nb\tc\\", "\"a\\u000ab\\u0009c\\u005c\"", "a b c\\\\"},
        {"# x", "# x", "\"# x\"", "\\# x"},
        {"12) y_z 0.5", "12) y_z 0.5", "\"12) y_z 0.5\"", "12\\) y_z 0.5"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *html = escaped(cases[i].text, circ_escape_html),
             *json = escaped(cases[i].text, circ_escape_json);
        char *md = escaped(cases[i].text, circ_escape_md);
        char what[64];
        snprintf(what, sizeof what, "case %zu in HTML", i);
        same(html, cases[i].html, what);
        snprintf(what, sizeof what, "case %zu in JSON", i);
        same(json, cases[i].json, what);
        snprintf(what, sizeof what, "case %zu in Markdown", i);
        same(md, cases[i].md, what);
        free(html);
        free(json);
        free(md);
    }
}

static void test_quantities(void)
{
    static const struct {
        enum circ_quantity quantity;
        double value, low, high;
        const char *text;
    } cases[] = {
        {CIRC_QUANTITY_TIME, 2200000, 2190000, 2216000, "2.20 ms [2.19, 2.22]"},
        {CIRC_QUANTITY_TIME, 2200000, 2199990, 2200010, "2.2000 ms [2.2000, 2.2000]"},
        {CIRC_QUANTITY_TIME, 6300, NAN, NAN, "6.30 µs"},
        {CIRC_QUANTITY_TIME, NAN, 1, 2, ""},
        {CIRC_QUANTITY_RATIO, 349.2, 339, 360, "349× [339, 360]"},
        {CIRC_QUANTITY_RATIO, 256, NAN, NAN, "256×"},
        {CIRC_QUANTITY_RATIO, 4, NAN, NAN, "4×"},
        {CIRC_QUANTITY_BYTES, 67108864, NAN, NAN, "64 MiB"},
        {CIRC_QUANTITY_BYTES, 1000, NAN, NAN, "1000 B"},
        {CIRC_QUANTITY_ENERGY, 0.5, NAN, NAN, "500 nJ"},
        {CIRC_QUANTITY_COUNT, 1234567, NAN, NAN, "1\u202f234\u202f567"},
        {CIRC_QUANTITY_NUMBER, 1.2e-7, NAN, NAN, "1.20e-07"},
        {CIRC_QUANTITY_RATE, 158730, NAN, NAN, "159 k"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[CIRC_HUMAN_SIZE];
        circ_human_format(text, cases[i].quantity, cases[i].value, cases[i].low, cases[i].high);
        same(text, cases[i].text, cases[i].text[0] ? cases[i].text : "an unknown figure is empty");
    }
}

static void test_misuse(void)
{
    struct circ_document *document = NULL;
    struct circ_error err;
    bool made = circ_document_create(&document, "t", "", &err) == CIRC_OK;
    circ_document_cell(document, "without a table");
    circ_document_section(document, 2, "later calls do nothing");
    tap_ok(made && circ_document_check(document, &err) == CIRC_INTERNAL &&
               document->block_count == 0,
           "a cell without a table is refused");
    circ_document_free(document);
    made = circ_document_create(&document, "t", "", &err) == CIRC_OK;
    circ_document_table(document, false, "half");
    circ_document_column(document, false, "a");
    circ_document_column(document, false, "b");
    circ_document_cell(document, "1");
    tap_ok(made && circ_document_check(document, &err) == CIRC_INTERNAL &&
               strstr(err.message, "half"),
           "a row cut short is refused");
    circ_document_free(document);
    circ_document_free(NULL);
}

/* Fails the first, second, ... allocation until the document succeeds without a failure. */
static void test_memory(void)
{
    long failures = 0;
    bool clean = true, done = false;
    while (!done && failures < 1000) {
        struct circ_document *document = NULL;
        struct circ_error err = {0};
        countdown = failures;
        enum circ_status status = circ_document_create(&document, "t", "s", &err);
        if (status == CIRC_OK) {
            fill(document);
            status = circ_document_check(document, &err);
        }
        done = countdown >= 0;
        countdown = -1;
        clean = clean && status == (done ? CIRC_OK : CIRC_MEMORY);
        circ_document_free(document);
        failures += !done;
    }
    tap_ok(clean && done && failures > 40,
           "each of %ld allocations may fail: MEMORY, and nothing leaks", failures);
}

int main(void)
{
    test_renderers();
    test_escapes();
    test_quantities();
    test_misuse();
    test_memory();
    return tap_done();
}
