#include <filesystem>
#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/qemu/command.h"
#include "cli/run_machine.h"

int main(int argc, char** argv) {
  // Installed as a link of that name, or asked to, this is QEMU. That name may also come first among the
  // arguments: the command of a container whose entry point is this program.
  const std::string program = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "espalier";
  const std::string command = argc > 1 ? argv[1] : "";
  const auto is_qemu = [](const std::string& name) { return name.starts_with("qemu-system-"); };
  if (is_qemu(program))
    return espalier::cli::qemu::run(program, std::vector<std::string>(argv + 1, argv + argc));
  if (is_qemu(command) || command == "qemu")
    return espalier::cli::qemu::run(is_qemu(command) ? command : "espalier qemu",
                                    std::vector<std::string>(argv + 2, argv + argc));
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (program == "espalierd") arguments.insert(arguments.begin(), {"fleet", "up"});
  return espalier::cli::run_cli(arguments, espalier::cli::run_machine);
}
