#ifndef CALENDAR_H
#define CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

/* Days since 1970-01-01; dates are written as yyyymmdd, 20261224 for Christmas Eve of 2026. */
typedef int64_t day_t;

/* False where there is no such date, or where it is not of the years 2002 to 2099. */
bool day_of_date(int32_t date, day_t *day);

int32_t date_of_day(day_t day);

/* Whether banks in the euro area settle payments on that day: TARGET is open. */
bool is_settlement_day(day_t day);

#endif
