#include "cli/snapshot_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "cli/exit_code.h"
#include "cli/run_command.h"
#include "host/boot_inputs.h"
#include "image/descriptions.h"
#include "image/flash_report.h"
#include "net/lan_directory.h"

namespace espalier::cli {
namespace {

struct InfoOptions {
  std::string path;
  bool json = false;
};

// "hello_world v1.2" of the first application in its flash; empty where there is none.
std::string application(const esp32::Snapshot& snapshot) {
  image::FlashImage flash;
  for (std::uint32_t page = 0; page < snapshot.flash()->size() / devices::kFlashPageSize; ++page) {
    const std::uint8_t* bytes = snapshot.flash()->page(page);
    flash.bytes.insert(flash.bytes.end(), bytes, bytes + devices::kFlashPageSize);
  }
  for (const image::ImageReport& app : image::inspect_flash(flash).apps)
    if (app.app) return fmt::format("{} {}", app.app->project, app.app->version);
  return {};
}

int info(const InfoOptions& options) {
  const auto loaded = host::load_snapshot(options.path);
  if (!loaded) return fail(loaded.error());
  const esp32::Snapshot& snapshot = **loaded;
  const std::string app = application(snapshot);
  const double seconds = static_cast<double>(snapshot.clock_ns()) / 1e9;
  if (options.json) {
    const nlohmann::ordered_json json{{"file", options.path},
                                      {"kind", "snapshot"},
                                      {"program", snapshot.notes().program},
                                      {"image", snapshot.notes().image},
                                      {"application", app},
                                      {"guest_seconds", seconds},
                                      {"instructions", snapshot.instructions()},
                                      {"flash_bytes", snapshot.flash()->size()},
                                      {"psram_bytes", snapshot.psram_size()},
                                      {"guest_address", bool{snapshot.notes().lease}}};
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return kDone;
  }
  fmt::print("{}: snapshot of a machine, taken by {}\n", options.path, snapshot.notes().program);
  fmt::print("  image         {}\n", snapshot.notes().image);
  if (!app.empty()) fmt::print("  application   {}\n", app);
  fmt::print("  guest's time  {:.6f} s, {} instructions\n", seconds, snapshot.instructions());
  fmt::print("  memory        {} MiB of flash, {} MiB of PSRAM\n", snapshot.flash()->size() >> 20,
             snapshot.psram_size() >> 20);
  const net::GuestLease& lease = snapshot.notes().lease;
  fmt::print("  network       {}\n",
             lease ? fmt::format("the guest uses its address, {}", net::ipv4_text(lease.address))
                   : "not in use yet");
  return kDone;
}

void add_create(CLI::App& parent, Action& action, const Runner& run) {
  auto options = std::make_shared<host::SessionOptions>();
  CLI::App* command =
      parent.add_subcommand("create", "Run a machine up to some point, and save it whole to a file");
  add_run_options(*command, *options);
  command->add_option("-o,--output", options->snapshot_file, "The snapshot to write")
      ->type_name("FILE")
      ->required();
  add_seconds(*command, "--after", options->after_seconds,
              "Take it when the guest's time has come to this, instead of --until");
  command->footer(
      "Give --until TEXT or --after SECONDS. `espalier run FILE` goes on from there, as often as wanted; "
      "with\n"
      "--clock warp exactly as the machine would have.");
  command->callback([options, &action, run] {
    action = [options, run] {
      if (options->until.empty() == !options->after_seconds)
        return fail("when? Give --until TEXT or --after SECONDS, one of the two");
      options->whole_turns = true;
      if (std::string problem = problem_of(*options); !problem.empty()) return fail(problem);
      return run(*options);
    };
  });
}

void add_info(CLI::App& parent, Action& action) {
  auto options = std::make_shared<InfoOptions>();
  CLI::App* command = parent.add_subcommand("info", "Show what a snapshot holds, and verify its checksum");
  command->add_option("FILE", options->path, "The snapshot")->required();
  command->add_flag("--json", options->json, "As JSON");
  command->callback([options, &action] { action = [options] { return info(*options); }; });
}

}  // namespace

void add_snapshot_command(CLI::App& app, Action& action, const Runner& run) {
  CLI::App* command =
      app.add_subcommand("snapshot", "Save a running machine whole, for others to go on from there");
  command->require_subcommand(1);
  add_create(*command, action, run);
  add_info(*command, action);
}

}  // namespace espalier::cli
