/* The ROM's functions around the hardware: checksums, digests, ciphers, compression, console, GPIO,
   interrupts by the ROM's own vectors, tasks, timers and the rest. */
#include "check.h"

/* Declarations as in ESP-IDF v4.4, esp_rom/include/esp32/rom. */
uint32_t crc32_be(uint32_t, const uint8_t*, uint32_t);
uint16_t crc16_le(uint16_t, const uint8_t*, uint32_t), crc16_be(uint16_t, const uint8_t*, uint32_t);
typedef struct {
  uint32_t words[22];
} Md5Context;
void MD5Init(Md5Context*), MD5Update(Md5Context*, const uint8_t*, unsigned), MD5Final(uint8_t*, Md5Context*);
typedef struct {
  bool start;
  uint32_t bits[4];
} ShaContext;
void ets_sha_enable(void), ets_sha_disable(void), ets_sha_init(ShaContext*),
    ets_sha_update(ShaContext*, int type, const uint8_t*, size_t bits),
    ets_sha_finish(ShaContext*, int type, uint8_t*);
void sha256_vector(size_t count, const uint8_t* parts[], const size_t* lengths, uint8_t* digest);
void hmac_sha256(const uint8_t* key, size_t key_length, const uint8_t* data, size_t length, uint8_t* digest);
void ets_aes_enable(void), ets_aes_disable(void), ets_aes_set_endian(bool, bool, bool, bool, bool, bool),
    ets_aes_crypt(const uint8_t*, uint8_t*);
bool ets_aes_setkey_enc(const uint8_t*, int), ets_aes_setkey_dec(const uint8_t*, int);
void ets_bigint_enable(void), ets_bigint_disable(void), ets_bigint_wait_finish(void);
bool ets_bigint_mult_prepare(uint32_t*, uint32_t*, uint32_t), ets_bigint_mult_getz(uint32_t*, uint32_t);
uint32_t mz_crc32(uint32_t, const uint8_t*, size_t), mz_adler32(uint32_t, const uint8_t*, size_t);
size_t tinfl_decompress_mem_to_mem(void*, size_t, const void*, size_t, int);
int uart_tx_one_char(uint8_t), uart_rx_one_char(uint8_t*);
void gpio_pad_select_gpio(uint8_t), gpio_pad_pullup(uint8_t), gpio_pad_pulldown(uint8_t);
void gpio_output_set(uint32_t, uint32_t, uint32_t, uint32_t),
    gpio_output_set_high(uint32_t, uint32_t, uint32_t, uint32_t);
uint32_t gpio_input_get(void), gpio_input_get_high(void);
void gpio_matrix_in(uint32_t, uint32_t, bool), gpio_matrix_out(uint32_t, uint32_t, bool, bool);
void gpio_pin_intr_state_set(uint32_t, uint32_t);
uint32_t ets_efuse_get_spiconfig(void), ets_get_detected_xtal_freq(void);
void set_rtc_memory_crc(void);
uint32_t calc_rtc_memory_crc(void);
uint8_t rom_i2c_readReg(uint8_t, uint8_t, uint8_t);
void ets_intr_lock(void), ets_intr_unlock(void);
void ets_isr_attach(int, void (*)(void*), void*), ets_isr_mask(uint32_t), ets_isr_unmask(uint32_t);
void* _xtos_set_exception_handler(unsigned, void*);
uint32_t _xtos_set_intlevel(uint32_t);
typedef struct {
  uint32_t signal, parameter;
} Event;
void ets_task(void (*)(Event*), uint8_t, Event*, uint8_t), ets_run(void);
int ets_post(uint8_t, uint32_t, uint32_t);
typedef struct EtsTimer {
  struct EtsTimer* next;
  uint32_t expire, period;
  void (*run)(void*);
  void* argument;
} EtsTimer;
void ets_timer_init(void), ets_timer_setfn(EtsTimer*, void (*)(void*), void*),
    ets_timer_arm(EtsTimer*, uint32_t, bool), ets_timer_arm_us(EtsTimer*, uint32_t, bool),
    ets_timer_disarm(EtsTimer*);
