/* A decoder for baseline JPEG, with the interface of TJpgDec (ESP-IDF, esp32/rom/tjpgd.h): three components (Y, Cb, Cr), Y
   sampled 1x1, 2x1 or 2x2, colours out as RGB888, sizes 1/1 to 1/8. The stream comes from a function of the caller's, the
   picture goes to another, a rectangle (at most an MCU) at a time; all memory is in a pool of the caller's. */
#include "rom.h"

typedef enum { JDR_OK, JDR_INTR, JDR_INP, JDR_MEM1, JDR_MEM2, JDR_PAR, JDR_FMT1, JDR_FMT2, JDR_FMT3 } JRESULT;
typedef struct {
  uint16_t left, right, top, bottom;
} JRECT;
typedef struct JDEC {
  uint32_t available; /* bytes in the input buffer from `data` + 1 on */
  uint8_t *data;      /* the byte that is being read */
  uint8_t *input;     /* the input buffer */
  uint8_t bit;        /* the mask of the next bit in *data is above this; 0: the byte is used up */
  uint8_t scale, blocks_x, blocks_y; /* of Y in an MCU */
  uint8_t quantisation[3];
  int16_t dc[3];
  uint16_t restart_interval;
  uint32_t width, height;
  uint8_t *lengths[2][2];  /* Huffman tables [id][0 DC, 1 AC]: number of codes of each length */
  uint16_t *codes[2][2];
  uint8_t *values[2][2];
  int32_t *factors[4]; /* quantisation tables, row by row */
  void *work;
  uint8_t *mcu;
  void *pool;
  uint32_t pool_left;
  uint32_t (*read)(struct JDEC *, uint8_t *, uint32_t); /* with NULL it skips */
  void *device;
} JDEC;
_Static_assert(sizeof(JDEC) == 124, "JDEC as the header has it");

enum { kInput = 512, kBlock = 64 };

static const uint8_t kZigzag[kBlock] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,
                                        12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
                                        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
                                        58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

static void *allocate(JDEC *jd, uint32_t size) {
  size = (size + 3) & ~3u;
  if (size > jd->pool_left) return NULL;
  void *p = jd->pool;
  jd->pool = (uint8_t *)p + size;
  jd->pool_left -= size;
  return p;
}

static uint8_t clip(int32_t value) { return value < 0 ? 0 : value > 255 ? 255 : (uint8_t)value; }
static unsigned big16(const uint8_t *p) { return (unsigned)p[0] << 8 | p[1]; }

/* --- tables --- */
static JRESULT read_quantisation(JDEC *jd, const uint8_t *data, unsigned left) {
  while (left) {
    if (left < 1 + kBlock) return JDR_FMT1;
    left -= 1 + kBlock;
    const uint8_t id = *data++;
    if (id & 0xf0 || id > 3) return JDR_FMT1; /* 16-bit factors are not baseline */
    int32_t *table = allocate(jd, kBlock * sizeof *table);
    if (!table) return JDR_MEM1;
    jd->factors[id] = table;
    for (unsigned i = 0; i < kBlock; ++i) table[kZigzag[i]] = *data++;
  }
  return JDR_OK;
}

static JRESULT read_huffman(JDEC *jd, const uint8_t *data, unsigned left) {
  while (left) {
    if (left < 17) return JDR_FMT1;
    left -= 17;
    const uint8_t id = *data++;
    if (id & 0xee) return JDR_FMT1;
    const unsigned kind = id >> 4, number = id & 1;
    uint8_t *lengths = allocate(jd, 16);
    if (!lengths) return JDR_MEM1;
    unsigned count = 0;
    for (unsigned i = 0; i < 16; ++i) count += lengths[i] = *data++;
    uint16_t *codes = allocate(jd, count * sizeof *codes);
    if (!codes) return JDR_MEM1;
    unsigned next = 0, code = 0;
    for (unsigned i = 0; i < 16; ++i, code <<= 1)
      for (unsigned n = lengths[i]; n; --n) codes[next++] = (uint16_t)code++;
    if (left < count) return JDR_FMT1;
    left -= count;
    uint8_t *values = allocate(jd, count);
    if (!values) return JDR_MEM1;
    memcpy(values, data, count);
    data += count;
    if (!kind)
      for (unsigned i = 0; i < count; ++i)
        if (values[i] > 11) return JDR_FMT1;
    jd->lengths[number][kind] = lengths;
    jd->codes[number][kind] = codes;
    jd->values[number][kind] = values;
  }
  return JDR_OK;
}

/* --- bits --- */
/* The next byte of the entropy-coded data, negative after an error. */
static int next_byte(JDEC *jd) {
  if (jd->available == 0) {
    jd->data = jd->input - 1;
    jd->available = jd->read(jd, jd->input, kInput);
    if (jd->available == 0) return -(int)JDR_INP;
  }
  --jd->available;
  return *++jd->data;
}

