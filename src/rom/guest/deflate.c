/* The compressor of miniz: DEFLATE (RFC 1951) with or without zlib's wrapping (RFC 1950), one piece of input and output
   at a time. Its interface and the size of its state are those of ESP-IDF's miniz.h, the method is our own: hash chains
   over a ring of 32 KiB, lazy matching, and for each block the shortest of the three forms it can have. */
#include "rom.h"

enum {
  kMaxProbes = 0xfff, /* matches looked at for each position; 0: only single bytes */
  kZlibHeader = 0x1000,
  kComputeAdler = 0x2000,
  kGreedy = 0x4000, /* takes a match without looking for a longer one at the next byte */
  kRunsOnly = 0x10000, /* only repetitions of one byte */
  kFilterShort = 0x20000, /* no matches of less than 6 */
  kOnlyStatic = 0x40000,
  kOnlyStored = 0x80000,
};
typedef enum { kBadParameter = -2, kPutFailed = -1, kOkay = 0, kDone = 1 } Status;
typedef enum { kNoFlush = 0, kSyncFlush = 2, kFullFlush = 3, kFinish = 4 } Flush;

enum { kWindow = 32768, kMinMatch = 3, kMaxMatch = 258, kHashes = 4096, kTokens = 24 * 1024, kOutput = 31948 };
enum { kLiterals = 288, kDistances = 32, kLengthCodes = 19, kEndOfBlock = 256, kMaxStored = 31000 };
enum { kLongCode = 15, kLongLengthCode = 7 };

typedef struct {
  uint16_t count[kLiterals], code[kLiterals];
  uint8_t length[kLiterals];
} Tree;

typedef struct {
  bool (*put)(const void *data, int size, void *user);
  void *user;
  uint32_t flags, adler;
  uint32_t position;    /* in the input, of the next byte to compress */
  uint32_t lookahead;   /* bytes in the window from there on */
  uint32_t history;     /* bytes in the window before it that matches may refer to */
  uint32_t block_start; /* position of the block's first byte */
  uint32_t tokens;      /* bytes used in `token` */
  uint32_t flag_at, flag_count;
  uint32_t saved_length, saved_distance; /* a match at the byte before that waits for a better one */
  uint32_t bits, bit_count;
  uint32_t out_size, out_sent; /* of `output` */
  uint32_t blocks;
  bool finishing, finished;
  Status status;
  /* The running call's arguments. */
  const uint8_t *source;
  size_t source_left;
  uint8_t *to;
  size_t to_left;

  uint16_t head[kHashes]; /* position + 1 (16 bits of it) of the last bytes with that hash; 0: none */
  uint16_t next[kWindow]; /* the same of the ones before those at a window's place */
  uint8_t window[kWindow];
  uint8_t token[kTokens]; /* 8 to a byte of flags: a literal, or (flag 1) length - 3 and distance - 1 */
  Tree literals, distances, lengths;
  uint8_t output[kOutput] __attribute__((aligned(4)));
} Compressor;
/* Callers allocate miniz's structure. */
_Static_assert(sizeof(Compressor) <= 140 + 32768 + 257 + 3 * 288 * 5 + 24576 + 65536 + 8192 + 31948,
               "the state is as large as in miniz.h");

uint32_t mz_adler32(uint32_t adler, const uint8_t *data, size_t size);

/* --- bits --- */
static void put_byte(Compressor *c, uint8_t byte) {
  if (c->out_size < kOutput) c->output[c->out_size++] = byte;
}
static void put_bits(Compressor *c, uint32_t value, uint32_t count) {
  c->bits |= value << c->bit_count;
  for (c->bit_count += count; c->bit_count >= 8; c->bit_count -= 8, c->bits >>= 8) put_byte(c, (uint8_t)c->bits);
}
static void align_to_byte(Compressor *c) {
  if (c->bit_count) put_bits(c, 0, 8 - c->bit_count);
}

/* --- RFC 1951, 3.2.5: the symbols of lengths and distances, and how many bits follow them --- */
static uint32_t log2_of(uint32_t value) { return 31 - (uint32_t)__builtin_clz(value); }

