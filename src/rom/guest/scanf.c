/* scanf() and its family, integers only; floating point goes to the application's _scanf_float(). */
#include "newlib.h"

int _sungetc_r(struct _reent *r, int c, FILE *fp);
int __ssrefill_r(struct _reent *r, FILE *fp);
int __seofread(struct _reent *r, void *cookie, char *to, int count);
long _strtol_r(struct _reent *r, const char *s, char **end, int base);
unsigned long _strtoul_r(struct _reent *r, const char *s, char **end, int base);
extern const uint8_t _ctype_[];

enum {
  kShort = 1, kLong = 2, kLongDouble = 4, kSuppress = 0x10, kPointer = 0x20, kKeepSpace = 0x40, kSign = 0x80,
  kNoDigits = 0x100, kPrefix = 0x200, kNoNonzero = 0x400
};
enum { kChars = 0, kSet = 1, kString = 2, kSigned = 3, kUnsigned = 4, kFloat = 5 };
enum { kMatched = 0, kMismatch = 1, kNoInput = 2 };
#define BUFFER 350

/* One conversion, laid out as the application's _scanf_float() knows it. */
typedef struct {
  int flags, base;
  uint32_t width;
  int assigned, read;
  char *set; /* 256 flags: the characters of %[ */
  int kind;
  char buffer[BUFFER];
  int (*unget)(struct _reent *, int, FILE *);
  int (*refill)(struct _reent *, FILE *);
} Scan;
_Static_assert(offsetof(Scan, unget) == 0x17c, "as newlib has it");

static bool is_space(int c) { return _ctype_[1 + (uint8_t)c] & 8; }
static bool has_input(struct _reent *r, Scan *s, FILE *fp) { return fp->r > 0 || s->refill(r, fp) == 0; }
static void take(Scan *s, FILE *fp) {
  ++s->read;
  ++fp->p;
  --fp->r;
}

/* The set of a %[: `format` is behind the bracket; returns what is behind the closing one. */
const uint8_t *__sccl(char *set, const uint8_t *format) {
  int c = *format++;
  const bool inverted = c == '^';
  if (inverted) c = *format++;
  memset(set, inverted, 256);
  if (c == 0) return format - 1;
  for (;;) {
    set[c] = !inverted;
    const int next = *format++;
    if (next == 0) return format - 1;
    if (next == ']') return format;
    if (next == '-' && *format != ']' && *format >= c) { /* a range; otherwise the hyphen is itself */
      const int last = *format++;
      memset(set + c, !inverted, (size_t)(last - c + 1));
      c = *format++;
      if (c == 0) return format - 1;
      if (c == ']') return format;
      continue;
    }
    c = next;
  }
}

/* %c, %s and %[. */
int _scanf_chars(struct _reent *r, Scan *s, FILE *fp, va_list *args) {
  if (s->width == 0) s->width = s->kind == kChars ? 1 : 0xffffffff;
  char *to = s->flags & kSuppress ? NULL : va_arg(*args, char *);
  uint32_t count = 0;
  do {
    const int c = *fp->p;
    if (s->kind == kSet ? !s->set[c] : s->kind == kString && is_space(c)) break;
    take(s, fp);
    if (to) *to++ = (char)c;
    ++count;
  } while (--s->width && has_input(r, s, fp));
  if (count == 0 && s->kind == kSet) return kMismatch;
  if (to) {
    if (s->kind != kChars) *to = 0;
    ++s->assigned;
  }
  return kMatched;
}

/* The value of a digit in the conversion's base, -1 for none. */
static int digit_value(int c, int base) {
  int value = -1;
  if (c >= '0' && c <= '9') value = c - '0';
  else if ((c | 32) >= 'a' && (c | 32) <= 'f') value = (c | 32) - 'a' + 10;
  return value < (base ? base : 10) ? value : -1;
}

