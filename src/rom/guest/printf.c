/* printf() and its family, integers only; floating point goes to the application's _printf_float(). */
#include "newlib.h"

typedef int (*put_t)(struct _reent *, FILE *, const char *, size_t);
int __ssputs_r(struct _reent *r, FILE *fp, const char *from, size_t count);
int __sfputs_r(struct _reent *r, FILE *fp, const char *from, size_t count);

enum {
  kAlternate = 1, kLeft = 2, kZeroPad = 4, kPlus = 8, kSpace = 16, kHexPrefix = 32, kShort = 64, kLong = 128,
  kLongDouble = 256
};
/* One conversion, laid out as the application's _printf_float() knows it. */
typedef struct {
  int flags, precision, digits, width, size, written; /* digits: the least number of them */
  char code, blank, zero;
  char buffer[40];
  char prefix[3]; /* [0] the sign or 0; [2] the x of 0x */
  char rest[26];
} Conversion;
_Static_assert(offsetof(Conversion, prefix) == 67 && sizeof(Conversion) == 96, "as newlib has it");

static int pad(struct _reent *r, FILE *fp, put_t put, const char *c, int count) {
  for (; count > 0; --count)
    if (put(r, fp, c, 1) == -1) return -1;
  return 0;
}

/* What comes before a number's digits: blanks, sign, 0x, zeros. *whole becomes its length without blanks. */
int _printf_common(struct _reent *r, Conversion *cv, int *whole, FILE *fp, put_t put) {
  *whole = cv->digits > cv->size ? cv->digits : cv->size;
  if (cv->prefix[0]) ++*whole;
  if (cv->flags & kHexPrefix) *whole += 2;
  if (!(cv->flags & (kLeft | kZeroPad)) && pad(r, fp, put, &cv->blank, cv->width - *whole)) return -1;
  int length = cv->prefix[0] != 0;
  if (cv->flags & kHexPrefix) {
    cv->prefix[length++] = '0';
    cv->prefix[length++] = cv->prefix[2];
  }
  if (put(r, fp, cv->prefix, (size_t)length) == -1) return -1;
  int zeros = (cv->flags & (kLeft | kZeroPad)) == kZeroPad && cv->width > *whole ? cv->width - *whole : 0;
  if (cv->digits > cv->size) zeros += cv->digits - cv->size;
  return pad(r, fp, put, &cv->zero, zeros);
}

/* The length so far, to where %n points. */
static void store_count(Conversion *cv, va_list *args) {
  void *to = va_arg(*args, void *);
  if (cv->flags & kShort && !(cv->flags & kLong)) *(short *)to = (short)cv->written;
  else *(int *)to = cv->written;
}

/* One conversion that is not floating point; the number of characters, -1 after an error. */
int _printf_i(struct _reent *r, Conversion *cv, FILE *fp, put_t put, va_list *args) {
  char *end = cv->buffer + sizeof cv->buffer;
  const char *text = end;
  const char *digits = "0123456789abcdef";
  unsigned base = 10;
  bool number = true;
  uint32_t value = 0;

  switch (cv->code) {
    case 'd':
    case 'i': {
      int32_t signed_value = va_arg(*args, int);
      if (cv->flags & kShort && !(cv->flags & kLong)) signed_value = (short)signed_value;
      value = (uint32_t)signed_value;
      if (signed_value < 0) {
        value = -value;
        cv->prefix[0] = '-';
      }
      break;
    }
    case 'X':
    case 'p':
    case 'x':
    case 'o':
    case 'u':
      if (cv->code == 'p') {
        cv->flags |= kHexPrefix;
        cv->code = 'x';
      }
      value = va_arg(*args, unsigned);
      if (cv->flags & kShort && !(cv->flags & kLong)) value = (unsigned short)value;
      if (cv->code == 'o') {
        base = 8;
      } else if (cv->code != 'u') {
        base = 16;
        if (cv->code == 'X') digits = "0123456789ABCDEF";
        cv->prefix[2] = cv->code;
        if (cv->flags & kAlternate) cv->flags |= kHexPrefix;
        if (value == 0) cv->flags &= ~kHexPrefix;
      }
      cv->prefix[0] = 0;
      break;
    case 'c':
      end[-1] = (char)va_arg(*args, int);
      text = end - 1;
      cv->size = 1;
      number = false;
      break;
    case 's': {
      text = va_arg(*args, const char *);
      const char *stop = memchr(text, 0, (size_t)cv->precision);
      if (stop) cv->precision = stop - text;
      cv->size = cv->precision;
      number = false;
      break;
    }
    case 'n':
      store_count(cv, args);
      cv->size = 0;
      number = false;
      text = end;
      break;
    case 0:
      cv->size = 0;
      number = false;
      break;
    default: /* an unknown letter stands for itself */
      end[-1] = cv->code;
      text = end - 1;
      cv->size = 1;
      number = false;
      break;
  }

  if (number) {
    cv->digits = cv->precision;
    if (cv->precision >= 0) cv->flags &= ~kZeroPad;
    char *p = end;
    if (value || cv->precision) {
      do {
        *--p = digits[value % base];
        value /= base;
      } while (value);
    }
    /* As on the chip: compared with the length of the conversion before. */
    if (base == 8 && cv->flags & kAlternate && cv->precision <= cv->size) *--p = '0';
    text = p;
    cv->size = end - p;
  } else {
    cv->prefix[0] = 0;
  }

  int whole;
  if (_printf_common(r, cv, &whole, fp, put) == -1 || put(r, fp, text, (size_t)cv->size) == -1) return -1;
  if (cv->flags & kLeft && pad(r, fp, put, &cv->blank, cv->width - whole)) return -1;
  return cv->width > whole ? cv->width : whole;
}

