#include "devices/register_file.h"

namespace espalier::devices {

RegisterFile::RegisterFile(std::string_view owner, std::uint32_t size, base::Logger& log, bool report_first_touch)
    : owner_(owner), log_(log), report_(report_first_touch), words_(size / 4), touched_(size / 4) {}

void RegisterFile::touch(std::uint32_t offset, bool write) {
  if (!report_ || touched_[offset / 4]) return;
  touched_[offset / 4] = true;
  log_.debug(base::LogArea::kUnimp, "{}: first {} of register {:#05x}, which has no model of its own", owner_,
             write ? "write" : "read", offset);
}

std::uint32_t RegisterFile::read(std::uint32_t offset) {
  touch(offset, false);
  return get(offset);
}

void RegisterFile::write(std::uint32_t offset, std::uint32_t value) {
  touch(offset, true);
  set(offset, value);
}

}  // namespace espalier::devices
