/* Files of the C library: buffers, the calls into the application's read, write, seek and close. */
#include "newlib.h"

/* ROM functions whose addresses firmware knows and compares with. */
extern char rom_at_sread[], rom_at_swrite[], rom_at_sseek[], rom_at_sclose[], rom_at_cleanup_r[];
extern FILE __sf_fake_stdin, __sf_fake_stdout, __sf_fake_stderr;
extern lock_t __sinit_lock, __sfp_lock;
extern struct _reent *_global_impure_ptr;

enum { kSmallBuffer = 64, kBuffer = 128, kBlock = 1024 };

/* --- the usual file: a descriptor --- */
int __sread(struct _reent *r, void *cookie, char *to, int count) {
  FILE *fp = cookie;
  const int result = _read_r(r, fp->fd, to, count);
  if (result >= 0) fp->offset += result;
  else fp->flags &= ~__SOFF;
  return result;
}
int __seofread(struct _reent *r, void *cookie, char *to, int count) {
  (void)r, (void)cookie, (void)to, (void)count;
  return 0;
}
int __swrite(struct _reent *r, void *cookie, const char *from, int count) {
  FILE *fp = cookie;
  if (fp->flags & __SAPP) _lseek_r(r, fp->fd, 0, SEEK_END);
  fp->flags &= ~__SOFF;
  return _write_r(r, fp->fd, from, count);
}
int __sseek(struct _reent *r, void *cookie, int offset, int whence) {
  FILE *fp = cookie;
  const int result = _lseek_r(r, fp->fd, offset, whence);
  if (result == -1) {
    fp->flags &= ~__SOFF;
  } else {
    fp->flags |= __SOFF;
    fp->offset = result;
  }
  return result;
}
int __sclose(struct _reent *r, void *cookie) { return _close_r(r, ((FILE *)cookie)->fd); }

/* --- locks --- */
void __sfp_lock_acquire(void) { _lock_acquire_recursive(&__sfp_lock); }
void __sfp_lock_release(void) { _lock_release_recursive(&__sfp_lock); }
void __sinit_lock_acquire(void) { _lock_acquire_recursive(&__sinit_lock); }
void __sinit_lock_release(void) { _lock_release_recursive(&__sinit_lock); }
void rom_lock_file(FILE *fp) {
  if (!(fp->flags & __SSTR) && !(fp->flags2 & __SNLK)) _lock_acquire_recursive(&fp->lock);
}
void rom_unlock_file(FILE *fp) {
  if (!(fp->flags & __SSTR) && !(fp->flags2 & __SNLK)) _lock_release_recursive(&fp->lock);
}
static int lock_one(FILE *fp) {
  if (!(fp->flags & __SSTR)) _lock_acquire_recursive(&fp->lock);
  return 0;
}
static int unlock_one(FILE *fp) {
  if (!(fp->flags & __SSTR)) _lock_release_recursive(&fp->lock);
  return 0;
}

/* --- the table of files --- */
static bool is_open(const FILE *fp) { return (uint16_t)fp->flags > 1 && fp->fd != -1; }

int _fwalk(struct _reent *r, int (*function)(FILE *)) {
  int result = 0;
  for (struct glue *g = &r->sglue; g; g = g->next)
    for (int i = 0; i < g->count; ++i)
      if (is_open(&g->files[i])) result |= function(&g->files[i]);
  return result;
}
int _fwalk_reent(struct _reent *r, int (*function)(struct _reent *, FILE *)) {
  int result = 0;
  for (struct glue *g = &r->sglue; g; g = g->next)
    for (int i = 0; i < g->count; ++i)
      if (is_open(&g->files[i])) result |= function(r, &g->files[i]);
  return result;
}
void __fp_lock_all(void) {
  __sfp_lock_acquire();
  _fwalk(__getreent(), lock_one);
}
void __fp_unlock_all(void) {
  _fwalk(__getreent(), unlock_one);
  __sfp_lock_release();
}

/* Room for `count` more files, all free. */
struct glue *__sfmoreglue(struct _reent *r, int count) {
  struct glue *g = _malloc_r(r, sizeof *g + (size_t)count * sizeof(FILE));
  if (!g) return NULL;
  *g = (struct glue){NULL, count, (FILE *)(g + 1)};
  memset(g->files, 0, (size_t)count * sizeof(FILE));
  return g;
}

