#include "base/archive.h"

#include <fmt/format.h>

#include <algorithm>

namespace espalier::base {

namespace {

constexpr std::array<std::uint8_t, 8> kMagic = {'E', 's', 'p', 'a', 'l', 'S', 'a', 'v'};

std::uint64_t fnv1a(std::span<const std::uint8_t> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

}  // namespace

void Archive::raw(void* data, std::size_t size) {
  if (size == 0) return;
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

void Archive::value(bool& v) {
  std::uint8_t byte = v;
  raw(&byte, 1);
  if (byte > 1) failed_ = true;
  if (!failed_) v = byte;
}

void Archive::section(std::string_view name) {
  if (failed_) return;  // it failed before
  section_ = name;
  if (saving_) sections_.push_back(out_.size());
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

std::vector<std::uint8_t> seal(std::span<const std::uint8_t> state, std::uint32_t version) {
  Archive head = Archive::saving();
  std::array<std::uint8_t, 8> magic = kMagic;
  std::uint64_t size = state.size(), checksum = fnv1a(state);
  head(magic, version, size, checksum);
  std::vector<std::uint8_t> sealed = head.bytes();
  sealed.insert(sealed.end(), state.begin(), state.end());
  return sealed;
}

bool is_sealed(std::span<const std::uint8_t> begin) {
  return begin.size() >= kMagic.size() && std::ranges::equal(begin.first(kMagic.size()), kMagic);
}

std::expected<std::span<const std::uint8_t>, std::string> unseal(std::span<const std::uint8_t> sealed,
                                                                 std::uint32_t version) {
  Archive head = Archive::loading(sealed);
  std::array<std::uint8_t, 8> magic = {};
  std::uint32_t its_version = 0;
  std::uint64_t size = 0, checksum = 0;
  head(magic, its_version, size, checksum);
  const auto given = sealed.first(std::min(sealed.size(), magic.size()));
  if (given.empty() || !std::ranges::equal(given, std::span(kMagic).first(given.size())))
    return std::unexpected("is no saved state");
  if (head.failed()) return std::unexpected(fmt::format("is cut short: it has only {} bytes", sealed.size()));
  if (its_version != version)
    return std::unexpected(
        fmt::format("was saved in form {}, and this program reads form {}", its_version, version));
  const auto state = sealed.subspan(kSealSize);
  if (state.size() < size)
    return std::unexpected(fmt::format("is cut short: {} of {} bytes are there", state.size(), size));
  if (state.size() > size)
    return std::unexpected(fmt::format("is damaged: {} bytes more than it should have", state.size() - size));
  if (fnv1a(state) != checksum) return std::unexpected("is damaged: its checksum does not match");
  return state;
}

}  // namespace espalier::base
