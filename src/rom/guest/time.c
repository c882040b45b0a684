/* Calendar time: TZ, conversions between time_t (32 bits) and broken-down time, and their texts in the C locale. */
#include "newlib.h"

struct tm {
  int tm_sec, tm_min, tm_hour, tm_mday, tm_mon, tm_year, tm_wday, tm_yday, tm_isdst;
};

/* When daylight saving time begins or ends: J (day n, no 29 February), D (day n) or M (month m, week n, day d); `seconds`
   of that day; `offset` west of UTC before it; `change` the moment in the year of `TimeZone.year`. */
typedef struct {
  uint8_t kind;
  int month, week, day, seconds;
  int32_t change, offset;
} Rule;
typedef struct {
  int north; /* it begins earlier in the year than it ends */
  int year;
  Rule rule[2];
} TimeZone;
#define ZONE ((TimeZone *)0x3ffae038)
#define SAVED_TZ (*(char **)0x3ffae084)
#define STANDARD_NAME ((char *)0x3ffae093) /* 11 bytes */
#define DAYLIGHT_NAME ((char *)0x3ffae088) /* 11 bytes */
enum { kNameSize = 11 };
extern const char *_tzname[2];
extern int32_t _timezone;
extern int _daylight;
extern lock_t __tz_lock_object, __env_lock_object;
extern char **environ;
extern const int __month_lengths[2][12];

enum { kDay = 86400, kHour = 3600, kEpochYear = 1970 };

void __tz_lock(void) { _lock_acquire(&__tz_lock_object); }
void __tz_unlock(void) { _lock_release(&__tz_lock_object); }
void *__gettzinfo(void) { return ZONE; }
void rom_init_time_zone(void) {
  _tzname[0] = _tzname[1] = "GMT";
  *ZONE = (TimeZone){.north = 1, .rule = {{.kind = 'J'}, {.kind = 'J'}}};
}

/* --- environment --- */
void __env_lock(struct _reent *r) {
  (void)r;
  _lock_acquire_recursive(&__env_lock_object);
}
void __env_unlock(struct _reent *r) {
  (void)r;
  _lock_release_recursive(&__env_lock_object);
}
/* The value of a variable, and its place in the list. */
char *_findenv_r(struct _reent *r, const char *name, int *place) {
  __env_lock(r);
  char *value = NULL;
  const size_t length = strlen(name);
  if (environ && !memchr(name, '=', length)) {
    for (char **entry = environ; *entry && !value; ++entry) {
      if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=') {
        *place = entry - environ;
        value = *entry + length + 1;
      }
    }
  }
  __env_unlock(r);
  return value;
}
char *_getenv_r(struct _reent *r, const char *name) {
  int place;
  return _findenv_r(r, name, &place);
}

/* --- the calendar --- */
static bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }
/* Leap days in the years before `year`, counted from the epoch's. */
static int days_before(int year) {
  const int y = year - 1;
  return (year - kEpochYear) * 365 + (y / 4 - y / 100 + y / 400) - (1969 / 4 - 1969 / 100 + 1969 / 400);
}

/* `time` less `offset`, which together may exceed 32 bits. */
static void break_down(int32_t time, int offset, struct tm *tm) {
  int days = time / kDay, seconds = time % kDay - offset;
  for (; seconds < 0; seconds += kDay) --days;
  for (; seconds >= kDay; seconds -= kDay) ++days;
  tm->tm_hour = seconds / kHour;
  tm->tm_min = seconds % kHour / 60;
  tm->tm_sec = seconds % 60;
  tm->tm_wday = (days % 7 + 11) % 7; /* the epoch was a Thursday */
  int year = kEpochYear + days / 366;
  if (days < 0) year = kEpochYear + days / 365 - 1;
  while (days_before(year + 1) <= days) ++year;
  days -= days_before(year);
  tm->tm_year = year - 1900;
  tm->tm_yday = days;
  const int *lengths = __month_lengths[is_leap(year)];
  int month = 0;
  for (; days >= lengths[month]; ++month) days -= lengths[month];
  tm->tm_mon = month;
  tm->tm_mday = days + 1;
  tm->tm_isdst = 0;
}
struct tm *gmtime_r(const int32_t *time, struct tm *tm) {
  break_down(*time, 0, tm);
  return tm;
}