/* A free file, marked as taken; all files belong to the global state. */
FILE *__sfp(struct _reent *r) {
  __sfp_lock_acquire();
  if (!_global_impure_ptr->sdidinit) __sinit(_global_impure_ptr);
  FILE *found = NULL;
  for (struct glue *g = &_global_impure_ptr->sglue; !found;) {
    for (int i = 0; i < g->count && !found; ++i)
      if (g->files[i].flags == 0) found = &g->files[i];
    if (found) break;
    if (!g->next && !(g->next = __sfmoreglue(r, 4))) {
      __sfp_lock_release();
      r->_errno = ENOMEM;
      return NULL;
    }
    g = g->next;
  }
  found->fd = -1;
  found->flags = 1;
  found->flags2 = 0;
  _lock_init_recursive(&found->lock);
  __sfp_lock_release();
  found->p = NULL;
  found->r = found->w = 0;
  found->bf = (struct buffer){NULL, 0};
  found->lbfsize = 0;
  memset(found->mbstate, 0, sizeof found->mbstate);
  found->ub = found->lb = (struct buffer){NULL, 0};
  return found;
}

static void set_up_standard_file(FILE *fp, int flags, int fd) {
  fp->p = NULL;
  fp->r = fp->w = 0;
  fp->flags = (int16_t)flags;
  fp->flags2 = 0;
  fp->fd = (int16_t)fd;
  fp->bf = (struct buffer){NULL, 0};
  fp->lbfsize = 0;
  memset(fp->mbstate, 0, sizeof fp->mbstate);
  fp->cookie = fp;
  fp->read = (void *)rom_at_sread;
  fp->write = (void *)rom_at_swrite;
  fp->seek = (void *)rom_at_sseek;
  fp->close = (void *)rom_at_sclose;
}

void __sinit(struct _reent *r) {
  __sinit_lock_acquire();
  if (!r->sdidinit) {
    r->sglue = (struct glue){NULL, 0, NULL};
    r->cleanup = (void *)rom_at_cleanup_r;
    r->sdidinit = 1;
    r->_stdin = __sfp(r);
    r->_stdout = __sfp(r);
    r->_stderr = __sfp(r);
    set_up_standard_file(r->_stdin, __SRD, 0);
    set_up_standard_file(r->_stdout, __SWR | __SLBF, 1);
    set_up_standard_file(r->_stderr, __SWR | __SNBF, 2);
  }
  __sinit_lock_release();
}

FILE *rom_real_file(struct _reent *r, FILE *fp) {
  if (r && !r->sdidinit) __sinit(r);
  if (fp == &__sf_fake_stdin) return r->_stdin;
  if (fp == &__sf_fake_stdout) return r->_stdout;
  if (fp == &__sf_fake_stderr) return r->_stderr;
  return fp;
}

/* --- buffers --- */
void rom_free_ungetc(struct _reent *r, FILE *fp) {
  if (!fp->ub.base) return;
  if (fp->ub.base != fp->ubuf) _free_r(r, fp->ub.base);
  fp->ub.base = NULL;
}

/* Gives the file a buffer: none for an unbuffered one or where there is no memory; a terminal is line-buffered. */
void __smakebuf_r(struct _reent *r, FILE *fp) {
  size_t size = kBuffer;
  bool may_be_terminal = false;
  if (!(fp->flags & __SNBF)) {
    struct stat st;
    if (fp->fd < 0 || _fstat_r(r, fp->fd, &st) < 0) {
      size = fp->flags & __SMBF ? kSmallBuffer : kBuffer;
      fp->flags |= __SNPT;
    } else {
      may_be_terminal = (st.mode & S_IFMT) == S_IFCHR;
      if ((st.mode & S_IFMT) == S_IFREG && (void *)fp->seek == (void *)rom_at_sseek) {
        fp->flags |= __SOPT;
        fp->blksize = kBlock;
      } else {
        fp->flags |= __SNPT;
      }
    }
    uint8_t *buffer = _malloc_r(r, size);
    if (buffer) {
      r->cleanup = (void *)rom_at_cleanup_r;
      fp->flags |= __SMBF;
      fp->p = fp->bf.base = buffer;
      fp->bf.size = (int)size;
      if (may_be_terminal && _isatty_r(r, fp->fd)) fp->flags |= __SLBF;
      return;
    }
    if (fp->flags & __SSTR) return;
    fp->flags |= __SNBF;
  }
  fp->p = fp->bf.base = fp->nbuf;
  fp->bf.size = 1;
}