static uint32_t length_symbol(uint32_t length, uint32_t *extra_bits, uint32_t *extra) {
  *extra_bits = *extra = 0;
  if (length == kMaxMatch) return 285;
  const uint32_t value = length - kMinMatch;
  if (value < 8) return 257 + value;
  *extra_bits = log2_of(value) - 2;
  *extra = value & ((1u << *extra_bits) - 1);
  return 257 + 4 * *extra_bits + (value >> *extra_bits);
}
static uint32_t distance_symbol(uint32_t distance, uint32_t *extra_bits, uint32_t *extra) {
  const uint32_t value = distance - 1;
  *extra_bits = *extra = 0;
  if (value < 4) return value;
  *extra_bits = log2_of(value) - 1;
  *extra = value & ((1u << *extra_bits) - 1);
  return 2 * *extra_bits + (value >> *extra_bits);
}

/* --- Huffman codes --- */

/* Gives the symbols that occur lengths of at most `limit` bits. The unused part of `output` is the work space. */
static void make_lengths(Compressor *c, Tree *tree, uint32_t symbols, uint32_t limit) {
  uint16_t *const sorted = (uint16_t *)(c->output + 16);
  uint16_t *const weight = sorted + kLiterals, *const parent = weight + 2 * kLiterals;
  uint32_t used = 0;
  for (uint32_t s = 0; s < symbols; ++s) {
    tree->length[s] = 0;
    if (!tree->count[s]) continue;
    uint32_t at = used++;
    for (; at > 0 && tree->count[sorted[at - 1]] > tree->count[s]; --at) sorted[at] = sorted[at - 1];
    sorted[at] = (uint16_t)s;
  }
  if (used == 0) return;
  if (used == 1) {
    tree->length[sorted[0]] = 1;
    return;
  }
  /* Leaves in order of their weight, then the nodes above them, which come in order too. */
  for (uint32_t i = 0; i < used; ++i) weight[i] = tree->count[sorted[i]];
  uint32_t leaf = 0, node = used;
  for (uint32_t made = used; made < 2 * used - 1; ++made) {
    weight[made] = 0;
    for (unsigned child = 0; child < 2; ++child) {
      const bool take_leaf = leaf < used && (node == made || weight[leaf] <= weight[node]);
      const uint32_t taken = take_leaf ? leaf++ : node++;
      weight[made] += weight[taken];
      parent[taken] = (uint16_t)made;
    }
  }
  /* Depths, from the root on down, in the place of the weights. */
  uint16_t at_length[kLongCode + 1];
  for (uint32_t i = 0; i <= limit; ++i) at_length[i] = 0;
  weight[2 * used - 2] = 0;
  for (uint32_t i = 2 * used - 2; i-- > 0;) {
    weight[i] = weight[parent[i]] + 1;
    if (i < used) ++at_length[weight[i] < limit ? weight[i] : limit];
  }
  /* Those that were too long are more than fit at `limit`: shorter ones have to make room. */
  uint32_t sum = 0;
  for (uint32_t i = 1; i <= limit; ++i) sum += (uint32_t)at_length[i] << (limit - i);
  for (; sum > 1u << limit; --sum) {
    --at_length[limit];
    uint32_t i = limit - 1;
    while (!at_length[i]) --i;
    --at_length[i];
    at_length[i + 1] += 2;
  }
  for (uint32_t i = limit, at = 0; i > 0; --i)
    for (uint32_t n = at_length[i]; n > 0; --n) tree->length[sorted[at++]] = (uint8_t)i;
}

/* Codes from lengths (RFC 1951, 3.2.2), with their first bit lowest. */
static void make_codes(Tree *tree, uint32_t symbols) {
  uint32_t code = 0;
  for (uint32_t length = 1; length <= kLongCode; ++length, code <<= 1) {
    for (uint32_t s = 0; s < symbols; ++s) {
      if (tree->length[s] != length) continue;
      uint32_t reversed = 0;
      for (uint32_t i = 0; i < length; ++i) reversed |= (code >> i & 1) << (length - 1 - i);
      tree->code[s] = (uint16_t)reversed;
      ++code;
    }
  }
}
static void put_symbol(Compressor *c, const Tree *tree, uint32_t symbol) {
  put_bits(c, tree->code[symbol], tree->length[symbol]);
}

