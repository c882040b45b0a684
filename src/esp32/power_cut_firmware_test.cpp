// Power cuts at random instants of real firmware that writes NVS and file systems without end: after each the
// flash is held against what a chip may hold, and the firmware looks for its data again. Of two guests:
//  - guest/esp-idf/storage, NVS and SPIFFS, whose build folder $ESPALIER_STORAGE_BUILD names;
//  - MicroPython, NVS and littlefs, with a main.py of our own; $ESPALIER_FIRMWARE has it.
// ESPALIER_POWER_CUTS says how many, ESPALIER_POWER_CUT_SEED where the random instants begin.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "esp32/flash_rules_test_support.h"
#include "esp32/machine.h"
#include "image/flash_image.h"

namespace espalier::esp32 {
namespace {

using testing_support::FlashRules;
using testing_support::number_from;

// What a store holds, or has acknowledged: all of a round, and so many values of the next one.
using Progress = std::pair<std::uint64_t, std::uint64_t>;

// The number behind `word` in a line, or nothing.
std::optional<std::uint64_t> number_behind(std::string_view line, std::string_view word) {
  const auto at = line.find(word);
  if (at == std::string_view::npos) return std::nullopt;
  std::uint64_t value = 0;
  const char* begin = line.data() + at + word.size();
  if (std::from_chars(begin, line.data() + line.size(), value).ec != std::errc()) return std::nullopt;
  return value;
}

// What the guest's console says of its stores; see guest/esp-idf/storage/main/app_main.c.
class Reports {
 public:
  // All of the console since the last power-up, which has just ended. What a store has lost that it had
  // acknowledged, or nothing.
  std::string take(std::string_view console) {
    std::string lost;
    for (std::size_t end; (end = console.find('\n')) != std::string_view::npos;
         console.remove_prefix(end + 1))
      lost += take_line(console.substr(0, end));
    return lost;
  }
  // How often a store was found as it should be, and so on: "NVS OK", "FILES BROKEN", ...
  std::map<std::string, unsigned, std::less<>> counts;
  // Lines that say what was broken.
  std::vector<std::string> broken;

 private:
  std::string take_line(std::string_view line) {
    while (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("kept nvs ")) {
      const std::uint64_t round = number_behind(line, "nvs ").value_or(0);
      const auto values = number_behind(line.substr(sizeof "kept nvs " - 1), " ").value_or(0);
      kept_["NVS"] = {round - 1, values};
      return {};
    }
    if (line.starts_with("kept files ")) {
      kept_["FILES"] = {number_behind(line, "files ").value_or(0), 0};
      return {};
    }
    for (const std::string_view store : {"NVS", "FILES"}) {
      if (!line.starts_with(store)) continue;
      const std::string_view verdict = line.substr(store.size() + 1);
      const std::string_view word = verdict.substr(0, verdict.find_first_of(": "));
      ++counts[fmt::format("{} {}", store, word)];
      if (word == "BROKEN") {
        broken.emplace_back(line);
        kept_.clear();
      } else if (const auto round = number_behind(line, "round ")) {
        const Progress found = {*round, number_behind(line, "and ").value_or(0)};
        const Progress kept = kept_[std::string(store)];
        kept_[std::string(store)] = found;
        if (found < kept)
          return fmt::format("{} kept round {} and {}, and holds round {} and {}; ", store, kept.first,
                             kept.second, found.first, found.second);
      }
    }
    return {};
  }

  std::map<std::string, Progress, std::less<>> kept_;
};

class PowerCutFirmware : public testing::Test {
 protected:
  static constexpr std::uint64_t kPatience = 4'000'000'000;  // instructions until a guest shows something

