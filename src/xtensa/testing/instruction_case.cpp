#include "xtensa/testing/instruction_case.h"

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <map>
#include <sstream>
#include <stdexcept>

#include "xtensa/testing/test_machine.h"
#include "xtensa/testing/vectors.h"

namespace espalier::xtensa::testing {
namespace {

constexpr unsigned kDataWords = 64;

std::size_t member(std::size_t offset, unsigned n = 0) {
  return offset + 4 * n;
}

// Every 32-bit member of State by name; aN and the region attributes apart.
const std::map<std::string, std::size_t, std::less<>>& words() {
  static const std::map<std::string, std::size_t, std::less<>> table = [] {
    std::map<std::string, std::size_t, std::less<>> t;
#define ONE(name) t[#name] = offsetof(State, name)
#define MANY(name, from, to) \
  for (unsigned n = from; n <= (to); ++n) t[#name + std::to_string(n)] = member(offsetof(State, name), n)
    ONE(pc), ONE(windowbase), ONE(windowstart), ONE(ps), ONE(lbeg), ONE(lend), ONE(lcount), ONE(sar), ONE(br);
    ONE(scompare1), ONE(acclo), ONE(acchi), ONE(fcr), ONE(fsr), ONE(threadptr), ONE(f64r_lo), ONE(f64r_hi);
    ONE(f64s), ONE(expstate), ONE(depc), ONE(exccause), ONE(excvaddr), ONE(vecbase), ONE(cpenable);
    ONE(interrupt), ONE(intenable), ONE(ccount_offset), ONE(icount), ONE(icountlevel), ONE(debugcause),
        ONE(ddr);
    ONE(memctl), ONE(atomctl), ONE(ibreakenable);
    MANY(ar, 0, 63);
    MANY(m, 0, 3);
    MANY(epc, 1, 7);
    MANY(eps, 2, 7);
    MANY(excsave, 1, 7);
    MANY(ccompare, 0, 2);
    MANY(ibreaka, 0, 1);
    MANY(dbreaka, 0, 1);
    MANY(dbreakc, 0, 1);
    MANY(misc, 0, 3);
    for (unsigned n = 0; n < 16; ++n) t["f" + std::to_string(n)] = member(offsetof(State, fr), n);
#undef ONE
#undef MANY
    return t;
  }();
  return table;
}

// The values of all of them, however the registers lie in State.
std::map<std::string, std::uint32_t, std::less<>> values_of(Core& core) {
  std::map<std::string, std::uint32_t, std::less<>> values;
  const auto* bytes = reinterpret_cast<const std::byte*>(&core.state());
  for (const auto& [name, offset] : words())
    values[name] = *reinterpret_cast<const std::uint32_t*>(bytes + offset);
  for (unsigned n = 0; n < 64; ++n) values["ar" + std::to_string(n)] = core.physical(n);
  return values;
}

struct Places {
  std::uint32_t code, end;
};

std::uint32_t parse_value(std::string_view text, const Places& places) {
  const auto integer = [](std::string_view digits) -> std::uint32_t {
    const bool negative = digits.starts_with('-');
    if (negative) digits.remove_prefix(1);
    const bool hexadecimal = digits.starts_with("0x");
    if (hexadecimal) digits.remove_prefix(2);
    std::uint64_t value = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), value, hexadecimal ? 16 : 10);
    if (error != std::errc() || end != digits.data() + digits.size()) {
      throw std::invalid_argument("no number: " + std::string(digits));
    }
    return negative ? 0u - static_cast<std::uint32_t>(value) : static_cast<std::uint32_t>(value);
  };
  for (const auto& [name, base] :
       {std::pair{"code", places.code}, {"end", places.end}, {"data", kData}, {"vec", kVectors}}) {
    if (!text.starts_with(name)) continue;
    text.remove_prefix(std::string_view(name).size());
    if (text.empty()) return base;
    return base + integer(text.starts_with('+') ? text.substr(1) : text);
  }
  if (text == "nan") return 0x7fc00000;
  if (text == "inf") return 0x7f800000;
  if (text == "-inf") return 0xff800000;
  if (text.find('.') != std::string_view::npos)
    return std::bit_cast<std::uint32_t>(std::stof(std::string(text)));
  return integer(text);
}

void prepare(TestMachine& machine) {
  machine.core().reset();
  State& state = machine.state();
  state = State{};
  for (unsigned n = 0; n < 64; ++n) state.ar[n] = 0xa0000000 + n * 0x01010101;
  for (unsigned n = 0; n < 16; ++n) state.fr[n] = 0x3f800000 + n * 0x00010001;
  for (unsigned n = 0; n < 4; ++n) state.m[n] = 0x0bad0000 + n;
  state.ps = kPsWoe;
  state.cpenable = 1;
  state.vecbase = kVectors;
  state.instruction_region.fill(2);
  state.data_region.fill(2);
  for (unsigned n = 0; n < kDataWords; ++n) machine.write32(kData + 4 * n, 0x03020100 + 0x04040404 * n);
}

void run_case(TestMachine& machine, const InstructionCase& test) {
  SCOPED_TRACE(::testing::Message() << test.code << "  with  " << test.before);
  prepare(machine);
  Core& core = machine.core();
  const Program program = machine.load_program(test.code);
  const Places places{kCode, program.end()};
  State& state = core.state();

  const auto split = [](std::string_view text) {
    std::vector<std::pair<std::string, std::string>> settings;
    std::istringstream stream{std::string(text)};
    for (std::string token; stream >> token;) {
      const std::size_t equals = token.find('=');
      settings.emplace_back(token.substr(0, equals), token.substr(equals + 1));
    }
    return settings;
  };
  // WINDOWBASE first: it says which register a2 is.
  for (const auto& [name, value] : split(test.before)) {
    if (name == "windowbase") core.rotate_to(parse_value(value, places));
  }
  const std::uint32_t window = state.windowbase;
  const auto canonical = [window](const std::string& name) {
    if (name[0] != 'a' || name.size() < 2 || std::isdigit(name[1]) == 0) return name;
    return "ar" + std::to_string((4 * window + static_cast<unsigned>(std::stoul(name.substr(1)))) & 63);
  };
  for (const auto& [name, text] : split(test.before)) {
    if (name == "windowbase") continue;
    if (name[0] == '[') {
      machine.write32(parse_value(name.substr(1, name.size() - 2), places), parse_value(text, places));
    } else if (name == "acc") {
      const std::int64_t value = std::stoll(text, nullptr, 0);
      state.acclo = static_cast<std::uint32_t>(value);
      state.acchi = static_cast<std::uint32_t>(value >> 32) & 0xff;
    } else if (const std::string full = canonical(name); full.starts_with("ar")) {
      core.set_physical(static_cast<unsigned>(std::stoul(full.substr(2))), parse_value(text, places));
    } else {
      *reinterpret_cast<std::uint32_t*>(reinterpret_cast<std::byte*>(&state) + words().at(full)) =
          parse_value(text, places);
    }
  }

  auto expected = values_of(core);
  expected["pc"] = places.end;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> memory;
  for (const auto& [name, text] : split(test.after)) {
    if (name[0] == '[') {
      memory.emplace_back(parse_value(name.substr(1, name.size() - 2), places), parse_value(text, places));
    } else if (name == "acc") {
      const std::int64_t value = std::stoll(text, nullptr, 0);
      expected["acclo"] = static_cast<std::uint32_t>(value);
      expected["acchi"] = static_cast<std::uint32_t>(value >> 32) & 0xff;
    } else {
      const std::string full = canonical(name);
      if (!expected.contains(full)) throw std::invalid_argument("no register " + name);
      expected[full] = parse_value(text, places);
    }
  }

  unsigned steps = test.steps;
  if (steps == 0) {
    steps = 1;
    for (std::size_t at = 0; (at = test.code.find(';', at)) != std::string_view::npos; ++at) ++steps;
  }
  const std::uint64_t before = core.instructions();
  core.run(steps);
  EXPECT_EQ(core.instructions() - before, steps);

  const auto actual = values_of(core);
  for (const auto& [name, value] : expected) {
    EXPECT_EQ(actual.at(name), value)
        << name << " is 0x" << std::hex << actual.at(name) << ", not 0x" << value;
  }
  for (const auto& [address, value] : memory) {
    EXPECT_EQ(machine.read32(address), value)
        << "[0x" << std::hex << address << "] is 0x" << machine.read32(address) << ", not 0x" << value;
  }
}

}  // namespace

void run_cases(std::span<const InstructionCase> cases) {
  for (const Engine engine : {Engine::kInterpreter, Engine::kJit}) {
    TestMachine machine;
    if (!machine.core().set_engine(engine)) continue;  // not on this host
    machine.core().set_jit_threshold(1);
    SCOPED_TRACE(engine == Engine::kJit ? "translated" : "interpreted");
    machine.write(kVectors, assemble(kVectorProgram, kVectors).bytes);
    for (const InstructionCase& test : cases) {
      try {
        run_case(machine, test);
      } catch (const std::exception& error) {
        ADD_FAILURE() << test.code << ": " << error.what();
      }
    }
  }
}

}  // namespace espalier::xtensa::testing