/* Makes the file ready to be written to; EOF if it may not be. */
int __swsetup_r(struct _reent *r, FILE *fp) {
  fp = rom_real_file(__getreent(), fp);
  if (!(fp->flags & __SWR)) {
    if (!(fp->flags & __SRW)) {
      r->_errno = EBADF;
      fp->flags |= __SERR;
      return EOF;
    }
    if (fp->flags & __SRD) { /* it was being read */
      rom_free_ungetc(r, fp);
      fp->flags &= ~(__SRD | __SEOF);
      fp->r = 0;
      fp->p = fp->bf.base;
    }
    fp->flags |= __SWR;
  }
  if (!fp->bf.base && (fp->flags & (__SSTR | __SMBF)) != __SSTR) __smakebuf_r(r, fp);
  if (fp->flags & __SLBF) {
    fp->w = 0;
    fp->lbfsize = -fp->bf.size;
  } else {
    fp->w = fp->flags & __SNBF ? 0 : fp->bf.size;
  }
  if (!fp->bf.base && fp->flags & __SMBF) {
    fp->flags |= __SERR;
    return EOF;
  }
  return 0;
}

static void orient_narrow(FILE *fp) {
  if (fp->flags & __SORD) return;
  fp->flags |= __SORD;
  fp->flags2 &= ~__SWID;
}

/* Fills the buffer; EOF at the end or on an error. */
static int flush_if_line_buffered(FILE *fp);
int __srefill_r(struct _reent *r, FILE *fp) {
  fp = rom_real_file(r, fp);
  orient_narrow(fp);
  fp->r = 0;
  if (fp->flags & __SEOF) return EOF;
  if (!(fp->flags & __SRD)) {
    if (!(fp->flags & __SRW)) {
      r->_errno = EBADF;
      fp->flags |= __SERR;
      return EOF;
    }
    if (fp->flags & __SWR) { /* it was being written */
      if (_fflush_r(r, fp)) return EOF;
      fp->flags &= ~__SWR;
      fp->w = fp->lbfsize = 0;
    }
    fp->flags |= __SRD;
  } else if (fp->ub.base) { /* what ungetc() had put back is used up: on with the rest */
    rom_free_ungetc(r, fp);
    fp->r = fp->ur;
    if (fp->r) {
      fp->p = fp->up;
      return 0;
    }
  }
  if (!fp->bf.base) __smakebuf_r(r, fp);
  if (fp->flags & (__SLBF | __SNBF)) {
    /* Reading from a terminal shows what waits in line-buffered output; this file itself is left out. */
    const int16_t flags = fp->flags;
    fp->flags = 1;
    _fwalk(_global_impure_ptr, flush_if_line_buffered);
    fp->flags = flags;
    if ((flags & (__SLBF | __SWR)) == (__SLBF | __SWR)) __sflush_r(r, fp);
  }
  fp->p = fp->bf.base;
  fp->r = fp->read(r, fp->cookie, (char *)fp->p, fp->bf.size);
  if (fp->r > 0) return 0;
  if (fp->r == 0) {
    fp->flags |= __SEOF;
  } else {
    fp->r = 0;
    fp->flags |= __SERR;
  }
  return EOF;
}

/* --- flushing --- */
static int write_out(struct _reent *r, FILE *fp) {
  if (!fp->bf.base) return 0;
  uint8_t *from = fp->bf.base;
  int left = fp->p - from;
  fp->p = from;
  fp->w = fp->flags & (__SLBF | __SNBF) ? 0 : fp->bf.size;
  while (left > 0) {
    const int written = fp->write(r, fp->cookie, (char *)from, left);
    if (written <= 0) {
      fp->flags |= __SERR;
      return EOF;
    }
    from += written;
    left -= written;
  }
  return 0;
}

static bool means_not_seekable(int error) { return error == ESPIPE || error == EINVAL; }