static uint8_t static_length(uint32_t literal) { return literal < 144 ? 8 : literal < 256 ? 9 : literal < 280 ? 7 : 8; }
static uint32_t distance_extra_bits(uint32_t symbol) { return symbol < 4 ? 0 : symbol / 2 - 1; }
static uint32_t length_extra_bits(uint32_t symbol) { return symbol < 265 || symbol == 285 ? 0 : (symbol - 261) / 4; }

/* --- a block --- */

/* The lengths of a dynamic block's codes, run-length coded (3.2.7): each call gives the next symbol of the code length
   alphabet and what follows it. False at the end. */
typedef struct {
  const Compressor *c;
  uint32_t literals, distances, at;
} Lengths;
static uint8_t length_at(const Lengths *l, uint32_t i) {
  return i < l->literals ? l->c->literals.length[i] : l->c->distances.length[i - l->literals];
}
static bool next_length(Lengths *l, uint32_t *symbol, uint32_t *extra_bits, uint32_t *extra) {
  const uint32_t end = l->literals + l->distances;
  if (l->at >= end) return false;
  const uint8_t length = length_at(l, l->at);
  uint32_t run = 1;
  while (l->at + run < end && length_at(l, l->at + run) == length) ++run;
  *symbol = length;
  *extra_bits = *extra = 0;
  if (length == 0 && run >= 3) {
    const bool many = run >= 11;
    if (run > 138) run = 138;
    *symbol = many ? 18 : 17;
    *extra_bits = many ? 7 : 3;
    *extra = run - (many ? 11 : 3);
  } else if (l->at > 0 && length != 0 && length_at(l, l->at - 1) == length && run >= 3) {
    if (run > 6) run = 6;
    *symbol = 16;
    *extra_bits = 2;
    *extra = run - 3;
  } else {
    run = 1;
  }
  l->at += run;
  return true;
}

static uint32_t used_symbols(const Tree *tree, uint32_t symbols, uint32_t least) {
  while (symbols > least && !tree->length[symbols - 1]) --symbols;
  return symbols;
}

static const uint8_t kLengthOrder[kLengthCodes] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};

/* Calls `visit` for each token: length 0 is a literal (`value`), else a match at distance `value`. */
static void each_token(Compressor *c, void (*visit)(Compressor *c, uint32_t length, uint32_t value)) {
  uint32_t flags = 0, left = 0;
  for (uint32_t i = 0; i < c->tokens;) {
    if (left == 0) {
      flags = c->token[i++];
      left = 8;
      continue;
    }
    if (flags & 1) {
      visit(c, c->token[i] + kMinMatch, (c->token[i + 1] | (uint32_t)c->token[i + 2] << 8) + 1);
      i += 3;
    } else {
      visit(c, 0, c->token[i++]);
    }
    flags >>= 1;
    --left;
  }
}
static void count_token(Compressor *c, uint32_t length, uint32_t value) {
  uint32_t bits, extra;
  if (length) {
    ++c->literals.count[length_symbol(length, &bits, &extra)];
    ++c->distances.count[distance_symbol(value, &bits, &extra)];
  } else {
    ++c->literals.count[value];
  }
}
static void put_token(Compressor *c, uint32_t length, uint32_t value) {
  uint32_t bits, extra;
  if (!length) {
    put_symbol(c, &c->literals, value);
    return;
  }
  put_symbol(c, &c->literals, length_symbol(length, &bits, &extra));
  put_bits(c, extra, bits);
  put_symbol(c, &c->distances, distance_symbol(value, &bits, &extra));
  put_bits(c, extra, bits);
}

static void put_coded(Compressor *c) {
  make_codes(&c->literals, kLiterals);
  make_codes(&c->distances, kDistances);
  each_token(c, put_token);
  put_symbol(c, &c->literals, kEndOfBlock);
}

static void put_stored(Compressor *c, uint32_t from, uint32_t size) {
  align_to_byte(c);
  put_bits(c, size, 16);
  put_bits(c, ~size & 0xffff, 16);
  for (uint32_t i = 0; i < size; ++i) put_byte(c, c->window[(from + i) % kWindow]);
}