  void start(const std::filesystem::path& path) {
    auto image = image::load_flash_image(path);
    ASSERT_TRUE(image) << image.error();
    MachineOptions options;
    options.rom = std::make_shared<SharedRom>(rom::Rom());
    options.flash =
        devices::FlashImage::create(image->bytes, static_cast<std::uint32_t>(image->bytes.size())).value();
    options.clock = ClockMode::kWarp;
    machine = Machine::create(options).value();
    for (devices::Uart& uart : machine->chip().uart) uart.set_speedup(128);
    machine->chip().uart[0].on_transmit = [this](std::span<const std::uint8_t> bytes) {
      console.append(bytes.begin(), bytes.end());
    };
  }
  void run_to(std::uint64_t instructions) { testing_support::run_to(*machine, instructions); }
  void wait_for(std::string_view text) {
    const std::uint64_t begin = machine->instructions();
    while (console.find(text) == std::string::npos) {
      ASSERT_LT(machine->instructions() - begin, kPatience)
          << "no '" << text << "' in: " << console.substr(0, 4000);
      run_to(machine->instructions() + 20'000);
      if (HasFatalFailure()) return;
    }
  }
  // A line for MicroPython's prompt, as fast as it reads.
  void type(std::string_view line) {
    console.clear();
    std::string text = std::string(line) + "\r";
    for (std::size_t at = 0; at < text.size();) {
      const std::string piece = text.substr(at, 16);
      at += machine->chip().uart[0].receive(
          {reinterpret_cast<const std::uint8_t*>(piece.data()), piece.size()});
      run_to(machine->instructions() + 500'000);
      if (HasFatalFailure()) return;
    }
    wait_for("\n>>> ");
  }

  // `longest`: how many instructions after "ready" at most the power goes. `sturdy`: its files have to stand
  // each cut, as its settings do.
  void cut_power(std::uint64_t cuts, std::uint64_t longest, bool sturdy) {
    base::Random random(number_from("ESPALIER_POWER_CUT_SEED", 1));
    FlashRules rules(*machine);
    console.clear();
    std::string before;      // what the cut before has left
    std::uint64_t boot = 0;  // instructions from power-up to "ready", the last time
    for (std::uint64_t cut = 0; cut < cuts; ++cut) {
      const std::uint64_t up = machine->instructions();
      // One in eight comes while the guest boots and looks what there is.
      if (boot != 0 && random.below(8) == 0) {
        run_to(up + 1 + random.below(boot));
      } else {
        wait_for("ready\r\n");
        boot = machine->instructions() - up;
        if (!HasFatalFailure()) run_to(machine->instructions() + 1 + random.below(longest));
      }
      if (HasFatalFailure()) return;
      // What begins again is given the time for it: else it would find its own pieces.
      if (console.find(" BROKEN") != std::string::npos) wait_for("kept files 2\r\n");
      rules.cut();
      const std::string told = machine->power_cycle(random.next());
      const std::string wrong = rules.verdict();
      ASSERT_EQ(wrong, "") << "cut " << cut << " at instruction " << machine->instructions() << ": " << told;
      const std::size_t broken = reports.broken.size();
      const std::string lost = reports.take(console);
      if (sturdy || lost.find("NVS") != std::string::npos) {
        ASSERT_EQ(lost, "") << "cut " << cut << " after " << before << ": " << console;
      }
      if (!lost.empty()) reports.broken.push_back(lost);
      for (std::size_t n = broken; n < reports.broken.size(); ++n)
        reports.broken[n] += fmt::format("; before that {}", before.empty() ? "flash was idle" : before);
      before = told;
      for (const char* word : {"Guru Meditation", "Traceback", "abort()"})
        ASSERT_EQ(console.find(word), std::string::npos) << "cut " << cut << ": " << console;
      console.clear();
    }
    std::string found;
    for (const auto& [what, count] : reports.counts) found += fmt::format(", {} {}", what, count);
    fmt::print("{} cuts: {} in programs, {} in erases, {} elsewhere; found{}\n", cuts,
               rules.counts["program"], rules.counts["erase"], rules.counts["idle"],
               found.substr(found.empty() ? 0 : 1));
    for (const std::string& line : reports.broken) fmt::print("  {}\n", line);
    EXPECT_GT(rules.counts["program"] + rules.counts["erase"], cuts / 4);
    EXPECT_GT(reports.counts["NVS OK"], cuts / 2);
    EXPECT_GT(reports.counts["FILES OK"], cuts / 2);
    EXPECT_EQ(reports.counts["NVS BROKEN"], 0u);
    if (sturdy) {
      EXPECT_EQ(reports.counts["FILES BROKEN"], 0u);
    }
  }

  std::unique_ptr<Machine> machine;
  std::string console;
  Reports reports;
};

TEST_F(PowerCutFirmware, ReportsNoticeWhatIsLost) {
  EXPECT_EQ(reports.take("NVS OK: round 0 and 0 of 6\r\nready\r\nkept nvs 1 1\r\nkept nvs 1 6\r\n"), "");
  EXPECT_EQ(reports.take("NVS OK: round 1 and 0 of 6\r\nready\r\nkept nvs 2 3\r\nkept files 7\r\n"), "");
  EXPECT_EQ(reports.take("FILES OK: round 7\r\n"), "");
  EXPECT_THAT(reports.take("NVS OK: round 1 and 2 of 6\r\n"), testing::HasSubstr("NVS kept round 1 and 3"));
  EXPECT_THAT(reports.take("FILES OK: round 6\r\n"), testing::HasSubstr("FILES kept round 7"));
  EXPECT_EQ(reports.take("FILES BROKEN: none\r\nFILES OK: round 0\r\n"), "");
  EXPECT_EQ(reports.counts["NVS OK"], 3u);
  EXPECT_EQ(reports.broken, std::vector<std::string>{"FILES BROKEN: none"});
}

TEST_F(PowerCutFirmware, NvsAndSpiffsOfEspIdf) {
  const char* build = std::getenv("ESPALIER_STORAGE_BUILD");
  if (build == nullptr) GTEST_SKIP() << "ESPALIER_STORAGE_BUILD names no build of guest/esp-idf/storage";
  start(build);
  if (HasFatalFailure()) return;
  cut_power(number_from("ESPALIER_POWER_CUTS", 100), 3'000'000, false);
}

// The same for MicroPython: two values of NVS, a file that is written anew, and one that grows.
constexpr std::string_view kMainPy[] = {
    "import esp32,machine",
    "machine.freq(20000000)",  // waiting for an erase takes fewer instructions
    "def text(n):",
    " return '%06d'%n",
    "def number(s):",
    " return int(s[:6]) if s else 0",
    "def read(name):",
    " try:",
    "  f=open(name)",
    " except OSError:",
    "  return ''",
    " s=f.read();f.close()",
    " return s",
    "def write(name,mode,s):",
    " f=open(name,mode);f.write(s);f.close()",
    "v=esp32.NVS('cut')",
    "b=bytearray(300)",
    "try:",
    " c=v.get_i32('count')",
    "except OSError:",
    " c=0",
    "try:",
    " s=str(b[:v.get_blob('table',b)],'ascii')",
    "except OSError:",
    " s=''",
    "r=number(s)",
    "if s in ('',text(r)*40) and c-r in (0,1):",
    " print('NVS OK: round %d and %d of 2'%(r,c-r))",
    "else:",
    " print('NVS BROKEN: count %d, table %s'%(c,s))",
    "s=read('state')",
    "n=number(s)",
    "l=read('log')",
    "m=number(l)",
    "k=len(l)//7",
    "good=s in ('',text(n)*200) and l==''.join(text(m+i)+'\\n' for i in range(k))",
    "if good and (k==0 and n<2 or m+k-1 in (n,n-1)) and n in (r-1,r) and n>=c-1:",
    " print('FILES OK: round %d'%(m+k-1 if k else 0))",
    "else:",
    " print('FILES BROKEN: nvs',c,r,'state',s[:12],len(s),'log',m,k,len(l))",
    "print('ready')",
    "if k and m+k-1<n or n and not k:",
    " write('log','a',text(n)+'\\n')",
    "n=max(n,min(c,r)-1)",
    "while 1:",
    " n+=1",
    " v.set_i32('count',n);v.commit();print('kept nvs',n,1)",
    " v.set_blob('table',text(n)*40);v.commit();print('kept nvs',n,2)",
    " write('state','w',text(n)*200)",
    " write('log','w' if n%300==0 else 'a',text(n)+'\\n');print('kept files',n)",
};

TEST_F(PowerCutFirmware, NvsAndLittlefsOfMicroPython) {
  const char* folder = std::getenv("ESPALIER_FIRMWARE");
  const char* home = std::getenv("HOME");
  const std::filesystem::path path =
      (folder != nullptr ? std::filesystem::path(folder)
                         : std::filesystem::path(home != nullptr ? home : "") / ".cache/espalier/firmware") /
      "micropython-1.18.bin";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not there";
  start(path);
  wait_for(">>> ");
  type("f=open('main.py','w')");
  for (const std::string_view line : kMainPy) {
    std::string quoted;
    for (const char c : line) quoted += c == '\\' ? "\\\\" : c == '"' ? "\\\"" : std::string(1, c);
    type("n=f.write(\"" + quoted + "\\n\")");
    if (HasFatalFailure()) return;
  }
  type("f.close()");
  machine->power_cycle(1);
  cut_power(number_from("ESPALIER_POWER_CUTS", 30), 3'000'000, true);
}

}  // namespace
}  // namespace espalier::esp32
