/* The ROM's C library: strings, characters, numbers, sorting, jumps, formatted text. */
#include <stdarg.h>

#include "check.h"

char *strcpy(char*, const char*), *strncpy(char*, const char*, size_t), *strcat(char*, const char*),
    *strncat(char*, const char*, size_t);
char *strchr(const char*, int), *strrchr(const char*, int), *strstr(const char*, const char*),
    *strcasestr(const char*, const char*), *strtok_r(char*, const char*, char**),
    *strsep(char**, const char*), *strlwr(char*), *strupr(char*);
size_t strlcpy(char*, const char*, size_t), strlcat(char*, const char*, size_t), strnlen(const char*, size_t),
    strspn(const char*, const char*), strcspn(const char*, const char*);
void *memccpy(void*, const void*, int, size_t), *memrchr(const void*, int, size_t);
void bzero(void*, size_t);
int isalpha(int), isdigit(int), isspace(int), isupper(int), islower(int), isalnum(int), ispunct(int),
    isprint(int), iscntrl(int), isgraph(int), isblank(int), tolower(int), toupper(int), toascii(int);
int atoi(const char*), abs(int);
long atol(const char*), labs(long), strtol(const char*, char**, int);
unsigned long strtoul(const char*, char**, int);
char *itoa(int, char*, int), *utoa(unsigned, char*, int);
typedef struct {
  int quot, rem;
} Division;
Division div(int, int);
void qsort(void*, size_t, size_t, int (*)(const void*, const void*));
int rand_r(unsigned*);
typedef uint32_t JumpBuffer[17];
int setjmp(JumpBuffer) __attribute__((returns_twice));
void longjmp(JumpBuffer, int) __attribute__((noreturn));
int sprintf(char*, const char*, ...), snprintf(char*, size_t, const char*, ...),
    sscanf(const char*, const char*, ...);
char* strdup(const char*);

