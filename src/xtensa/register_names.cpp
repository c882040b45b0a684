#include "xtensa/register_names.h"

#include <algorithm>
#include <array>

namespace espalier::xtensa {
namespace {

enum Accesses : std::uint8_t { kNoAccess = 0, kRsr = 1, kWsr = 2, kXsr = 4, kAll = 7 };

struct Name {
  std::uint8_t number;
  std::string_view name;
  std::uint8_t accesses = kAll;
};

// Sources: ESP-IDF components/xtensa/esp32/include/xtensa/config/specreg.h; the accesses are those that the
// ESP32's assembler knows. LITBASE and MMID are there although the core has neither extended L32R nor an MMU.
constexpr Name kSpecialRegisters[] = {
    {0, "lbeg"},
    {1, "lend"},
    {2, "lcount"},
    {3, "sar"},
    {4, "br"},
    {5, "litbase"},
    {12, "scompare1"},
    {16, "acclo"},
    {17, "acchi"},
    {32, "m0"},
    {33, "m1"},
    {34, "m2"},
    {35, "m3"},
    {72, "windowbase"},
    {73, "windowstart"},
    {89, "mmid", kWsr},
    {96, "ibreakenable"},
    {97, "memctl"},
    {99, "atomctl"},
    {104, "ddr"},
    {128, "ibreaka0"},
    {129, "ibreaka1"},
    {144, "dbreaka0"},
    {145, "dbreaka1"},
    {160, "dbreakc0"},
    {161, "dbreakc1"},
    {176, "configid0", kRsr | kWsr},
    {177, "epc1"},
    {178, "epc2"},
    {179, "epc3"},
    {180, "epc4"},
    {181, "epc5"},
    {182, "epc6"},
    {183, "epc7"},
    {192, "depc"},
    {194, "eps2"},
    {195, "eps3"},
    {196, "eps4"},
    {197, "eps5"},
    {198, "eps6"},
    {199, "eps7"},
    {208, "configid1", kRsr},
    {209, "excsave1"},
    {210, "excsave2"},
    {211, "excsave3"},
    {212, "excsave4"},
    {213, "excsave5"},
    {214, "excsave6"},
    {215, "excsave7"},
    {224, "cpenable"},
    {226, "interrupt", kRsr},
    {226, "intset", kWsr},
    {227, "intclear", kWsr},
    {228, "intenable"},
    {230, "ps"},
    {231, "vecbase"},
    {232, "exccause"},
    {233, "debugcause"},
    {234, "ccount"},
    {235, "prid", kRsr},
    {236, "icount"},
    {237, "icountlevel"},
    {238, "excvaddr"},
    {240, "ccompare0"},
    {241, "ccompare1"},
    {242, "ccompare2"},
    {244, "misc0"},
    {245, "misc1"},
    {246, "misc2"},
    {247, "misc3"},
};

constexpr Name kUserRegisters[] = {
    {230, "expstate"}, {231, "threadptr"}, {232, "fcr"},  {233, "fsr"},
    {234, "f64r_lo"},  {235, "f64r_hi"},   {236, "f64s"},
};

using Table = std::array<std::string_view, 256>;

template <std::size_t N>
constexpr Table by_number(const Name (&names)[N], std::uint8_t access) {
  Table table{};
  for (const Name& name : names) {
    if (name.accesses & access) table[name.number] = name.name;
  }
  return table;
}

constexpr Table kRsrNames = by_number(kSpecialRegisters, kRsr);
constexpr Table kWsrNames = by_number(kSpecialRegisters, kWsr);
constexpr Table kXsrNames = by_number(kSpecialRegisters, kXsr);
constexpr Table kUserNames = by_number(kUserRegisters, kAll);

struct CauseName {
  Cause cause;
  std::string_view name;
};
constexpr CauseName kCauseNames[] = {
    {Cause::kIllegalInstruction, "IllegalInstruction"},
    {Cause::kSyscall, "Syscall"},
    {Cause::kInstructionFetchError, "InstructionFetchError"},
    {Cause::kLoadStoreError, "LoadStoreError"},
    {Cause::kLevel1Interrupt, "Level1Interrupt"},
    {Cause::kAlloca, "Alloca"},
    {Cause::kIntegerDivideByZero, "IntegerDivideByZero"},
    {Cause::kPrivileged, "Privileged"},
    {Cause::kLoadStoreAlignment, "LoadStoreAlignment"},
    {Cause::kInstrPifDataError, "InstrPIFDataError"},
    {Cause::kLoadStorePifDataError, "LoadStorePIFDataError"},
    {Cause::kInstrPifAddrError, "InstrPIFAddrError"},
    {Cause::kLoadStorePifAddrError, "LoadStorePIFAddrError"},
    {Cause::kInstTlbMiss, "InstTLBMiss"},
    {Cause::kInstTlbMultiHit, "InstTLBMultiHit"},
    {Cause::kInstFetchPrivilege, "InstFetchPrivilege"},
    {Cause::kInstFetchProhibited, "InstFetchProhibited"},
    {Cause::kLoadStoreTlbMiss, "LoadStoreTLBMiss"},
    {Cause::kLoadStoreTlbMultiHit, "LoadStoreTLBMultiHit"},
    {Cause::kLoadStorePrivilege, "LoadStorePrivilege"},
    {Cause::kLoadProhibited, "LoadProhibited"},
    {Cause::kStoreProhibited, "StoreProhibited"},
    {Cause::kCoprocessor0Disabled, "Coprocessor0Disabled"},
};

std::optional<std::string_view> look_up(const Table& table, std::uint8_t number) {
  if (table[number].empty()) return std::nullopt;
  return table[number];
}

}  // namespace

std::optional<std::string_view> special_register_name(Op op, std::uint8_t number) {
  switch (op) {
    case Op::RSR:
      return look_up(kRsrNames, number);
    case Op::WSR:
      return look_up(kWsrNames, number);
    case Op::XSR:
      return look_up(kXsrNames, number);
    default:
      return std::nullopt;
  }
}

std::optional<std::string_view> user_register_name(std::uint8_t number) {
  return look_up(kUserNames, number);
}

std::string_view cause_name(Cause cause) {
  const auto* const found = std::ranges::find(kCauseNames, cause, &CauseName::cause);
  return found == std::end(kCauseNames) ? "none" : found->name;
}

}  // namespace espalier::xtensa