/* Gives back what was read ahead: the descriptor's position becomes the reader's. */
static int forget_input(struct _reent *r, FILE *fp) {
  fp->flags |= __SNPT;
  if ((fp->r <= 0 && fp->ur <= 0) || !fp->seek) return 0;
  const int error_before = r->_errno;
  r->_errno = 0;
  int position;
  if (fp->flags & __SOFF) {
    position = fp->offset;
  } else {
    position = fp->seek(r, fp->cookie, 0, SEEK_CUR);
    if (position == -1 && r->_errno) {
      if (means_not_seekable(r->_errno)) {
        r->_errno = error_before;
        return 0;
      }
      fp->flags |= __SERR;
      return EOF;
    }
  }
  if (fp->flags & __SRD) {
    position -= fp->r;
    if (fp->ub.base) position -= fp->ur;
  }
  position = fp->seek(r, fp->cookie, position, SEEK_SET);
  if (position == -1 && r->_errno && !means_not_seekable(r->_errno)) {
    fp->flags |= __SERR;
    return EOF;
  }
  fp->flags &= ~__SNPT;
  fp->r = 0;
  fp->p = fp->bf.base;
  if (fp->flags & __SOFF && (position != -1 || r->_errno == 0)) fp->offset = position;
  r->_errno = error_before;
  rom_free_ungetc(r, fp);
  return 0;
}

int __sflush_r(struct _reent *r, FILE *fp) { return fp->flags & __SWR ? write_out(r, fp) : forget_input(r, fp); }

int _fflush_r(struct _reent *r, FILE *fp) {
  if (!fp->bf.base) return 0;
  fp = rom_real_file(r, fp);
  if (fp->flags == 0) return 0;
  rom_lock_file(fp);
  const int result = __sflush_r(r, fp);
  rom_unlock_file(fp);
  return result;
}
int fflush(FILE *fp) {
  return fp ? _fflush_r(__getreent(), fp) : _fwalk_reent(_global_impure_ptr, _fflush_r);
}
static int flush_if_line_buffered(FILE *fp) {
  return (fp->flags & (__SLBF | __SWR)) == (__SLBF | __SWR) ? fflush(fp) : 0;
}

/* --- closing --- */
int _fclose_r(struct _reent *r, FILE *fp) {
  if (!fp) return 0;
  fp = rom_real_file(r, fp);
  if (!(fp->flags & __SSTR)) _lock_acquire_recursive(&fp->lock);
  if (fp->flags == 0) {
    _lock_release_recursive(&fp->lock);
    return 0;
  }
  int result = __sflush_r(r, fp);
  if (fp->close && fp->close(r, fp->cookie) < 0) result = EOF;
  if (fp->flags & __SMBF) _free_r(r, fp->bf.base);
  rom_free_ungetc(r, fp);
  if (fp->lb.base) {
    _free_r(r, fp->lb.base);
    fp->lb.base = NULL;
  }
  __sfp_lock_acquire();
  fp->flags = 0;
  _lock_release_recursive(&fp->lock);
  _lock_close_recursive(&fp->lock);
  __sfp_lock_release();
  return result;
}
int fclose(FILE *fp) { return _fclose_r(__getreent(), fp); }
void _cleanup_r(struct _reent *r) { _fwalk_reent(r, _fclose_r); }
void _cleanup(void) { _cleanup_r(_global_impure_ptr); }

/* --- writing --- */
/* The output of sprintf() to a growing buffer: room for `count` more bytes and a NUL. */
static bool grow_string(struct _reent *r, FILE *fp, size_t count) {
  const size_t used = (size_t)(fp->p - fp->bf.base);
  size_t size = (size_t)fp->bf.size * 3 / 2;
  if (size < used + count + 1) size = used + count + 1;
  uint8_t *buffer;
  if (fp->flags & __SOPT) { /* the first one is not ours to reallocate */
    buffer = _malloc_r(r, size);
    if (buffer) {
      memcpy(buffer, fp->bf.base, used);
      fp->flags = (int16_t)((fp->flags & ~(__SOPT | __SMBF)) | __SMBF);
    }
  } else {
    buffer = _realloc_r(r, fp->bf.base, size);
    if (!buffer) {
      _free_r(r, fp->bf.base);
      fp->flags &= ~__SMBF;
    }
  }
  if (!buffer) {
    r->_errno = ENOMEM;
    return false;
  }
  fp->bf = (struct buffer){buffer, (int)size};
  fp->p = buffer + used;
  fp->w = (int)(size - used);
  return true;
}

