/* wake_stub.S */
#ifndef ESPALIER_GUEST_WAKE_STUB_H
#define ESPALIER_GUEST_WAKE_STUB_H

#define WAKE_STUB_MARK 0x00c0ffee

#ifndef __ASSEMBLER__
#include <stdint.h>
extern const uint32_t wake_stub[], wake_stub_end[];
void set_rtc_memory_crc(void);
#endif

#endif
