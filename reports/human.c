/* Formats quantities for people. It decides digits and units and knows nothing of documents. */
#include "reports/human.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    double scale; /* of one unit in the quantity's own unit; rising, ends with 0 */
    const char *suffix;
};

static const struct unit time_units[] = {
    {1, " ns"}, {1e3, " µs"}, {1e6, " ms"}, {1e9, " s"}, {0, ""}};
static const struct unit ratio_units[] = {{1, "×"}, {0, ""}};
static const struct unit byte_units[] = {
    {1, " B"}, {1024, " KiB"}, {1048576, " MiB"}, {1073741824, " GiB"}, {0, ""}};
static const struct unit energy_units[] = {
    {1e-3, " nJ"}, {1, " µJ"}, {1e3, " mJ"}, {1e6, " J"}, {0, ""}};
static const struct unit power_units[] = {{1, " µW"}, {1e3, " mW"}, {1e6, " W"}, {0, ""}};
static const struct unit edp_units[] = {{1, " fJ s"},   {1e3, " pJ s"},  {1e6, " nJ s"},
                                        {1e9, " µJ s"}, {1e12, " mJ s"}, {1e15, " J s"},
                                        {0, ""}};
static const struct unit rate_units[] = {{1, ""}, {1e3, " k"}, {1e6, " M"}, {1e9, " G"}, {0, ""}};
static const struct unit share_units[] = {{0.01, " %"}, {0, ""}};
static const struct unit plain_units[] = {{1, ""}, {0, ""}};

static const struct {
    const char *name;
    const struct unit *units;
} quantities[] = {
    [CIRC_QUANTITY_TIME] = {"time", time_units},
    [CIRC_QUANTITY_RATIO] = {"ratio", ratio_units},
    [CIRC_QUANTITY_BYTES] = {"bytes", byte_units},
    [CIRC_QUANTITY_ENERGY] = {"energy", energy_units},
    [CIRC_QUANTITY_POWER] = {"power", power_units},
    [CIRC_QUANTITY_EDP] = {"edp", edp_units},
    [CIRC_QUANTITY_SHARE] = {"share", share_units},
    [CIRC_QUANTITY_RATE] = {"rate", rate_units},
    [CIRC_QUANTITY_COUNT] = {"count", plain_units},
    [CIRC_QUANTITY_NUMBER] = {"number", plain_units},
};

const char *circ_human_quantity_name(enum circ_quantity quantity)
{
    return quantities[quantity].name;
}

/* Decimals that leave three significant digits of a value. */
static int decimals_of(double value)
{
    char text[32];
    snprintf(text, sizeof text, "%.2e", fabs(value));
    int exponent = atoi(strchr(text, 'e') ? strchr(text, 'e') + 1 : "0");
    return exponent >= 2 ? 0 : exponent < -7 ? 9 : 2 - exponent;
}

static void format_count(char text[CIRC_HUMAN_SIZE], double value)
{
    char digits[40];
    snprintf(digits, sizeof digits, "%.0f", fabs(value));
    size_t length = strlen(digits), used = 0;
    if (value <= -0.5)
        text[used++] = '-';
    for (size_t i = 0; i < length && used + 8 < CIRC_HUMAN_SIZE; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            used += (size_t)sprintf(text + used, "\u202f");
        text[used++] = digits[i];
    }
    text[used] = '\0';
}

/* Counted figures are mostly whole: 64 MiB rather than 64.0, 4 times fewer rather than 4.00. */
static void trim_zeros(char *number)
{
    char *point = strchr(number, '.');
    if (!point)
        return;
    char *end = number + strlen(number);
    while (end > point && end[-1] == '0')
        *--end = '\0';
    if (end == point + 1)
        *point = '\0';
}

void circ_human_split(char value_text[CIRC_HUMAN_SIZE], char interval_text[CIRC_HUMAN_SIZE],
                      enum circ_quantity quantity, double value, double low, double high)
{
    value_text[0] = interval_text[0] = '\0';
    if (!isfinite(value))
        return;
    if (quantity == CIRC_QUANTITY_COUNT) {
        format_count(value_text, value);
        return;
    }
    if (quantity == CIRC_QUANTITY_NUMBER && value != 0 && fabs(value) < 1e-3) {
        snprintf(value_text, CIRC_HUMAN_SIZE, "%.2e", value);
        return;
    }
    const struct unit *unit = quantities[quantity].units;
    while (unit[1].scale > 0 && fabs(value) >= unit[1].scale)
        unit++;
    int decimals = decimals_of(value / unit->scale);
    char number[40], low_number[40] = "", high_number[40] = "";
    bool interval = isfinite(low) && isfinite(high);
    for (int most = decimals + 2; interval; decimals++) {
        snprintf(low_number, sizeof low_number, "%.*f", decimals, low / unit->scale);
        snprintf(high_number, sizeof high_number, "%.*f", decimals, high / unit->scale);
        if (decimals == most || low == high || strcmp(low_number, high_number) != 0)
            break;
    }
    snprintf(number, sizeof number, "%.*f", decimals, value / unit->scale);
    if (quantity == CIRC_QUANTITY_BYTES || (quantity == CIRC_QUANTITY_RATIO && !interval))
        trim_zeros(number);
    snprintf(value_text, CIRC_HUMAN_SIZE, "%s%s", number, unit->suffix);
    if (interval)
        snprintf(interval_text, CIRC_HUMAN_SIZE, "[%s, %s]", low_number, high_number);
}

void circ_human_format(char text[CIRC_HUMAN_SIZE], enum circ_quantity quantity, double value,
                       double low, double high)
{
    char number[CIRC_HUMAN_SIZE], interval[CIRC_HUMAN_SIZE];
    circ_human_split(number, interval, quantity, value, low, high);
    snprintf(text, CIRC_HUMAN_SIZE, "%.47s%s%.47s", number, interval[0] ? " " : "", interval);
}
