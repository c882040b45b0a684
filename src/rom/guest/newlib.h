/* The C library's data as the ROM and firmware share it: newlib of 2016, "nano" formatted I/O, reentrant with small
   structs. Layouts: ESP-IDF v3.2, components/newlib/include/sys/reent.h with _REENT_SMALL. */
#ifndef ESPALIER_ROM_GUEST_NEWLIB_H
#define ESPALIER_ROM_GUEST_NEWLIB_H

#include <stdarg.h>

#include "rom.h"

struct _reent;
typedef int lock_t;

struct buffer {
  uint8_t *base;
  int size;
};

typedef struct file {
  uint8_t *p;   /* next byte */
  int r, w;     /* bytes left to read, room left to write */
  int16_t flags, fd;
  struct buffer bf;
  int lbfsize; /* 0, or -bf.size when line-buffered: keeps `w` below 0 */
  struct _reent *data;
  void *cookie;
  int (*read)(struct _reent *, void *cookie, char *, int);
  int (*write)(struct _reent *, void *cookie, const char *, int);
  int (*seek)(struct _reent *, void *cookie, int, int);
  int (*close)(struct _reent *, void *cookie);
  struct buffer ub; /* what ungetc() has put back; then `up` and `ur` are the ordinary p and r */
  uint8_t *up;
  int ur;
  uint8_t ubuf[3], nbuf[1];
  struct buffer lb; /* fgetline()'s */
  int blksize, offset;
  lock_t lock;
  uint32_t mbstate[2];
  int flags2;
} FILE;
_Static_assert(sizeof(FILE) == 104, "FILE as newlib has it");

/* file.flags */
#define __SLBF 0x0001 /* line buffered */
#define __SNBF 0x0002 /* unbuffered */
#define __SRD 0x0004
#define __SWR 0x0008
#define __SRW 0x0010
#define __SEOF 0x0020
#define __SERR 0x0040
#define __SMBF 0x0080 /* bf is from malloc() */
#define __SAPP 0x0100
#define __SSTR 0x0200 /* a string, not a file */
#define __SOPT 0x0400
#define __SNPT 0x0800 /* do not seek to block boundaries */
#define __SOFF 0x1000 /* `offset` is right */
#define __SORD 0x2000 /* oriented: wide or narrow */
/* file.flags2 */
#define __SNLK 0x0001 /* the caller locks */
#define __SWID 0x2000 /* wide */

struct glue { /* a chunk of FILEs */
  struct glue *next;
  int count;
  FILE *files;
};

struct rand48 {
  uint16_t seed[3], mult[3], add;
  uint64_t rand_next;
};

struct _reent {
  int _errno;
  FILE *_stdin, *_stdout, *_stderr;
  int inc;
  char *emergency;
  int sdidinit;
  int current_category;
  const char *current_locale;
  void *mp;
  void (*cleanup)(struct _reent *);
  int gamma_signgam, cvtlen;
  char *cvtbuf;
  struct rand48 *r48;
  struct tm *localtime_buf;
  char *asctime_buf;
  void *sig_func;
  void *atexit;
  uint8_t atexit0[140];
  struct glue sglue;
  FILE *sf;
  void *misc;
  char *signal_buf;
};
_Static_assert(offsetof(struct _reent, sglue) == 216, "_reent as newlib has it");

enum { EBADF = 9, ENOMEM = 12, EINVAL = 22, ESPIPE = 29, EILSEQ = 138 };
enum { SEEK_SET = 0, SEEK_CUR = 1, SEEK_END = 2, EOF = -1 };

struct stat { /* the start of newlib's */
  int16_t dev;
  uint16_t ino;
  uint32_t mode;
  uint8_t rest[80];
};
#define S_IFMT 0xf000
#define S_IFCHR 0x2000
#define S_IFREG 0x8000

