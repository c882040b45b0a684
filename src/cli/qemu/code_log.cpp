#include "cli/qemu/code_log.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "xtensa/decoder.h"
#include "xtensa/disassembler.h"

namespace espalier::cli::qemu {

std::expected<std::unique_ptr<CodeLog>, std::string> CodeLog::start(esp32::Machine& machine,
                                                                    const std::string& path) {
  std::FILE* file = path.empty() ? stderr : std::fopen(path.c_str(), "ae");
  if (!file) return std::unexpected(fmt::format("-D {}: {}", path, std::strerror(errno)));
  std::unique_ptr<CodeLog> log(new CodeLog(machine, file));
  machine.on_code_decoded([log = log.get()](unsigned cpu, std::uint32_t address, std::uint32_t size) {
    log->decoded(cpu, address, size);
  });
  return log;
}

CodeLog::~CodeLog() {
  machine_.on_code_decoded(nullptr);
  if (file_ != stderr) std::fclose(file_);
}

void CodeLog::decoded(unsigned cpu, std::uint32_t address, std::uint32_t size) {
  fmt::print(file_, "----------------\nIN: \n");
  for (std::uint32_t at = address; at < address + size;) {
    std::array<std::uint8_t, 4> bytes{};
    machine_.peek(cpu, at, bytes);
    const xtensa::Instruction instruction = xtensa::decode(at, bytes.data());
    fmt::print(file_, "{:#010x}:  {}\n", at, xtensa::disassemble(instruction));
    at += std::max<std::uint32_t>(instruction.length, 1);
  }
  fmt::print(file_, "\n");
}

}  // namespace espalier::cli::qemu
