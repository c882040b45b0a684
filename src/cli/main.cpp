#include <string>
#include <vector>

#include "cli/cli.h"
#ifdef ESPALIER_RUN_MACHINE
#include "cli/run_machine.h"
#endif

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
#ifdef ESPALIER_RUN_MACHINE
  return espalier::cli::run_cli(arguments, espalier::cli::run_machine);
#else
  return espalier::cli::run_cli(arguments, {});
#endif
}
