#include "debug/execution_counts.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace espalier::debug {
namespace {

constexpr std::uint32_t kPage = 4096;

}  // namespace

ExecutionCounts::ExecutionCounts(esp32::Machine& machine, std::shared_ptr<const image::ElfFile> program,
                                 std::vector<std::uint32_t> addresses)
    : machine_(machine), program_(std::move(program)), addresses_(std::move(addresses)) {
  std::ranges::sort(addresses_);
  addresses_.erase(std::ranges::unique(addresses_).begin(), addresses_.end());
  pieces_.reserve(addresses_.size());
  for (const std::uint32_t address : addresses_) {
    // Most lie in the function of the one before.
    if (!pieces_.empty() && address - pieces_.back().address < pieces_.back().bytes.size())
      pieces_.push_back(pieces_.back());
    else
      pieces_.push_back(piece_at(address));
  }
  counts_.resize(addresses_.size());
  for (unsigned cpu = 0; cpu < 2; ++cpu)
    machine_.core(cpu).count_executions([this, cpu](std::uint32_t pc) { return counter(cpu, pc); });
}

ExecutionCounts::~ExecutionCounts() {
  for (unsigned cpu = 0; cpu < 2; ++cpu) machine_.core(cpu).count_executions({});
}

std::uint64_t ExecutionCounts::at(std::uint32_t address) const {
  const auto found = std::ranges::lower_bound(addresses_, address);
  if (found == addresses_.end() || *found != address) return 0;
  return counts_[static_cast<std::size_t>(found - addresses_.begin())];
}

std::uint64_t* ExecutionCounts::counter(unsigned cpu, std::uint32_t pc) {
  const auto found = std::ranges::lower_bound(addresses_, pc);
  if (found == addresses_.end() || *found != pc) return nullptr;
  const auto n = static_cast<std::size_t>(found - addresses_.begin());
  return is_there(cpu, pieces_[n]) ? &counts_[n] : nullptr;
}

// The function that `pc` lies in. Outside of those, as in assembler code without sizes: from there to the
// next symbol.
ExecutionCounts::Piece ExecutionCounts::piece_at(std::uint32_t pc) const {
  for (const image::ElfSection& section : program_->sections()) {
    if (!section.allocated() || pc - section.address >= section.file_size) continue;
    const image::ByteView bytes = program_->data(section);
    std::uint32_t begin = pc, end = section.address + section.file_size;
    const auto& symbols = program_->symbols();
    const auto next = std::ranges::upper_bound(symbols, pc, {}, &image::ElfSymbol::address);
    if (next != symbols.end()) end = std::min(end, next->address);
    if (const image::ElfSymbol* symbol = program_->symbol_at(pc);
        symbol != nullptr && pc - symbol->address < symbol->size && symbol->address >= section.address) {
      begin = symbol->address;
      end = std::min(section.address + section.file_size, symbol->address + symbol->size);
    }
    return {begin, bytes.subspan(begin - section.address, end - begin)};
  }
  return {pc, {}};
}

bool ExecutionCounts::is_there(unsigned cpu, const Piece& piece) {
  if (piece.bytes.empty()) return false;
  esp32::MemoryMap& memory = machine_.memory();
  for (std::uint32_t done = 0; done < piece.bytes.size();) {
    const std::uint32_t at = piece.address + done;
    const std::uint8_t* there = memory.peek(cpu, at);
    if (there == nullptr) return false;
    // SRAM1's words are in reversed order on this bus.
    const std::uint32_t run = esp32::MemoryMap::in_sram1_code(at) ? 1 : kPage - at % kPage;
    const std::uint32_t size = std::min(run, static_cast<std::uint32_t>(piece.bytes.size()) - done);
    if (std::memcmp(there, piece.bytes.data() + done, size) != 0) return false;
    done += size;
  }
  return true;
}

}  // namespace espalier::debug