/* Everything since block_start as one block. */
static void put_block(Compressor *c, bool last) {
  const uint32_t size = c->position - (c->saved_length != 0) - c->block_start;
  if (c->blocks++ == 0 && c->flags & kZlibHeader) {
    put_bits(c, 0x78, 8);
    put_bits(c, 0x01, 8);
  }
  Tree *const literals = &c->literals, *const distances = &c->distances;
  memset(literals, 0, sizeof *literals);
  memset(distances, 0, sizeof *distances);
  memset(&c->lengths, 0, sizeof c->lengths);
  each_token(c, count_token);
  literals->count[kEndOfBlock] = 1;

  uint32_t extra_bits = 0, static_bits = 3, dynamic_bits = 3 + 14, symbol, bits, extra;
  for (uint32_t s = 257; s < 286; ++s) extra_bits += literals->count[s] * length_extra_bits(s);
  for (uint32_t s = 0; s < 30; ++s) extra_bits += distances->count[s] * distance_extra_bits(s);
  for (uint32_t s = 0; s < 286; ++s) static_bits += (uint32_t)literals->count[s] * static_length(s);
  for (uint32_t s = 0; s < 30; ++s) static_bits += 5u * distances->count[s];
  static_bits += extra_bits;

  make_lengths(c, literals, 286, kLongCode);
  make_lengths(c, distances, 30, kLongCode);
  if (used_symbols(distances, 30, 0) == 0) distances->length[0] = 1; /* one has to be there */
  Lengths all = {.c = c, .literals = used_symbols(literals, 286, 257), .distances = used_symbols(distances, 30, 1)};
  while (next_length(&all, &symbol, &bits, &extra)) {
    ++c->lengths.count[symbol];
    dynamic_bits += bits;
  }
  make_lengths(c, &c->lengths, kLengthCodes, kLongLengthCode);
  uint32_t length_codes = kLengthCodes;
  while (length_codes > 4 && !c->lengths.length[kLengthOrder[length_codes - 1]]) --length_codes;
  dynamic_bits += 3 * length_codes + extra_bits;
  for (uint32_t s = 0; s < kLengthCodes; ++s) dynamic_bits += (uint32_t)c->lengths.count[s] * c->lengths.length[s];
  for (uint32_t s = 0; s < 286; ++s) dynamic_bits += (uint32_t)literals->count[s] * literals->length[s];
  for (uint32_t s = 0; s < 30; ++s) dynamic_bits += (uint32_t)distances->count[s] * distances->length[s];

  const bool can_store = size <= kMaxStored + kMaxMatch;
  const uint32_t coded_bits = static_bits <= dynamic_bits ? static_bits : dynamic_bits;
  put_bits(c, last, 1);
  if (can_store && (c->flags & kOnlyStored || (!(c->flags & kOnlyStatic) && size * 8 + 40 < coded_bits))) {
    put_bits(c, 0, 2);
    put_stored(c, c->block_start, size);
  } else if (static_bits <= dynamic_bits || c->flags & kOnlyStatic) {
    put_bits(c, 1, 2);
    for (uint32_t s = 0; s < kLiterals; ++s) literals->length[s] = static_length(s);
    for (uint32_t s = 0; s < kDistances; ++s) distances->length[s] = 5;
    put_coded(c);
  } else {
    put_bits(c, 2, 2);
    put_bits(c, all.literals - 257, 5);
    put_bits(c, all.distances - 1, 5);
    put_bits(c, length_codes - 4, 4);
    for (uint32_t i = 0; i < length_codes; ++i) put_bits(c, c->lengths.length[kLengthOrder[i]], 3);
    make_codes(&c->lengths, kLengthCodes);
    all.at = 0;
    while (next_length(&all, &symbol, &bits, &extra)) {
      put_symbol(c, &c->lengths, symbol);
      put_bits(c, extra, bits);
    }
    put_coded(c);
  }
  c->block_start += size;
  c->tokens = c->flag_count = 0;
}

/* --- matching --- */
static uint8_t at(const Compressor *c, uint32_t position) { return c->window[position % kWindow]; }