typedef uint32_t JumpBuffer[17];
int setjmp(JumpBuffer) __attribute__((returns_twice));
void longjmp(JumpBuffer, int) __attribute__((noreturn));
uint32_t xthal_get_ccount(void), roundup2(uint32_t, uint32_t), multofup(uint32_t, uint32_t);

static const uint8_t kDigits[] = "123456789";
static bool equals(const uint8_t* bytes, const char* hex) {
  for (; *hex; hex += 2, ++bytes) {
    unsigned value = 0;
    for (unsigned i = 0; i < 2; ++i)
      value = value * 16 + (unsigned)(hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10);
    if (*bytes != value) return false;
  }
  return true;
}

static void test_crc(void) {
  CHECK_EQ(crc32_le(0, kDigits, 9), 0xcbf43926);
  CHECK_EQ(crc32_be(0, kDigits, 9), 0xfc891918);
  CHECK_EQ(crc16_le(0, kDigits, 9), 0x906e);
  CHECK_EQ(crc16_be(0, kDigits, 9), 0xd64e);
  CHECK_EQ(esp_crc8(kDigits, 9), 0xa1);
  CHECK_EQ(crc32_le(crc32_le(0, kDigits, 4), kDigits + 4, 5), 0xcbf43926);
}

static void test_md5(void) {
  Md5Context context;
  uint8_t digest[16];
  MD5Init(&context);
  MD5Update(&context, (const uint8_t*)"ab", 2);
  MD5Update(&context, (const uint8_t*)"c", 1);
  MD5Final(digest, &context);
  CHECK(equals(digest, "900150983cd24fb0d6963f7d28e17f72"));
  MD5Init(&context);
  MD5Final(digest, &context);
  CHECK(equals(digest, "d41d8cd98f00b204e9800998ecf8427e"));
}

