/* What the guest half of the ROM shares: registers, the RAM that the ROM keeps, and its own functions.
   Register names and addresses: ESP32 TRM and ESP-IDF's soc/esp32/register/soc/..._reg.h. Names and prototypes of ROM
   functions: ESP-IDF's components/esp_rom/esp32/include/esp32/rom/. */
#ifndef ESPALIER_ROM_GUEST_ROM_H
#define ESPALIER_ROM_GUEST_ROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REG(address) (*(volatile uint32_t *)(address))
#define BIT(n) (1u << (n))

static inline void set_bits(uint32_t address, uint32_t bits) { REG(address) |= bits; }
static inline void clear_bits(uint32_t address, uint32_t bits) { REG(address) &= ~bits; }
/* Replaces the bits of `mask` by those of `value`. */
static inline void replace_bits(uint32_t address, uint32_t mask, uint32_t value) {
  REG(address) = (REG(address) & ~mask) | value;
}

static inline uint32_t prid(void) {
  uint32_t value;
  __asm__("rsr.prid %0" : "=a"(value));
  return value;
}
/* 0 on the PRO CPU (PRID 0xCDCD), 1 on the APP CPU (0xABAB). */
static inline unsigned core_number(void) { return prid() >> 13 & 1; }
static inline uint32_t ccount(void) {
  uint32_t value;
  __asm__ volatile("rsr.ccount %0" : "=a"(value));
  return value;
}

/* The APP CPU's copy of what the ROM keeps for its core lies this far behind the PRO CPU's. */
#define APP_DISTANCE 0x3f10
/* The variable at `address` (its PRO CPU address) that belongs to the running core. */
#define PER_CORE(type, address) (*(type *)((address) + core_number() * APP_DISTANCE))

/* --- data that linker scripts name, by address (placed by rom.ld's symbols) --- */
typedef void (*putc_t)(char);
extern putc_t rom_putc2, rom_putc1;

typedef enum { OK = 0, FAIL, PENDING, BUSY, CANCEL } ETS_STATUS;

/* --- print.c --- */
int ets_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void ets_write_char_uart(char c);
void ets_install_uart_printf(void);
void ets_install_putc1(putc_t p);
void ets_install_putc2(putc_t p);

/* --- uart.c --- */
typedef struct {
  uint8_t *buffer, *write, *read; /* a ring of 256 bytes */
  uint8_t trigger_level;
  uint32_t state;
} RcvMsgBuff;
typedef struct {
  uint32_t baud_rate, data_bits, exist_parity, parity, stop_bits, flow_ctrl;
  uint8_t rx_uart, tx_uart; /* messages come from and go to one, printf goes to the other */
  RcvMsgBuff rx;
  uint32_t rx_state;
  int received;
} UartDevice;
extern UartDevice UartDev; /* the PRO CPU's */

void uartAttach(void);
void Uart_Init(uint8_t uart, uint32_t clock);
void uart_div_modify(uint8_t uart, uint32_t divider);
int uart_baudrate_detect(uint8_t uart, uint8_t is_sync);
ETS_STATUS uart_tx_one_char(uint8_t c);
ETS_STATUS uart_tx_one_char2(uint8_t c);
ETS_STATUS uart_rx_one_char(uint8_t *c);
char uart_rx_one_char_block(void);
void uart_tx_flush(uint8_t uart);
UartDevice *GetUartDevice(void);
ETS_STATUS SendMsg(uint8_t *data, uint16_t length);
enum { kSlipEnd = 0xc0 };
enum { kSlipSearchingStart = 2 }; /* rx_state: between packets; less: the baud rate is not known */
int rom_slip_byte(UartDevice *uart, uint8_t *data, int limit, uint8_t c);

/* --- download.c --- */
void rom_download(bool uart_boot, uint32_t *entry);

/* --- xtos.S, xtos.c --- */
typedef void (*isr_t)(void *);
typedef void (*exception_handler_t)(void *frame);
exception_handler_t _xtos_set_exception_handler(unsigned cause, exception_handler_t handler);
isr_t _xtos_set_interrupt_handler_arg(unsigned interrupt, isr_t handler, void *arg);
uint32_t _xtos_ints_on(uint32_t mask);
uint32_t _xtos_ints_off(uint32_t mask);
uint32_t _xtos_set_intlevel(uint32_t level);

/* --- ets.c --- */
void ets_isr_attach(int interrupt, isr_t handler, void *arg);
void ets_isr_mask(uint32_t mask);
void ets_isr_unmask(uint32_t mask);
void ets_intr_lock(void);
void ets_intr_unlock(void);
void ets_delay_us(uint32_t us);
uint32_t ets_get_cpu_frequency(void);
typedef struct {
  uint32_t signal, parameter;
} ETSEvent;
typedef void (*ETSTask)(ETSEvent *event);
void ets_task(ETSTask task, uint8_t priority, ETSEvent *queue, uint8_t length);
ETS_STATUS ets_post(uint8_t priority, uint32_t signal, uint32_t parameter);