static uint32_t hash_at(const Compressor *c, uint32_t position) {
  const uint32_t bytes = at(c, position) | (uint32_t)at(c, position + 1) << 8 | (uint32_t)at(c, position + 2) << 16;
  return bytes * 0x9e3779b1u >> 20;
}

/* The longest match for what comes next that is longer than `length`; 0 if there is none. */
static uint32_t find_match(const Compressor *c, uint32_t length, uint32_t *distance) {
  const uint32_t longest = c->lookahead < kMaxMatch ? c->lookahead : kMaxMatch;
  uint32_t found = 0, probes = c->flags & kMaxProbes;
  if (longest < kMinMatch || longest <= length || c->flags & kOnlyStored) return 0;
  if (length < kMinMatch - 1) length = kMinMatch - 1;
  if (c->flags & kRunsOnly) {
    uint32_t run = 0;
    while (c->history && run < longest && at(c, c->position + run) == at(c, c->position - 1)) ++run;
    *distance = 1;
    return run > length ? run : 0;
  }
  /* Chains are in order: a candidate that lies no further back than the one before belongs to an older use of its
     place. */
  uint32_t back = 0;
  for (uint16_t link = c->head[hash_at(c, c->position)]; link && probes > 0; --probes) {
    const uint32_t candidate = (uint16_t)(c->position - (uint16_t)(link - 1));
    if (candidate <= back || candidate > c->history) break;
    back = candidate;
    const uint32_t from = c->position - back;
    link = c->next[from % kWindow];
    if (at(c, from + length) != at(c, c->position + length)) continue;
    uint32_t same = 0;
    while (same < longest && at(c, from + same) == at(c, c->position + same)) ++same;
    if (same <= length) continue;
    found = length = same;
    *distance = back;
    if (same == longest) break;
  }
  return found >= (c->flags & kFilterShort ? 6 : kMinMatch) && !(found == kMinMatch && *distance > 8192) ? found : 0;
}

static void add_token(Compressor *c, uint32_t length, uint32_t value) {
  if (c->flag_count == 0) {
    c->flag_at = c->tokens++;
    c->token[c->flag_at] = 0;
    c->flag_count = 8;
  }
  c->token[c->flag_at] |= (uint8_t)((length != 0) << (8 - c->flag_count));
  --c->flag_count;
  if (length) {
    c->token[c->tokens++] = (uint8_t)(length - kMinMatch);
    c->token[c->tokens++] = (uint8_t)(value - 1);
    c->token[c->tokens++] = (uint8_t)((value - 1) >> 8);
  } else {
    c->token[c->tokens++] = (uint8_t)value;
  }
}

/* Goes on by `count` bytes, which become history. */
static void advance(Compressor *c, uint32_t count) {
  for (; count > 0; --count) {
    if (c->lookahead >= kMinMatch) {
      const uint32_t hash = hash_at(c, c->position);
      c->next[c->position % kWindow] = c->head[hash];
      const uint16_t link = (uint16_t)(c->position + 1);
      c->head[hash] = link ? link : 1; /* 0 means none; its neighbour is good enough, matches are compared */
    }
    ++c->position;
    --c->lookahead;
    if (c->history < kWindow - kMaxMatch) ++c->history;
  }
}

/* Sends what is in `output`. */
static Status send(Compressor *c) {
  if (c->put) {
    if (c->out_size && !c->put(c->output, (int)c->out_size, c->user)) return c->status = kPutFailed;
    c->out_size = 0;
  } else {
    size_t count = c->out_size - c->out_sent;
    if (count > c->to_left) count = c->to_left;
    memcpy(c->to, c->output + c->out_sent, count);
    c->to += count;
    c->to_left -= count;
    c->out_sent += count;
    if (c->out_sent == c->out_size) c->out_sent = c->out_size = 0;
  }
  return c->finished && c->out_size == 0 ? kDone : kOkay;
}

/* Ends a block if there is no room for another token, or for storing it. False if its output has to go first. */
static bool block_if_full(Compressor *c) {
  const bool full = c->tokens > kTokens - 8;
  const uint32_t size = c->position - (c->saved_length != 0) - c->block_start;
  if (!full && !(size > kMaxStored && (c->flags & kOnlyStored || c->tokens + c->tokens / 8 >= size))) return true;
  put_block(c, false);
  return send(c) == kOkay && c->out_size == 0;
}