/* Sets the moments of the two changes in `year`; false before the epoch. */
int __tzcalc_limits(int year) {
  if (year < kEpochYear) return 0;
  TimeZone *zone = ZONE;
  zone->year = year;
  const int first_day = days_before(year);
  const bool leap = is_leap(year);
  for (int i = 0; i < 2; ++i) {
    Rule *rule = &zone->rule[i];
    int day = first_day;
    if (rule->kind == 'J') {
      day += rule->day + (leap && rule->day >= 60) - 1;
    } else if (rule->kind == 'D') {
      day += rule->day;
    } else {
      const int *lengths = __month_lengths[leap];
      for (int month = 1; month < rule->month; ++month) day += lengths[month - 1];
      int in_month = rule->day - (day + 4) % 7; /* the first such weekday, from 0 */
      if (in_month < 0) in_month += 7;
      in_month += (rule->week - 1) * 7;
      const int length = lengths[rule->month > 0 ? rule->month - 1 : 0];
      while (in_month >= length) in_month -= 7;
      day += in_month;
    }
    rule->change = day * kDay + rule->seconds + rule->offset;
  }
  zone->north = zone->rule[0].change < zone->rule[1].change;
  return 1;
}
static bool limits_of(int year) { return ZONE->year == year || __tzcalc_limits(year); }

struct tm *localtime_r(const int32_t *time, struct tm *tm) {
  TimeZone *zone = ZONE;
  gmtime_r(time, tm);
  const int year = tm->tm_year + 1900;
  __tz_lock();
  if (!_daylight) {
    tm->tm_isdst = 0;
  } else if (limits_of(year)) {
    const bool after = *time >= zone->rule[0].change, before = *time < zone->rule[1].change;
    tm->tm_isdst = zone->north ? after && before : after || before;
  } else {
    tm->tm_isdst = -1;
  }
  const int daylight = tm->tm_isdst;
  break_down(*time, zone->rule[daylight == 1].offset, tm);
  tm->tm_isdst = daylight;
  __tz_unlock();
  return tm;
}

/* Brings `*low` into [0, base), carrying into `*high`. */
static void carry(int *low, int *high, int base) {
  int quotient = *low / base;
  if (*low % base < 0) --quotient;
  *low -= quotient * base;
  *high += quotient;
}
static void normalise(struct tm *tm) {
  carry(&tm->tm_sec, &tm->tm_min, 60);
  carry(&tm->tm_min, &tm->tm_hour, 60);
  carry(&tm->tm_hour, &tm->tm_mday, 24);
  carry(&tm->tm_mon, &tm->tm_year, 12);
  while (tm->tm_mday <= 0) {
    if (--tm->tm_mon < 0) {
      tm->tm_mon = 11;
      --tm->tm_year;
    }
    tm->tm_mday += __month_lengths[is_leap(tm->tm_year + 1900)][tm->tm_mon];
  }
  for (int length; tm->tm_mday > (length = __month_lengths[is_leap(tm->tm_year + 1900)][tm->tm_mon]);) {
    tm->tm_mday -= length;
    if (++tm->tm_mon == 12) {
      tm->tm_mon = 0;
      ++tm->tm_year;
    }
  }
}

