// libFuzzer target: what comes from a debugger, in any pieces. The first byte says how it is cut up.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "debug/gdb_packet.h"
#include "fuzz/check.h"

using namespace espalier::debug;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 16u + 1;
  const std::span bytes(data + 1, size - 1);
  GdbPacketReader whole, pieces;
  const std::vector<GdbInput> all = whole.feed(bytes);
  std::vector<GdbInput> slowly;
  for (std::size_t at = 0; at < bytes.size(); at += piece)
    for (GdbInput& input : pieces.feed(bytes.subspan(at, std::min(piece, bytes.size() - at))))
      slowly.push_back(std::move(input));
  CHECK(all.size() == slowly.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    CHECK(all[i].kind == slowly[i].kind && all[i].payload == slowly[i].payload);
    CHECK(all[i].payload.size() <= GdbPacketReader::kMaxPayload);
    if (all[i].kind != GdbInput::Kind::kPacket) continue;
    // What was understood can be sent and understood again.
    const std::string frame = gdb_frame(all[i].payload);
    GdbPacketReader reader;
    const auto again = reader.feed({reinterpret_cast<const std::uint8_t*>(frame.data()), frame.size()});
    CHECK(again.size() == 1 && again[0].kind == GdbInput::Kind::kPacket &&
          again[0].payload == all[i].payload);
    if (const auto raw = from_hex(all[i].payload)) CHECK(from_hex(to_hex(*raw)) == raw);
  }
  return 0;
}