/* What an application puts in syscall_table_ptr_pro and _app (ESP-IDF, esp32/rom/libc_stubs.h). */
struct timeval {
  int32_t tv_sec, tv_usec;
};
struct syscall_stub_table {
  struct _reent *(*getreent)(void);
  void *(*malloc_r)(struct _reent *, size_t);
  void (*free_r)(struct _reent *, void *);
  void *(*realloc_r)(struct _reent *, void *, size_t);
  void *(*calloc_r)(struct _reent *, size_t, size_t);
  void (*abort)(void);
  int (*system_r)(struct _reent *, const char *);
  int (*rename_r)(struct _reent *, const char *, const char *);
  int (*times_r)(struct _reent *, void *);
  int (*gettimeofday_r)(struct _reent *, struct timeval *, void *);
  void (*raise_r)(struct _reent *);
  int (*unlink_r)(struct _reent *, const char *);
  int (*link_r)(struct _reent *, const char *, const char *);
  int (*stat_r)(struct _reent *, const char *, struct stat *);
  int (*fstat_r)(struct _reent *, int, struct stat *);
  void *(*sbrk_r)(struct _reent *, ptrdiff_t);
  int (*getpid_r)(struct _reent *);
  int (*kill_r)(struct _reent *, int, int);
  void (*exit_r)(struct _reent *, int);
  int (*close_r)(struct _reent *, int);
  int (*open_r)(struct _reent *, const char *, int, int);
  int (*write_r)(struct _reent *, int, const void *, int);
  int (*lseek_r)(struct _reent *, int, int, int);
  int (*read_r)(struct _reent *, int, void *, int);
  void (*lock_init)(lock_t *);
  void (*lock_init_recursive)(lock_t *);
  void (*lock_close)(lock_t *);
  void (*lock_close_recursive)(lock_t *);
  void (*lock_acquire)(lock_t *);
  void (*lock_acquire_recursive)(lock_t *);
  int (*lock_try_acquire)(lock_t *);
  int (*lock_try_acquire_recursive)(lock_t *);
  void (*lock_release)(lock_t *);
  void (*lock_release_recursive)(lock_t *);
  int (*printf_float)(struct _reent *, void *, FILE *, void *, va_list *);
  int (*scanf_float)(struct _reent *, void *, FILE *, va_list *);
};
extern const struct syscall_stub_table *syscall_table_ptr_app; /* the ROM only looks at this one */

/* --- syscalls.c --- */
struct _reent *__getreent(void);
void *_malloc_r(struct _reent *r, size_t size);
void _free_r(struct _reent *r, void *p);
void *_realloc_r(struct _reent *r, void *p, size_t size);
void *malloc(size_t size);
void free(void *p);
int _close_r(struct _reent *r, int fd);
int _read_r(struct _reent *r, int fd, void *to, int count);
int _write_r(struct _reent *r, int fd, const void *from, int count);
int _lseek_r(struct _reent *r, int fd, int offset, int whence);
int _fstat_r(struct _reent *r, int fd, struct stat *st);
int _isatty_r(struct _reent *r, int fd);
int _gettimeofday_r(struct _reent *r, struct timeval *tv, void *tz);
void _lock_acquire(lock_t *lock);
void _lock_release(lock_t *lock);
void _lock_init_recursive(lock_t *lock);
void _lock_close_recursive(lock_t *lock);
void _lock_acquire_recursive(lock_t *lock);
void _lock_release_recursive(lock_t *lock);
int _printf_float(struct _reent *r, void *data, FILE *fp, void *put, va_list *args);
int _scanf_float(struct _reent *r, void *data, FILE *fp, va_list *args);

/* --- stdio.c --- */
struct iov {
  const char *base;
  size_t length;
};
struct uio {
  struct iov *iov;
  int count;
  int left;
};
void __sinit(struct _reent *r);
FILE *__sfp(struct _reent *r);
/* newlib's stdin, stdout, stderr start as constant stand-ins: the real file, with stdio set up. */
FILE *rom_real_file(struct _reent *r, FILE *fp);
int __swsetup_r(struct _reent *r, FILE *fp);
int __srefill_r(struct _reent *r, FILE *fp);
int __sfvwrite_r(struct _reent *r, FILE *fp, struct uio *uio);
int __swbuf_r(struct _reent *r, int c, FILE *fp);
int __sflush_r(struct _reent *r, FILE *fp);
int _fflush_r(struct _reent *r, FILE *fp);
int __submore(struct _reent *r, FILE *fp);
int _ungetc_r(struct _reent *r, int c, FILE *fp);
void rom_lock_file(FILE *fp);
void rom_unlock_file(FILE *fp);
/* Drops what ungetc() has put back. */
void rom_free_ungetc(struct _reent *r, FILE *fp);

/* --- printf.c --- */
int _svfprintf_r(struct _reent *r, FILE *fp, const char *format, va_list args);
int _vfprintf_r(struct _reent *r, FILE *fp, const char *format, va_list args);
int siprintf(char *to, const char *format, ...);

#endif
