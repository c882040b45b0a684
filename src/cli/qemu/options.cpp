#include "cli/qemu/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>
#include <string_view>
#include <utility>

#include "cli/qemu/chardev.h"
#include "cli/qemu/keyval.h"
#include "cli/qemu/network.h"
#include "devices/gpio.h"

namespace espalier::cli::qemu {
namespace {

using Result = std::expected<void, std::string>;
using Error = std::unexpected<std::string>;

struct Drive {
  std::string file;
  bool read_only = false;
};

// What the options have said so far.
class Parser {
 public:
  std::expected<Options, std::string> parse(const std::vector<std::string>& arguments);

 private:
  using Handler = Result (Parser::*)(const std::string& value);
  enum class Value : bool { kNo, kYes };
  struct Row {
    std::string_view name;
    Value value;
    Handler handler;
    std::string_view help;  // empty: accepted, not worth a line
  };
  static const Row kRows[];

  Result ignore(const std::string&) { return {}; }
  Result warn(const std::string&) {
    options_.warnings.push_back(fmt::format("{} has no effect on this machine", option_));
    return {};
  }
  Result nographic(const std::string&) { return nographic_ = true, Result(); }
  Result display(const std::string& value);
  Result machine(const std::string& value);
  Result memory(const std::string& value);
  Result smp(const std::string& value);
  Result accel(const std::string& value);
  Result drive(const std::string& value);
  Result mtdblock(const std::string& value);
  Result global(const std::string& value);
  Result nic(const std::string& value);
  Result netdev(const std::string& value) { return network_.netdev(value); }
  Result net(const std::string& value) { return network_.net(value); }
  Result object(const std::string& value);
  Result chardev(const std::string& value) { return add_chardev(value, chardevs_); }
  Result serial(const std::string& value) { return serials_.push_back(value), Result(); }
  Result monitor(const std::string& value) { return monitors_.push_back(value), Result(); }
  Result mon(const std::string& value);
  Result qmp(const std::string& value) { return qmp_.push_back(value), Result(); }
  Result gdb(const std::string& value);
  Result gdb_default(const std::string&) { return gdb("tcp::1234"); }
  Result stopped(const std::string&) { return options_.session.start_paused = true, Result(); }
  Result no_reboot(const std::string&) { return options_.no_reboot = true, Result(); }
  Result no_shutdown(const std::string&) { return options_.no_shutdown = true, Result(); }
  Result action(const std::string& value);
  Result kernel(const std::string& value) { return options_.session.kernel = value, Result(); }
  Result bios(const std::string& value) { return options_.session.rom = value, Result(); }
  Result icount(const std::string& value);
  Result debug(const std::string& value);
  Result debug_file(const std::string& value) { return options_.debug_log = value, Result(); }
  Result trace(const std::string& value);
  Result pidfile(const std::string& value) { return options_.pidfile = value, Result(); }
  Result daemonize(const std::string&) { return options_.daemonize = true, Result(); }
  Result snapshot(const std::string&) { return snapshot_ = true, Result(); }
  Result name(const std::string& value);
  Result uuid(const std::string& value) { return options_.uuid = value, Result(); }
  Result version(const std::string&);
  Result help(const std::string&);

  Result finish();
  Result finish_drives();
  Result finish_consoles();