/* %d, %i, %u, %o, %x, %p and letters without a meaning, which are as %d. */
int _scanf_i(struct _reent *r, Scan *s, FILE *fp, va_list *args) {
  uint32_t beyond = 0; /* width that the buffer has no room for: it may still skip zeros */
  if (s->width - 1 > BUFFER - 2) {
    beyond = s->width - (BUFFER - 1);
    s->width = BUFFER - 1;
  }
  s->flags |= kSign | kNoDigits | kNoNonzero;
  char *p = s->buffer;
  bool prefix_may_follow = false; /* the number so far is 0, or a sign and 0 */
  for (; s->width; --s->width) {
    const int c = *fp->p;
    if ((c == '+' || c == '-') && s->flags & kSign) {
      s->flags &= ~kSign;
    } else if ((c | 32) == 'x' && s->flags & kPrefix && prefix_may_follow) {
      s->flags &= ~kPrefix;
      prefix_may_follow = false;
      s->base = 16;
    } else {
      const int value = digit_value(c, s->base == 0 && c == '0' ? 8 : s->base);
      if (value < 0) break;
      if (s->base == 0) {
        s->base = 10;
        if (c == '0') {
          s->base = 8;
          s->flags |= kPrefix;
        }
      }
      if (c == '0' && s->flags & kNoNonzero) {
        /* A leading zero: the first is kept, further ones are not. */
        const bool first = s->flags & kNoDigits;
        prefix_may_follow = first;
        s->flags &= ~(kSign | kNoDigits);
        if (!first) {
          take(s, fp);
          if (beyond) {
            --beyond;
            ++s->width;
          }
          if (!has_input(r, s, fp)) break;
          continue;
        }
      } else {
        s->flags &= ~(kSign | kNoDigits | kNoNonzero | kPrefix);
        prefix_may_follow = false;
      }
    }
    *p++ = (char)c;
    take(s, fp);
    if (!has_input(r, s, fp)) break;
  }
  if (s->flags & kNoDigits) { /* nothing but a sign: put back */
    if (p > s->buffer) {
      s->unget(r, (uint8_t)*--p, fp);
      --s->read;
    }
    return kMismatch;
  }
  if ((p[-1] | 32) == 'x') { /* 0x and no digit: it was the number 0 */
    s->unget(r, (uint8_t)*--p, fp);
    --s->read;
  }
  if (s->flags & kSuppress) return kMatched;
  *p = 0;
  const unsigned long value = s->kind == kSigned ? (unsigned long)_strtol_r(r, s->buffer, NULL, s->base)
                                                 : _strtoul_r(r, s->buffer, NULL, s->base);
  void *to = va_arg(*args, void *);
  if (s->flags & kShort && !(s->flags & kPointer)) *(short *)to = (short)value;
  else *(unsigned long *)to = value;
  ++s->assigned;
  return kMatched;
}

static int scan_all(struct _reent *r, FILE *fp, const char *format, va_list args, bool string) {
  Scan s;
  char set[256];
  s.assigned = s.read = 0;
  s.set = set;
  s.unget = string ? _sungetc_r : _ungetc_r;
  s.refill = string ? __ssrefill_r : __srefill_r;
  va_list rest;
  va_copy(rest, args);
  int result = kMatched;

  for (const uint8_t *f = (const uint8_t *)format; *f && result == kMatched;) {
    int c = *f++;
    if (is_space(c)) {
      while (has_input(r, &s, fp) && is_space(*fp->p)) take(&s, fp);
      continue;
    }
    bool literal = c != '%';
    if (!literal) {
      s.flags = 0;
      s.width = 0;
      if (*f == '*') {
        s.flags |= kSuppress;
        ++f;
      }
      for (; *f >= '0' && *f <= '9'; ++f) s.width = s.width * 10 + (*f - '0');
      if (*f == 'h' || *f == 'l' || *f == 'L') {
        s.flags |= *f == 'h' ? kShort : *f == 'l' ? kLong : kLongDouble;
        ++f;
      }
      c = *f++;
      literal = c == '%';
    }
    if (literal) {
      if (!has_input(r, &s, fp)) result = kNoInput;
      else if (*fp->p != c) result = kMismatch;
      else take(&s, fp);
      continue;
    }
    s.base = 10;
    s.kind = kSigned;
    switch (c) {
      case 0:
        va_end(rest);
        return EOF;
      case 'n':
        if (!(s.flags & kSuppress)) {
          void *to = va_arg(rest, void *);
          if (s.flags & kShort) *(short *)to = (short)s.read;
          else *(int *)to = s.read;
        }
        continue;
      case 'p':
        s.flags |= kPointer;
        /* fall through */
      case 'x':
        s.flags |= kPrefix;
        s.base = 16;
        s.kind = kUnsigned;
        break;
      case 'o':
        s.base = 8;
        s.kind = kUnsigned;
        break;
      case 'u':
        s.kind = kUnsigned;
        break;
      case 'i':
        s.base = 0;
        break;
      case '[':
        f = __sccl(set, f);
        s.flags |= kKeepSpace;
        s.kind = kSet;
        break;
      case 'c':
        s.flags |= kKeepSpace;
        s.kind = kChars;
        break;
      case 's':
        s.kind = kString;
        break;
      case 'e':
      case 'f':
      case 'g':
        s.kind = kFloat;
        break;
      default: /* 'd', and letters without a meaning */
        break;
    }
    if (!has_input(r, &s, fp)) {
      result = kNoInput;
      break;
    }
    if (!(s.flags & kKeepSpace)) {
      while (result == kMatched && is_space(*fp->p)) {
        take(&s, fp);
        if (!has_input(r, &s, fp)) result = kNoInput;
      }
      if (result != kMatched) break;
    }
    if (s.kind < kSigned) result = _scanf_chars(r, &s, fp, &rest);
    else if (s.kind < kFloat) result = _scanf_i(r, &s, fp, &rest);
    else result = _scanf_float(r, &s, fp, &rest);
  }
  va_end(rest);
  if (result == kNoInput && (s.assigned == 0 || fp->flags & __SERR)) return EOF;
  return s.assigned;
}

