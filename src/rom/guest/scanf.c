/* scanf() and its family, integers only; floating point goes to the application's _scanf_float(). */
#include "newlib.h"

int _sungetc_r(struct _reent *r, int c, FILE *fp);
int __ssrefill_r(struct _reent *r, FILE *fp);
int __seofread(struct _reent *r, void *cookie, char *to, int count);
long _strtol_r(struct _reent *r, const char *s, char **end, int base);
unsigned long _strtoul_r(struct _reent *r, const char *s, char **end, int base);
extern const uint8_t _ctype_[];

enum {
  kShort = 1, kLong = 2, kLongDouble = 4, kSuppress = 0x10, kPointer = 0x20, kKeepSpace = 0x40, kNoDigits = 0x100,
  kPrefix = 0x200, kNoZero = 0x400, kNoNonzero = 0x800
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

static bool is_digit(int c, int base) {
  if (c >= '0' && c <= '9') return c - '0' < base;
  return base == 16 && (c | 32) >= 'a' && (c | 32) <= 'f';
}

/* Stores the present character and goes on; false where the input ends. */
static bool store(struct _reent *r, Scan *s, FILE *fp, char **p) {
  *(*p)++ = (char)*fp->p++;
  return --fp->r > 0 || s->refill(r, fp) == 0;
}

/* %d, %i, %u, %o, %x, %p and letters without a meaning, which are as %d. A prefix that is beyond the width still counts as
   seen: "0x" does not match %1x. */
int _scanf_i(struct _reent *r, Scan *s, FILE *fp, va_list *args) {
  uint32_t beyond = 0; /* width that the buffer has no room for: leading zeros may use it up */
  if (s->width - 1 > BUFFER - 2) {
    beyond = s->width - (BUFFER - 1);
    s->width = BUFFER - 1;
  }
  s->flags |= kNoDigits | kNoZero | kNoNonzero;
  char *p = s->buffer;
  int skipped = 0;
  bool more = true;

  /* A sign, a zero, an x: each may come once, in this order. */
  static const char prefixes[3][2] = {"+-", "00", "xX"};
  for (int i = 0; i < 3 && more; ++i) {
    const int c = *fp->p;
    if (c != prefixes[i][0] && c != prefixes[i][1]) continue;
    if (i == 1) {
      if (s->base == 0) {
        s->base = 8;
        s->flags |= kPrefix;
      }
      s->flags &= ~(kNoDigits | kNoZero);
    } else if (i == 2) {
      if ((s->flags & (kPrefix | kNoZero)) != kPrefix) break;
      s->base = 16;
      s->flags |= kNoDigits;
    }
    if (s->width-- != 0) more = store(r, s, fp, &p);
  }
  if (s->base == 0) s->base = 10;
  for (; more && s->width && is_digit(*fp->p, s->base); --s->width) {
    if (*fp->p == '0' && s->flags & kNoNonzero) {
      ++skipped;
      if (beyond) {
        --beyond;
        ++s->width;
      }
      ++fp->p;
      more = --fp->r > 0 || s->refill(r, fp) == 0;
    } else {
      s->flags &= ~(kNoDigits | kNoNonzero);
      more = store(r, s, fp, &p);
    }
  }

  if (s->flags & kNoDigits) {
    if (p > s->buffer) s->unget(r, (uint8_t)*--p, fp); /* the sign, or the x of "0x" */
    if (p == s->buffer) return kMismatch;
  }
  if (!(s->flags & kSuppress)) {
    *p = 0;
    const unsigned long value = s->kind == kSigned ? (unsigned long)_strtol_r(r, s->buffer, NULL, s->base)
                                                   : _strtoul_r(r, s->buffer, NULL, s->base);
    void *to = va_arg(*args, void *);
    if (s->flags & kShort && !(s->flags & kPointer)) *(short *)to = (short)value;
    else *(unsigned long *)to = value;
    ++s->assigned;
  }
  s->read += p - s->buffer + skipped;
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
