#include "debug/gdb_packet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::debug {
namespace {

using Kind = GdbInput::Kind;

// What a reader makes of `text`, given whole and byte by byte.
std::vector<std::pair<Kind, std::string>> read(std::string_view text) {
  const std::span bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  const auto plain = [](const std::vector<GdbInput>& inputs) {
    std::vector<std::pair<Kind, std::string>> all;
    for (const GdbInput& input : inputs) all.emplace_back(input.kind, input.payload);
    return all;
  };
  GdbPacketReader whole, pieces;
  const auto result = plain(whole.feed(bytes));
  std::vector<std::pair<Kind, std::string>> slowly;
  for (const std::uint8_t& byte : bytes)
    for (auto& each : plain(pieces.feed({&byte, 1}))) slowly.push_back(each);
  EXPECT_EQ(result, slowly);
  return result;
}

using All = std::vector<std::pair<Kind, std::string>>;

TEST(GdbPacket, Frames) {
  EXPECT_EQ(gdb_frame(""), "$#00");
  EXPECT_EQ(gdb_frame("OK"), "$OK#9a");
  EXPECT_EQ(gdb_frame("a$b#c}d*e"),
            "$a}\x04"
            "b}\x03"
            "c}]d}\x0a"
            "e#51");
}

TEST(GdbPacket, ReadsPacketsAcknowledgementsAndInterrupts) {
  EXPECT_EQ(read("+$g#67\x03-$m0,4#fd"), (All{{Kind::kAck, ""},
                                              {Kind::kPacket, "g"},
                                              {Kind::kInterrupt, ""},
                                              {Kind::kNack, ""},
                                              {Kind::kPacket, "m0,4"}}));
  EXPECT_EQ(read("$#00"), (All{{Kind::kPacket, ""}}));
  EXPECT_EQ(read("rubbish\r\n$g#67"), (All{{Kind::kPacket, "g"}}));
  EXPECT_EQ(read("$OK#9A"), (All{{Kind::kPacket, "OK"}}));
}

TEST(GdbPacket, WhatItWritesItReads) {
  std::string payload;
  for (int c = 0; c < 256; ++c) payload.push_back(static_cast<char>(c));
  EXPECT_EQ(read(gdb_frame(payload)), (All{{Kind::kPacket, payload}}));
}

TEST(GdbPacket, DamagedPacketsAreToldAndLeaveNothingBehind) {
  EXPECT_EQ(read("$g#68$g#67"), (All{{Kind::kDamaged, ""}, {Kind::kPacket, "g"}}));
  EXPECT_EQ(read("$g#x7$g#67"), (All{{Kind::kDamaged, ""}, {Kind::kPacket, "g"}}));
  EXPECT_EQ(read("$g}#e4"), (All{{Kind::kDamaged, ""}}));     // an escape without what it escapes
  EXPECT_EQ(read("$m0,$g#67"), (All{{Kind::kPacket, "g"}}));  // begun anew
  EXPECT_EQ(read("$g"), All{});
}

TEST(GdbPacket, ALongPayloadIsRefused) {
  const std::string most(GdbPacketReader::kMaxPayload, 'a');
  EXPECT_EQ(read(gdb_frame(most)).at(0).second, most);
  EXPECT_EQ(read(gdb_frame(most + "a") + "$g#67"), (All{{Kind::kDamaged, ""}, {Kind::kPacket, "g"}}));
}

TEST(GdbPacket, Numbers) {
  EXPECT_EQ(parse_hex32("3ffB0000"), 0x3ffb0000u);
  EXPECT_EQ(parse_hex32("0"), 0u);
  for (const char* wrong : {"", "x", "0x1", "1 ", "-1", "123456789"})
    EXPECT_EQ(parse_hex32(wrong), std::nullopt);
  EXPECT_EQ(from_hex("00fFa5"), (std::vector<std::uint8_t>{0, 0xff, 0xa5}));
  for (const char* wrong : {"0", "0g", "g0"}) EXPECT_EQ(from_hex(wrong), std::nullopt);
  EXPECT_EQ(to_hex(std::string_view("\x01\xfe")), "01fe");
}

}  // namespace
}  // namespace espalier::debug
