// A flash image with one assembled program, for tests that run a whole machine.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "devices/flash_storage.h"
#include "esp32/machine.h"
#include "xtensa/testing/assembler.h"

namespace espalier::esp32::testing_support {

inline constexpr std::uint32_t kEntry = 0x40080400;

// 1 MiB of flash whose image at 0x1000, where the ROM looks for the bootloader, is one segment that lies in
// IRAM from kEntry on and is entered there.
inline std::shared_ptr<const devices::FlashImage> flash_with(std::string_view program) {
  std::vector<std::uint8_t> code = xtensa::testing::assemble(program, kEntry).bytes;
  while (code.size() % 4) code.push_back(0);
  std::vector<std::uint8_t> image = {0xe9, 1, 2, 0x10, 0x00, 0x04, 0x08, 0x40};  // DIO, 2 MB, entry kEntry
  image.resize(24);
  const auto word = [&](std::uint32_t value) {
    for (int i = 0; i < 4; ++i) image.push_back(static_cast<std::uint8_t>(value >> 8 * i));
  };
  word(kEntry);
  word(static_cast<std::uint32_t>(code.size()));
  std::uint8_t checksum = 0xef;
  for (std::uint8_t byte : code) {
    image.push_back(byte);
    checksum ^= byte;
  }
  while (image.size() % 16 != 15) image.push_back(0);
  image.push_back(checksum);
  std::vector<std::uint8_t> flash(0x1000, 0xff);
  flash.insert(flash.end(), image.begin(), image.end());
  return devices::FlashImage::create(flash, 1 << 20).value();
}

// How a program begins that may run for as long as it likes: no interrupts, no watchdogs; a2 is 0 then, and
// `ram` the address of a word that holds 0x3ffb0000.
inline constexpr std::string_view kWithoutWatchdogs = R"(
         j quiet
         .align 4
timg0:   .word 0x3ff5f048
rtcwdt:  .word 0x3ff4808c
key:     .word 0x50d83aa1
ram:     .word 0x3ffb0000
quiet:   entry a1, 32
         movi a2, 0
         wsr.intenable a2
         l32r a10, key
         l32r a3, timg0
         s32i a10, a3, 0x1c        # TIMG_WDTWPROTECT
         s32i a2, a3, 0            # TIMG_WDTCONFIG0
         l32r a3, rtcwdt
         s32i a10, a3, 0x18        # RTC_CNTL_WDTWPROTECT
         s32i a2, a3, 0            # RTC_CNTL_WDTCONFIG0
)";

// Puts code into IRAM and lets core `cpu` go on there, with a3 = `a3` and no interrupts. False if it does not
// fit.
inline bool start_at(Machine& machine, unsigned cpu, std::string_view program, std::uint32_t at,
                     std::uint32_t a3) {
  const auto code = xtensa::testing::assemble(program, at).bytes;
  xtensa::Core& core = machine.core(cpu);
  core.resume();
  core.write_special(xtensa::Sr::INTENABLE, 0);
  core.write_special(xtensa::Sr::PS, xtensa::kPsWoe);
  for (unsigned n = 2; n < 16; ++n) core.set_a(n, 0);
  core.set_a(3, a3);
  core.state().pc = at;
  return machine.debug().write(0, at, code) == code.size();
}

// Starts the APP CPU at `app`. a2 is 0; changes a3 and a4.
inline constexpr std::string_view kStartsAppCpu = R"(
         j start_app
         .align 4
dport:   .word 0x3ff00000
app_at:  .word app
start_app:
         l32r a3, dport
         l32r a4, app_at
         s32i a4, a3, 0x38         # APPCPU_CTRL_D: where it goes on
         movi a4, 1
         s32i a4, a3, 0x30         # APPCPU_CTRL_B: its clock
         s32i a2, a3, 0x34         # APPCPU_CTRL_C: not stalled
         s32i a2, a3, 0x2c         # APPCPU_CTRL_A: out of reset
)";

}  // namespace espalier::esp32::testing_support
