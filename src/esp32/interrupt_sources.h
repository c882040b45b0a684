// The peripheral interrupt sources of the ESP32's interrupt matrix.
// Source: ESP32 TRM, chapter "Interrupt Matrix", table of sources; ESP-IDF soc/esp32/include/soc/interrupts.h.
#pragma once

#include <cstdint>

namespace espalier::esp32 {

enum Source : std::uint8_t {
  kSourceWifiMac = 0, kSourceWifiMacNmi, kSourceWifiBb, kSourceBtMac, kSourceBtBb, kSourceBtBbNmi, kSourceRwbt,
  kSourceRwble, kSourceRwbtNmi, kSourceRwbleNmi, kSourceSlc0, kSourceSlc1, kSourceUhci0, kSourceUhci1,
  kSourceTg0T0Level, kSourceTg0T1Level, kSourceTg0WdtLevel, kSourceTg0LactLevel,
  kSourceTg1T0Level, kSourceTg1T1Level, kSourceTg1WdtLevel, kSourceTg1LactLevel,
  kSourceGpio, kSourceGpioNmi, kSourceFromCpu0, kSourceFromCpu1, kSourceFromCpu2, kSourceFromCpu3,
  kSourceSpi0, kSourceSpi1, kSourceSpi2, kSourceSpi3, kSourceI2s0, kSourceI2s1,
  kSourceUart0, kSourceUart1, kSourceUart2, kSourceSdioHost, kSourceEthMac, kSourcePwm0, kSourcePwm1,
  kSourcePwm2, kSourcePwm3, kSourceLedc, kSourceEfuse, kSourceTwai, kSourceRtcCore, kSourceRmt, kSourcePcnt,
  kSourceI2cExt0, kSourceI2cExt1, kSourceRsa, kSourceSpi1Dma, kSourceSpi2Dma, kSourceSpi3Dma, kSourceWdt,
  kSourceTimer1, kSourceTimer2,
  kSourceTg0T0Edge, kSourceTg0T1Edge, kSourceTg0WdtEdge, kSourceTg0LactEdge,
  kSourceTg1T0Edge, kSourceTg1T1Edge, kSourceTg1WdtEdge, kSourceTg1LactEdge,
  kSourceMmuIa, kSourceMpuIa, kSourceCacheIa, kSourceCount,
};
static_assert(kSourceLedc == 43 && kSourceCount == 69);

}  // namespace espalier::esp32