static void store(FILE *fp, const char *from, int count) {
  memmove(fp->p, from, (size_t)count);
  fp->p += count;
  fp->w -= count;
}

/* sprintf() and its like: what does not fit in a fixed buffer is dropped, but counts. */
int __ssputs_r(struct _reent *r, FILE *fp, const char *from, size_t count) {
  int room = fp->w;
  if ((int)count >= room && fp->flags & (__SMBF | __SOPT)) {
    if (!grow_string(r, fp, count)) {
      fp->flags |= __SERR;
      return EOF;
    }
    room = (int)count;
  }
  store(fp, from, (int)count < room ? (int)count : room);
  return 0;
}

static int write_through(struct _reent *r, FILE *fp, const char *from, int count) {
  return fp->write(r, fp->cookie, from, count);
}

/* Takes some of `count` bytes; how many, or 0 after an error. */
static int take_some(struct _reent *r, FILE *fp, const char *from, int count) {
  if (fp->flags & __SNBF) {
    const int written = write_through(r, fp, from, count);
    return written > 0 ? written : 0;
  }
  if (fp->flags & __SSTR) return __ssputs_r(r, fp, from, (size_t)count) == 0 ? count : 0;

  /* A line-buffered file is written out behind each line feed: only that far at once. */
  bool line = false;
  if (fp->flags & __SLBF) {
    const char *end = memchr(from, '\n', (size_t)count);
    if (end) {
      count = (int)(end - from) + 1;
      line = true;
    }
  }
  int room = fp->flags & __SLBF ? fp->w + fp->bf.size : fp->w;
  int done;
  if (fp->p > fp->bf.base && count > room) { /* fill up what has been begun */
    store(fp, from, room);
    if (_fflush_r(r, fp)) return 0;
    return room > 0 ? room : take_some(r, fp, from, count);
  }
  if (count >= fp->bf.size) {
    const int whole = fp->flags & __SLBF ? fp->bf.size : count / fp->bf.size * fp->bf.size;
    done = write_through(r, fp, from, whole);
    if (done <= 0) return 0;
  } else {
    store(fp, from, count);
    done = count;
    if (!(fp->flags & __SLBF) && fp->w == 0 && _fflush_r(r, fp)) return 0;
  }
  if (line && done == count && _fflush_r(r, fp)) return 0;
  return done;
}

int __sfvwrite_r(struct _reent *r, FILE *fp, struct uio *uio) {
  if (uio->left == 0) return 0;
  if ((!(fp->flags & __SWR) || !fp->bf.base) && __swsetup_r(r, fp)) return EOF;
  for (struct iov *iov = uio->iov; uio->left > 0; ++iov) {
    const char *from = iov->base;
    int count = (int)iov->length;
    while (count > 0) {
      const int done = take_some(r, fp, from, count);
      if (done == 0) {
        fp->flags |= __SERR;
        return EOF;
      }
      from += done;
      count -= done;
      uio->left -= done;
    }
  }
  return 0;
}

/* printf() to a file. */
int __sfputs_r(struct _reent *r, FILE *fp, const char *from, size_t count) {
  for (; count; --count, ++from) {
    if (--fp->w >= 0 || (fp->w >= fp->lbfsize && *from != '\n')) *fp->p++ = (uint8_t)*from;
    else if (__swbuf_r(r, *from, fp) == EOF) return EOF;
  }
  return 0;
}

/* Writes all of a list and empties it: to a file, to a string. */
int __sprint_r(struct _reent *r, FILE *fp, struct uio *uio) {
  int result = 0;
  if (uio->left) result = __sfvwrite_r(r, fp, uio);
  uio->left = uio->count = 0;
  return result;
}
int __ssprint_r(struct _reent *r, FILE *fp, struct uio *uio) {
  int result = 0;
  for (struct iov *iov = uio->iov; uio->left > 0 && result == 0; ++iov) {
    result = __ssputs_r(r, fp, iov->base, iov->length);
    uio->left -= (int)iov->length;
  }
  uio->left = uio->count = 0;
  return result;
}

