#include "base/telnet.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace espalier::base {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Telnet, CommandsAreTakenOutWhereverTheyAreCut) {
  const Bytes stream = {'a', 255, 253, 1,   'b', 255, 255, 'c', 255, 250,
                        31,  0,   80,  255, 240, 'd', 255, 241, 'e'};
  const Bytes data = {'a', 'b', 255, 'c', 'd', 'e'};
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    TelnetServer telnet;
    Bytes got = telnet.decode(std::span(stream).first(cut));
    const Bytes rest = telnet.decode(std::span(stream).subspan(cut));
    got.insert(got.end(), rest.begin(), rest.end());
    EXPECT_EQ(got, data) << "cut at " << cut;
  }
}

TEST(Telnet, CarriageReturnNulIsACarriageReturn) {
  TelnetServer telnet;
  EXPECT_EQ(telnet.decode(Bytes{'\r', 0, 'x', 0, '\r', '\n', 0}), (Bytes{'\r', 'x', 0, '\r', '\n', 0}));
}

TEST(Telnet, DataIsEscaped) {
  EXPECT_EQ(TelnetServer::encode(Bytes{1, 255, 2}), (Bytes{1, 255, 255, 2}));
  EXPECT_TRUE(TelnetServer().decode(TelnetServer::greeting()).empty());
}

}  // namespace
}  // namespace espalier::base
