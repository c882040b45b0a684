/* ets_printf and where its characters go. Behaviour as the chip's, its oddities included: see the notes. */
#include "rom.h"

#include <stdarg.h>

/* The console: a line feed gets a carriage return before it, a carriage return of the text's own is dropped. */
void ets_write_char_uart(char c) {
  if (c == '\n') {
    uart_tx_one_char('\r');
    uart_tx_one_char('\n');
  } else if (c != '\r') {
    uart_tx_one_char((uint8_t)c);
  }
}

void ets_install_putc1(putc_t p) { rom_putc1 = p; }
void ets_install_putc2(putc_t p) { rom_putc2 = p; }
void ets_install_uart_printf(void) { rom_putc1 = ets_write_char_uart; }

static void put(char c) {
  if (rom_putc1) rom_putc1(c);
  if (rom_putc2) rom_putc2(c);
}

/* Writes `value` in `base` to `digits`, without a NUL; returns the number of digits. */
static int format_number(uint64_t value, unsigned base, const char *alphabet, char *digits) {
  char reversed[24];
  int count = 0;
  for (; value >> 32; value /= base) reversed[count++] = alphabet[value % base];
  uint32_t low = (uint32_t)value;
  do {
    reversed[count++] = alphabet[low % base];
    low /= base;
  } while (low);
  for (int i = 0; i < count; ++i) digits[i] = reversed[count - 1 - i];
  return count;
}

/* %[-][0][width][.precision][l|ll](d D u U x X p s S c C %).
   A precision is skipped and acts as the flag 0. Unsigned conversions print 32 bits whatever the length. A %% (or
   an unknown letter) that follows others is padded as if of a length below 0: by a blank more for each of them. Returns the number of characters. */
int ets_printf(const char *format, ...) {
  if (!rom_putc1 && !rom_putc2) return 0;
  va_list args;
  va_start(args, format);
  char digits[24];
  const char *text = digits;
  int printed = 0, length = 0;

  for (char c; (c = *format) != 0;) {
    ++format;
    if (c != '%') {
      put(c);
      ++printed;
      continue;
    }
    bool left = false;
    c = *format++;
    if (c == '-') {
      left = true;
      c = *format++;
    }
    bool zeros = false;
    if (c == '0') {
      zeros = true;
      c = *format++;
    }
    int width = 0;
    for (; c >= '0' && c <= '9'; c = *format++) width = width * 10 + (c - '0');
    if (c == '.') {
      zeros = true;
      do c = *format++;
      while (c >= '0' && c <= '9');
    }
    bool is_long_long = false;
    if (c == 'l') {
      c = *format++;
      if (c == 'l') {
        is_long_long = true;
        c = *format++;
      }
    }

    char sign = 0;
    switch (c) {
      case 'd':
      case 'D':
      case 'u':
      case 'U':
      case 'x':
      case 'X':
      case 'p': {
        int64_t value = is_long_long ? va_arg(args, int64_t) : va_arg(args, int32_t);
        if (c == 'd' || c == 'D') {
          if (value < 0) {
            sign = '-';
            value = -value;
          }
        } else {
          value = (uint32_t)value;
        }
        if (c == 'p') {
          put('0');
          put('x');
          width = 8;
          zeros = true;
        }
        const bool hex = c == 'x' || c == 'X' || c == 'p';
        text = digits;
        length = format_number((uint64_t)value, hex ? 16 : 10, c == 'X' ? "0123456789ABCDEF" : "0123456789abcdef",
                               digits);
        break;
      }
      case 's':
      case 'S':
        text = va_arg(args, const char *);
        if (!text) text = "<null>";
        length = (int)strlen(text);
        break;
      case 'c':
      case 'C':
        put((char)va_arg(args, int));
        ++printed;
        continue;
      case '%':
        put('%');
        break;
      default:
        put('%');
        put(c);
        printed += 2;
        break;
    }

    width -= length;
    char fill = zeros ? '0' : ' ';
    if (sign) {
      --width;
      if (zeros) {
        put(sign);
        ++printed;
        sign = 0;
      }
    }
    if (!left)
      for (; width > 0; --width, ++printed) put(fill);
    if (sign) {
      put(sign);
      ++printed;
    }
    for (; length > 0; --length, ++printed) put(*text++);
    --length;
    if (left)
      for (; width > 0; --width, ++printed) put(' ');
  }
  va_end(args);
  return printed;
}
