// The demo's machine in warp, and a port without a host, for the tests of monitors.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/event_loop.h"
#include "base/serial_backend.h"
#include "host/session.h"

namespace espalier::host::testing {

// What is written to it is `out`; type() is what comes from outside.
class FakePort final : public base::SerialBackend {
 public:
  void write(std::span<const std::uint8_t> bytes) override { out.append(bytes.begin(), bytes.end()); }
  bool congested() const override { return full; }
  bool drain(std::uint64_t) override { return true; }
  bool has_client() const override { return client; }
  void connect() {
    client = true;
    client_came();
  }
  void type(std::string_view text) {
    deliver({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  std::string take() { return std::exchange(out, {}); }

  std::string out;
  bool full = false;
  bool client = false;
};

class MachineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    SessionOptions options;
    options.name = "board";
    options.demo = true;
    options.clock = ClockMode::kWarp;
    options.start_paused = true;
    options.engine = xtensa::Engine::kInterpreter;
    options.serial[0] = {};
    session = std::make_unique<Session>(loop, options);
    const auto opened = session->open();
    ASSERT_TRUE(opened) << opened.error();
  }
  void run(int turns) {
    for (int i = 0; i < turns; ++i) {
      session->advance(true);
      loop.poll(0);
    }
  }

  base::EventLoop loop;
  std::unique_ptr<Session> session;
};

}  // namespace espalier::host::testing
