#include "base/archive.h"

namespace espalier::base {

void Archive::raw(void* data, std::size_t size) {
  if (saving_) {
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    out_.insert(out_.end(), bytes, bytes + size);
    return;
  }
  if (failed_ || size > in_.size() - at_) {
    failed_ = true;
    return;
  }
  std::memcpy(data, in_.data() + at_, size);
  at_ += size;
}

void Archive::section(std::string_view name) {
  std::string stored(name);
  value(stored);
  if (stored != name) failed_ = true;
}

void Archive::value(std::vector<bool>& v) {
  std::uint64_t n = v.size();
  value(n);
  if (!saving_) {
    if (failed_ || n > in_.size() - at_) {
      failed_ = true;
      return;
    }
    v.resize(n);
  }
  for (std::size_t i = 0; i < v.size(); ++i) {
    bool bit = v[i];
    value(bit);
    v[i] = bit;
  }
}

}  // namespace espalier::base