  Options options_;
  std::string option_;  // the one being parsed, as it was given
  NetworkOptions network_;
  CharDevices chardevs_;
  std::vector<std::string> serials_, monitors_, qmp_;
  std::vector<std::string> log_areas_;
  std::vector<Drive> flashes_;
  std::map<std::string, Drive> drives_;
  std::string efuse_drive_;
  bool nographic_ = false, no_display_ = false, no_defaults_ = false, snapshot_ = false;
};

// Names as QEMU spells them; `-x` and `--x` are one. In the order of QEMU's own --help.
const Parser::Row Parser::kRows[] = {
    {"help", Value::kNo, &Parser::help, "print this help"},
    {"h", Value::kNo, &Parser::help, ""},
    {"version", Value::kNo, &Parser::version, "print the version"},
    {"machine", Value::kYes, &Parser::machine, "esp32 (or help)"},
    {"M", Value::kYes, &Parser::machine, ""},
    {"m", Value::kYes, &Parser::memory, "external RAM: 0, 2M or 4M"},
    {"smp", Value::kYes, &Parser::smp, "number of cores: 1 or 2"},
    {"cpu", Value::kYes, &Parser::warn, ""},
    {"accel", Value::kYes, &Parser::accel, "tcg (translated code) or interp"},
    {"drive", Value::kYes, &Parser::drive, "file=F,if=mtd: the flash; file=F,if=none,id=I: the eFuses"},
    {"mtdblock", Value::kYes, &Parser::mtdblock, "the flash"},
    {"snapshot", Value::kNo, &Parser::snapshot, "do not write to the drives"},
    {"global", Value::kYes, &Parser::global,
     "nvram.esp32.efuse.drive, timer.esp32.timg.wdt_disable, "
     "esp32.gpio.strap_mode"},
    {"nic", Value::kYes, &Parser::nic, "user|tap|none,model=open_eth,hostfwd=..."},
    {"netdev", Value::kYes, &Parser::netdev, "user|tap,id=..."},
    {"net", Value::kYes, &Parser::net, "nic|user|tap|none"},
    {"object", Value::kYes, &Parser::object, "filter-dump,id=,netdev=,file="},
    {"chardev", Value::kYes, &Parser::chardev, "socket|stdio|file|pty|null,id=..."},
    {"serial", Value::kYes, &Parser::serial, "UART0, then UART1 and UART2"},
    {"monitor", Value::kYes, &Parser::monitor, "where the monitor is"},
    {"mon", Value::kYes, &Parser::mon, "chardev=ID[,mode=readline|control]"},
    {"qmp", Value::kYes, &Parser::qmp, "where QMP is"},
    {"nographic", Value::kNo, &Parser::nographic, "console and monitor on the terminal"},
    {"display", Value::kYes, &Parser::display, "none"},
    {"s", Value::kNo, &Parser::gdb_default, "-gdb tcp::1234"},
    {"gdb", Value::kYes, &Parser::gdb, "tcp:[HOST]:PORT; without HOST this host alone"},
    {"S", Value::kNo, &Parser::stopped, "do not start; wait for cont or GDB"},
    {"no-reboot", Value::kNo, &Parser::no_reboot, "end when the chip resets"},
    {"no-shutdown", Value::kNo, &Parser::no_shutdown, "stop instead of ending"},
    {"action", Value::kYes, &Parser::action, "reboot=reset|shutdown, shutdown=poweroff|pause"},
    {"kernel", Value::kYes, &Parser::kernel, "ELF to load into memory and start"},
    {"bios", Value::kYes, &Parser::bios, "a real mask ROM"},
    {"L", Value::kYes, &Parser::ignore, ""},
    {"icount", Value::kYes, &Parser::icount, "N,sleep=off: time follows the instructions"},
    {"rtc", Value::kYes, &Parser::warn, ""},
    {"d", Value::kYes, &Parser::debug, "guest_errors,unimp,int,in_asm (or help)"},
    {"D", Value::kYes, &Parser::debug_file, "where -d and -trace write"},
    {"trace", Value::kYes, &Parser::trace, "PATTERN | events=FILE (or help)"},
    {"pidfile", Value::kYes, &Parser::pidfile, "write the process's number to a file"},
    {"daemonize", Value::kNo, &Parser::daemonize, "go on in the background"},
    {"name", Value::kYes, &Parser::name, "the guest's name"},
    {"uuid", Value::kYes, &Parser::uuid, "the guest's UUID"},
    {"nodefaults", Value::kNo, &Parser::ignore, ""},
    {"no-user-config", Value::kNo, &Parser::ignore, ""},
    {"vga", Value::kYes, &Parser::warn, ""},
    {"k", Value::kYes, &Parser::warn, ""},
    {"usb", Value::kNo, &Parser::warn, ""},
    {"audio", Value::kYes, &Parser::warn, ""},
    {"boot", Value::kYes, &Parser::warn, ""},
    {"append", Value::kYes, &Parser::warn, ""},
    {"singlestep", Value::kNo, &Parser::warn, ""},
    {"overcommit", Value::kYes, &Parser::warn, ""},
    {"mem-prealloc", Value::kNo, &Parser::warn, ""},
    {"msg", Value::kYes, &Parser::ignore, ""},
    {"sandbox", Value::kYes, &Parser::warn, ""},
    {"parallel", Value::kYes, &Parser::warn, ""},
    {"vnc", Value::kYes, &Parser::warn, ""},
    {"full-screen", Value::kNo, &Parser::warn, ""},
    {"watchdog-action", Value::kYes, &Parser::warn, ""},
};

Result Parser::display(const std::string& value) {
  no_display_ = true;
  if (value != "none") return warn(value);
  return {};
}

Result Parser::machine(const std::string& value) {
  if (value == "help" || value == "?") {
    options_.answer = "Supported machines are:\nesp32                Espressif ESP32 machine\n";
    return {};
  }
  KeyVal options = KeyVal::parse(value, "type");
  if (options.take("type").value_or("esp32") != "esp32")
    return Error("unsupported machine type\nUse -machine help to list supported machines");
  if (const auto accelerator = options.take("accel")) return accel(*accelerator);
  if (const auto unknown = options.unused())
    return Error(fmt::format("Property 'esp32-machine.{}' not found", *unknown));
  return {};
}

Result Parser::memory(const std::string& value) {
  KeyVal options = KeyVal::parse(value, "size");
  const std::string text = options.take("size").value_or("");
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (error != std::errc{} ||
      (unit != "" && unit != "M" && unit != "m" && unit != "k" && unit != "K" && unit != "G"))
    return Error(fmt::format("Parameter 'size' expects a size, not '{}'", text));
  size <<= unit == "G" ? 30 : unit == "k" || unit == "K" ? 10 : 20;
  // PSRAM chips have 2 or 4 MiB that the cache can map; QEMU rounds up in the same way.
  if (size > (4u << 20)) options_.warnings.push_back("-m: an ESP32 maps 4 MiB of external RAM at most");
  options_.session.psram_size = size == 0 ? 0 : size <= (2u << 20) ? 2u << 20 : 4u << 20;
  return {};
}

Result Parser::smp(const std::string& value) {
  KeyVal options = KeyVal::parse(value, "cpus");
  const std::string cpus = options.take("cpus").value_or("2");
  if (cpus != "1" && cpus != "2")
    return Error(fmt::format("Invalid SMP CPUs {}. The max CPUs supported by machine 'esp32' is 2", cpus));
  options_.session.cpus = cpus == "1" ? 1 : 2;
  return {};
}

Result Parser::accel(const std::string& value) {
  const std::string kind = KeyVal::parse(value, "accel").take("accel").value_or("tcg");
  if (kind == "interp")
    options_.session.engine = xtensa::Engine::kInterpreter;
  else if (kind != "tcg")
    return Error(fmt::format("invalid accelerator {}", kind));
  return {};
}

Result Parser::drive(const std::string& value) {
  KeyVal options = KeyVal::parse(value);
  const auto file = options.take("file");
  const std::string interface = options.take("if").value_or("");
  const std::string format = options.take("format").value_or("raw");
  const std::string id = options.take("id").value_or("");
  Drive drive{.file = file.value_or("")};
  for (const char* key : {"readonly", "read-only", "snapshot"})
    if (const auto text = options.take(key)) {
      const auto on = parse_switch(*text);
      if (!on) return Error(fmt::format("Parameter '{}' expects 'on' or 'off'", key));
      drive.read_only |= *on;
    }
  for (const char* ignored : {"cache", "aio", "index", "unit", "bus", "media", "discard", "detect-zeroes",
                              "werror", "rerror", "auto-read-only", "locking", "file.locking"})
    options.take(ignored);
  if (const auto unknown = options.unused())
    return Error(fmt::format("Block format 'raw' does not support the option '{}'", *unknown));
  if (format != "raw")
    return Error(fmt::format("{}: format '{}' is not known: a flash image is raw", drive.file, format));
  if (!file) return Error("no file given");
  if (interface == "mtd") {
    flashes_.push_back(drive);
  } else if (interface == "none") {
    if (id.empty()) return Error("a drive with if=none needs an id");
    drives_[id] = drive;
  } else {
    return Error(fmt::format("machine type does not support if={},bus=0,unit=0",
                             interface.empty() ? "none given" : interface));
  }
  return {};
}

Result Parser::mtdblock(const std::string& value) {
  flashes_.push_back({.file = value});
  return {};
}

Result Parser::global(const std::string& value) {
  KeyVal options = KeyVal::parse(value);
  std::string driver = options.take("driver").value_or("");
  std::string property = options.take("property").value_or("");
  std::string set = options.take("value").value_or("");
  if (driver.empty()) {  // DRIVER.PROPERTY=VALUE
    const auto equals = value.find('=');
    const auto dot = value.rfind('.', equals);
    if (equals == std::string::npos || dot == std::string::npos)
      return Error(fmt::format("'{}' is none of driver=D,property=P,value=V and D.P=V", value));
    driver = value.substr(0, dot);
    property = value.substr(dot + 1, equals - dot - 1);
    set = value.substr(equals + 1);
  }
  if (driver == "nvram.esp32.efuse" && property == "drive") {
    efuse_drive_ = set;
  } else if (driver == "timer.esp32.timg" && property == "wdt_disable") {
    const auto on = parse_switch(set);
    if (!on) return Error("property 'wdt_disable' expects 'on' or 'off'");
    options_.session.timer_group_watchdogs = !*on;
  } else if (driver == "esp32.gpio" && property == "strap_mode") {
    const bool hexadecimal = set.starts_with("0x") || set.starts_with("0X");
    const char* from = set.data() + (hexadecimal ? 2 : 0);
    std::uint32_t strap = 0;
    const auto [end, error] = std::from_chars(from, set.data() + set.size(), strap, hexadecimal ? 16 : 10);
    if (error != std::errc{} || end != set.data() + set.size())
      return Error(fmt::format("property 'strap_mode' expects a number, not '{}'", set));
    options_.session.strapping = strap;
  } else {
    options_.warnings.push_back(fmt::format("global {}.{} has no effect on this machine", driver, property));
  }
  return {};
}

Result Parser::nic(const std::string& value) {
  if (value == "model=help" || value.ends_with(",model=help")) {
    options_.answer = "Supported NIC models:\nopen_eth\n";
    return {};
  }
  return network_.nic(value);
}

Result Parser::object(const std::string& value) {
  if (value.starts_with("filter-dump")) return network_.filter_dump(value);
  return Error(fmt::format("invalid object type: {}", value.substr(0, value.find(','))));
}

Result Parser::mon(const std::string& value) {
  KeyVal options = KeyVal::parse(value, "chardev");
  const std::string id = options.take("chardev").value_or("");
  const std::string mode = options.take("mode").value_or("readline");
  if (!chardevs_.contains(id)) return Error(fmt::format("chardev \"{}\" not found", id));
  (mode == "control" ? qmp_ : monitors_).push_back("chardev:" + id);
  return {};
}

Result Parser::gdb(const std::string& value) {
  auto address = debug::parse_gdb_address(value.substr(0, value.find(',')));  // ",server,nowait": what else
  if (!address) return Error(address.error());
  options_.session.gdb = *address;
  return {};
}

Result Parser::action(const std::string& value) {
  KeyVal options = KeyVal::parse(value);
  if (const auto reboot = options.take("reboot")) options_.no_reboot = *reboot == "shutdown";
  if (const auto shutdown = options.take("shutdown")) options_.no_shutdown = *shutdown == "pause";
  return {};
}

Result Parser::icount(const std::string& value) {
  KeyVal options = KeyVal::parse(value, "shift");
  const auto sleep = parse_switch(options.take("sleep").value_or("on"));
  if (!sleep) return Error("Parameter 'sleep' expects 'on' or 'off'");
  for (const char* ignored : {"shift", "align", "rr", "rrfile", "rrsnapshot"}) options.take(ignored);
  if (const auto unknown = options.unused()) return Error(fmt::format("Invalid parameter '{}'", *unknown));
  if (*sleep)
    options_.warnings.push_back("-icount without sleep=off: the guest's time stays the host's");
  else
    options_.session.clock = esp32::ClockMode::kWarp;
  return {};
}

Result Parser::debug(const std::string& value) {
  static constexpr std::pair<std::string_view, std::string_view> kItems[] = {
      {"guest_errors", "what firmware does wrong: accesses that lead nowhere, resets"},
      {"unimp", "registers and commands that are not modelled"},
      {"int", "interrupts and exceptions"},
      {"in_asm", "guest code, when it is first met"},
      {"nochain", "accepted; translations stay chained"},
  };
  if (value == "help" || value == "?") {
    options_.answer = "Log items (comma separated):\n";
    for (const auto& [item, what] : kItems) options_.answer += fmt::format("{:<15} {}\n", item, what);
    return {};
  }
  for (std::size_t at = 0; at <= value.size();) {
    const std::size_t comma = std::min(value.find(',', at), value.size());
    const std::string item = value.substr(at, comma - at);
    at = comma + 1;
    if (item == "unimp")
      log_areas_.push_back("unimp");
    else if (item == "guest_errors")
      log_areas_.insert(log_areas_.end(), {"device", "cpu", "reset"});
    else if (item == "int")
      options_.log_interrupts = true;
    else if (item == "in_asm")
      options_.log_code = true;
    else if (item != "nochain")
      return Error(fmt::format("'{}' is no log item; -d help lists them", item));
  }
  return {};
}

Result Parser::trace(const std::string& value) {
  KeyVal options = KeyVal::parse(value, "enable");
  for (std::string& pattern : options.take_all("enable")) options_.trace.push_back(std::move(pattern));
  for (std::string& file : options.take_all("events")) options_.trace_events_files.push_back(std::move(file));
  if (const auto file = options.take("file")) options_.debug_log = *file;
  if (const auto unknown = options.unused()) return Error(fmt::format("Invalid parameter '{}'", *unknown));
  return {};
}

Result Parser::name(const std::string& value) {
  options_.session.name = KeyVal::parse(value, "guest").take("guest").value_or("");
  return {};
}

Result Parser::version(const std::string&) {
  // Tools look for the second line's version, which tells what is spoken here.
  options_.answer = "Espalier " ESPALIER_VERSION ", in the place of\nQEMU emulator version 7.2.0\n";
  return {};
}

Result Parser::help(const std::string&) {
  options_.answer = "Espalier " ESPALIER_VERSION
                    ", an ESP32 emulator, called as QEMU is\nusage: qemu-system-xtensa [options]\n\n";
  for (const Row& row : kRows)
    if (!row.help.empty())
      options_.answer += fmt::format(
          "-{:<24} {}\n", fmt::format("{}{}", row.name, row.value == Value::kYes ? " ..." : ""), row.help);
  options_.answer +=
      "\nCtrl-A X ends, Ctrl-A C switches to the monitor, Ctrl-A H tells more (-nographic, mon:stdio).\n";
  return {};
}

Result Parser::finish_drives() {
  host::SessionOptions& session = options_.session;
  session.any_flash = true;
  if (flashes_.size() > 1)
    return Error("the machine has one flash only: a second -drive if=mtd finds no place");
  if (!flashes_.empty()) {
    session.image = flashes_[0].file;
    session.write_through = !flashes_[0].read_only && !snapshot_;
  }
  if (!efuse_drive_.empty()) {
    const auto drive = drives_.find(efuse_drive_);
    if (drive == drives_.end())
      return Error(fmt::format("Property 'nvram.esp32.efuse.drive' can't find value '{}'", efuse_drive_));
    session.efuse = drive->second.file;
    session.efuse_read_only = drive->second.read_only || snapshot_;
  }
  return {};
}

Result Parser::finish_consoles() {
  const auto devices = [&](const std::vector<std::string>& texts, std::string_view option,
                           std::vector<CharDevice>& into) -> Result {
    for (const std::string& text : texts) {
      auto device = parse_chardev(text, chardevs_);
      if (!device) return Error(fmt::format("-{} {}: {}", option, text, device.error()));
      into.push_back(std::move(*device));
    }
    return {};
  };
  if (auto ok = devices(serials_, "serial", options_.serial); !ok) return ok;
  if (auto ok = devices(monitors_, "monitor", options_.monitors); !ok) return ok;
  if (auto ok = devices(qmp_, "qmp", options_.qmp); !ok) return ok;
  if (options_.serial.size() > 3) return Error("the ESP32 has three serial ports");
  // With no window to show it in, the console is the terminal; -nographic puts the monitor there, too.
  const auto on_stdio = [](const CharDevice& d) { return d.line.kind == base::SerialSpec::Kind::kStdio; };
  const bool taken = std::ranges::any_of(options_.monitors, on_stdio) ||
                     std::ranges::any_of(options_.qmp, on_stdio) ||
                     std::ranges::any_of(options_.serial, on_stdio);
  if (!taken && !options_.daemonize && !no_defaults_) {
    const std::string console = nographic_ && monitors_.empty() ? "mon:stdio" : "stdio";
    if (serials_.empty() && !(no_display_ && !nographic_))
      options_.serial.push_back(*parse_chardev(console, chardevs_));
    else if (nographic_ && monitors_.empty())
      options_.monitors.push_back(*parse_chardev("stdio", chardevs_));
  }
  if (std::ranges::count_if(options_.serial, on_stdio) + std::ranges::count_if(options_.monitors, on_stdio) +
          std::ranges::count_if(options_.qmp, on_stdio) >
      1)
    return Error("cannot use stdio by multiple character devices");
  options_.serial.resize(3);
  for (std::size_t n = 0; n < 3; ++n) options_.session.serial[n] = options_.serial[n].line;
  return {};
}

Result Parser::finish() {
  if (auto ok = finish_drives(); !ok) return ok;
  if (auto ok = finish_consoles(); !ok) return ok;
  if (auto ok = network_.apply(options_.session, options_.warnings); !ok) return ok;
  if (!log_areas_.empty()) {
    options_.session.log = "debug";
    for (const std::string& area : log_areas_) options_.session.log += "," + area;
  }
  return {};
}

std::expected<Options, std::string> Parser::parse(const std::vector<std::string>& arguments) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    option_ = arguments[i];
    std::string_view name = option_;
    if (!name.starts_with('-'))
      return Error(fmt::format("{}: name a flash image with -drive file={},if=mtd,format=raw", name, name));
    name.remove_prefix(name.starts_with("--") ? 2 : 1);
    const Row* const row = std::ranges::find(kRows, name, &Row::name);
    if (row == std::end(kRows)) return Error(fmt::format("{}: invalid option", option_));
    if (row->name == "nodefaults") no_defaults_ = true;
    std::string value;
    if (row->value == Value::kYes) {
      if (++i == arguments.size()) return Error(fmt::format("{}: requires an argument", option_));
      value = arguments[i];
    }
    if (auto ok = (this->*row->handler)(value); !ok)
      return Error(fmt::format("{}{}{}: {}", option_, value.empty() ? "" : " ", value, ok.error()));
    if (!options_.answer.empty()) return std::move(options_);
  }
  if (auto ok = finish(); !ok) return Error(ok.error());
  return std::move(options_);
}

}  // namespace

std::expected<Options, std::string> parse(const std::vector<std::string>& arguments) {
  return Parser().parse(arguments);
}

}  // namespace espalier::cli::qemu
