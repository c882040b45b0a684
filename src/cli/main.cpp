#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "cli/cli.h"
#include "cli/qemu/command.h"
#include "cli/run_machine.h"

int main(int argc, char** argv) {
  // Installed as a link of that name, or asked to, this is QEMU.
  const std::string program = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "espalier";
  const bool called_so = program.starts_with("qemu-system-");
  if (called_so || (argc > 1 && std::string_view(argv[1]) == "qemu"))
    return espalier::cli::qemu::run(called_so ? program : "espalier qemu",
                                    std::vector<std::string>(argv + (called_so ? 1 : 2), argv + argc));
  return espalier::cli::run_cli(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc),
                                espalier::cli::run_machine);
}