/* --- misc.c --- */
uint32_t xthal_get_ccount(void);
/* Nothing is done for up to so many cycles; where time comes from the instructions they pass at once. */
void rom_pass_time(uint32_t cycles);

/* --- rtc.c --- */
int rtc_get_reset_reason(int cpu);
void rtc_boot_control(uint32_t *entry, int reason);
uint32_t ets_get_detected_xtal_freq(void);
/* 40 or 26 MHz, measured once after power-up and kept in RTC memory. */
uint32_t rom_xtal_hz(void);

/* --- efuse.c --- */
uint32_t ets_efuse_get_spiconfig(void);
uint32_t ets_efuse_get_8M_clock(void);
/* True for a chip of revision 3, whose mask ROM is the second one. */
bool rom_is_eco3(void);

/* --- cache.c --- */
void mmu_init(int cpu);
unsigned cache_flash_mmu_set_rom(int cpu, int pid, uint32_t vaddr, uint32_t paddr, int page_kb, int pages);
void Cache_Read_Init_rom(int cpu);
void Cache_Flush_rom(int cpu);
void Cache_Read_Enable_rom(int cpu);
void Cache_Read_Disable_rom(int cpu);

/* --- gpio.c --- */
void gpio_matrix_in(uint32_t gpio, uint32_t signal, bool inverted);
void gpio_matrix_out(uint32_t gpio, uint32_t signal, bool inverted, bool enable_inverted);
void gpio_pad_select_gpio(uint8_t gpio);
void gpio_pad_set_drv(uint8_t gpio, uint8_t drive);
void gpio_pad_pullup(uint8_t gpio);
void gpio_pad_pulldown(uint8_t gpio);
void gpio_pad_unhold(uint8_t gpio);
void gpio_pad_hold(uint8_t gpio);
/* GPIO_PIN_MUX_REG[gpio]; 0 for a number that is no pad. */
uint32_t rom_io_mux_register(unsigned gpio);

/* --- spi_flash.c --- */
typedef struct {
  uint32_t device_id, chip_size, block_size, sector_size, page_size, status_mask;
} esp_rom_spiflash_chip_t;
extern esp_rom_spiflash_chip_t g_rom_flashchip;
/* [0] SPI0, [1] SPI1, [2] PSRAM; behind them `sig_matrix`: the flash pins go through the GPIO matrix. */
extern uint8_t g_rom_spiflash_dummy_len_plus[];
extern uint8_t sig_matrix;
typedef enum {
  SPIFLASH_QIO, SPIFLASH_QOUT, SPIFLASH_DIO, SPIFLASH_DOUT, SPIFLASH_FAST_READ, SPIFLASH_SLOW_READ
} spiflash_mode_t;
int esp_rom_spiflash_attach(uint32_t spi_config, bool legacy);
int esp_rom_spiflash_config_clk(uint8_t divider, uint8_t spi);
int esp_rom_spiflash_config_readmode(spiflash_mode_t mode);
int esp_rom_spiflash_read(uint32_t from, uint32_t *to, int32_t length);
void esp_rom_spiflash_select_qio_pins(uint8_t wp_gpio, uint32_t spi_config);
int SPIReadModeCnfig(spiflash_mode_t mode, bool legacy);
void SetSpiDrvs(uint8_t wp_gpio, uint32_t spi_config, const uint8_t *drives);
void spi_dummy_len_fix(uint8_t spi, uint8_t divider);
/* One step of the command list that an image may carry before its segments: 8 bytes. */
typedef struct {
  uint8_t flags, read_cmd0, read_cmd1, write_cmd;
  uint16_t data_mask, data;
} esp_rom_spiflash_common_cmd_t;
uint16_t SPI_Common_Command(const esp_rom_spiflash_common_cmd_t *command);

/* --- load.c --- */
/* Loads the image at `offset` of the flash; 0 and *entry, or 1 after saying what is wrong. */
typedef enum { kFlashBoot, kLegacyBoot, kSecureBoot } FlashSetup; /* they word their messages differently */
void rom_configure_flash(const uint8_t *header, FlashSetup caller);
int ets_unpack_flash_code(uint32_t offset, uint32_t *entry, bool jump, bool secure_boot, bool configure);
int ets_unpack_flash_code_legacy(uint32_t offset, uint32_t *entry, bool jump, bool configure);

/* --- console.c --- */
void start_tb_console(void);

/* --- libc, native --- */
void *memcpy(void *to, const void *from, size_t length);
void *memset(void *to, int c, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memchr(const void *s, int c, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *s);
char *strcpy(char *to, const char *from);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t limit);

#endif
