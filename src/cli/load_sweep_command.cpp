#include "cli/load_sweep_command.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "cli/exit_code.h"
#include "cli/load_options.h"
#include "host/demo_image.h"
#include "host/signal_watch.h"
#include "image/file.h"
#include "image/flash_image.h"
#include "load/sweep.h"
#include "load/sweep_report.h"

namespace espalier::cli {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  LoadArguments load{.connections = 0, .seconds = 5};
  std::string image;
  bool demo = false;
  std::vector<std::size_t> counts = {1, 10, 100};
  std::vector<double> rates = {10, 100, 1000};
  std::string path = "/hello";
  std::string folder = "load-sweep";
  std::uint16_t base_port = 20000;
  double up_timeout = 120;
  std::vector<std::string> compare;
  std::string qemu = "qemu-system-xtensa";
  std::size_t most_qemus = 32;
};

// One flash image as a file, which both can boot; the demo's and a folder's are written into the results'
// folder.
std::expected<std::string, std::string> flash_file(const Arguments& arguments) {
  std::error_code error;
  if (!arguments.demo && !fs::is_directory(arguments.image, error)) {
    if (!fs::exists(arguments.image, error))
      return std::unexpected(fmt::format("{}: not found", arguments.image));
    return arguments.image;
  }
  // QEMU wants a chip of 2 MiB at least.
  const image::FlashImageOptions options{.flash_size = 4u << 20};
  const auto demo = host::demo_image();
  auto flash = arguments.demo ? image::flash_image_from_bytes({demo.begin(), demo.end()}, "demo", options)
                              : image::load_flash_image(arguments.image);
  if (!flash) return std::unexpected(flash.error());
  const std::string file = arguments.folder + "/flash.bin";
  if (auto written = image::write_file(file, flash->bytes); !written) return std::unexpected(written.error());
  return file;
}

// This program. Where a script starts it by its own loader, /proc/self/exe is that one, and the script says
// its path.
std::string own_program() {
  const fs::path name = program_invocation_name;
  return name.is_absolute() ? name : fs::read_symlink("/proc/self/exe");
}

load::Launch espalier_launch(const std::string& flash) {
  return {.name = "espalier", .command = {own_program(), "run", flash, "-p", "127.0.0.1:{port}:80"}};
}

// The same devices in one process, which is scaled up from number to number.
load::Launch fleet_launch(const std::string& flash) {
  const std::string program = fs::read_symlink("/proc/self/exe");
  const std::string name = fmt::format("sweep-{}", getpid());
  return {
      .name = "fleet",
      .command = {program, "fleet", "up", flash, "-n", "{n}", "-p", "127.0.0.1:{port}+:80", "--name", name},
      .one_process = true,
      .scale = {program, "fleet", "scale", "--name", name, "{n}"}};
}

load::Launch qemu_launch(const Arguments& arguments, const std::string& flash) {
  return {.name = "qemu",
          .command = {arguments.qemu, "-machine", "esp32", "-display", "none", "-serial", "null", "-monitor",
                      "none", "-nic", "user,model=open_eth,hostfwd=tcp:127.0.0.1:{port}-:80", "-drive",
                      fmt::format("file={},if=mtd,format=raw,snapshot=on", flash)}};
}

