#include "devices/register_block.h"

namespace espalier::devices {

RegisterBlock::RegisterBlock(std::string_view name, std::uint32_t size, std::span<const Reg> table,
                             Context context, Domain domain)
    : name_(name),
      table_(table),
      context_(context),
      domain_(domain),
      registers_(name, size, context.log),
      writable_(size / 4, 0xffffffff),
      known_(size / 4) {
  for (const Reg& r : table_)
    for (std::uint32_t i = 0; i < r.count; ++i) {
      const std::uint32_t at = (r.offset + i * r.stride) / 4;
      writable_[at] = r.writable;
      known_[at] = true;
    }
  load_table();
}

void RegisterBlock::load_table() {
  registers_.clear();
  for (const Reg& r : table_)
    for (std::uint32_t i = 0; i < r.count; ++i) registers_.set(r.offset + i * r.stride, r.reset);
}

std::uint32_t RegisterBlock::read(std::uint32_t offset) {
  return known_[offset / 4] ? registers_.get(offset) : registers_.read(offset);
}

void RegisterBlock::write(std::uint32_t offset, std::uint32_t value) {
  if (!known_[offset / 4]) return registers_.write(offset, value);
  const std::uint32_t writable = writable_[offset / 4];
  registers_.set(offset, (registers_.get(offset) & ~writable) | (value & writable));
}

void RegisterBlock::reset(ResetKind kind) {
  if (reached_by(kind)) load_table();
}

void RegisterBlock::archive(base::Archive& ar) {
  ar.section(name_);
  registers_.archive(ar);
}

}  // namespace espalier::devices