int __ssvfscanf_r(struct _reent *r, FILE *fp, const char *format, va_list args) {
  return scan_all(r, fp, format, args, true);
}
int __svfscanf_r(struct _reent *r, FILE *fp, const char *format, va_list args) {
  rom_lock_file(fp);
  const int result = scan_all(r, fp, format, args, false);
  rom_unlock_file(fp);
  return result;
}
int __svfscanf(FILE *fp, const char *format, va_list args) { return __svfscanf_r(__getreent(), fp, format, args); }

/* --- the family --- */
#define FORWARD(result_expression)      \
  va_list args;                         \
  va_start(args, format);               \
  const int result = result_expression; \
  va_end(args);                         \
  return result

int _vfscanf_r(struct _reent *r, FILE *fp, const char *format, va_list args) {
  return __svfscanf_r(r, rom_real_file(r, fp), format, args);
}
int vfscanf(FILE *fp, const char *format, va_list args) { return _vfscanf_r(__getreent(), fp, format, args); }
int _vscanf_r(struct _reent *r, const char *format, va_list args) {
  if (!r->sdidinit) __sinit(r);
  return __svfscanf_r(r, r->_stdin, format, args);
}
int vscanf(const char *format, va_list args) { return _vscanf_r(__getreent(), format, args); }
int _scanf_r(struct _reent *r, const char *format, ...) { FORWARD(_vscanf_r(r, format, args)); }
int scanf(const char *format, ...) { FORWARD(vscanf(format, args)); }
int _fscanf_r(struct _reent *r, FILE *fp, const char *format, ...) { FORWARD(_vfscanf_r(r, fp, format, args)); }
int fscanf(FILE *fp, const char *format, ...) { FORWARD(vfscanf(fp, format, args)); }

int _vsscanf_r(struct _reent *r, const char *text, const char *format, va_list args) {
  FILE fp;
  memset(&fp, 0, sizeof fp);
  fp.flags = __SRD | __SSTR;
  fp.p = fp.bf.base = (uint8_t *)text;
  fp.bf.size = fp.r = (int)strlen(text);
  fp.read = __seofread;
  fp.fd = -1;
  return __ssvfscanf_r(r, &fp, format, args);
}
int vsscanf(const char *text, const char *format, va_list args) {
  return _vsscanf_r(__getreent(), text, format, args);
}
int _sscanf_r(struct _reent *r, const char *text, const char *format, ...) {
  FORWARD(_vsscanf_r(r, text, format, args));
}
int sscanf(const char *text, const char *format, ...) { FORWARD(vsscanf(text, format, args)); }
