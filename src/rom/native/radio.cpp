// What of the radio's ROM functions needs no radio.
#include <cstdint>

#include "rom/native/natives.h"

namespace espalier::rom {
namespace {

// A frequency in MHz as a channel's number: 1 to 13 from 2412 on in steps of 5, 14 at 2484, 15 and more from
// 2512 on in steps of 20 if the flags say "2 GHz" (0x80), else 255. As 802.11 has it, but for those beyond
// 14, which are BSD's (net80211, ieee80211_mhz2ieee). ESP-IDF's PHY library goes from frequencies to channels
// by it, and since v5.1 reports channel 0 as an error from where nothing may be printed, so Wi-Fi aborts.
void mhz2ieee(Call& c) {
  const auto mhz = static_cast<std::int32_t>(c.arg(0) & 0xffff);
  const bool band_2ghz = c.arg(1) & 0x80;
  c.charge(15);
  if (mhz == 2484) return c.ret(14);
  if (mhz > 2484 && !band_2ghz) return c.ret(0xff);
  const std::int32_t channel = mhz < 2484 ? (mhz - 2407) / 5 : 15 + (mhz - 2512) / 20;
  c.ret(static_cast<std::uint32_t>(channel) & 0xff);
}

constexpr NativeFunction kFunctions[] = {{"rom_mhz2ieee", mhz2ieee}};

}  // namespace

std::span<const NativeFunction> radio_natives() {
  return kFunctions;
}

}  // namespace espalier::rom
