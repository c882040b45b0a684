/* What small firmware does between its calls of drivers: lists searched, turned round and sorted; a small
   matrix; texts taken apart by a state machine; a CRC over all of it. */
#include "kernel.h"

/* --- lists --- */
enum { kNodes = 40 };
typedef struct Node {
  struct Node* next;
  int16_t key;
  uint16_t payload;
} Node;
static Node nodes[kNodes];

static Node* make_list(uint32_t seed) {
  uint32_t random = seed | 1;
  Node* head = 0;
  for (unsigned n = 0; n < kNodes; ++n) {
    nodes[n] = (Node){head, (int16_t)(next_random(&random) & 0x3ff), (uint16_t)n};
    head = &nodes[n];
  }
  return head;
}
static Node* reversed(Node* list) {
  Node* result = 0;
  while (list) {
    Node* next = list->next;
    list->next = result;
    result = list;
    list = next;
  }
  return result;
}
static const Node* find_key(const Node* list, int16_t key) {
  while (list && list->key != key) list = list->next;
  return list;
}

typedef int Order(const Node* a, const Node* b);
static int by_key(const Node* a, const Node* b) {
  return a->key - b->key;
}
static int by_payload(const Node* a, const Node* b) {
  return (a->payload ^ 5) - (b->payload ^ 5);
}
/* Merges runs of 1, 2, 4 ... nodes. */
static Node* sorted(Node* list, Order* order) {
  for (unsigned run = 1;; run *= 2) {
    Node *result = 0, **tail = &result, *left = list;
    unsigned merges = 0;
    while (left) {
      Node* right = left;
      unsigned lefts = 0, rights = run;
      while (lefts < run && right) ++lefts, right = right->next;
      ++merges;
      while (lefts || (rights && right)) {
        Node* taken;
        if (lefts && (!rights || !right || order(left, right) <= 0)) {
          taken = left, left = left->next, --lefts;
        } else {
          taken = right, right = right->next, --rights;
        }
        *tail = taken;
        tail = &taken->next;
      }
      left = right;
    }
    *tail = 0;
    list = result;
    if (merges <= 1) return list;
  }
}

/* --- a matrix --- */
enum { kSide = 9 };
static int16_t a[kSide][kSide], b[kSide][kSide];
static int32_t c[kSide][kSide];

static uint32_t multiply_matrices(uint32_t seed) {
  for (int row = 0; row < kSide; ++row)
    for (int column = 0; column < kSide; ++column) {
      seed = seed * 1103515245u + 12345u;
      a[row][column] = (int16_t)(seed >> 16);
      b[column][row] = (int16_t)(seed >> 12 & 0xff);
    }
  uint32_t sum = 0;
  for (int row = 0; row < kSide; ++row)
    for (int column = 0; column < kSide; ++column) {
      int32_t value = 0;
      for (int n = 0; n < kSide; ++n) value += a[row][n] * b[n][column] >> 4;
      c[row][column] = value;
      if (value > 4000)
        sum += (uint32_t)value;
      else
        sum ^= (uint32_t)c[column][row];
    }
  return sum;
}

/* --- a state machine --- */
typedef enum { kStart, kSign, kDigits, kPoint, kFraction, kExponent, kWord, kBad, kStates } ScanState;
static const char* const kTexts[] = {"12,-340,+7,hello,3.25,", "1e9,--5,0x1f,world,.5,",
                                     "6.02e23,abc123,99,-,x,", "+1.e,42,4711,a_b,0.0001,"};

static ScanState scanned(ScanState state, char next) {
  const int digit = next >= '0' && next <= '9';
  const int letter = (next >= 'a' && next <= 'z') || next == '_';
  switch (state) {
    case kStart:
      return digit                        ? kDigits
             : letter                     ? kWord
             : next == '.'                ? kPoint
             : next == '+' || next == '-' ? kSign
                                          : kBad;
    case kSign:
      return digit ? kDigits : next == '.' ? kPoint : kBad;
    case kDigits:
      return digit ? kDigits : next == '.' ? kFraction : next == 'e' ? kExponent : kBad;
    case kPoint:
      return digit ? kFraction : kBad;
    case kFraction:
      return digit ? kFraction : next == 'e' ? kExponent : kBad;
    case kExponent:
      return digit || next == '-' ? kExponent : kBad;
    case kWord:
      return digit || letter ? kWord : kBad;
    default:
      return kBad;
  }
}
static uint32_t count_kinds(const char* text, uint16_t counts[kStates]) {
  uint32_t steps = 0;
  ScanState state = kStart;
  for (; *text; ++text, ++steps) {
    if (*text == ',') {
      ++counts[state];
      state = kStart;
    } else {
      state = scanned(state, *text);
    }
  }
  return steps;
}

/* --- a CRC --- */
static uint16_t crc16(uint16_t crc, uint16_t value) {
  for (unsigned bit = 0; bit < 16; ++bit, value >>= 1)
    crc = (crc ^ value) & 1 ? (uint16_t)(crc >> 1 ^ 0xa001) : (uint16_t)(crc >> 1);
  return crc;
}
static uint16_t crc32_of(uint16_t crc, uint32_t value) {
  return crc16(crc16(crc, (uint16_t)value), (uint16_t)(value >> 16));
}

uint32_t kernel_mix(uint32_t iterations) {
  uint16_t crc = 0xffff;
  uint32_t checksum = 1;
  for (int n = 0; n < kSide * kSide; ++n) c[n / kSide][n % kSide] = 0;
  for (uint32_t i = 0; i < iterations; ++i) {
    Node* list = make_list(checksum);
    for (unsigned n = 0; n < 12; ++n) {
      list = reversed(list);
      const Node* found = find_key(list, (int16_t)(n & 1 ? nodes[(n * 7) % kNodes].key : (int16_t)n));
      crc = crc16(crc, found ? found->payload : 0xffff);
    }
    list = sorted(list, by_key);
    crc = crc16(crc, (uint16_t)list->key);
    list = sorted(list, by_payload);
    crc = crc16(crc, (uint16_t)list->next->key);

    crc = crc32_of(crc, multiply_matrices(checksum));

    uint16_t counts[kStates] = {0};
    for (unsigned n = 0; n < 4; ++n) crc = crc16(crc, (uint16_t)count_kinds(kTexts[(n + i) % 4], counts));
    for (unsigned n = 0; n < kStates; ++n) crc = crc16(crc, counts[n]);
    checksum = mixed_in(checksum, crc);
  }
  return checksum;
}
