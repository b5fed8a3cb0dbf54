#include "calendar.h"

#include <time.h>

/* What a host can call has a name of its own; nothing else leaves the module. */
#define EXPORT(name) __attribute__((export_name(#name)))

enum { LONGEST = 30 };

static char written[32];

/* 1 where payments are settled on that date, 0 where they are not or there is no such date. */
EXPORT(settles) int32_t settles(int32_t date) {
    day_t day;
    return day_of_date(date, &day) && is_settlement_day(day);
}

/* The value date of a transfer: so many settlement days after the one on which it is taken up.
   0 where there is no such date, or where the bank allows itself more than a month. */
EXPORT(value_date) int32_t value_date(int32_t date, int32_t days) {
    day_t day;
    if (!day_of_date(date, &day) || days < 0 || days > LONGEST) return 0;
    while (!is_settlement_day(day)) day++; /* what comes in on a Sunday waits for Monday */
    while (days > 0) days -= is_settlement_day(++day);
    return date_of_day(day);
}

/* Writes a date for people, as "Mon 28 Dec 2026", to `text`; how many bytes that is. */
EXPORT(write) int32_t write_date(int32_t date) {
    day_t day;
    if (!day_of_date(date, &day)) return 0;
    time_t seconds = day * 24 * 60 * 60;
    struct tm parts;
    gmtime_r(&seconds, &parts);
    return strftime(written, sizeof written, "%a %d %b %Y", &parts);
}

/* Where the text is. */
EXPORT(text) const char *text(void) { return written; }