int32_t mktime(struct tm *tm) {
  TimeZone *zone = ZONE;
  normalise(tm);
  const int year = tm->tm_year + 1900;
  if (year > 10000 || year < -8100) return -1;
  int yday = tm->tm_mday - 1;
  for (int month = 0; month < tm->tm_mon; ++month) yday += __month_lengths[is_leap(year)][month];
  const int days = days_before(year) + yday;
  int32_t time = days * kDay + tm->tm_hour * kHour + tm->tm_min * 60 + tm->tm_sec;

  int daylight = 0;
  __tz_lock();
  if (_daylight) daylight = tm->tm_isdst > 0 ? 1 : tm->tm_isdst;
  if (_daylight && limits_of(year)) {
    /* The two changes in local time, by the clock before and after them. In the hour that is skipped or comes twice what
       tm_isdst says stands. */
    const int32_t standard = zone->rule[0].offset, summer = zone->rule[1].offset;
    const int32_t begin_before = zone->rule[0].change - standard, begin_after = zone->rule[0].change - summer;
    const int32_t end_before = zone->rule[1].change - summer, end_after = zone->rule[1].change - standard;
    if (!(time >= begin_before && time < begin_after) && !(time >= end_after && time < end_before)) {
      const bool after = time >= begin_before, before = time < end_after;
      daylight = zone->north ? after && before : after || before;
      if (tm->tm_isdst >= 0 && daylight != (tm->tm_isdst > 0)) { /* the caller's clock is the other one */
        const int32_t difference = daylight ? standard - summer : summer - standard;
        time += difference;
        tm->tm_sec += difference;
        normalise(tm);
        yday = tm->tm_mday - 1;
        for (int month = 0; month < tm->tm_mon; ++month)
          yday += __month_lengths[is_leap(tm->tm_year + 1900)][month];
      }
    }
  }
  time += zone->rule[daylight == 1].offset;
  __tz_unlock();
  tm->tm_isdst = daylight;
  tm->tm_yday = yday;
  tm->tm_wday = ((days_before(tm->tm_year + 1900) + yday) % 7 + 11) % 7;
  return time;
}

/* --- TZ --- */
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static int number(const char **p, int otherwise) {
  if (!is_digit(**p)) return otherwise;
  int value = 0;
  for (; is_digit(**p); ++*p) value = value * 10 + (**p - '0');
  return value;
}
/* A name of at most 10 characters; false if there is none. */
static bool name(const char **p, char *to) {
  int length = 0;
  while (length < kNameSize - 1 && **p && !is_digit(**p) && **p != ',' && **p != '+' && **p != '-')
    to[length++] = *(*p)++;
  to[length] = 0;
  return length > 0;
}
/* [hours][:minutes[:seconds]]; false without a number. */
static bool clock_time(const char **p, int *seconds) {
  if (!is_digit(**p)) return false;
  *seconds = number(p, 0) * kHour;
  if (**p == ':') {
    ++*p;
    *seconds += number(p, 0) * 60;
    if (**p == ':') {
      ++*p;
      *seconds += number(p, 0);
    }
  }
  return true;
}
static int sign(const char **p) {
  if (**p == '-') {
    ++*p;
    return -1;
  }
  if (**p == '+') ++*p;
  return 1;
}

/* ",M3.2.0/2" and the like; without one the rules of the United States. */
static void read_rule(const char **p, Rule *rule, int index) {
  if (**p == ',') ++*p;
  if (**p == 'M') {
    ++*p;
    const int month = number(p, 0);
    if (**p == '.') ++*p;
    const int week = number(p, 0);
    if (**p == '.') ++*p;
    rule->kind = 'M';
    rule->month = month;
    rule->week = week;
    rule->day = number(p, 0);
  } else {
    const bool julian = **p == 'J';
    if (julian) ++*p;
    const int day = number(p, -1);
    if (day >= 0) {
      rule->kind = julian ? 'J' : 'D';
      rule->day = day;
    } else { /* second Sunday of March, first of November */
      rule->kind = 'M';
      rule->month = index == 0 ? 3 : 11;
      rule->week = index == 0 ? 2 : 1;
      rule->day = 0;
    }
  }
  int seconds = 2 * kHour;
  if (**p == '/') {
    ++*p;
    clock_time(p, &seconds);
  }
  rule->seconds = seconds;
}

