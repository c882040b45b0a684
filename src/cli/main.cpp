#include <string>
#include <vector>

#include "cli/cli.h"
#include "cli/run_machine.h"

int main(int argc, char** argv) {
  return espalier::cli::run_cli(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc),
                                espalier::cli::run_machine);
}
