#include "devices/dport.h"

#include <array>
#include <utility>

namespace espalier::devices {
namespace {

constexpr std::uint32_t DPORT_PERI_RST_EN_REG = 0x020;
constexpr std::uint32_t DPORT_APPCPU_CTRL_A_REG = 0x02C;
constexpr std::uint32_t DPORT_APPCPU_CTRL_B_REG = 0x030;
constexpr std::uint32_t DPORT_APPCPU_CTRL_C_REG = 0x034;
constexpr std::uint32_t DPORT_APPCPU_CTRL_D_REG = 0x038;
constexpr std::uint32_t DPORT_CPU_PER_CONF_REG = 0x03C;
constexpr std::uint32_t DPORT_PRO_CACHE_CTRL_REG = 0x040;
constexpr std::uint32_t DPORT_PRO_CACHE_CTRL1_REG = 0x044;
constexpr std::uint32_t DPORT_APP_CACHE_CTRL_REG = 0x058;
constexpr std::uint32_t DPORT_APP_CACHE_CTRL1_REG = 0x05C;
constexpr std::uint32_t DPORT_PERIP_CLK_EN_REG = 0x0C0;
constexpr std::uint32_t DPORT_PERIP_RST_EN_REG = 0x0C4;
constexpr std::uint32_t DPORT_SLAVE_SPI_CONFIG_REG = 0x0C8;
constexpr std::uint32_t DPORT_WIFI_CLK_EN_REG = 0x0CC;
constexpr std::uint32_t DPORT_CORE_RST_EN_REG = 0x0D0;
constexpr std::uint32_t DPORT_CPU_INTR_FROM_CPU_0_REG = 0x0DC;
constexpr std::uint32_t DPORT_CPU_INTR_FROM_CPU_3_REG = 0x0E8;
constexpr std::uint32_t DPORT_PRO_INTR_STATUS_0_REG = 0x0EC;
constexpr std::uint32_t DPORT_APP_INTR_STATUS_2_REG = 0x100;
constexpr std::uint32_t DPORT_PRO_MAC_INTR_MAP_REG = 0x104;
constexpr std::uint32_t DPORT_APP_CACHE_IA_INT_MAP_REG = 0x328;
constexpr std::uint32_t DPORT_PRO_DCACHE_DBUG0_REG = 0x3F0;
constexpr std::uint32_t DPORT_PRO_DCACHE_DBUG3_REG = 0x3FC;
constexpr std::uint32_t DPORT_APP_DCACHE_DBUG0_REG = 0x418;
constexpr std::uint32_t DPORT_APP_DCACHE_DBUG3_REG = 0x424;
constexpr std::uint32_t DPORT_CACHE_IA_INT_EN_REG = 0x5A0;
constexpr std::uint32_t DPORT_SPI_DMA_CHAN_SEL_REG = 0x5A8;
constexpr std::uint32_t DPORT_DATE_REG = 0xFFC;

// Bits that both cores' cache registers have in the same place.
constexpr std::uint32_t DPORT_CACHE_ENABLE = 1u << 3;
constexpr std::uint32_t DPORT_CACHE_FLUSH_ENA = 1u << 4;
constexpr std::uint32_t DPORT_CACHE_FLUSH_DONE = 1u << 5;
constexpr std::uint32_t DPORT_DRAM_SPLIT = 1u << 11;
constexpr std::uint32_t DPORT_PRO_DRAM_HL = 1u << 16;
constexpr std::uint32_t DPORT_APP_DRAM_HL = 1u << 14;
constexpr std::uint32_t DPORT_CACHE_MMU_IA_CLR = 1u << 13;
constexpr std::uint32_t kCacheStateIdle = 1u << 7;  // DPORT_{PRO,APP}_CACHE_STATE

constexpr std::uint32_t kCacheCtrl[2] = {DPORT_PRO_CACHE_CTRL_REG, DPORT_APP_CACHE_CTRL_REG};
constexpr std::uint32_t kCacheCtrl1[2] = {DPORT_PRO_CACHE_CTRL1_REG, DPORT_APP_CACHE_CTRL1_REG};
constexpr std::uint32_t kDcacheDbug3[2] = {DPORT_PRO_DCACHE_DBUG3_REG, DPORT_APP_DCACHE_DBUG3_REG};
constexpr std::uint32_t kResetBanks[3] = {DPORT_PERI_RST_EN_REG, DPORT_PERIP_RST_EN_REG,
                                          DPORT_CORE_RST_EN_REG};

constexpr unsigned kSourceFromCpu0 = 24;
constexpr unsigned kSourceCacheIa = 68;

// By CacheBus: the bit in DPORT_{PRO,APP}_DCACHE_DBUG3_REG that tells of an access while the cache was
// disabled, and the bit of DPORT_CACHE_IA_INT_EN_REG for it, of APP_CPU; PRO_CPU's is 14 higher.
struct IllegalAccess {
  unsigned status, enable;
};
constexpr IllegalAccess kIllegalAccess[6] = {{13, 1}, {12, 2}, {11, 3}, {10, 4}, {14, 0}, {9, 5}};
constexpr unsigned kProEnableShift = 14;
constexpr std::uint32_t kIllegalAccessMask = 0x7E00;

constexpr Reg kTable[] = {
    {0x000, 0, 1, 2},    // {PRO,APP}_BOOT_REMAP_CTRL
    {0x008, 0, 0},       // ACCESS_CHECK
    {0x00C, 0, ~0u, 4},  // {PRO,APP}_DPORT_APB_MASK{0,1}
    {0x01C, 0, ~0u, 2},  // PERI_CLK_EN, PERI_RST_EN
    {0x024, 0, ~0u, 2},  // WIFI_BB_CFG, WIFI_BB_CFG_2
    {DPORT_APPCPU_CTRL_A_REG, 1, 1},
    {DPORT_APPCPU_CTRL_B_REG, 0, 1},
    {DPORT_APPCPU_CTRL_C_REG, 0, 1},
    {DPORT_APPCPU_CTRL_D_REG, 0, ~0u},
    {DPORT_CPU_PER_CONF_REG, 0, 0xf},
    // The caches start with a flush, which is over before a core can look.
    {DPORT_PRO_CACHE_CTRL_REG, DPORT_CACHE_FLUSH_ENA | DPORT_CACHE_FLUSH_DONE, 0x10FDC},
    {DPORT_PRO_CACHE_CTRL1_REG, 0x8FF, 0x3FFF},
    {0x048, 0, 0x3FFFFF, 4},  // PRO_CACHE_LOCK_{0..3}_ADDR
    {DPORT_APP_CACHE_CTRL_REG, DPORT_CACHE_FLUSH_ENA | DPORT_CACHE_FLUSH_DONE, 0x4FDC},
    {DPORT_APP_CACHE_CTRL1_REG, 0x8FF, 0x3FFF},
    {0x060, 0, 0x3FFFFF, 4},  // APP_CACHE_LOCK_{0..3}_ADDR
    {0x070, 0, 3},            // TRACEMEM_MUX_MODE
    {0x074, 0, 1, 2},         // {PRO,APP}_TRACEMEM_ENA
    {0x07C, 0, 3},            // CACHE_MUX_MODE
    {0x080, 0, 7, 2},         // IMMU_PAGE_MODE, DMMU_PAGE_MODE
    {0x088, 0, 7},            // ROM_MPU_ENA
    {0x08C, 1, 1},            // MEM_PD_MASK
    {0x090, 0, 0xFF},         // ROM_PD_CTRL
    {0x094, 3, 0xFF},         // ROM_FO_CTRL
    {0x098, 0, ~0u},          // SRAM_PD_CTRL_0
    {0x09C, 0, 1},            // SRAM_PD_CTRL_1
    {0x0A0, ~0u, ~0u},        // SRAM_FO_CTRL_0
    {0x0A4, 1, 1},            // SRAM_FO_CTRL_1
    {0x0A8, 0, 0x7F},         // IRAM_DRAM_AHB_SEL
    {0x0AC, 0x101, 0x303},    // TAG_FO_CTRL
    {0x0B0, 0, 0x3F11},       // AHB_LITE_MASK
    {0x0B4, ~0u, ~0u},        // AHB_MPU_TABLE_0
    {0x0B8, 0x1FF, 0x1FF},    // AHB_MPU_TABLE_1
    {0x0BC, 0, 0xFFFF},       // HOST_INF_SEL
    {DPORT_PERIP_CLK_EN_REG, 0xF9C1E06F, ~0u},
    {DPORT_PERIP_RST_EN_REG, 0, ~0u},
    {DPORT_SLAVE_SPI_CONFIG_REG, 0, 0x1111},
    {DPORT_WIFI_CLK_EN_REG, 0xFFFCE030, ~0u},
    {DPORT_CORE_RST_EN_REG, 0, ~0u},
    {0x0D4, 0xFF, 0x1FFF},            // BT_LPCK_DIV_INT
    {0x0D8, 0x02001001, 0x0FFFFFFF},  // BT_LPCK_DIV_FRAC
    {DPORT_CPU_INTR_FROM_CPU_0_REG, 0, 1, 4},
    {DPORT_PRO_INTR_STATUS_0_REG, 0, 0, 6},
    {DPORT_PRO_MAC_INTR_MAP_REG, 16, 0x1F, 138},
    {0x32C, 0, 0x3F, 47},  // AHBLITE_MPU_TABLE_*
    {0x3E8, 0, 0, 2},      // MEM_ACCESS_DBUG{0,1}
    {DPORT_PRO_DCACHE_DBUG0_REG, kCacheStateIdle, 0},
    {0x3F4, 0, 0, 9},  // PRO_DCACHE_DBUG{1..9}
    {DPORT_APP_DCACHE_DBUG0_REG, kCacheStateIdle, 0},
    {0x41C, 0, 0, 9},       // APP_DCACHE_DBUG{1..9}
    {0x440, 0x100, 0x111},  // PRO_CPU_RECORD_CTRL
    {0x444, 0, 0, 9},       // PRO_CPU_RECORD_STATUS .. PDEBUGLS0DATA
    {0x468, 0x100, 0x111},  // APP_CPU_RECORD_CTRL
    {0x46C, 0, 0, 9},       // APP_CPU_RECORD_STATUS .. PDEBUGLS0DATA
    {0x490, 0, 1},          // RSA_PD_CTRL
    {0x494, 1, 3, 4},       // ROM_MPU_TABLE{0..3}
    {0x4A4, 1, 3, 24},      // SHROM_MPU_TABLE{0..23}
    {0x504, 0, 0x7F, 16},   // IMMU_TABLE{0..15}
    {0x544, 0, 0x7F, 16},   // DMMU_TABLE{0..15}
    {0x584, 1, 1},          // PRO_INTRUSION_CTRL
    {0x588, 0, 0},          // PRO_INTRUSION_STATUS
    {0x58C, 1, 1},          // APP_INTRUSION_CTRL
    {0x590, 0, 0},          // APP_INTRUSION_STATUS
    {0x594, 5, 0xF},        // FRONT_END_MEM_PD
    {0x598, 0, 0xFFFFFF},   // MMU_IA_INT_EN
    {0x59C, 0, 0x1FFFF},    // MPU_IA_INT_EN
    {DPORT_CACHE_IA_INT_EN_REG, 0, 0xFFFFFFF},
    {0x5A4, 0, 1},  // SECURE_BOOT_CTRL
    {DPORT_SPI_DMA_CHAN_SEL_REG, 0, 0x3F},
    {0x5AC, 0, 3},         // PRO_VECBASE_CTRL
    {0x5B0, 0, 0x3FFFFF},  // PRO_VECBASE_SET
    {0x5B4, 0, 3},         // APP_VECBASE_CTRL
    {0x5B8, 0, 0x3FFFFF},  // APP_VECBASE_SET
    {DPORT_DATE_REG, 0x1605190, 0xFFFFFFF},
};
// IMMU_TABLE and DMMU_TABLE hold each entry's own index after reset, which a row of alike registers cannot
// say.
constexpr std::uint32_t kSramMmuTables[2] = {0x504, 0x544};

constexpr bool within(std::uint32_t offset, std::uint32_t first, std::uint32_t last) {
  return offset >= first && offset <= last;
}

// Secure boot's reset holds SHA and AES too, digital signature's AES and RSA.
constexpr std::uint32_t crypto_resets(std::uint32_t value) {
  if (value & Dport::kSecureBoot) value |= Dport::kSha | Dport::kAes;
  if (value & Dport::kDigitalSignature) value |= Dport::kAes | Dport::kRsa;
  return value;
}

}  // namespace

Dport::Dport(Context context, InterruptMatrix& matrix)
    : RegisterBlock("dport", kSize, kTable, context), matrix_(matrix) {
  for (std::uint32_t table : kSramMmuTables)
    for (std::uint32_t i = 0; i < 16; ++i) set(table + 4 * i, i);
}

bool Dport::cache_enabled(unsigned cpu) const {
  return get(kCacheCtrl[cpu]) & DPORT_CACHE_ENABLE;
}

bool Dport::cache_bus_enabled(unsigned cpu, CacheBus bus) const {
  return cache_enabled(cpu) && !bit(kCacheCtrl1[cpu], static_cast<unsigned>(bus));
}

std::uint32_t Dport::flash_page_size(unsigned cpu) const {
  return 0x10000u >> field(kCacheCtrl1[cpu], 10, 9);
}

std::uint32_t Dport::psram_page_size(unsigned cpu) const {
  return 0x8000u >> field(kCacheCtrl1[cpu], 8, 6);
}

Dport::PsramMode Dport::psram_mode(unsigned cpu) const {
  const std::uint32_t ctrl = get(kCacheCtrl[cpu]);
  if (ctrl & DPORT_DRAM_SPLIT) return PsramMode::kEvenOdd;
  return ctrl & (cpu ? DPORT_APP_DRAM_HL : DPORT_PRO_DRAM_HL) ? PsramMode::kLowHigh : PsramMode::kNormal;
}

Dport::AppCpu Dport::app_cpu() const {
  return {bit(DPORT_APPCPU_CTRL_A_REG, 0), bit(DPORT_APPCPU_CTRL_B_REG, 0), bit(DPORT_APPCPU_CTRL_C_REG, 0),
          get(DPORT_APPCPU_CTRL_D_REG)};
}

unsigned Dport::cpuperiod_sel() const {
  return field(DPORT_CPU_PER_CONF_REG, 1, 0);
}

std::uint32_t Dport::in_reset(ResetBank bank) const {
  const std::uint32_t value = get(kResetBanks[static_cast<unsigned>(bank)]);
  return bank == ResetBank::kCrypto ? crypto_resets(value) : value;
}

std::uint32_t Dport::peripheral_clocks() const {
  return get(DPORT_PERIP_CLK_EN_REG);
}
std::uint32_t Dport::radio_clocks() const {
  return get(DPORT_WIFI_CLK_EN_REG);
}

unsigned Dport::spi_dma_channel(unsigned spi) const {
  return field(DPORT_SPI_DMA_CHAN_SEL_REG, 2 * spi - 1, 2 * spi - 2);
}

bool Dport::flash_decryption() const {
  return bit(DPORT_SLAVE_SPI_CONFIG_REG, 12);
}
bool Dport::flash_encryption() const {
  return bit(DPORT_SLAVE_SPI_CONFIG_REG, 8);
}

void Dport::report_illegal_access(unsigned cpu, CacheBus bus) {
  const IllegalAccess& access = kIllegalAccess[static_cast<unsigned>(bus)];
  set(kDcacheDbug3[cpu], get(kDcacheDbug3[cpu]) | 1u << access.status);
  update_cache_interrupt();
}

void Dport::update_cache_interrupt() {
  bool high = false;
  for (unsigned cpu = 0; cpu < kCpus; ++cpu)
    for (const IllegalAccess& access : kIllegalAccess)
      high |= bit(kDcacheDbug3[cpu], access.status) &&
              bit(DPORT_CACHE_IA_INT_EN_REG, access.enable + (cpu == 0 ? kProEnableShift : 0));
  matrix_.set_source(kSourceCacheIa, high);
}

std::uint32_t Dport::peek(std::uint32_t offset) {
  if (within(offset, DPORT_PRO_INTR_STATUS_0_REG, DPORT_APP_INTR_STATUS_2_REG))
    return matrix_.status((offset - DPORT_PRO_INTR_STATUS_0_REG) / 4 % 3);
  if (within(offset, DPORT_PRO_MAC_INTR_MAP_REG, DPORT_APP_CACHE_IA_INT_MAP_REG)) {
    const std::uint32_t index = (offset - DPORT_PRO_MAC_INTR_MAP_REG) / 4;
    return matrix_.mapping(index / InterruptMatrix::kSources, index % InterruptMatrix::kSources);
  }
  return get(offset);
}

std::uint32_t Dport::read(std::uint32_t offset) {
  if (within(offset, DPORT_PRO_INTR_STATUS_0_REG, DPORT_APP_CACHE_IA_INT_MAP_REG)) return peek(offset);
  return RegisterBlock::read(offset);
}

void Dport::write_cache_ctrl(unsigned cpu, std::uint32_t value) {
  const std::uint32_t before = get(kCacheCtrl[cpu]);
  RegisterBlock::write(kCacheCtrl[cpu], value);
  std::uint32_t now = get(kCacheCtrl[cpu]) & ~DPORT_CACHE_FLUSH_DONE;
  if (now & DPORT_CACHE_FLUSH_ENA) now |= DPORT_CACHE_FLUSH_DONE;
  set(kCacheCtrl[cpu], now);
  if (now & ~before & DPORT_CACHE_FLUSH_ENA && on_cache_flush) on_cache_flush(cpu);
  constexpr std::uint32_t kFlush = DPORT_CACHE_FLUSH_ENA | DPORT_CACHE_FLUSH_DONE;
  if ((now ^ before) & ~kFlush) cache_changed(cpu);
}

void Dport::write_cache_ctrl1(unsigned cpu, std::uint32_t value) {
  const std::uint32_t before = get(kCacheCtrl1[cpu]);
  RegisterBlock::write(kCacheCtrl1[cpu], value);
  const std::uint32_t now = get(kCacheCtrl1[cpu]);
  if (now & DPORT_CACHE_MMU_IA_CLR) {
    set(kDcacheDbug3[cpu], get(kDcacheDbug3[cpu]) & ~kIllegalAccessMask);
    update_cache_interrupt();
  }
  if ((now ^ before) & ~DPORT_CACHE_MMU_IA_CLR) cache_changed(cpu);
}

void Dport::cache_changed(unsigned cpu) {
  tracer().trace<base::TraceEvent::cache_control>(cpu, cache_enabled(cpu), get(kCacheCtrl[cpu]),
                                                  get(kCacheCtrl1[cpu]));
  if (on_cache_change) on_cache_change(cpu);
}

void Dport::write_app_cpu(std::uint32_t offset, std::uint32_t value) {
  const AppCpu before = app_cpu();
  RegisterBlock::write(offset, value);
  const AppCpu now = app_cpu();
  if (now == before) return;
  tracer().trace<base::TraceEvent::dport_app_cpu>(now.in_reset, now.clock_enabled, now.run_stalled,
                                                  now.boot_address);
  if (on_app_cpu_change) on_app_cpu_change(before, now);
}

void Dport::write_reset_bank(ResetBank bank, std::uint32_t value) {
  const std::uint32_t before = in_reset(bank);
  RegisterBlock::write(kResetBanks[static_cast<unsigned>(bank)], value);
  const std::uint32_t now = in_reset(bank);
  if (now != before && on_peripheral_reset) on_peripheral_reset(bank, now & ~before, before & ~now);
}

void Dport::write(std::uint32_t offset, std::uint32_t value) {
  if (within(offset, DPORT_PRO_MAC_INTR_MAP_REG, DPORT_APP_CACHE_IA_INT_MAP_REG)) {
    const std::uint32_t index = (offset - DPORT_PRO_MAC_INTR_MAP_REG) / 4;
    return matrix_.map(index / InterruptMatrix::kSources, index % InterruptMatrix::kSources, value);
  }
  if (within(offset, DPORT_CPU_INTR_FROM_CPU_0_REG, DPORT_CPU_INTR_FROM_CPU_3_REG)) {
    RegisterBlock::write(offset, value);
    return matrix_.set_source(kSourceFromCpu0 + (offset - DPORT_CPU_INTR_FROM_CPU_0_REG) / 4, value & 1);
  }
  switch (offset) {
    case DPORT_PRO_CACHE_CTRL_REG:
      return write_cache_ctrl(0, value);
    case DPORT_PRO_CACHE_CTRL1_REG:
      return write_cache_ctrl1(0, value);
    case DPORT_APP_CACHE_CTRL_REG:
      return write_cache_ctrl(1, value);
    case DPORT_APP_CACHE_CTRL1_REG:
      return write_cache_ctrl1(1, value);
    case DPORT_APPCPU_CTRL_A_REG:
    case DPORT_APPCPU_CTRL_B_REG:
    case DPORT_APPCPU_CTRL_C_REG:
    case DPORT_APPCPU_CTRL_D_REG:
      return write_app_cpu(offset, value);
    case DPORT_PERI_RST_EN_REG:
      return write_reset_bank(ResetBank::kCrypto, value);
    case DPORT_PERIP_RST_EN_REG:
      return write_reset_bank(ResetBank::kPeripheral, value);
    case DPORT_CORE_RST_EN_REG:
      return write_reset_bank(ResetBank::kRadio, value);
    case DPORT_CPU_PER_CONF_REG: {
      const unsigned before = cpuperiod_sel();
      RegisterBlock::write(offset, value);
      if (cpuperiod_sel() != before && on_cpu_clock_change) on_cpu_clock_change();
      return;
    }
    case DPORT_CACHE_IA_INT_EN_REG:
      RegisterBlock::write(offset, value);
      return update_cache_interrupt();
    default:
      return RegisterBlock::write(offset, value);
  }
}

void Dport::reset(ResetKind kind) {
  const AppCpu app_before = app_cpu();
  const unsigned period_before = cpuperiod_sel();
  const auto cache_state = [this](unsigned cpu) {
    return std::pair(get(kCacheCtrl[cpu]), get(kCacheCtrl1[cpu]));
  };
  const std::array caches_before = {cache_state(0), cache_state(1)};
  RegisterBlock::reset(kind);
  for (std::uint32_t table : kSramMmuTables)
    for (std::uint32_t i = 0; i < 16; ++i) set(table + 4 * i, i);
  matrix_.reset();
  for (unsigned i = 0; i < 4; ++i) matrix_.set_source(kSourceFromCpu0 + i, false);
  update_cache_interrupt();
  for (unsigned cpu = 0; cpu < kCpus; ++cpu)
    if (cache_state(cpu) != caches_before[cpu] && on_cache_change) on_cache_change(cpu);
  if (app_cpu() != app_before && on_app_cpu_change) on_app_cpu_change(app_before, app_cpu());
  if (cpuperiod_sel() != period_before && on_cpu_clock_change) on_cpu_clock_change();
}

void Dport::archive(base::Archive& ar) {
  RegisterBlock::archive(ar);
  matrix_.archive(ar);
}

}  // namespace espalier::devices