void _tzset_r(struct _reent *r) {
  TimeZone *zone = ZONE;
  const char *text = _getenv_r(r, "TZ");
  __tz_lock();
  if (!text) {
    _timezone = 0;
    _daylight = 0;
    _tzname[0] = _tzname[1] = "GMT";
    free(SAVED_TZ);
    SAVED_TZ = NULL;
    __tz_unlock();
    return;
  }
  if (SAVED_TZ && strcmp(text, SAVED_TZ) == 0) {
    __tz_unlock();
    return;
  }
  free(SAVED_TZ);
  SAVED_TZ = _malloc_r(r, strlen(text) + 1);
  if (SAVED_TZ) strcpy(SAVED_TZ, text);

  const char *p = text;
  if (*p == ':') ++p;
  int west, direction;
  if (name(&p, STANDARD_NAME) && (direction = sign(&p), clock_time(&p, &west))) {
    zone->rule[0].offset = direction * west;
    _tzname[0] = STANDARD_NAME;
    if (!name(&p, DAYLIGHT_NAME)) {
      _tzname[1] = _tzname[0];
      _timezone = zone->rule[0].offset;
      _daylight = 0;
      zone->rule[1].offset = zone->rule[0].offset;
    } else {
      _tzname[1] = DAYLIGHT_NAME;
      direction = sign(&p);
      zone->rule[1].offset = clock_time(&p, &west) ? direction * west : zone->rule[0].offset - kHour;
      for (int i = 0; i < 2; ++i) read_rule(&p, &zone->rule[i], i);
      __tzcalc_limits(zone->year);
      _timezone = zone->rule[0].offset;
      _daylight = zone->rule[0].offset != zone->rule[1].offset;
    }
  }
  __tz_unlock();
}
void tzset(void) { _tzset_r(__getreent()); }

/* --- results in buffers of the thread --- */
static struct tm *own_tm(void) {
  struct _reent *r = __getreent();
  if (!r->localtime_buf) r->localtime_buf = malloc(sizeof(struct tm));
  return r->localtime_buf;
}
struct tm *gmtime(const int32_t *time) { return gmtime_r(time, own_tm()); }
struct tm *localtime(const int32_t *time) { return localtime_r(time, own_tm()); }

static const char kDays[7][10] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
static const char kMonths[12][10] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};

char *asctime_r(const struct tm *tm, char *to) {
  siprintf(to, "%.3s %.3s%3d %.2d:%.2d:%.2d %d\n", kDays[tm->tm_wday], kMonths[tm->tm_mon], tm->tm_mday, tm->tm_hour,
           tm->tm_min, tm->tm_sec, 1900 + tm->tm_year);
  return to;
}
char *asctime(const struct tm *tm) {
  struct _reent *r = __getreent();
  if (!r->asctime_buf) r->asctime_buf = malloc(26);
  memset(r->asctime_buf, 0, 26);
  return asctime_r(tm, r->asctime_buf);
}
char *ctime(const int32_t *time) { return asctime(localtime(time)); }
char *ctime_r(const int32_t *time, char *to) {
  struct tm tm;
  return asctime_r(localtime_r(time, &tm), to);
}

/* --- strftime() --- */
/* The ISO 8601 week's year, less tm's: -1, 0 or 1. */
static int iso_year_change(const struct tm *tm) {
  const int wday = tm->tm_wday ? tm->tm_wday - 1 : 6; /* Monday is 0 */
  if (tm->tm_yday - wday < -3) return -1;
  const int length = 365 + is_leap(tm->tm_year + 1900);
  return tm->tm_yday - wday >= length - 3 ? 1 : 0;
}
static int iso_week(const struct tm *tm) {
  const int wday = tm->tm_wday ? tm->tm_wday - 1 : 6;
  const int change = iso_year_change(tm);
  if (change > 0) return 1;
  int yday = tm->tm_yday;
  if (change < 0) yday += 365 + is_leap(tm->tm_year + 1899);
  return (yday - wday + 10) / 7;
}