static int read_bit(JDEC *jd) {
  if (jd->bit == 0) {
    int byte = next_byte(jd);
    if (byte < 0) return byte;
    if (byte == 0xff) { /* 0xff 0x00 stands for a byte 0xff; anything else is a marker */
      const int after = next_byte(jd);
      if (after < 0) return after;
      if (after != 0) return -(int)JDR_FMT1;
      *jd->data = 0xff;
    }
    jd->bit = 0x80;
  }
  const int value = (*jd->data & jd->bit) != 0;
  jd->bit >>= 1;
  return value;
}
static int read_bits(JDEC *jd, unsigned count) {
  int value = 0;
  while (count--) {
    const int bit = read_bit(jd);
    if (bit < 0) return bit;
    value = value << 1 | bit;
  }
  return value;
}
/* The value that the next Huffman code stands for. */
static int read_code(JDEC *jd, unsigned number, unsigned kind) {
  const uint8_t *lengths = jd->lengths[number][kind];
  unsigned first = 0, code = 0;
  for (unsigned i = 0; i < 16; ++i) {
    const int bit = read_bit(jd);
    if (bit < 0) return bit;
    code = code << 1 | (unsigned)bit;
    const unsigned count = lengths[i];
    if (count) {
      const unsigned offset = code - jd->codes[number][kind][first];
      if (offset < count) return jd->values[number][kind][first + offset];
      first += count;
    }
  }
  return -(int)JDR_FMT1;
}
/* A signed number of `size` bits: with the top bit clear it is negative. */
static int extend(int value, unsigned size) { return size && !(value >> (size - 1)) ? value - (1 << size) + 1 : value; }

/* --- the inverse cosine transform --- */
/* One dimension of 8, in place, `step` apart. Loeffler, Ligtenberg and Moschytz (1989): eleven multiplications. Constants are
   cosine products with 13 fractional bits; the result is `shift` bits down. */
static void transform(int32_t *v, unsigned step, unsigned shift) {
  const int32_t round = 1 << (shift - 1);
  const int32_t a = v[0], b = v[4 * step], c = v[2 * step], d = v[6 * step];
  const int32_t e = (c + d) * 4433;
  const int32_t even2 = e + d * -15137, even3 = e + c * 6270;
  const int32_t even0 = (a + b) * 8192, even1 = (a - b) * 8192;
  const int32_t top[4] = {even0 + even3, even1 + even2, even1 - even2, even0 - even3};

  int32_t p = v[7 * step], q = v[5 * step], r = v[3 * step], s = v[step];
  const int32_t z5 = (p + r + q + s) * 9633;
  const int32_t z1 = (p + s) * -7373, z2 = (q + r) * -20995;
  const int32_t z3 = (p + r) * -16069 + z5, z4 = (q + s) * -3196 + z5;
  p = p * 2446 + z1 + z3;
  q = q * 16819 + z2 + z4;
  r = r * 25172 + z2 + z3;
  s = s * 12299 + z1 + z4;
  const int32_t bottom[4] = {s, r, q, p};
  for (unsigned i = 0; i < 4; ++i) {
    v[i * step] = (top[i] + bottom[i] + round) >> shift;
    v[(7 - i) * step] = (top[i] - bottom[i] + round) >> shift;
  }
}
static void inverse_dct(int32_t *block, uint8_t *to) {
  for (unsigned i = 0; i < 8; ++i) transform(block + i, 8, 11); /* leaves two fractional bits */
  for (unsigned i = 0; i < 8; ++i) transform(block + 8 * i, 1, 18);
  for (unsigned i = 0; i < kBlock; ++i) to[i] = clip(block[i] + 128);
}

/* --- MCUs --- */
static JRESULT load_block(JDEC *jd, unsigned component, uint8_t *to) {
  int32_t *block = jd->work;
  const unsigned table = component != 0;
  const int32_t *factors = jd->factors[jd->quantisation[component]];
  int size = read_code(jd, table, 0);
  if (size < 0) return (JRESULT)-size;
  if (size) {
    const int difference = read_bits(jd, (unsigned)size);
    if (difference < 0) return (JRESULT)-difference;
    jd->dc[component] = (int16_t)(jd->dc[component] + extend(difference, (unsigned)size));
  }
  memset(block, 0, kBlock * sizeof *block);
  block[0] = jd->dc[component] * factors[0];
  bool flat = true;
  for (unsigned i = 1; i < kBlock; ++i) {
    const int code = read_code(jd, table, 1);
    if (code < 0) return (JRESULT)-code;
    if (code == 0) break;
    i += (unsigned)code >> 4;
    if (i >= kBlock) return JDR_FMT1;
    size = code & 15;
    if (!size) continue;
    const int value = read_bits(jd, (unsigned)size);
    if (value < 0) return (JRESULT)-value;
    block[kZigzag[i]] = extend(value, (unsigned)size) * factors[kZigzag[i]];
    flat = false;
  }
  if (flat || jd->scale == 3) memset(to, clip(((block[0] + 4) >> 3) + 128), kBlock);
  else inverse_dct(block, to);
  return JDR_OK;
}

