/* qsort(), as J. L. Bentley and M. D. McIlroy describe it in "Engineering a Sort Function" (Software: Practice and
   Experience 23, 1993), with an insertion sort where a partition moved nothing. Which of equal elements comes first, and
   what the comparison is asked, depends on the algorithm: this is the chip's. */
#include "rom.h"

typedef int (*compare_t)(const void *, const void *);

static void swap(char *a, char *b, size_t count) {
  if ((((uint32_t)a | (uint32_t)b | count) & 3) == 0) {
    for (; count; count -= 4, a += 4, b += 4) {
      const uint32_t word = *(uint32_t *)a;
      *(uint32_t *)a = *(uint32_t *)b;
      *(uint32_t *)b = word;
    }
    return;
  }
  for (; count; --count, ++a, ++b) {
    const char c = *a;
    *a = *b;
    *b = c;
  }
}

static char *median(char *a, char *b, char *c, compare_t compare) {
  if (compare(a, b) < 0) return compare(b, c) < 0 ? b : compare(a, c) < 0 ? c : a;
  return compare(b, c) > 0 ? b : compare(a, c) < 0 ? a : c;
}

static void insertion_sort(char *base, size_t count, size_t size, compare_t compare) {
  char *const end = base + count * size;
  for (char *p = base + size; p < end; p += size)
    for (char *q = p; q > base && compare(q - size, q) > 0; q -= size) swap(q, q - size, size);
}

void qsort(void *array, size_t count, size_t size, compare_t compare) {
  char *base = array;
  for (;;) {
    if (count < 7) {
      insertion_sort(base, count, size, compare);
      return;
    }
    char *middle = base + count / 2 * size;
    char *const last = base + (count - 1) * size;
    if (count > 7) {
      char *low = base, *high = last;
      if (count > 40) {
        const size_t eighth = count / 8 * size;
        low = median(low, low + eighth, low + 2 * eighth, compare);
        middle = median(middle - eighth, middle, middle + eighth, compare);
        high = median(high - 2 * eighth, high - eighth, high, compare);
      }
      middle = median(low, middle, high, compare);
    }
    /* The pivot goes to the front. Then: equal to it [base, a), less [a, b), unknown [b, c], greater (c, d], equal
       (d, last]. */
    swap(base, middle, size);
    char *a = base + size, *b = a, *c = last, *d = last;
    bool moved = false;
    for (;;) {
      int order;
      while (b <= c && (order = compare(b, base)) <= 0) {
        if (order == 0) {
          moved = true;
          swap(a, b, size);
          a += size;
        }
        b += size;
      }
      while (b <= c && (order = compare(c, base)) >= 0) {
        if (order == 0) {
          moved = true;
          swap(c, d, size);
          d -= size;
        }
        c -= size;
      }
      if (b > c) break;
      swap(b, c, size);
      moved = true;
      b += size;
      c -= size;
    }
    if (!moved) {
      insertion_sort(base, count, size, compare);
      return;
    }
    /* The equal ones into the middle. */
    char *const end = base + count * size;
    size_t part = (size_t)(a - base) < (size_t)(b - a) ? (size_t)(a - base) : (size_t)(b - a);
    if (part) swap(base, b - part, part);
    part = (size_t)(d - c) < (size_t)(end - d) - size ? (size_t)(d - c) : (size_t)(end - d) - size;
    if (part) swap(b, end - part, part);
    const size_t less = (size_t)(b - a), greater = (size_t)(d - c);
    if (less > size) qsort(base, less / size, size, compare);
    if (greater <= size) return;
    base = end - greater;
    count = greater / size;
  }
}