/* Writes a byte for which putc() has found no room. */
int __swbuf_r(struct _reent *r, int c, FILE *fp) {
  fp = rom_real_file(r, fp);
  fp->w = fp->lbfsize;
  if ((!(fp->flags & __SWR) || !fp->bf.base) && __swsetup_r(r, fp)) return EOF;
  c = (uint8_t)c;
  orient_narrow(fp);
  int used = fp->p - fp->bf.base;
  if (used >= fp->bf.size) {
    if (_fflush_r(r, fp)) return EOF;
    used = 0;
  }
  --fp->w;
  *fp->p++ = (uint8_t)c;
  if (++used == fp->bf.size || (fp->flags & __SLBF && c == '\n'))
    if (_fflush_r(r, fp)) return EOF;
  return c;
}
int __swbuf(int c, FILE *fp) { return __swbuf_r(__getreent(), c, fp); }

/* --- putting back --- */
/* The put-back buffer is full: a larger one, its contents at the end. */
int __submore(struct _reent *r, FILE *fp) {
  if (fp->ub.base == fp->ubuf) {
    uint8_t *buffer = _malloc_r(r, kBlock);
    if (!buffer) return EOF;
    fp->ub = (struct buffer){buffer, kBlock};
    fp->p = buffer + kBlock - sizeof fp->ubuf;
    memcpy(fp->p, fp->ubuf, sizeof fp->ubuf);
    return 0;
  }
  const size_t size = (size_t)fp->ub.size;
  uint8_t *buffer = _realloc_r(r, fp->ub.base, size * 2);
  if (!buffer) return EOF;
  memcpy(buffer + size, buffer, size);
  fp->ub = (struct buffer){buffer, (int)size * 2};
  fp->p = buffer + size;
  return 0;
}

static int put_back(struct _reent *r, FILE *fp, uint8_t c) {
  if (fp->ub.base) {
    if (fp->r >= fp->ub.size && __submore(r, fp)) return EOF;
    *--fp->p = c;
    ++fp->r;
    return c;
  }
  if (fp->bf.base && fp->p > fp->bf.base && fp->p[-1] == c) { /* it is still there */
    --fp->p;
    ++fp->r;
    return c;
  }
  fp->ur = fp->r;
  fp->up = fp->p;
  fp->ub = (struct buffer){fp->ubuf, sizeof fp->ubuf};
  fp->p = fp->ubuf + sizeof fp->ubuf - 1;
  *fp->p = c;
  fp->r = 1;
  return c;
}

int _ungetc_r(struct _reent *r, int c, FILE *fp) {
  if (c == EOF) return EOF;
  fp = rom_real_file(r, fp);
  rom_lock_file(fp);
  orient_narrow(fp);
  fp->flags &= ~__SEOF;
  int result = EOF;
  bool readable = fp->flags & __SRD;
  if (!readable && fp->flags & __SRW) {
    readable = true;
    if (fp->flags & __SWR) {
      readable = _fflush_r(r, fp) == 0;
      if (readable) {
        fp->flags &= ~__SWR;
        fp->w = fp->lbfsize = 0;
      }
    }
    if (readable) fp->flags |= __SRD;
  }
  if (readable) result = put_back(r, fp, (uint8_t)c);
  rom_unlock_file(fp);
  return result;
}
int ungetc(int c, FILE *fp) { return _ungetc_r(__getreent(), c, fp); }

/* The same for sscanf()'s string. */
int _sungetc_r(struct _reent *r, int c, FILE *fp) {
  if (c == EOF) return EOF;
  fp->flags &= ~__SEOF;
  return put_back(r, fp, (uint8_t)c);
}
/* The string has no more than what is there. */
int __ssrefill_r(struct _reent *r, FILE *fp) {
  if (fp->ub.base) {
    rom_free_ungetc(r, fp);
    fp->r = fp->ur;
    if (fp->r) {
      fp->p = fp->up;
      return 0;
    }
  }
  fp->p = fp->bf.base;
  fp->r = 0;
  fp->flags |= __SEOF;
  return EOF;
}