#define CHECK_TEXT(text, expected)                                                           \
  do {                                                                                       \
    const char* text_ = (text);                                                              \
    if (strcmp(text_, expected) != 0) {                                                      \
      ets_printf("FAIL %s:%d: \"%s\" is not \"%s\"\n", __FILE__, __LINE__, text_, expected); \
      check_failed(__FILE__, __LINE__, #text);                                               \
    }                                                                                        \
  } while (0)

static char buffer[128];

static void test_memory_functions(void) {
  static uint8_t a[300], b[300];
  for (unsigned i = 0; i < sizeof a; ++i) a[i] = (uint8_t)(i * 7);
  for (unsigned from = 0; from < 8; ++from)
    for (unsigned to = 0; to < 8; ++to)
      for (unsigned length = 0; length < 70; length += 3) {
        memset(b, 0xee, sizeof b);
        CHECK(memcpy(b + 8 + to, a + from, length) == b + 8 + to);
        CHECK_EQ(memcmp(b + 8 + to, a + from, length), 0);
        CHECK_EQ(b[7 + to], 0xee);
        CHECK_EQ(b[8 + to + length], 0xee);
      }
  memcpy(b, a, 100);
  memmove(b + 5, b, 90);
  CHECK_EQ(memcmp(b + 5, a, 90), 0);
  memcpy(b, a, 100);
  memmove(b, b + 5, 90);
  CHECK_EQ(memcmp(b, a + 5, 90), 0);
  CHECK(memcmp("abc", "abd", 3) < 0);
  CHECK(memcmp("ab\xff", "abc", 3) > 0);
  CHECK(memchr("hello", 'l', 5) != 0);
  CHECK(memchr("hello", 'l', 2) == 0);
  const char* text = "hello";
  CHECK(memrchr(text, 'l', 5) == text + 3);
  CHECK(memccpy(buffer, "abc:def", ':', 20) == buffer + 4);
  bzero(b, 10);
  CHECK_EQ(b[9], 0);
}

static void test_strings(void) {
  CHECK_EQ(strlen(""), 0);
  CHECK_EQ(strlen("hello"), 5);
  CHECK_EQ(strnlen("hello", 3), 3);
  CHECK_EQ(strcmp("abc", "abc"), 0);
  CHECK(strcmp("abc", "abd") < 0 && strcmp("b", "abc") > 0 && strcmp("ab", "abc") < 0);
  CHECK_EQ(strncmp("abcdef", "abcxyz", 3), 0);
  CHECK_EQ(strcasecmp("HeLLo", "hEllO"), 0);
  CHECK_EQ(strncasecmp("HELlo world", "helLO there", 6), 0);
  CHECK_TEXT(strcpy(buffer, "one"), "one");
  CHECK_TEXT(strcat(buffer, " two"), "one two");
  CHECK_TEXT(strncat(buffer, " three", 3), "one two th");
  strncpy(buffer, "abc", 8);
  CHECK_EQ(buffer[7], 0);
  CHECK_EQ(strlcpy(buffer, "a long text", 5), 11);
  CHECK_TEXT(buffer, "a lo");
  CHECK_EQ(strlcat(buffer, "123456", 8), 10);
  CHECK_TEXT(buffer, "a lo123");
  const char* text = "one,two,three";
  CHECK(strchr(text, ',') == text + 3);
  CHECK(strrchr(text, ',') == text + 7);
  CHECK(strchr(text, 0) == text + 13);
  CHECK(strchr(text, 'x') == 0);
  CHECK(strstr(text, "two") == text + 4);
  CHECK(strstr(text, "four") == 0);
  CHECK(strcasestr(text, "TWO") == text + 4);
  CHECK_EQ(strspn(text, "eno"), 3);
  CHECK_EQ(strcspn(text, ","), 3);
  char* rest = 0;
  strcpy(buffer, ",,one,two");
  CHECK_TEXT(strtok_r(buffer, ",", &rest), "one");
  CHECK_TEXT(strtok_r(0, ",", &rest), "two");
  CHECK(strtok_r(0, ",", &rest) == 0);
  strcpy(buffer, "a,,b");
  rest = buffer;
  CHECK_TEXT(strsep(&rest, ","), "a");
  CHECK_TEXT(strsep(&rest, ","), "");
  CHECK_TEXT(strsep(&rest, ","), "b");
  CHECK(rest == 0);
  strcpy(buffer, "Hello");
  CHECK_TEXT(strupr(buffer), "HELLO");
  CHECK_TEXT(strlwr(buffer), "hello");
}

static void test_characters(void) {
  unsigned counts[11] = {0};
  for (int c = 0; c < 128; ++c) {
    counts[0] += !!isalpha(c);
    counts[1] += !!isdigit(c);
    counts[2] += !!isspace(c);
    counts[3] += !!isupper(c);
    counts[4] += !!islower(c);
    counts[5] += !!isalnum(c);
    counts[6] += !!ispunct(c);
    counts[7] += !!isprint(c);
    counts[8] += !!iscntrl(c);
    counts[9] += !!isgraph(c);
    counts[10] += !!isblank(c);
  }
  static const uint8_t expected[11] = {52, 10, 6, 26, 26, 62, 32, 95, 33, 94, 2};
  for (unsigned i = 0; i < 11; ++i) CHECK_EQ(counts[i], expected[i]);
  CHECK_EQ(tolower('Q'), 'q');
  CHECK_EQ(toupper('q'), 'Q');
  CHECK_EQ(tolower('5'), '5');
  CHECK_EQ(toascii(0xc1), 0x41);
}

static void test_numbers(void) {
  CHECK_EQ(abs(-5), 5);
  CHECK_EQ(labs(7), 7);
  CHECK_EQ(div(-17, 5).quot, -3);
  CHECK_EQ(div(-17, 5).rem, -2);
  CHECK_TEXT(itoa(-1234, buffer, 10), "-1234");
  CHECK_TEXT(itoa(255, buffer, 16), "ff");
  CHECK_TEXT(utoa(0xffffffff, buffer, 2), "11111111111111111111111111111111");
  unsigned seed = 1, other = 1;
  CHECK_EQ(rand_r(&seed), rand_r(&other));
}

/* --- Sorting calls back --- */
static uint32_t comparisons;
static int ascending(const void* a, const void* b) {
  ++comparisons;
  const uint32_t x = *(const uint32_t*)a, y = *(const uint32_t*)b;
  if (comparisons % 10 == 0) spill_windows();
  return x < y ? -1 : x > y;
}
static int by_last_byte(const void* a, const void* b) {
  return ((const uint8_t*)a)[6] - ((const uint8_t*)b)[6];
}
static void test_qsort(void) {
  static uint32_t numbers[500];
  static const uint16_t sizes[] = {0, 1, 2, 7, 8, 40, 41, 500};
  for (unsigned s = 0; s < sizeof sizes / sizeof *sizes; ++s)
    for (unsigned kind = 0; kind < 3; ++kind) {
      uint32_t sum = 0, x = 12345;
      for (unsigned i = 0; i < sizes[s]; ++i) {
        x = x * 1664525 + 1013904223;
        numbers[i] = kind == 0 ? x : kind == 1 ? i : x >> 28;
        sum += numbers[i];
      }
      qsort(numbers, sizes[s], sizeof *numbers, ascending);
      for (unsigned i = 0; i < sizes[s]; ++i) {
        sum -= numbers[i];
        if (i != 0) CHECK(numbers[i - 1] <= numbers[i]);
      }
      CHECK_EQ(sum, 0);
    }
  static uint8_t records[20][7];
  for (unsigned i = 0; i < 20; ++i)
    for (unsigned j = 0; j < 7; ++j) records[i][j] = (uint8_t)(i * 37 % 20 + j);
  qsort(records, 20, 7, by_last_byte);
  for (unsigned i = 0; i < 20; ++i) CHECK_EQ(records[i][0], i);
}

static JumpBuffer place;
#pragma GCC diagnostic ignored "-Winfinite-recursion" /* it ends by a jump */
static uint32_t __attribute__((noinline)) jump_from_below(uint32_t depth, int value) {
  volatile uint32_t kept = depth;
  if (depth == 0) longjmp(place, value);
  return jump_from_below(depth - 1, value) + kept;
}
static void test_jumps(void) {
  volatile uint32_t rounds = 0;
  uint32_t a = 0x1111, b = 0x2222, c = 0x3333;
  __asm__ volatile("" : "+a"(a), "+a"(b), "+a"(c));
  const int got = setjmp(place);
  ++rounds;
  if (rounds == 1) CHECK_EQ(got, 0);
  if (rounds == 2) CHECK_EQ(got, 42);
  if (rounds == 3) CHECK_EQ(got, 1); /* 0 would look like the first time */
  if (rounds == 1) jump_from_below(0, 42);
  if (rounds == 2) jump_from_below(30, 0);
  CHECK_EQ(rounds, 3);
  CHECK_EQ(a, 0x1111);
  CHECK_EQ(b, 0x2222);
  CHECK_EQ(c, 0x3333);
}

/* --- ets_printf, into a buffer --- */
static char printed[128];
static unsigned printed_length;
static void take(char c) {
  if (printed_length < sizeof printed - 1) printed[printed_length++] = c;
  printed[printed_length] = 0;
}
static void nowhere(char c) {
  (void)c;
}
#define CHECK_PRINTED(expected, ...) \
  do {                               \
    printed_length = 0;              \
    ets_install_putc1(take);         \
    ets_printf(__VA_ARGS__);         \
    ets_install_uart_printf();       \
    CHECK_TEXT(printed, expected);   \
  } while (0)
static void test_ets_printf(void) {
  CHECK_PRINTED("plain 100%", "plain 100%%");
  CHECK_PRINTED("-5 5 4294967295", "%d %d %u", -5, 5, 0xffffffffu);
  CHECK_PRINTED("beef BEEF 0000beef", "%x %X %08x", 0xbeefu, 0xbeefu, 0xbeefu);
  CHECK_PRINTED("[   42][00042]", "[%5d][%05d]", 42, 42);
  CHECK_PRINTED("text, x", "%s, %c", "text", 'x');
  CHECK_PRINTED("3ffb0000", "%x", 0x3ffb0000u);
  ets_install_putc1(nowhere);
  ets_printf("this must not be seen\nFAIL\n");
  ets_install_uart_printf();
}

/* --- What needs the application's help: it hands the ROM a table of functions, as ESP-IDF does
   (esp32/rom/libc_stubs.h). --- */
static uint8_t reent[240];
static void* get_reent(void) {
  return reent;
}
static uint8_t heap[1024] __attribute__((aligned(8)));
static uint32_t heap_used;
static void* allocate(void* r, size_t size) {
  (void)r;
  void* at = heap + heap_used;
  heap_used += (size + 7) & ~7u;
  return at;
}
static void do_nothing(void) {}
static void test_formatted_text(void) {
  enum { kEntries = 36, kMalloc = 1 };
  static void* table[kEntries];
  for (unsigned i = 0; i < kEntries; ++i) table[i] = (void*)do_nothing;
  table[0] = (void*)get_reent;
  table[kMalloc] = (void*)allocate;
  REG(0x3ffae020) = (uint32_t)table; /* syscall_table_ptr_app */
  REG(0x3ffae024) = (uint32_t)table; /* syscall_table_ptr_pro */

  CHECK_EQ(atoi("  -42x"), -42);
  CHECK_EQ(atol("123456789"), 123456789);
  char* end;
  CHECK_EQ(strtol("0x1fz", &end, 0), 0x1f);
  CHECK_EQ(*end, 'z');
  CHECK_EQ(strtol("-0777", &end, 0), -511);
  CHECK_EQ(strtol("99999999999", &end, 10), 0x7fffffff);
  CHECK_EQ(strtoul("4294967295", &end, 10), 0xffffffff);
  CHECK_EQ(strtol("zz", &end, 36), 35 * 36 + 35);

  CHECK_EQ(sprintf(buffer, "%d/%u/%x/%o", -7, 7u, 255u, 8u), 10);
  CHECK_TEXT(buffer, "-7/7/ff/10");
  sprintf(buffer, "[%5d|%-5d|%05d|%+d]", 42, 42, 42, 42);
  CHECK_TEXT(buffer, "[   42|42   |00042|+42]");
  sprintf(buffer, "%s %.3s %8s|%-8s|%c", "one", "twofold", "three", "four", '5');
  CHECK_TEXT(buffer, "one two    three|four    |5");
  sprintf(buffer, "%#x %08lx %p", 0x2au, 0xabcul, (void*)0x1234);
  CHECK_TEXT(buffer, "0x2a 00000abc 0x1234");
  CHECK_EQ(snprintf(buffer, 6, "%d", 123456789), 9);
  CHECK_TEXT(buffer, "12345");
  int x = 0;
  unsigned y = 0;
  char word[16] = "";
  CHECK_EQ(sscanf("  12 ff word", "%d %x %15s", &x, &y, word), 3);
  CHECK_EQ(x, 12);
  CHECK_EQ(y, 255);
  CHECK_TEXT(word, "word");
  const char* copy = strdup("copied");
  CHECK((const uint8_t*)copy >= heap && (const uint8_t*)copy < heap + sizeof heap);
  CHECK_TEXT(copy, "copied");
}

const Test tests[] = {TEST(memory_functions), TEST(strings),        TEST(characters),
                      TEST(numbers),          TEST(qsort),          TEST(jumps),
                      TEST(ets_printf),       TEST(formatted_text), {0, 0}};