static JRESULT load_mcu(JDEC *jd) {
  const unsigned luma = (unsigned)jd->blocks_x * jd->blocks_y;
  for (unsigned i = 0; i < luma + 2; ++i) {
    const JRESULT result = load_block(jd, i < luma ? 0 : i - luma + 1, jd->mcu + kBlock * i);
    if (result != JDR_OK) return result;
  }
  return JDR_OK;
}

/* Colours of the MCU at (x, y), scaled down, to the caller. */
static JRESULT output_mcu(JDEC *jd, uint32_t (*output)(JDEC *, void *, JRECT *), unsigned x, unsigned y) {
  const unsigned full_x = jd->blocks_x * 8u, full_y = jd->blocks_y * 8u;
  unsigned columns = jd->width - x < full_x ? jd->width - x : full_x;
  unsigned rows = jd->height - y < full_y ? jd->height - y : full_y;
  columns >>= jd->scale;
  rows >>= jd->scale;
  if (!columns || !rows) return JDR_OK;
  x >>= jd->scale;
  y >>= jd->scale;
  JRECT rect = {(uint16_t)x, (uint16_t)(x + columns - 1), (uint16_t)y, (uint16_t)(y + rows - 1)};

  const uint8_t *cb = jd->mcu + kBlock * jd->blocks_x * jd->blocks_y, *cr = cb + kBlock;
  const unsigned side = 1u << jd->scale, shift = 2u * jd->scale;
  uint8_t *to = jd->work;
  for (unsigned row = 0; row < rows; ++row) {
    for (unsigned column = 0; column < columns; ++column) {
      int32_t red = 0, green = 0, blue = 0;
      for (unsigned dy = 0; dy < side; ++dy) {
        for (unsigned dx = 0; dx < side; ++dx) {
          const unsigned px = column * side + dx, py = row * side + dy;
          const int32_t luma = jd->mcu[kBlock * (py / 8 * jd->blocks_x + px / 8) + py % 8 * 8 + px % 8];
          const unsigned chroma = py / jd->blocks_y * 8 + px / jd->blocks_x;
          const int32_t u = cb[chroma] - 128, v = cr[chroma] - 128;
          /* ITU-R BT.601, 10 fractional bits */
          red += clip(luma + (1436 * v) / 1024);
          green += clip(luma - (353 * u + 731 * v) / 1024);
          blue += clip(luma + (1815 * u) / 1024);
        }
      }
      *to++ = (uint8_t)(red >> shift);
      *to++ = (uint8_t)(green >> shift);
      *to++ = (uint8_t)(blue >> shift);
    }
  }
  return output(jd, jd->work, &rect) ? JDR_OK : JDR_INTR;
}

/* A restart marker, numbered modulo 8. */
static JRESULT restart(JDEC *jd, unsigned number) {
  const int high = next_byte(jd);
  if (high < 0) return (JRESULT)-high;
  const int low = next_byte(jd);
  if (low < 0) return (JRESULT)-low;
  if (high != 0xff || (low & 0xf8) != 0xd0 || ((unsigned)low & 7) != (number & 7)) return JDR_FMT1;
  jd->bit = 0;
  jd->dc[0] = jd->dc[1] = jd->dc[2] = 0;
  return JDR_OK;
}

/* --- the two functions --- */
static JRESULT start_of_frame(JDEC *jd, const uint8_t *data, unsigned length) {
  if (length < 15) return JDR_FMT1;
  jd->height = big16(data + 1);
  jd->width = big16(data + 3);
  if (data[5] != 3) return JDR_FMT3;
  for (unsigned i = 0; i < 3; ++i) {
    const uint8_t sampling = data[7 + 3 * i];
    if (i == 0) {
      if (sampling != 0x11 && sampling != 0x22 && sampling != 0x21) return JDR_FMT3;
      jd->blocks_x = sampling >> 4;
      jd->blocks_y = sampling & 15;
    } else if (sampling != 0x11) {
      return JDR_FMT3;
    }
    jd->quantisation[i] = data[8 + 3 * i];
    if (jd->quantisation[i] > 3) return JDR_FMT3;
  }
  return JDR_OK;
}

