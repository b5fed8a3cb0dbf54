#include "calendar.h"

#include <time.h>

enum { DAY = 24 * 60 * 60, FIRST_YEAR = 2002, LAST_YEAR = 2099 };

static void parts_of_day(day_t day, struct tm *parts) {
    time_t seconds = day * DAY;
    gmtime_r(&seconds, parts);
}

static day_t day_of_parts(int year, int month, int day) {
    struct tm parts = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day};
    return timegm(&parts) / DAY;
}

bool day_of_date(int32_t date, day_t *day) {
    int year = date / 10000;
    if (year < FIRST_YEAR || year > LAST_YEAR) return false;
    *day = day_of_parts(year, date / 100 % 100, date % 100);
    return date_of_day(*day) == date; /* the 31st of June would be the 1st of July */
}

int32_t date_of_day(day_t day) {
    struct tm parts;
    parts_of_day(day, &parts);
    return (parts.tm_year + 1900) * 10000 + (parts.tm_mon + 1) * 100 + parts.tm_mday;
}

/* Easter Sunday in the Gregorian calendar, by the rule that holds from 1900 to 2099. */
static day_t easter(int year) {
    int moon = (19 * (year % 19) + 24) % 30;
    int sunday = (2 * (year % 4) + 4 * (year % 7) + 6 * moon + 5) % 7;
    int day = 22 + moon + sunday;
    if (day == 57 || (day == 56 && moon == 28 && year % 19 > 10)) day -= 7;
    return day_of_parts(year, 3, day);
}

bool is_settlement_day(day_t day) {
    struct tm parts;
    parts_of_day(day, &parts);
    if (parts.tm_wday == 0 || parts.tm_wday == 6) return false;
    switch (date_of_day(day) % 10000) {
    case 101:  /* New Year's Day */
    case 501:  /* Labour Day */
    case 1225: /* Christmas */
    case 1226:
        return false;
    }
    day_t since_easter = day - easter(parts.tm_year + 1900);
    return since_easter != -2 && since_easter != 1; /* Good Friday, Easter Monday */
}
