/* Functions of the mask ROM that guest programs call. Declarations as in ESP-IDF, components/esp_rom. */
#ifndef ESPALIER_GUEST_ROM_H
#define ESPALIER_GUEST_ROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Console */
int ets_printf(const char* format, ...) __attribute__((format(printf, 1, 2)));
void ets_install_putc1(void (*put)(char c));
void ets_install_uart_printf(void);
void ets_write_char_uart(char c);
void uart_tx_flush(uint8_t uart);
void uart_div_modify(uint8_t uart, uint32_t divider);

/* Time and resets */
void ets_delay_us(uint32_t us);
void ets_update_cpu_frequency(uint32_t mhz);
uint32_t ets_get_cpu_frequency(void);
int rtc_get_reset_reason(int cpu);
void software_reset(void);
void software_reset_cpu(int cpu);

/* Interrupts, the other core, the analogue parts' registers */
void intr_matrix_set(int cpu, uint32_t source, uint32_t interrupt);
void ets_set_appcpu_boot_addr(uint32_t address);
void rom_i2c_writeReg(uint8_t block, uint8_t host, uint8_t address, uint8_t data);

/* Flash and its cache */
void Cache_Read_Disable(int cpu);
void Cache_Read_Enable(int cpu);
void Cache_Flush(int cpu);
unsigned cache_flash_mmu_set(int cpu, int pid, uint32_t vaddr, uint32_t paddr, int page_kb, int pages);
void mmu_init(int cpu);
int esp_rom_spiflash_read(uint32_t address, uint32_t* to, int32_t length);
int esp_rom_spiflash_write(uint32_t address, const uint32_t* from, int32_t length);
int esp_rom_spiflash_erase_sector(uint32_t sector);
int esp_rom_spiflash_erase_block(uint32_t block);
int SPIUnlock(void);
int esp_rom_spiflash_config_param(uint32_t device_id, uint32_t chip_size, uint32_t block_size,
                                  uint32_t sector_size, uint32_t page_size, uint32_t status_mask);

/* Checks */
uint8_t esp_crc8(const uint8_t* data, uint32_t length);
uint32_t crc32_le(uint32_t crc, const uint8_t* data, uint32_t length);

/* libc */
void* memcpy(void* to, const void* from, size_t length);
void* memmove(void* to, const void* from, size_t length);
void* memset(void* to, int c, size_t length);
int memcmp(const void* a, const void* b, size_t length);
void* memchr(const void* s, int c, size_t length);
size_t strlen(const char* s);
int strcmp(const char* a, const char* b);
int strncmp(const char* a, const char* b, size_t length);
int strcasecmp(const char* a, const char* b);
int strncasecmp(const char* a, const char* b, size_t length);

#endif