static JRESULT start_of_scan(JDEC *jd, const uint8_t *data, unsigned length, uint32_t offset) {
  if (!jd->width || !jd->height || length < 10) return JDR_FMT1;
  if (data[0] != 3) return JDR_FMT3;
  for (unsigned i = 0; i < 3; ++i) {
    const uint8_t tables = data[2 + 2 * i];
    if (tables != 0 && tables != 0x11) return JDR_FMT3;
    const unsigned number = i != 0;
    if (!jd->lengths[number][0] || !jd->lengths[number][1] || !jd->factors[jd->quantisation[i]]) return JDR_FMT1;
  }
  const unsigned blocks = (unsigned)jd->blocks_x * jd->blocks_y;
  if (!blocks) return JDR_FMT1;
  /* Room for a block's 64 coefficients, and for an MCU's colours. */
  uint32_t size = blocks * kBlock * 3;
  if (size < kBlock * sizeof(int32_t)) size = kBlock * sizeof(int32_t);
  jd->work = allocate(jd, size);
  if (!jd->work) return JDR_MEM1;
  jd->mcu = allocate(jd, (blocks + 2) * kBlock);
  if (!jd->mcu) return JDR_MEM1;

  /* On to the next multiple of the buffer's size in the stream. */
  jd->data = jd->input;
  jd->available = 0;
  jd->bit = 0;
  const uint32_t part = offset % kInput;
  if (part) {
    jd->available = jd->read(jd, jd->input + part, kInput - part);
    jd->data = jd->input + part - 1;
  }
  return JDR_OK;
}

/* Reads the headers; the picture's size is in width and height then. */
JRESULT jd_prepare(JDEC *jd, uint32_t (*input)(JDEC *, uint8_t *, uint32_t), void *pool, uint32_t pool_size,
                   void *device) {
  if (!pool) return JDR_PAR;
  *jd = (JDEC){.pool = pool, .pool_left = pool_size, .read = input, .device = device};
  jd->input = allocate(jd, kInput);
  if (!jd->input) return JDR_MEM1;
  uint8_t *data = jd->input;
  if (jd->read(jd, data, 2) != 2) return JDR_INP;
  if (big16(data) != 0xffd8) return JDR_FMT1;
  for (uint32_t offset = 2;;) {
    if (jd->read(jd, data, 4) != 4) return JDR_INP;
    const unsigned marker = big16(data), whole = big16(data + 2);
    if (whole <= 2 || marker >> 8 != 0xff) return JDR_FMT1;
    const unsigned length = whole - 2;
    offset += 4 + length;
    const uint8_t kind = marker & 0xff;
    const bool wanted = kind == 0xc0 || kind == 0xdd || kind == 0xc4 || kind == 0xdb || kind == 0xda;
    if (wanted) {
      if (length > kInput) return JDR_MEM2;
      if (jd->read(jd, data, length) != length) return JDR_INP;
    }
    JRESULT result = JDR_OK;
    switch (kind) {
      case 0xc0:
        result = start_of_frame(jd, data, length);
        break;
      case 0xdd:
        jd->restart_interval = (uint16_t)big16(data);
        break;
      case 0xc4:
        result = read_huffman(jd, data, length);
        break;
      case 0xdb:
        result = read_quantisation(jd, data, length);
        break;
      case 0xda:
        return start_of_scan(jd, data, length, offset);
      case 0xc1: case 0xc2: case 0xc3: case 0xc5: case 0xc6: case 0xc7: case 0xc9: case 0xca: case 0xcb: case 0xcd:
      case 0xce: case 0xcf: case 0xd9:
        return JDR_FMT3; /* other kinds of JPEG */
      default:
        if (jd->read(jd, NULL, length) != length) return JDR_INP;
        break;
    }
    if (result != JDR_OK) return result;
  }
}

JRESULT jd_decomp(JDEC *jd, uint32_t (*output)(JDEC *, void *, JRECT *), uint8_t scale) {
  if (scale > 3) return JDR_PAR;
  jd->scale = scale;
  jd->dc[0] = jd->dc[1] = jd->dc[2] = 0;
  const unsigned step_x = jd->blocks_x * 8u, step_y = jd->blocks_y * 8u;
  unsigned mcus = 0, restarts = 0;
  for (unsigned y = 0; y < jd->height; y += step_y) {
    for (unsigned x = 0; x < jd->width; x += step_x) {
      JRESULT result = JDR_OK;
      if (jd->restart_interval && mcus++ == jd->restart_interval) {
        result = restart(jd, restarts++);
        mcus = 1;
      }
      if (result == JDR_OK) result = load_mcu(jd);
      if (result == JDR_OK) result = output_mcu(jd, output, x, y);
      if (result != JDR_OK) return result;
    }
  }
  return JDR_OK;
}
