#include "devices/dma_link.h"

#include <algorithm>

namespace espalier::devices {
namespace {

// A chain may be a ring; one of empty descriptors must not be followed for ever.
constexpr unsigned kMostDescriptors = 4096;

}  // namespace

std::optional<DmaDescriptor> read_descriptor(DmaBus& bus, std::uint32_t address) {
  DmaDescriptor d;
  d.address = address;
  if (!bus.read_word(address, d.control) || !bus.read_word(address + 4, d.buffer) ||
      !bus.read_word(address + 8, d.next))
    return std::nullopt;
  return d;
}

bool write_control(DmaBus& bus, const DmaDescriptor& descriptor) {
  return bus.write_word(descriptor.address, descriptor.control);
}

DmaTransfer gather(DmaBus& bus, std::uint32_t first, std::size_t limit, std::vector<std::uint8_t>& into) {
  DmaTransfer result;
  std::uint32_t at = first;
  for (unsigned i = 0; i < kMostDescriptors && at != 0 && result.bytes < limit && !result.eof; ++i) {
    const auto d = read_descriptor(bus, at);
    if (!d) {
      result.error = true;
      break;
    }
    const std::size_t n = std::min<std::size_t>(d->length(), limit - result.bytes);
    into.resize(into.size() + n);
    if (n && !bus.read(d->buffer, std::span(into).last(n))) {
      into.resize(into.size() - n);
      result.error = true;
      break;
    }
    result.bytes += n;
    result.last = at;
    result.eof = d->eof();
    at = d->next;
  }
  return result;
}

DmaTransfer scatter(DmaBus& bus, std::uint32_t first, std::span<const std::uint8_t> from) {
  DmaTransfer result;
  std::uint32_t at = first;
  for (unsigned i = 0; i < kMostDescriptors && at != 0 && result.bytes < from.size(); ++i) {
    auto d = read_descriptor(bus, at);
    if (!d) {
      result.error = true;
      break;
    }
    const std::size_t n = std::min<std::size_t>(d->size(), from.size() - result.bytes);
    if (n && !bus.write(d->buffer, from.subspan(result.bytes, n))) {
      result.error = true;
      break;
    }
    result.bytes += n;
    result.last = at;
    result.eof = result.bytes == from.size();
    d->set_length(static_cast<std::uint32_t>(n));
    d->control &= ~(DmaDescriptor::kOwner | DmaDescriptor::kEof);
    if (result.eof) d->control |= DmaDescriptor::kEof;
    write_control(bus, *d);
    at = d->next;
  }
  return result;
}

}  // namespace espalier::devices
