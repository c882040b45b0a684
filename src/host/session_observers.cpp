// Who looks on: debuggers, traces, profiles, and the names of functions that they and backtraces want.
#include <fmt/format.h>

#include <cstdio>
#include <utility>

#include "base/tcp_socket.h"
#include "host/exposure.h"
#include "host/monitor.h"
#include "host/program_files.h"
#include "host/session.h"
#include "image/elf.h"
#include "rom/guest_program.h"

namespace espalier::host {
namespace {

// So that a shell takes it as it is.
std::string shell_word(const std::string& text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? "'\\''" : std::string(1, c);
  return word + "'";
}

}  // namespace

std::expected<void, std::string> Session::open_perf_map() {
  if (!options_.perf_map) return {};
  auto map = PerfMap::create(options_.image);
  if (!map) return std::unexpected(map.error());
  perf_map_ = std::move(*map);
  for (unsigned cpu = 0; cpu < 2; ++cpu)
    machine_->core(cpu).on_translated(
        [this](const void* host, std::size_t size, std::uint32_t pc) { perf_map_->add(host, size, pc); });
  return {};
}

std::expected<void, std::string> Session::open_trace() {
  std::vector<image::ElfFile> programs;
  if (options_.trace.wanted() || !options_.elf.empty()) {
    auto loaded = load_programs(options_.image, options_.elf);
    if (!loaded) return std::unexpected("--elf: " + loaded.error());
    programs = std::move(*loaded);
  }
  auto tracing = debug::Tracing::start(*machine_, options_.trace, programs);
  if (!tracing) return std::unexpected("--trace: " + tracing.error());
  tracing_ = std::move(*tracing);
  return {};
}

std::expected<void, std::string> Session::open_waveform() {
  if (options_.vcd.empty()) return {};
  auto vcd = debug::Vcd::start(*machine_, options_.vcd);
  if (!vcd) return std::unexpected("--vcd: " + vcd.error());
  vcd_ = std::move(*vcd);
  return {};
}

std::expected<void, std::string> Session::open_profile() {
  if (options_.profile.empty()) return {};
  auto symbols = load_symbols(options_.profile);
  if (!symbols) return std::unexpected("--profile: " + symbols.error());
  auto file = open_report(options_.profile_file, "profile");
  if (!file) return std::unexpected("--profile-file: " + file.error());
  profile_file_ = std::move(*file);
  const auto tasks = debug::FreeRtosSymbols::find((*symbols)->program());
  const auto name = [known = std::shared_ptr<debug::Symbols>(std::move(*symbols))](std::uint32_t address) {
    return known->function(address);
  };
  profile_ = std::make_unique<debug::Profile>(*machine_, name, tasks);
  return {};
}

std::expected<std::unique_ptr<debug::Symbols>, std::string> Session::load_symbols(
    const std::string& path) const {
  auto program = image::ElfFile::load(path);
  if (!program) return std::unexpected(program.error());
  auto rom = options_.rom.empty() ? std::make_shared<image::ElfFile>(rom::guest_program()) : nullptr;
  return std::make_unique<debug::Symbols>(std::make_shared<image::ElfFile>(std::move(*program)),
                                          std::move(rom));
}

// The application's ELF file: the one that is named for whatever purpose, else the one in the build folder.
std::string Session::elf_path() const {
  for (const std::string* path :
       {&options_.elf, &options_.profile, &options_.coverage, &options_.call_trace, &options_.kernel})
    if (!path->empty()) return *path;
  return options_.demo ? std::string() : program_path(options_.image).string();
}

// What --elf names has to be a program, though it may never be asked for.
std::expected<void, std::string> Session::open_symbols() {
  if (options_.elf.empty()) return {};
  auto loaded = load_symbols(options_.elf);
  if (!loaded) return std::unexpected("--elf: " + loaded.error());
  symbols_ = std::move(*loaded);
  return {};
}

// Null if nothing is known of the application.
const debug::Symbols* Session::symbols() {
  if (symbols_ || std::exchange(symbols_looked_for_, true)) return symbols_.get();
  const std::string path = elf_path();
  if (path.empty()) return nullptr;
  auto loaded = load_symbols(path);
  if (loaded)
    symbols_ = std::move(*loaded);
  else
    machine_->log().error(base::LogArea::kGeneral, "no names for the backtrace: {}", loaded.error());
  return symbols_.get();
}

std::expected<void, std::string> Session::open_coverage() {
  if (options_.coverage.empty()) return {};
  auto symbols = load_symbols(options_.coverage);
  if (!symbols) return std::unexpected("--coverage: " + symbols.error());
  auto coverage = debug::Coverage::start(*machine_, std::move(*symbols));
  if (!coverage)
    return std::unexpected(fmt::format("--coverage: {} {}", options_.coverage, coverage.error()));
  auto file = open_report(options_.coverage_file, "coverage");
  if (!file) return std::unexpected("--coverage-file: " + file.error());
  coverage_file_ = std::move(*file);
  coverage_ = std::move(*coverage);
  return {};
}

// Before there is a network, which it is to be plugged into.
std::expected<void, std::string> Session::open_call_trace() {
  if (options_.call_trace.empty()) return {};
  auto symbols = load_symbols(options_.call_trace);
  if (!symbols) return std::unexpected("--call-trace: " + symbols.error());
  debug::CallTraceOptions options = options_.calls;
  if (options.filters.empty())
    for (const net::Publish& publish : options_.publish)
      options.filters.push_back({.tcp = !publish.udp, .port = publish.guest_port});
  call_trace_ = std::make_unique<debug::CallTrace>(*machine_, std::move(*symbols), std::move(options),
                                                   [this](std::string_view text) {
                                                     call_trace_file_->write(text);
                                                     call_trace_file_->flush();
                                                   });
  return {};
}

// Last of all, as every file.
std::expected<void, std::string> Session::open_call_trace_file() {
  if (!call_trace_) return {};
  auto file = open_report(options_.call_trace_file, "call trace");
  if (!file) return std::unexpected("--call-trace-file: " + file.error());
  call_trace_file_ = std::move(*file);
  return {};
}

// A file that is written at the end; what goes wrong then is told.
std::expected<std::unique_ptr<debug::TraceFile>, std::string> Session::open_report(const std::string& path,
                                                                                   std::string_view what) {
  auto file = debug::TraceFile::create(path);
  if (file)
    (*file)->on_error([this, what](const std::string& line) {
      machine_->log().error(base::LogArea::kGeneral, "the {} is not complete: {}", what, line);
    });
  return file;
}

std::string Session::profile_summary() const {
  constexpr unsigned kFunctions = 15;
  return profile_ ? profile_->summary(kFunctions) : std::string();
}

std::expected<void, std::string> Session::start_gdb(const debug::GdbAddress& address) {
  if (gdb_ && gdb_->where() == base::TcpEnd{.address = address.address, .port = address.port}.name())
    return {};
  auto programs = load_programs(options_.demo ? "" : options_.image, options_.elf);
  if (!programs) return std::unexpected("--elf: " + programs.error());
  debug::GdbTarget target{.machine = *machine_, .control = *control_, .tasks = {}, .monitor = {}};
  target.monitor = [this](std::string_view command) { return monitor_->execute(command); };
  for (const image::ElfFile& program : *programs)
    if (!target.tasks) target.tasks = debug::FreeRtos::find(program);
  auto server = debug::GdbServer::create(loop_, std::move(target), address);
  if (!server) return std::unexpected(server.error());
  stop_gdb();
  gdb_ = std::move(*server);
  return {};
}

void Session::stop_gdb() {
  if (gdb_) former_gdbs_.push_back(std::move(gdb_));
}

std::expected<void, std::string> Session::open_gdb() {
  if (!options_.gdb) return {};
  if (auto ok = start_gdb(*options_.gdb); !ok) return ok;
  const std::string path = program_path(options_.image, options_.elf);
  if (const std::string warning = exposure_warning(options_.gdb->address, options_.gdb->port, "GDB");
      !warning.empty())
    fmt::print(stderr, "espalier: warning: {}\n", warning);
  fmt::print(stderr, "espalier: xtensa-esp32-elf-gdb {}-ex 'target remote {}'\n",
             path.empty() ? "" : shell_word(path) + " ", gdb_->where());
  return {};
}

}  // namespace espalier::host
