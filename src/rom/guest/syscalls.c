/* What the ROM's C library asks of the application: everything goes through the table that the application has set. */
#include "newlib.h"

#define TABLE (syscall_table_ptr_app)

struct _reent *__getreent(void) { return TABLE->getreent(); }
void abort(void) { TABLE->abort(); }

void *_malloc_r(struct _reent *r, size_t size) { return TABLE->malloc_r(r, size); }
void _free_r(struct _reent *r, void *p) { TABLE->free_r(r, p); }
void *_realloc_r(struct _reent *r, void *p, size_t size) { return TABLE->realloc_r(r, p, size); }
void *_calloc_r(struct _reent *r, size_t count, size_t size) { return TABLE->calloc_r(r, count, size); }
void *malloc(size_t size) { return _malloc_r(__getreent(), size); }
void free(void *p) { _free_r(__getreent(), p); }
void *realloc(void *p, size_t size) { return _realloc_r(__getreent(), p, size); }
void *calloc(size_t count, size_t size) { return _calloc_r(__getreent(), count, size); }

int _system_r(struct _reent *r, const char *command) { return TABLE->system_r(r, command); }
int _rename_r(struct _reent *r, const char *from, const char *to) { return TABLE->rename_r(r, from, to); }
int _times_r(struct _reent *r, void *times) { return TABLE->times_r(r, times); }
int _gettimeofday_r(struct _reent *r, struct timeval *tv, void *tz) { return TABLE->gettimeofday_r(r, tv, tz); }
void _raise_r(struct _reent *r) { TABLE->raise_r(r); }
int _unlink_r(struct _reent *r, const char *path) { return TABLE->unlink_r(r, path); }
int _link_r(struct _reent *r, const char *from, const char *to) { return TABLE->link_r(r, from, to); }
int _stat_r(struct _reent *r, const char *path, struct stat *st) { return TABLE->stat_r(r, path, st); }
int _fstat_r(struct _reent *r, int fd, struct stat *st) { return TABLE->fstat_r(r, fd, st); }
void *_sbrk_r(struct _reent *r, ptrdiff_t increment) { return TABLE->sbrk_r(r, increment); }
int _getpid_r(struct _reent *r) { return TABLE->getpid_r(r); }
int _kill_r(struct _reent *r, int pid, int signal) { return TABLE->kill_r(r, pid, signal); }
void _exit_r(struct _reent *r, int status) { TABLE->exit_r(r, status); }
int _close_r(struct _reent *r, int fd) { return TABLE->close_r(r, fd); }
int _open_r(struct _reent *r, const char *path, int flags, int mode) { return TABLE->open_r(r, path, flags, mode); }
int _write_r(struct _reent *r, int fd, const void *from, int count) { return TABLE->write_r(r, fd, from, count); }
int _lseek_r(struct _reent *r, int fd, int offset, int whence) { return TABLE->lseek_r(r, fd, offset, whence); }
int _read_r(struct _reent *r, int fd, void *to, int count) { return TABLE->read_r(r, fd, to, count); }
int _isatty_r(struct _reent *r, int fd) {
  struct stat st;
  return _fstat_r(r, fd, &st) >= 0 && (st.mode & S_IFMT) == S_IFCHR;
}

void _lock_init(lock_t *lock) { TABLE->lock_init(lock); }
void _lock_init_recursive(lock_t *lock) { TABLE->lock_init_recursive(lock); }
void _lock_close(lock_t *lock) { TABLE->lock_close(lock); }
void _lock_close_recursive(lock_t *lock) { TABLE->lock_close_recursive(lock); }
void _lock_acquire(lock_t *lock) { TABLE->lock_acquire(lock); }
void _lock_acquire_recursive(lock_t *lock) { TABLE->lock_acquire_recursive(lock); }
int _lock_try_acquire(lock_t *lock) { return TABLE->lock_try_acquire(lock); }
int _lock_try_acquire_recursive(lock_t *lock) { return TABLE->lock_try_acquire_recursive(lock); }
void _lock_release(lock_t *lock) { TABLE->lock_release(lock); }
void _lock_release_recursive(lock_t *lock) { TABLE->lock_release_recursive(lock); }
void __dummy_lock(lock_t *lock) { (void)lock; }
int __dummy_lock_try(lock_t *lock) {
  (void)lock;
  return 0;
}

int _printf_float(struct _reent *r, void *data, FILE *fp, void *put, va_list *args) {
  return TABLE->printf_float(r, data, fp, put, args);
}
int _scanf_float(struct _reent *r, void *data, FILE *fp, va_list *args) {
  return TABLE->scanf_float(r, data, fp, args);
}

/* --- the same without the first argument --- */
int open(const char *path, int flags, ...) {
  va_list args;
  va_start(args, flags);
  const int result = _open_r(__getreent(), path, flags, va_arg(args, int));
  va_end(args);
  return result;
}
int creat(const char *path, int mode) { return open(path, 0x601 /* O_WRONLY | O_CREAT | O_TRUNC */, mode); }
int close(int fd) { return _close_r(__getreent(), fd); }
int read(int fd, void *to, size_t count) { return _read_r(__getreent(), fd, to, (int)count); }
int write(int fd, const void *from, size_t count) { return _write_r(__getreent(), fd, from, (int)count); }
void *sbrk(ptrdiff_t increment) { return _sbrk_r(__getreent(), increment); }
int times(void *buffer) { return _times_r(__getreent(), buffer); }
int32_t time(int32_t *out) {
  struct timeval now;
  if (_gettimeofday_r(__getreent(), &now, NULL) < 0) return -1;
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}

/* --- what else allocates or keeps state --- */
char *_strndup_r(struct _reent *r, const char *s, size_t limit) {
  const char *end = memchr(s, 0, limit);
  const size_t length = end ? (size_t)(end - s) : limit;
  char *copy = _malloc_r(r, length + 1);
  if (copy) {
    memcpy(copy, s, length);
    copy[length] = 0;
  }
  return copy;
}
char *strndup(const char *s, size_t limit) { return _strndup_r(__getreent(), s, limit); }
char *_strdup_r(struct _reent *r, const char *s) {
  const size_t size = strlen(s) + 1;
  char *copy = _malloc_r(r, size);
  return copy ? memcpy(copy, s, size) : NULL;
}
char *strdup(const char *s) { return _strdup_r(__getreent(), s); }

/* rand() and the 48-bit generators share one allocated state. */
static struct rand48 *random_state(void) {
  struct _reent *r = __getreent();
  if (!r->r48) {
    r->r48 = malloc(sizeof *r->r48);
    /* The start values that POSIX gives for drand48(). */
    *r->r48 = (struct rand48){{0x330e, 0xabcd, 0x1234}, {0xe66d, 0xdeec, 0x0005}, 0x000b, 1};
  }
  return r->r48;
}
void srand(unsigned seed) { random_state()->rand_next = seed; }
int rand(void) {
  struct rand48 *state = random_state();
  state->rand_next = state->rand_next * 6364136223846793005u + 1; /* Knuth's MMIX multiplier */
  return (int)(state->rand_next >> 32 & 0x7fffffff);
}
/* Park and Miller's minimal standard generator, by Schrage's method. */
int rand_r(unsigned *seed) {
  int s = (int)*seed;
  if (s == 0) s = 0x12345987;
  const int k = s / 127773;
  s = 16807 * (s - k * 127773) - 2836 * k;
  if (s < 0) s += 0x7fffffff;
  *seed = (unsigned)s;
  return s & 0x7fffffff;
}
