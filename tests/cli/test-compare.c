/* The judgement of compare: what is same, faster, slower and unclear, and the rule of --fail-on. */
#include "harness/compare.h"
#include "tests/tap.h"

#include <math.h>
#include <string.h>

enum { COUNT = 20 };

/* Evenly spread within +-spread of center, in a shuffled order: 7 and COUNT have no common divisor.
 */
static void fill(double *values, size_t count, double center, double spread)
{
    for (size_t i = 0; i < count; i++) {
        double place = count > 1 ? (double)(i * 7 % count) / (double)(count - 1) : 0.5;
        values[i] = center * (1 + spread * (2 * place - 1));
    }
}

static void expect(const char *name, double new_center, double spread, size_t new_count,
                   enum circ_compare_verdict verdict)
{
    double base[COUNT], new[COUNT];
    struct circ_compare_contrast contrast;
    struct circ_error err = {0};
    fill(base, COUNT, 1e6, spread);
    fill(new, new_count, new_center, spread);
    enum circ_status status =
        circ_compare_samples(base, COUNT, new, new_count, CIRC_COMPARE_FLOOR, 1, &contrast, &err);
    const char *word = circ_compare_verdict_name(contrast.verdict, false);
    tap_ok(status == CIRC_OK && contrast.verdict == verdict,
           "%s: %s, ratio %.4f [%.4f, %.4f], p %.3g %s", name, word ? word : "none", contrast.ratio,
           contrast.interval.low, contrast.interval.high, contrast.p, contrast.reason);
    tap_ok(!!*contrast.reason == (verdict == CIRC_COMPARE_UNCLEAR), "a reason only where unclear");
}

static void test_verdicts(void)
{
    expect("equal", 1e6, 0.01, COUNT, CIRC_COMPARE_SAME);
    expect("1 % slower, significant, below the floor", 1.01e6, 0.001, COUNT, CIRC_COMPARE_SAME);
    expect("20 % slower", 1.2e6, 0.01, COUNT, CIRC_COMPARE_SLOWER);
    expect("20 % faster", 0.8e6, 0.01, COUNT, CIRC_COMPARE_FASTER);
    expect("at the floor", 1.03e6, 0.01, COUNT, CIRC_COMPARE_UNCLEAR);
    expect("noise larger than the floor", 1.02e6, 0.3, COUNT, CIRC_COMPARE_UNCLEAR);
    expect("two samples", 2e6, 0.01, 2, CIRC_COMPARE_SLOWER); /* 20 and 2: p can reach 0.0087 */
    expect("one sample", 2e6, 0.01, 1, CIRC_COMPARE_UNCLEAR);

    struct circ_compare_contrast contrast;
    double base[COUNT];
    fill(base, COUNT, 1e6, 0.01);
    enum circ_status status =
        circ_compare_samples(base, COUNT, NULL, 0, CIRC_COMPARE_FLOOR, 1, &contrast, NULL);
    tap_ok(status == CIRC_OK && contrast.verdict == CIRC_COMPARE_NONE && isnan(contrast.ratio) &&
               isnan(contrast.new) && contrast.base > 0,
           "one side without samples has no verdict and no ratio");
}

static void test_rules(void)
{
    static const char *const bad[] = {"",          "time",     "time>",     "time>3",   "time<3%",
                                      "speed>3%",  "time>0%",  "time>-3%",  "time>3%x", "time>nan%",
                                      "time>0x3%", "time>3%%", "time>2000%"};
    struct circ_compare_rule rule;
    struct circ_error err = {0};
    tap_ok(circ_compare_rule_parse(NULL, &rule, &err) == CIRC_OK && !rule.energy &&
               rule.floor == CIRC_COMPARE_FLOOR,
           "no rule: the default floor");
    tap_ok(circ_compare_rule_parse("time>5%", &rule, &err) == CIRC_OK && !rule.energy &&
               fabs(rule.floor - 0.05) < 1e-12,
           "time>5%%");
    tap_ok(circ_compare_rule_parse(" energy > 2.5 % ", &rule, &err) == CIRC_OK && rule.energy &&
               fabs(rule.floor - 0.025) < 1e-12,
           "energy > 2.5 %%, with blanks");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tap_ok(circ_compare_rule_parse(bad[i], &rule, &err) == CIRC_USAGE &&
                   strstr(err.message, "--fail-on 'time>3%'"),
               "'%s' is refused", bad[i]);
    }
}

int main(void)
{
    test_verdicts();
    test_rules();
    return tap_done();
}
