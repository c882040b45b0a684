#include "host/monitor_registers.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cctype>
#include <charconv>
#include <string>

#include "xtensa/registers.h"

namespace espalier::host {

namespace {

using xtensa::Core;
using xtensa::Sr;
using xtensa::State;

struct Special {
  std::string_view name;
  Sr number;
};
// In the order in which QEMU has them.
constexpr Special kSpecial[] = {
    {"LBEG", Sr::LBEG},
    {"LEND", Sr::LEND},
    {"LCOUNT", Sr::LCOUNT},
    {"BR", Sr::BR},
    {"ACCLO", Sr::ACCLO},
    {"ACCHI", Sr::ACCHI},
    {"M0", Sr::M0},
    {"M1", Sr::M1},
    {"M2", Sr::M2},
    {"M3", Sr::M3},
    {"DDR", Sr::DDR},
    {"CONFIGID0", Sr::CONFIGID0},
    {"CONFIGID1", Sr::CONFIGID1},
    {"INTERRUPT", Sr::INTERRUPT},
    {"CCOUNT", Sr::CCOUNT},
    {"PRID", Sr::PRID},
    {"ICOUNT", Sr::ICOUNT},
    {"CCOMPARE0", Sr::CCOMPARE0},
    {"CCOMPARE1", Sr::CCOMPARE1},
    {"CCOMPARE2", Sr::CCOMPARE2},
    {"VECBASE", Sr::VECBASE},
    {"EPC1", Sr::EPC1},
    {"EPC2", Sr::EPC2},
    {"EPC3", Sr::EPC3},
    {"EPC4", Sr::EPC4},
    {"EPC5", Sr::EPC5},
    {"EPC6", Sr::EPC6},
    {"EPC7", Sr::EPC7},
    {"EXCSAVE1", Sr::EXCSAVE1},
    {"EXCSAVE2", Sr::EXCSAVE2},
    {"EXCSAVE3", Sr::EXCSAVE3},
    {"EXCSAVE4", Sr::EXCSAVE4},
    {"EXCSAVE5", Sr::EXCSAVE5},
    {"EXCSAVE6", Sr::EXCSAVE6},
    {"EXCSAVE7", Sr::EXCSAVE7},
    {"EPS2", Sr::EPS2},
    {"EPS3", Sr::EPS3},
    {"EPS4", Sr::EPS4},
    {"EPS5", Sr::EPS5},
    {"EPS6", Sr::EPS6},
    {"EPS7", Sr::EPS7},
    {"EXCCAUSE", Sr::EXCCAUSE},
    {"DEPC", Sr::DEPC},
    {"EXCVADDR", Sr::EXCVADDR},
    {"WINDOWBASE", Sr::WINDOWBASE},
    {"WINDOWSTART", Sr::WINDOWSTART},
    {"MEMCTL", Sr::MEMCTL},
    {"SAR", Sr::SAR},
    {"PS", Sr::PS},
    {"MISC0", Sr::MISC0},
    {"MISC1", Sr::MISC1},
    {"MISC2", Sr::MISC2},
    {"MISC3", Sr::MISC3},
    {"INTENABLE", Sr::INTENABLE},
    {"DBREAKA0", Sr::DBREAKA0},
    {"DBREAKC0", Sr::DBREAKC0},
    {"DBREAKA1", Sr::DBREAKA1},
    {"DBREAKC1", Sr::DBREAKC1},
    {"IBREAKA0", Sr::IBREAKA0},
    {"IBREAKA1", Sr::IBREAKA1},
    {"IBREAKENABLE", Sr::IBREAKENABLE},
    {"ICOUNTLEVEL", Sr::ICOUNTLEVEL},
    {"DEBUGCAUSE", Sr::DEBUGCAUSE},
    {"CPENABLE", Sr::CPENABLE},
    {"SCOMPARE1", Sr::SCOMPARE1},
    {"ATOMCTL", Sr::ATOMCTL},
};

struct User {
  std::string_view name;
  std::uint32_t State::*value;
};
constexpr User kUser[] = {
    {"THREADPTR", &State::threadptr}, {"F64R_LO", &State::f64r_lo}, {"F64R_HI", &State::f64r_hi},
    {"F64S", &State::f64s},           {"FCR", &State::fcr},         {"FSR", &State::fsr},
    {"EXPSTATE", &State::expstate},
};

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(
      a, b, [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::optional<unsigned> numbered(std::string_view name, std::string_view prefix, unsigned count) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  unsigned n = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), n);
  if (error != std::errc{} || end != name.data() + name.size() || n >= count) return std::nullopt;
  return n;
}

}  // namespace

std::string registers_text(Core& core) {
  const State& state = core.state();
  std::string text = fmt::format("PC={:08x}\n\n", state.pc);
  unsigned column = 0;
  const auto add = [&](std::string_view name, std::uint32_t value) {
    text += fmt::format("{:>12}={:08x}{}", name, value, column++ % 4 == 3 ? '\n' : ' ');
  };
  for (const Special& row : kSpecial) add(row.name, core.read_special(row.number));
  for (const User& row : kUser) add(row.name, state.*row.value);
  text += column % 4 == 0 ? "\n" : "\n\n";
  for (unsigned i = 0; i < 16; ++i)
    text += fmt::format(" A{:02}={:08x}{}", i, core.a(i), i % 4 == 3 ? '\n' : ' ');
  text += "\n";
  for (unsigned i = 0; i < 64; ++i) {
    text += fmt::format("AR{:02}={:08x} ", i, core.physical(i));
    if (i % 4 == 3)
      text += fmt::format("{}{}\n", state.windowstart >> i / 4 & 1 ? '<' : ' ',
                          state.windowbase == i / 4 ? '=' : ' ');
  }
  text += "\n";
  for (unsigned i = 0; i < 16; ++i)
    text += fmt::format("F{:02}={:08x} ({:<+15.8e}){}", i, state.fr[i],
                        static_cast<double>(std::bit_cast<float>(state.fr[i])), i % 2 == 1 ? '\n' : ' ');
  return text;
}

std::optional<std::uint32_t> register_by_name(Core& core, std::string_view name) {
  if (name == "pc") return core.state().pc;
  if (const auto n = numbered(name, "ar", 64)) return core.physical(*n);
  if (const auto n = numbered(name, "a", 16)) return core.a(*n);
  if (name == "sp") return core.a(1);
  for (const Special& row : kSpecial)
    if (same(row.name, name)) return core.read_special(row.number);
  for (const User& row : kUser)
    if (same(row.name, name)) return core.state().*row.value;
  return std::nullopt;
}

}  // namespace espalier::host