/* A number in the format, or an argument for '*'. */
static const char *read_number(const char *format, int *value, va_list *args) {
  if (*format == '*') {
    *value = va_arg(*args, int);
    return format + 1;
  }
  *value = 0;
  for (; *format >= '0' && *format <= '9'; ++format) *value = *value * 10 + (*format - '0');
  return format;
}

static int position_in(const char *set, int length, char c) {
  const char *found = memchr(set, c, (size_t)length);
  return found ? found - set : -1;
}

static int format_all(struct _reent *r, FILE *fp, put_t put, const char *format, va_list args) {
  Conversion cv;
  memset(&cv, 0, sizeof cv);
  cv.blank = ' ';
  cv.zero = '0';
  cv.size = sizeof cv.buffer; /* "of the conversion before", for the first one */
  va_list rest;
  va_copy(rest, args);
  for (;;) {
    const char *text = format;
    while (*format && *format != '%') ++format;
    if (format != text) {
      if (put(r, fp, text, (size_t)(format - text)) == -1) break;
      cv.written += format - text;
    }
    if (!*format) break;
    ++format;

    cv.flags = cv.digits = cv.width = 0;
    cv.precision = -1;
    cv.prefix[0] = 0;
    for (int flag; (flag = position_in("#-0+ ", 5, *format)) >= 0; ++format) cv.flags |= 1 << flag;
    if (cv.flags & kSpace) cv.prefix[0] = ' ';
    if (cv.flags & kPlus) cv.prefix[0] = '+';
    format = read_number(format, &cv.width, &rest);
    if (cv.width < 0) {
      cv.width = -cv.width;
      cv.flags |= kLeft;
    }
    if (*format == '.') {
      format = read_number(format + 1, &cv.precision, &rest);
      if (cv.precision < 0) cv.precision = -1;
    }
    const int length = position_in("hlL", 3, *format);
    if (length >= 0) {
      cv.flags |= kShort << length;
      ++format;
    }
    cv.code = *format++;
    int count;
    if (position_in("efgEFG", 6, cv.code) >= 0) count = _printf_float(r, &cv, fp, put, &rest);
    else count = _printf_i(r, &cv, fp, put, &rest);
    if (count == -1) break;
    cv.written += count;
    if (!cv.code) break;
  }
  va_end(rest);
  return fp->flags & __SERR ? EOF : cv.written;
}

/* To a string (a FILE that writes to memory). */
int _svfprintf_r(struct _reent *r, FILE *fp, const char *format, va_list args) {
  if (fp->flags & __SMBF && !fp->bf.base) {
    fp->p = fp->bf.base = _malloc_r(r, 64);
    if (!fp->p) {
      r->_errno = ENOMEM;
      return EOF;
    }
    fp->bf.size = 64;
  }
  return format_all(r, fp, __ssputs_r, format, args);
}

/* To a file. An unbuffered one gets a buffer for the time being, so that a line is written in one piece. */
int _vfprintf_r(struct _reent *r, FILE *fp, const char *format, va_list args) {
  fp = rom_real_file(r, fp);
  rom_lock_file(fp);
  int result = EOF;
  if ((fp->flags & __SWR && fp->bf.base) || __swsetup_r(r, fp) == 0)
    result = format_all(r, fp, __sfputs_r, format, args);
  rom_unlock_file(fp);
  return result;
}

/* --- the family: f: file or stdout; s, sn, as, asn: memory; v: arguments in a list; _..._r: state given --- */
#define FORWARD(result_expression)     \
  va_list args;                        \
  va_start(args, format);              \
  const int result = result_expression; \
  va_end(args);                        \
  return result