size_t strftime(char *to, size_t size, const char *format, const struct tm *tm) {
  size_t used = 0;
  for (; *format; ++format) {
    char text[64];
    const char *part = text;
    text[0] = 0;
    if (*format != '%') {
      text[0] = *format;
      text[1] = 0;
    } else {
      ++format;
      if (*format == 'E' || *format == 'O') ++format;
      const int year = tm->tm_year + 1900, hour12 = tm->tm_hour % 12 ? tm->tm_hour % 12 : 12;
      char whole[80];
      const char *nested = NULL;
      switch (*format) {
        case 'a': siprintf(text, "%.3s", kDays[tm->tm_wday]); break;
        case 'A': part = kDays[tm->tm_wday]; break;
        case 'b':
        case 'h': siprintf(text, "%.3s", kMonths[tm->tm_mon]); break;
        case 'B': part = kMonths[tm->tm_mon]; break;
        case 'c': nested = "%a %b %e %H:%M:%S %Y"; break;
        case 'C': siprintf(text, "%.2d", year / 100); break;
        case 'd': siprintf(text, "%.2d", tm->tm_mday); break;
        case 'D':
        case 'x': nested = "%m/%d/%y"; break;
        case 'e': siprintf(text, "%2d", tm->tm_mday); break;
        case 'F': nested = "%Y-%m-%d"; break;
        case 'g': siprintf(text, "%.2d", (year + iso_year_change(tm)) % 100); break;
        case 'G': siprintf(text, "%.4d", year + iso_year_change(tm)); break;
        case 'H': siprintf(text, "%.2d", tm->tm_hour); break;
        case 'I': siprintf(text, "%.2d", hour12); break;
        case 'j': siprintf(text, "%.3d", tm->tm_yday + 1); break;
        case 'k': siprintf(text, "%2d", tm->tm_hour); break;
        case 'l': siprintf(text, "%2d", hour12); break;
        case 'm': siprintf(text, "%.2d", tm->tm_mon + 1); break;
        case 'M': siprintf(text, "%.2d", tm->tm_min); break;
        case 'n': part = "\n"; break;
        case 'p': part = tm->tm_hour < 12 ? "AM" : "PM"; break;
        case 'r': nested = "%I:%M:%S %p"; break;
        case 'R': nested = "%H:%M"; break;
        case 'S': siprintf(text, "%.2d", tm->tm_sec); break;
        case 't': part = "\t"; break;
        case 'T':
        case 'X': nested = "%H:%M:%S"; break;
        case 'u': siprintf(text, "%d", tm->tm_wday ? tm->tm_wday : 7); break;
        case 'U': siprintf(text, "%.2d", (tm->tm_yday + 7 - tm->tm_wday) / 7); break;
        case 'V': siprintf(text, "%.2d", iso_week(tm)); break;
        case 'w': siprintf(text, "%d", tm->tm_wday); break;
        case 'W': siprintf(text, "%.2d", (tm->tm_yday + 7 - (tm->tm_wday ? tm->tm_wday - 1 : 6)) / 7); break;
        case 'y': siprintf(text, "%.2d", year % 100); break;
        case 'Y': siprintf(text, "%.4d", year); break;
        case 'z':
          if (tm->tm_isdst >= 0) {
            __tz_lock();
            const int east = -(tm->tm_isdst > 0 ? ZONE->rule[1].offset : _timezone);
            __tz_unlock();
            siprintf(text, "%+03d%.2d", east / kHour, (east < 0 ? -east : east) / 60 % 60);
          }
          break;
        case 'Z':
          if (tm->tm_isdst >= 0) {
            __tz_lock();
            siprintf(text, "%s", _tzname[tm->tm_isdst > 0]);
            __tz_unlock();
          }
          break;
        case '%': part = "%"; break;
        case 0: --format; break;
        default: return 0;
      }
      if (nested) {
        strftime(whole, sizeof whole, nested, tm);
        const size_t length = strlen(whole);
        if (used + length >= size) return 0;
        memcpy(to + used, whole, length);
        used += length;
        continue;
      }
    }
    const size_t length = strlen(part);
    if (used + length >= size) return 0;
    memcpy(to + used, part, length);
    used += length;
  }
  if (size == 0) return 0;
  to[used] = 0;
  return used;
}
