/* Conversions of text to numbers that report errors in the caller's errno. The work is done by the native functions
   that are handed the struct _reent. */
#include "newlib.h"

int32_t _strtol_r(struct _reent *r, const char *s, char **end, int base);
uint32_t _strtoul_r(struct _reent *r, const char *s, char **end, int base);
int _atoi_r(struct _reent *r, const char *s);

int32_t strtol(const char *s, char **end, int base) { return _strtol_r(__getreent(), s, end, base); }
uint32_t strtoul(const char *s, char **end, int base) { return _strtoul_r(__getreent(), s, end, base); }
int atoi(const char *s) { return _atoi_r(__getreent(), s); }
int32_t atol(const char *s) { return _atoi_r(__getreent(), s); }