int vfprintf(FILE *fp, const char *format, va_list args) { return _vfprintf_r(__getreent(), fp, format, args); }
int _vprintf_r(struct _reent *r, const char *format, va_list args) {
  if (!r->sdidinit) __sinit(r);
  return _vfprintf_r(r, r->_stdout, format, args);
}
int vprintf(const char *format, va_list args) { return _vprintf_r(__getreent(), format, args); }
int _printf_r(struct _reent *r, const char *format, ...) { FORWARD(_vprintf_r(r, format, args)); }
int printf(const char *format, ...) { FORWARD(vprintf(format, args)); }
int _fprintf_r(struct _reent *r, FILE *fp, const char *format, ...) { FORWARD(_vfprintf_r(r, fp, format, args)); }
int fprintf(FILE *fp, const char *format, ...) { FORWARD(vfprintf(fp, format, args)); }

int _vsnprintf_r(struct _reent *r, char *to, size_t size, const char *format, va_list args) {
  if (size > 0x7fffffff) {
    r->_errno = 139; /* EOVERFLOW */
    return EOF;
  }
  FILE fp;
  memset(&fp, 0, sizeof fp);
  fp.flags = __SWR | __SSTR;
  fp.p = fp.bf.base = (uint8_t *)to;
  fp.bf.size = fp.w = size ? (int)size - 1 : 0;
  fp.fd = -1;
  const int result = _svfprintf_r(r, &fp, format, args);
  if (result < EOF) r->_errno = 139;
  if (size) *fp.p = 0;
  return result;
}
int vsnprintf(char *to, size_t size, const char *format, va_list args) {
  return _vsnprintf_r(__getreent(), to, size, format, args);
}
int _vsprintf_r(struct _reent *r, char *to, const char *format, va_list args) {
  return _vsnprintf_r(r, to, 0x7fffffff, format, args);
}
int vsprintf(char *to, const char *format, va_list args) { return _vsprintf_r(__getreent(), to, format, args); }
int _snprintf_r(struct _reent *r, char *to, size_t size, const char *format, ...) {
  FORWARD(_vsnprintf_r(r, to, size, format, args));
}
int snprintf(char *to, size_t size, const char *format, ...) { FORWARD(vsnprintf(to, size, format, args)); }
int _sprintf_r(struct _reent *r, char *to, const char *format, ...) { FORWARD(_vsprintf_r(r, to, format, args)); }
int siprintf(char *to, const char *format, ...) { FORWARD(vsprintf(to, format, args)); }

/* Memory that grows: `to` and `size` what there is to begin with, or nothing. */
static char *format_allocated(struct _reent *r, char *to, size_t size, int *length, const char *format,
                              va_list args) {
  FILE fp;
  memset(&fp, 0, sizeof fp);
  fp.flags = __SWR | __SSTR | (to ? __SOPT : __SMBF);
  fp.p = fp.bf.base = (uint8_t *)to;
  fp.bf.size = fp.w = (int)size;
  fp.fd = -1;
  *length = _svfprintf_r(r, &fp, format, args);
  if (*length < 0) return NULL;
  *fp.p = 0;
  return (char *)fp.bf.base;
}
int _vasprintf_r(struct _reent *r, char **to, const char *format, va_list args) {
  int length;
  char *text = format_allocated(r, NULL, 0, &length, format, args);
  if (length >= 0) *to = text;
  return length;
}
int vasprintf(char **to, const char *format, va_list args) { return _vasprintf_r(__getreent(), to, format, args); }
int _asprintf_r(struct _reent *r, char **to, const char *format, ...) {
  FORWARD(_vasprintf_r(r, to, format, args));
}
int asprintf(char **to, const char *format, ...) { FORWARD(vasprintf(to, format, args)); }
char *_vasnprintf_r(struct _reent *r, char *to, size_t *size, const char *format, va_list args) {
  int length;
  char *text = format_allocated(r, to && *size ? to : NULL, to && *size ? *size : 0, &length, format, args);
  if (text) *size = (size_t)length;
  return text;
}
char *vasnprintf(char *to, size_t *size, const char *format, va_list args) {
  return _vasnprintf_r(__getreent(), to, size, format, args);
}
char *_asnprintf_r(struct _reent *r, char *to, size_t *size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *result = _vasnprintf_r(r, to, size, format, args);
  va_end(args);
  return result;
}
char *asnprintf(char *to, size_t *size, const char *format, ...) {
  va_list args;
  va_start(args, format);
  char *result = vasnprintf(to, size, format, args);
  va_end(args);
  return result;
}