std::expected<void, std::string> write_text(const std::string& file, const std::string& text) {
  return image::write_file(file, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

int sweep(const Arguments& arguments) {
  if (arguments.demo == !arguments.image.empty()) return fail("load sweep: give an image, or --demo");
  std::error_code error;
  fs::create_directories(arguments.folder, error);
  if (error) return fail(fmt::format("{}: cannot make that folder: {}", arguments.folder, error.message()));
  const auto flash = flash_file(arguments);
  if (!flash) return fail(flash.error());

  load::SweepOptions options;
  options.contestants.push_back({.launch = espalier_launch(*flash)});
  const auto compared = [&](const char* name) {
    return std::ranges::find(arguments.compare, name) != arguments.compare.end();
  };
  if (compared("fleet")) options.contestants.push_back({.launch = fleet_launch(*flash)});
  if (compared("qemu"))
    options.contestants.push_back({.launch = qemu_launch(arguments, *flash), .most = arguments.most_qemus});
  options.counts = arguments.counts;
  std::ranges::sort(options.counts);
  options.rates = arguments.rates;
  options.path = arguments.path;
  options.base_port = arguments.base_port;
  options.folder = arguments.folder;
  options.up_timeout_ns = static_cast<std::uint64_t>(arguments.up_timeout * 1e9);
  options.load = arguments.load.options();
  base::EventLoop loop;
  const host::SignalWatch signals(loop);
  options.load.interrupted = [&signals] { return signals.signal() != 0; };

  fmt::print("{}", load::table_head());
  const auto rows = load::run_sweep(options, [](const load::SweepRow& row) {
    fmt::print("{}", load::table_line(row));
    std::fflush(stdout);
  });
  const std::vector<std::pair<std::string, std::string>> files = {
      {"sweep.csv", load::csv_of(rows)},
      {"sweep.json", load::json_of(options, rows).dump(2) + "\n"},
      {"sweep.svg", load::svg_of(rows)}};
  for (const auto& [name, text] : files)
    if (auto done = write_text(arguments.folder + "/" + name, text); !done) return fail(done.error());
  fmt::print(stderr, "espalier: {0}/sweep.csv, {0}/sweep.json and {0}/sweep.svg are written\n",
             arguments.folder);
  const bool measured =
      std::ranges::all_of(rows, [](const load::SweepRow& row) { return row.problem.empty(); });
  return measured && !rows.empty() && signals.signal() == 0 ? kDone : kExpectationFailed;
}

}  // namespace

void add_load_sweep_command(CLI::App& load_command, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = load_command.add_subcommand(
      "sweep", "Response time against the number of devices: start them, load them, take them down");
  command->footer(
      "For each number of devices and each rate a line is printed; sweep.csv, sweep.json and sweep.svg, with "
      "the\n"
      "logs of the devices' processes, are in the folder of --out. Exit codes: 0 all was measured, 1 not "
      "all, 2 bad "
      "usage.");
  command->add_option("IMAGE", arguments->image, "Flash image or build folder with a web server on port 80");
  command->add_flag("--demo", arguments->demo, "The built-in guest instead");
  command->add_option("-n,--devices", arguments->counts, "Numbers of devices (default: 1,10,100)")
      ->delimiter(',')
      ->check(CLI::Range(std::size_t{1}, std::size_t{40'000}));
  command
      ->add_option("--rates", arguments->rates,
                   "Requests a second, to all devices together (default: 10,100,1000)")
      ->delimiter(',')
      ->check(CLI::Range(0.001, 1e7));
  add_load_options(*command, arguments->load);
  command->add_option("--path", arguments->path, "What to ask for (default: /hello)");
  command->add_option("--out", arguments->folder, "Folder for the results (default: load-sweep)");
  command
      ->add_option("--base-port", arguments->base_port,
                   "The first device's port on 127.0.0.1 (default: 20000)")
      ->check(CLI::Range(1024, 65535));
  command
      ->add_option("--up-timeout", arguments->up_timeout,
                   "Seconds until all devices must have answered (default: 120)")
      ->check(CLI::Range(0.1, 86400.0));
  command
      ->add_option(
          "--compare", arguments->compare,
          "fleet: the same devices in one process, scaled up from number to number; qemu: a QEMU process "
          "for each")
      ->delimiter(',')
      ->check(CLI::IsMember({"fleet", "qemu"}));
  command->add_option("--qemu", arguments->qemu,
                      "That QEMU, with an esp32 machine (default: qemu-system-xtensa on the PATH)");
  command->add_option("--qemu-most", arguments->most_qemus, "No more of them than this (default: 32)");
  command->callback([arguments, &action] { action = [arguments] { return sweep(*arguments); }; });
}

}  // namespace espalier::cli