static void check_sha(int type, const char* hex) {
  ShaContext context;
  uint8_t digest[64];
  ets_sha_enable();
  ets_sha_init(&context);
  ets_sha_update(&context, type, (const uint8_t*)"abc", 24);
  ets_sha_finish(&context, type, digest);
  ets_sha_disable();
  CHECK(equals(digest, hex));
}
static void test_sha(void) {
  check_sha(0, "a9993e364706816aba3e25717850c26c9cd0d89d");
  check_sha(1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  check_sha(3,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  uint8_t digest[32];
  const uint8_t* parts[] = {(const uint8_t*)"a", (const uint8_t*)"bc"};
  const size_t lengths[] = {1, 2};
  sha256_vector(2, parts, lengths, digest);
  CHECK(equals(digest, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
  hmac_sha256((const uint8_t*)"key", 3, (const uint8_t*)"The quick brown fox jumps over the lazy dog", 43,
              digest);
  CHECK(equals(digest, "f7bc83f430538424b13298e6aa6fb143ef4d59a14946175997479dbc2d1a3cd8"));
}

/* FIPS 197, appendix C. */
static void check_aes(int bits, const char* hex) {
  uint8_t key[32], text[16], out[16], back[16];
  for (unsigned i = 0; i < 32; ++i) key[i] = (uint8_t)i;
  for (unsigned i = 0; i < 16; ++i) text[i] = (uint8_t)(i * 0x11);
  ets_aes_enable();
  ets_aes_set_endian(false, false, false, false, false, false);
  CHECK(ets_aes_setkey_enc(key, bits));
  ets_aes_crypt(text, out);
  CHECK(equals(out, hex));
  CHECK(ets_aes_setkey_dec(key, bits));
  ets_aes_crypt(out, back);
  CHECK_EQ(memcmp(back, text, 16), 0);
  ets_aes_disable();
}
static void test_aes(void) {
  check_aes(0, "69c4e0d86a7b0430d8cdb78070b4c55a");
  check_aes(1, "dda97ca4864cdfe06eaf70a0ec0d7191");
  check_aes(2, "8ea2b7ca516745bfeafc49904b496089");
}

/* (2^512 - 1)^2 = 2^1024 - 2^513 + 1 */
static void test_bigint(void) {
  static uint32_t x[16], y[16], z[32];
  for (unsigned i = 0; i < 16; ++i) x[i] = y[i] = 0xffffffff;
  ets_bigint_enable();
  CHECK(ets_bigint_mult_prepare(x, y, 512));
  ets_bigint_wait_finish();
  CHECK(ets_bigint_mult_getz(z, 512));
  ets_bigint_disable();
  CHECK_EQ(z[0], 1);
  for (unsigned i = 1; i < 16; ++i) CHECK_EQ(z[i], 0);
  CHECK_EQ(z[16], 0xfffffffe);
  for (unsigned i = 17; i < 32; ++i) CHECK_EQ(z[i], 0xffffffff);
}

/* "The quick brown fox jumps over the lazy dog. ", four times, as zlib packs it. */
static void test_inflate(void) {
  static const uint8_t packed[] = {0x78, 0xda, 0x0b, 0xc9, 0x48, 0x55, 0x28, 0x2c, 0xcd, 0x4c, 0xce,
                                   0x56, 0x48, 0x2a, 0xca, 0x2f, 0xcf, 0x53, 0x48, 0xcb, 0xaf, 0x50,
                                   0xc8, 0x2a, 0xcd, 0x2d, 0x28, 0x56, 0xc8, 0x2f, 0x4b, 0x2d, 0x52,
                                   0x28, 0x01, 0x4a, 0xe7, 0x24, 0x56, 0x55, 0x2a, 0xa4, 0xe4, 0xa7,
                                   0xeb, 0x29, 0x84, 0x0c, 0x0e, 0xc5, 0x00, 0xfa, 0x60, 0x40, 0x9d};
  static const char kText[] = "The quick brown fox jumps over the lazy dog. ";
  static uint8_t out[200];
  CHECK_EQ(tinfl_decompress_mem_to_mem(out, sizeof out, packed, sizeof packed, 1), 180);
  for (unsigned i = 0; i < 4; ++i) CHECK_EQ(memcmp(out + 45 * i, kText, 45), 0);
  CHECK_EQ(mz_adler32(1, out, 180), 0xfa60409d);
  CHECK_EQ(mz_crc32(0, kDigits, 9), 0xcbf43926);
}

/* --- UART, looped back --- */
static void test_uart(void) {
  uint8_t c = 0;
  console_drain();
  CHECK_EQ(uart_rx_one_char(&c), 1); /* nothing is there */
  reg_set(UART_CONF0_REG, BIT(14));
  uart_tx_one_char('A');
  uart_tx_one_char('\n');
  console_drain();
  ets_delay_us(200);
  CHECK_EQ(uart_rx_one_char(&c), 0);
  CHECK_EQ(c, 'A');
  CHECK_EQ(uart_rx_one_char(&c), 0);
  CHECK_EQ(c, '\n');
  reg_clear(UART_CONF0_REG, BIT(14));
  const uint32_t divider = REG(UART_CLKDIV_REG);
  uart_div_modify(0, 0x12345);
  CHECK_EQ(REG(UART_CLKDIV_REG), 0x501234);
  uart_div_modify(0, (kApbHz << 4) / 115200);
  CHECK_EQ(REG(UART_CLKDIV_REG), divider);
}

/* --- GPIO --- */
#define IO_MUX_GPIO4_REG 0x3ff49048
#define GPIO_STATUS_REG 0x3ff44044
#define GPIO_STATUS_W1TC_REG 0x3ff4404c
#define GPIO_PIN_REG(n) (0x3ff44088 + 4 * (n))
static volatile uint32_t pin_interrupts;
static void on_gpio(void* argument) {
  (void)argument;
  ++pin_interrupts;
  REG(GPIO_STATUS_W1TC_REG) = REG(GPIO_STATUS_REG);
}
static void test_gpio(void) {
  gpio_pad_select_gpio(4);
  gpio_matrix_out(4, 0x100, false, false);
  reg_set(IO_MUX_GPIO4_REG, BIT(9)); /* input enabled */
  gpio_output_set(BIT(4), 0, BIT(4), 0);
  CHECK(gpio_input_get() & BIT(4));
  gpio_output_set(0, BIT(4), 0, 0);
  CHECK_EQ(gpio_input_get() & BIT(4), 0);
  /* As an input it follows its resistors. */
  gpio_output_set(0, 0, 0, BIT(4));
  gpio_pad_pullup(4);
  CHECK(gpio_input_get() & BIT(4));
  gpio_pad_pulldown(4);
  CHECK_EQ(gpio_input_get() & BIT(4), 0);
  /* Interrupts on its edges, to the PRO CPU. */
  pin_interrupts = 0;
  irq_attach(0, on_gpio, 0);
  irq_route(SOURCE_GPIO, 0);
  gpio_output_set(0, BIT(4), BIT(4), 0);
  REG(GPIO_STATUS_W1TC_REG) = BIT(4);
  REG(GPIO_PIN_REG(4)) = 1u << 15; /* INT_ENA: the PRO CPU */
  gpio_pin_intr_state_set(4, 1);
  gpio_output_set(BIT(4), 0, 0, 0);
  CHECK_EQ(pin_interrupts, 1);
  gpio_output_set(0, BIT(4), 0, 0);
  CHECK_EQ(pin_interrupts, 1);
  gpio_pin_intr_state_set(4, 3);
  gpio_output_set(BIT(4), 0, 0, 0);
  gpio_output_set(0, BIT(4), 0, 0);
  CHECK_EQ(pin_interrupts, 3);
  REG(GPIO_PIN_REG(4)) = 0;
  irq_disable(BIT(0));
  irq_unroute_all();
  CHECK_EQ(gpio_input_get_high() & ~0xffu, 0);
}

/* --- The ROM's own vectors and tables --- */
static volatile uint32_t served, served_level, trapped;
static void on_rom_interrupt(void* argument) {
  served += (uint32_t)argument;
  served_level = READ_SR("ps") & 15;
}
static void on_rom_exception(uint32_t* frame) {
  ++trapped;
  frame[0] += 3; /* pc */
}
static void test_interrupts_by_the_rom(void) {
  served = trapped = 0;
  WRITE_SR("vecbase", 0x40000000);
  ets_isr_attach(kInterruptSoftware1, on_rom_interrupt, (void*)1);
  ets_isr_attach(kInterruptSoftware3, on_rom_interrupt, (void*)10);
  ets_isr_unmask(BIT(kInterruptSoftware1) | BIT(kInterruptSoftware3));
  WRITE_SR("intset", BIT(kInterruptSoftware1));
  CHECK_EQ(served, 1);
  CHECK_EQ(served_level, 1);
  WRITE_SR("intset", BIT(kInterruptSoftware3));
  CHECK_EQ(served, 11);
  CHECK_EQ(served_level, 3);
  ets_intr_lock();
  ets_intr_lock();
  WRITE_SR("intset", BIT(kInterruptSoftware1));
  ets_intr_unlock();
  CHECK_EQ(served, 11);
  ets_intr_unlock();
  CHECK_EQ(served, 12);
  CHECK_EQ(_xtos_set_intlevel(1), 0);
  WRITE_SR("intset", BIT(kInterruptSoftware1));
  CHECK_EQ(served, 12);
  CHECK_EQ(_xtos_set_intlevel(0), 1);
  CHECK_EQ(served, 13);
  ets_isr_mask(BIT(kInterruptSoftware1) | BIT(kInterruptSoftware3));
  _xtos_set_exception_handler(0, (void*)on_rom_exception);
  spill_windows(); /* by the ROM's window handlers */
  __asm__ volatile("ill");
  CHECK_EQ(trapped, 1);
  _xtos_set_exception_handler(0, 0);
  extern uint8_t vectors[];
  WRITE_SR("vecbase", vectors);
}

/* --- Tasks and timers. ets_run() never returns: a task jumps out of it. --- */
static JumpBuffer out;
static uint32_t events_seen[4], event_count;
static void task(Event* event) {
  if (event_count < 4) events_seen[event_count] = event->signal * 16 + event->parameter;
  if (++event_count == 3) longjmp(out, 1);
}
static void urgent_task(Event* event) {
  task(event);
}
static void test_tasks(void) {
  static Event queue[2], urgent_queue[2];
  event_count = 0;
  ets_task(task, 5, queue, 2);
  ets_task(urgent_task, 9, urgent_queue, 2);
  CHECK_EQ(ets_post(5, 1, 2), 0);
  CHECK_EQ(ets_post(5, 3, 4), 0);
  CHECK_EQ(ets_post(5, 5, 6), 1); /* the queue is full */
  CHECK_EQ(ets_post(9, 7, 8), 0);
  if (setjmp(out) == 0) ets_run();
  irq_restore(READ_SR("ps") & ~15u);
  CHECK_EQ(event_count, 3);
  CHECK_EQ(events_seen[0], 7 * 16 + 8);
  CHECK_EQ(events_seen[1], 1 * 16 + 2);
  CHECK_EQ(events_seen[2], 3 * 16 + 4);
}

static uint64_t rang[4];
static uint32_t rings;
static void on_timer(void* argument) {
  if (rings < 4) rang[rings] = time_us();
  if (++rings == (uint32_t)argument) longjmp(out, 1);
}
static void test_timers(void) {
  extern uint8_t vectors[];
  static EtsTimer once, often, never;
  rings = 0;
  WRITE_SR("vecbase", 0x40000000);
  ets_timer_init();
  intr_matrix_set(0, SOURCE_TIMER2, 10);
  ets_timer_setfn(&once, on_timer, (void*)4);
  ets_timer_setfn(&often, on_timer, (void*)4);
  ets_timer_setfn(&never, on_timer, (void*)1);
  const uint64_t begun = time_us();
  ets_timer_arm(&once, 5, false);
  ets_timer_arm_us(&often, 2000, true);
  ets_timer_arm(&never, 1, false);
  ets_timer_disarm(&never);
  if (setjmp(out) == 0) ets_run();
  irq_restore(READ_SR("ps") & ~15u);
  ets_timer_disarm(&often);
  ets_isr_mask(BIT(10));
  WRITE_SR("vecbase", vectors);
  irq_unroute_all();
  CHECK_EQ(rings, 4);
  static const uint32_t expected[] = {2000, 4000, 5000, 6000};
  for (unsigned i = 0; i < 4; ++i) CHECK_NEAR((uint32_t)(rang[i] - begun), expected[i], 150);
}

/* --- The rest --- */
static void test_chip_functions(void) {
  CHECK_EQ(rtc_get_reset_reason(0), 1);
  CHECK_EQ(ets_efuse_get_spiconfig(), 0);
  CHECK_NEAR(ets_get_detected_xtal_freq(), 40000000, 4096);
  CHECK_EQ(ets_get_cpu_frequency(), 240);
  set_rtc_memory_crc();
  CHECK_EQ(REG(0x3ff480bc), calc_rtc_memory_crc()); /* RTC_CNTL_STORE7_REG */
  rom_i2c_writeReg(0x66, 4, 7, 0x5a);
  CHECK_EQ(rom_i2c_readReg(0x66, 4, 7), 0x5a);
  CHECK_NEAR(xthal_get_ccount(), ccount(), 100);
  CHECK_EQ(roundup2(13, 8), 16);
  CHECK_EQ(multofup(13, 5), 3);
}

const Test tests[] = {
    TEST(chip_functions), TEST(crc),     TEST(md5),  TEST(sha),  TEST(aes),
    TEST(bigint),         TEST(inflate), TEST(uart), TEST(gpio), TEST(interrupts_by_the_rom),
    TEST(tasks),          TEST(timers),  {0, 0}};
