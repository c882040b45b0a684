#include "debug/gdb_registers.h"

#include <fmt/format.h>

#include <vector>

#include "esp32/memory_map.h"
#include "xtensa/special_registers.h"

namespace espalier::debug {
namespace {

using Kind = GdbRegister::Kind;
using xtensa::Core;
using xtensa::Sr;
using xtensa::Ur;

struct Named {
  const char* name;
  std::uint16_t number;
  std::uint8_t bits = 32;
  bool readable = true;
};
constexpr std::uint16_t sr(Sr number) {
  return static_cast<std::uint16_t>(number);
}
constexpr std::uint16_t ur(Ur number) {
  return static_cast<std::uint16_t>(number);
}

// In GDB's order; MMID (89) and INTSET (226) can only be written.
constexpr std::uint16_t kMmid = 89;
constexpr Named kLoops[] = {{"lbeg", sr(Sr::LBEG)},
                            {"lend", sr(Sr::LEND)},
                            {"lcount", sr(Sr::LCOUNT)},
                            {"sar", sr(Sr::SAR), 6},
                            {"windowbase", sr(Sr::WINDOWBASE), 4},
                            {"windowstart", sr(Sr::WINDOWSTART), 16},
                            {"configid0", sr(Sr::CONFIGID0)},
                            {"configid1", sr(Sr::CONFIGID1)},
                            {"ps", sr(Sr::PS), 19}};
constexpr Named kOptions[] = {{"br", sr(Sr::BR), 16},   {"scompare1", sr(Sr::SCOMPARE1)},
                              {"acclo", sr(Sr::ACCLO)}, {"acchi", sr(Sr::ACCHI), 8},
                              {"m0", sr(Sr::M0)},       {"m1", sr(Sr::M1)},
                              {"m2", sr(Sr::M2)},       {"m3", sr(Sr::M3)}};
constexpr Named kDoubles[] = {{"expstate", ur(Ur::EXPSTATE)},
                              {"f64r_lo", ur(Ur::F64R_LO)},
                              {"f64r_hi", ur(Ur::F64R_HI)},
                              {"f64s", ur(Ur::F64S)}};
constexpr Named kPrivileged[] = {{"mmid", kMmid, 32, false},
                                 {"ibreakenable", sr(Sr::IBREAKENABLE), 2},
                                 {"memctl", sr(Sr::MEMCTL), 1},
                                 {"atomctl", sr(Sr::ATOMCTL), 6},
                                 {"ddr", sr(Sr::DDR)},
                                 {"ibreaka0", sr(Sr::IBREAKA0)},
                                 {"ibreaka1", sr(Sr::IBREAKA1)},
                                 {"dbreaka0", sr(Sr::DBREAKA0)},
                                 {"dbreaka1", sr(Sr::DBREAKA1)},
                                 {"dbreakc0", sr(Sr::DBREAKC0)},
                                 {"dbreakc1", sr(Sr::DBREAKC1)},
                                 {"epc1", sr(Sr::EPC1)},
                                 {"epc2", sr(Sr::EPC2)},
                                 {"epc3", sr(Sr::EPC3)},
                                 {"epc4", sr(Sr::EPC4)},
                                 {"epc5", sr(Sr::EPC5)},
                                 {"epc6", sr(Sr::EPC6)},
                                 {"epc7", sr(Sr::EPC7)},
                                 {"depc", sr(Sr::DEPC)},
                                 {"eps2", sr(Sr::EPS2), 19},
                                 {"eps3", sr(Sr::EPS3), 19},
                                 {"eps4", sr(Sr::EPS4), 19},
                                 {"eps5", sr(Sr::EPS5), 19},
                                 {"eps6", sr(Sr::EPS6), 19},
                                 {"eps7", sr(Sr::EPS7), 19},
                                 {"excsave1", sr(Sr::EXCSAVE1)},
                                 {"excsave2", sr(Sr::EXCSAVE2)},
                                 {"excsave3", sr(Sr::EXCSAVE3)},
                                 {"excsave4", sr(Sr::EXCSAVE4)},
                                 {"excsave5", sr(Sr::EXCSAVE5)},
                                 {"excsave6", sr(Sr::EXCSAVE6)},
                                 {"excsave7", sr(Sr::EXCSAVE7)},
                                 {"cpenable", sr(Sr::CPENABLE), 8},
                                 {"interrupt", sr(Sr::INTERRUPT)},
                                 {"intset", sr(Sr::INTERRUPT), 32, false},
                                 {"intclear", sr(Sr::INTCLEAR), 32, false},
                                 {"intenable", sr(Sr::INTENABLE)},
                                 {"vecbase", sr(Sr::VECBASE)},
                                 {"exccause", sr(Sr::EXCCAUSE), 6},
                                 {"debugcause", sr(Sr::DEBUGCAUSE), 12},
                                 {"ccount", sr(Sr::CCOUNT)},
                                 {"prid", sr(Sr::PRID)},
                                 {"icount", sr(Sr::ICOUNT)},
                                 {"icountlevel", sr(Sr::ICOUNTLEVEL), 4},
                                 {"excvaddr", sr(Sr::EXCVADDR)},
                                 {"ccompare0", sr(Sr::CCOMPARE0)},
                                 {"ccompare1", sr(Sr::CCOMPARE1)},
                                 {"ccompare2", sr(Sr::CCOMPARE2)},
                                 {"misc0", sr(Sr::MISC0)},
                                 {"misc1", sr(Sr::MISC1)},
                                 {"misc2", sr(Sr::MISC2)},
                                 {"misc3", sr(Sr::MISC3)}};

std::vector<GdbRegister> make_registers() {
  std::vector<GdbRegister> all;
  const auto add = [&all](const auto& table, Kind kind) {
    for (const Named& row : table) all.push_back({row.name, kind, row.number, row.bits, row.readable});
  };
  const auto add_file = [&all](const char* prefix, unsigned count, Kind kind) {
    for (unsigned n = 0; n < count; ++n)
      all.push_back({fmt::format("{}{}", prefix, n), kind, static_cast<std::uint16_t>(n)});
  };
  all.push_back({"pc", Kind::kPc});
  add_file("ar", 64, Kind::kPhysical);
  add(kLoops, Kind::kSpecial);
  all.push_back({"threadptr", Kind::kUser, ur(Ur::THREADPTR)});
  add(kOptions, Kind::kSpecial);
  add(kDoubles, Kind::kUser);
  add_file("f", 16, Kind::kFp);
  all.push_back({"fcr", Kind::kUser, ur(Ur::FCR)});
  all.push_back({"fsr", Kind::kUser, ur(Ur::FSR)});
  add(kPrivileged, Kind::kSpecial);
  add_file("a", 16, Kind::kWindow);
  return all;
}

}  // namespace

std::span<const GdbRegister> gdb_registers() {
  static const std::vector<GdbRegister> all = make_registers();
  return all;
}

std::uint32_t read_gdb_register(Core& core, unsigned n) {
  const GdbRegister& reg = gdb_registers()[n];
  if (!reg.readable) return 0;
  switch (reg.kind) {
    case Kind::kPc:
      return core.state().pc;
    case Kind::kPhysical:
      return core.physical(reg.number);
    case Kind::kSpecial:
      return core.read_special(static_cast<Sr>(reg.number));
    case Kind::kUser: {
      const xtensa::UserRegister* row = xtensa::find_user_register(reg.number);
      return row != nullptr ? xtensa::state_word(core.state(), row->offset) : 0;
    }
    case Kind::kFp:
      return core.state().fr[reg.number];
    case Kind::kWindow:
      return core.a(reg.number);
  }
  return 0;
}

bool is_volatile_gdb_register(unsigned n) {
  const GdbRegister& reg = gdb_registers()[n];
  return !reg.readable || (reg.kind == Kind::kSpecial && reg.number == sr(Sr::CCOUNT));
}

void write_gdb_register(Core& core, unsigned n, std::uint32_t value) {
  const GdbRegister& reg = gdb_registers()[n];
  switch (reg.kind) {
    case Kind::kPc:
      core.state().pc = value;
      return;
    case Kind::kPhysical:
      core.set_physical(reg.number, value);
      return;
    case Kind::kSpecial: {
      const auto number = static_cast<Sr>(reg.number);
      if (number == Sr::INTERRUPT && reg.readable)
        return;  // WSR there is INTSET, which is a register of its own
      core.write_special(number, value);
      return;
    }
    case Kind::kUser:
      if (const xtensa::UserRegister* row = xtensa::find_user_register(reg.number))
        xtensa::state_word(core.state(), row->offset) = value & row->write_mask;
      return;
    case Kind::kFp:
      core.state().fr[reg.number] = value;
      return;
    case Kind::kWindow:
      core.set_a(reg.number, value);
      return;
  }
}

std::string gdb_target_description() {
  std::string xml =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n"
      "<architecture>xtensa</architecture>\n<feature name=\"org.gnu.gdb.xtensa.core\">\n";
  const auto registers = gdb_registers();
  for (unsigned n = 0; n < registers.size(); ++n) {
    const GdbRegister& reg = registers[n];
    const char* type = reg.kind == Kind::kPc ? "code_ptr" : reg.kind == Kind::kFp ? "ieee_single" : "uint32";
    const char* group = reg.kind == Kind::kFp                            ? "float"
                        : n >= kGdbCoreRegisters && n < kGdbAllRegisters ? "system"
                                                                         : "general";
    xml += fmt::format("<reg name=\"{}\" bitsize=\"32\" type=\"{}\" regnum=\"{}\" group=\"{}\"/>\n", reg.name,
                       type, n, group);
  }
  return xml + "</feature>\n</target>\n";
}

std::string gdb_memory_map() {
  using namespace esp32;
  struct Row {
    std::uint32_t begin, end;
    const char* type;
  };
  // What lies side by side is one region, or GDB would split accesses.
  constexpr Row kRows[] = {
      {kDromBase, kDromBase + kDromSize, "ram"},
      {kPsramBase, kPsramBase + kPsramSize, "ram"},
      {kPeripheralBase, kPeripheralBase + kPeripheralSize, "ram"},
      {kRtcFastData, kRtcFastData + kRtcFastSize, "ram"},
      {kRomData, kRomData + kRomDataSize, "rom"},
      {kSram2, kSram1Data + kSram1Size, "ram"},
      {kRomCode, kRomCode + kRomCodeSize, "rom"},
      {kSram0, kIromEnd, "ram"},  // IRAM, SRAM1's other side, RTC fast memory, flash
      {kRtcSlow, kRtcSlow + kRtcSlowSize, "ram"},
      {kAhbPeripheralBase, kAhbPeripheralBase + kAhbPeripheralSize, "ram"},
  };
  std::string xml =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" "
      "\"http://sourceware.org/gdb/gdb-memory-map.dtd\">\n<memory-map>\n";
  for (const Row& row : kRows)
    xml += fmt::format("<memory type=\"{}\" start=\"{:#x}\" length=\"{:#x}\"/>\n", row.type, row.begin,
                       row.end - row.begin);
  return xml + "</memory-map>\n";
}

}  // namespace espalier::debug