static bool compress(Compressor *c, Flush flush) {
  for (;;) {
    while (c->lookahead < kMaxMatch && c->source_left) {
      c->window[(c->position + c->lookahead++) % kWindow] = *c->source++;
      --c->source_left;
    }
    if (c->lookahead == 0 || (!flush && c->lookahead < kMaxMatch)) return true;

    uint32_t distance = 0;
    const uint32_t length = find_match(c, c->saved_length, &distance);
    if (c->saved_length) {
      if (length) {
        /* Better: the byte before stays alone. */
        add_token(c, 0, at(c, c->position - 1));
        c->saved_length = 0;
      } else {
        add_token(c, c->saved_length, c->saved_distance);
        const uint32_t rest = c->saved_length - 1;
        c->saved_length = 0;
        advance(c, rest);
        if (!block_if_full(c)) return c->status == kOkay;
        continue;
      }
    }
    if (!length) {
      add_token(c, 0, at(c, c->position));
      advance(c, 1);
    } else if (c->flags & (kGreedy | kRunsOnly) || length >= 128 || c->lookahead == length) {
      add_token(c, length, distance);
      advance(c, length);
    } else {
      c->saved_length = length;
      c->saved_distance = distance;
      advance(c, 1);
    }
    if (!block_if_full(c)) return c->status == kOkay;
  }
}

static void end_of_flush(Compressor *c, Flush flush) {
  put_block(c, flush == kFinish);
  if (flush == kFinish) {
    align_to_byte(c);
    if (c->flags & kZlibHeader)
      for (int shift = 24; shift >= 0; shift -= 8) put_byte(c, (uint8_t)(c->adler >> shift));
    c->finished = true;
  } else {
    put_bits(c, 0, 3);
    put_stored(c, 0, 0);
  }
  if (flush == kFullFlush) {
    memset(c->head, 0, sizeof c->head);
    c->history = 0;
  }
}

/* --- the interface --- */
Status tdefl_init(Compressor *c, bool (*put)(const void *data, int size, void *user), void *user, int flags) {
  memset(c, 0, offsetof(Compressor, next));
  c->put = put;
  c->user = user;
  c->flags = (uint32_t)flags;
  c->adler = 1;
  return kOkay;
}

Status tdefl_get_prev_return_status(const Compressor *c) { return c->status; }
uint32_t tdefl_get_adler32(const Compressor *c) { return c->adler; }

/* *in_size and *out_size: what there is, then what was used. */
Status tdefl_compress(Compressor *c, const void *in, size_t *in_size, void *out, size_t *out_size, Flush flush) {
  const size_t have = in_size ? *in_size : 0, room = out_size ? *out_size : 0;
  if (in_size) *in_size = 0;
  if (out_size) *out_size = 0;
  if (!c) return kBadParameter;
  if ((c->put != NULL) == (out != NULL || out_size != NULL) || c->status != kOkay ||
      (c->finishing && flush != kFinish) || (have && !in) || (room && !out))
    return c->status = kBadParameter;
  c->finishing |= flush == kFinish;
  c->source = in;
  c->source_left = have;
  c->to = out;
  c->to_left = room;

  Status result = kOkay;
  if (c->out_size || c->finished) {
    result = send(c);
  } else {
    bool going = compress(c, flush);
    if (c->flags & (kZlibHeader | kComputeAdler) && have) c->adler = mz_adler32(c->adler, in, have - c->source_left);
    if (going && flush && c->lookahead == 0 && c->source_left == 0 && c->out_size == 0) end_of_flush(c, flush);
    result = going ? send(c) : kPutFailed;
  }
  if (in_size) *in_size = have - c->source_left;
  if (out_size) *out_size = room - c->to_left;
  return c->status = result;
}

/* With a function that takes the output. */
Status tdefl_compress_buffer(Compressor *c, const void *in, size_t in_size, Flush flush) {
  return tdefl_compress(c, in, &in_size, NULL, NULL, flush);
}
