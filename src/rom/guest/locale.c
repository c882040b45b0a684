/* The C locale, the only one there is, and wide characters in it: one byte each. */
#include "newlib.h"

/* struct lconv: 10 texts, 14 numbers without a meaning in the C locale (CHAR_MAX). */
typedef struct {
  const char *decimal_point, *thousands_sep, *grouping, *int_curr_symbol, *currency_symbol, *mon_decimal_point,
      *mon_thousands_sep, *mon_grouping, *positive_sign, *negative_sign;
  char numbers[14];
} lconv_t;
static const lconv_t kLconv = {".", "", "", "", "", "", "", "", "", "",
                               {127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127, 127}};

const void *_localeconv_r(struct _reent *r) {
  (void)r;
  return &kLconv;
}
const void *localeconv(void) { return &kLconv; }

/* Answers "C"; asked for another one, NULL, unless that is the same by another name. */
const char *_setlocale_r(struct _reent *r, int category, const char *locale) {
  (void)r, (void)category;
  if (locale && strcmp(locale, "POSIX") != 0 && strcmp(locale, "C") != 0 && *locale) return NULL;
  return "C";
}
const char *setlocale(int category, const char *locale) { return _setlocale_r(__getreent(), category, locale); }
const char *__locale_charset(void) { return "ASCII"; }
const char *__locale_msgcharset(void) { return "ASCII"; }
int __locale_mb_cur_max(void) { return 1; }
int __locale_cjk_lang(void) { return 0; }

/* struct lc_time_T: the names that strftime() uses. */
static const char *const kTimeLocale[] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "January", "February",
    "March", "April", "May", "June", "July", "August", "September", "October", "November", "December", "Sun", "Mon",
    "Tue", "Wed", "Thu", "Fri", "Sat", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    "%H:%M:%S", "%m/%d/%y", "%a %b %e %H:%M:%S %Y", "AM", "PM", "%a %b %e %H:%M:%S %Z %Y", "January", "February",
    "March", "April", "May", "June", "July", "August", "September", "October", "November", "December", "md",
    "%I:%M:%S %p", "", "", "", "", ""};
const void *__get_current_time_locale(void) { return kTimeLocale; }
int __time_load_locale(const char *name) {
  (void)name;
  return 0;
}

/* --- wide characters --- */
int __ascii_wctomb(struct _reent *r, char *to, uint32_t c, const char *charset, void *state) {
  (void)charset, (void)state;
  if (!to) return 0;
  if (c > 255) {
    r->_errno = EILSEQ;
    return -1;
  }
  *to = (char)c;
  return 1;
}
int _wctomb_r(struct _reent *r, char *to, uint32_t c, void *state) {
  return __ascii_wctomb(r, to, c, __locale_charset(), state);
}
int _wcrtomb_r(struct _reent *r, char *to, uint32_t c, uint32_t *state) {
  char unused[10];
  const int length = to ? _wctomb_r(r, to, c, state) : _wctomb_r(r, unused, 0, state);
  if (length == -1) *state = 0;
  return length;
}
int wcrtomb(char *to, uint32_t c, uint32_t *state) { return _wcrtomb_r(__getreent(), to, c, state); }

/* Writes a wide character, by bytes. */
uint32_t __fputwc(struct _reent *r, uint32_t c, FILE *fp) {
  char bytes[10];
  const int length = _wcrtomb_r(r, bytes, c, fp->mbstate);
  if (length == -1) {
    fp->flags |= __SERR;
    return (uint32_t)EOF;
  }
  for (int i = 0; i < length; ++i) {
    if (--fp->w >= 0 || (fp->w >= fp->lbfsize && bytes[i] != '\n')) *fp->p++ = (uint8_t)bytes[i];
    else if (__swbuf_r(r, bytes[i], fp) == EOF) return (uint32_t)EOF;
  }
  return c;
}
uint32_t _fputwc_r(struct _reent *r, uint32_t c, FILE *fp) {
  rom_lock_file(fp);
  if (!(fp->flags & __SORD)) {
    fp->flags |= __SORD;
    fp->flags2 |= __SWID;
  }
  const uint32_t result = __fputwc(r, c, fp);
  rom_unlock_file(fp);
  return result;
}
uint32_t fputwc(uint32_t c, FILE *fp) {
  struct _reent *r = __getreent();
  return _fputwc_r(r, c, rom_real_file(r, fp));
}
