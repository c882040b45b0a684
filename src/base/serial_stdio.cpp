#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/fd_writer.h"
#include "base/serial_kinds.h"
#include "base/terminal.h"

namespace espalier::base {

namespace {

constexpr std::uint8_t kEscape = 0x1d;  // Ctrl-]
// So much of what is typed at a guest that does not listen is kept. Reading goes on, for the sake of Ctrl-].
constexpr std::size_t kTypeAhead = 64 * 1024;

class StdioSerial final : public SerialBackend {
 public:
  StdioSerial(EventLoop& loop, const SerialSpec& spec, int input_fd, int output_fd)
      : input_fd_(input_fd),
        terminal_(input_fd, spec.signals),
        plain_keys_(spec.plain_keys),
        is_terminal_(isatty(input_fd)),
        watch_(loop),
        writer_(loop, output_fd) {
    writer_.on_error([this](int) { leave(Leave::kOutputClosed); });
    // A terminal in whose background we are is somebody else's to read from.
    if ((!is_terminal_ || terminal_.active()) && input_fd >= 0) {
      watch_.start(input_fd, EPOLLIN, [this](std::uint32_t) { read_input(); });
    }
  }
  ~StdioSerial() override { writer_.drain(0); }

  void write(std::span<const std::uint8_t> bytes) override { writer_.write(bytes); }
  bool congested() const override { return writer_.congested(); }
  bool drain(std::uint64_t timeout_ns) override { return writer_.drain(timeout_ns); }

 private:
  void read_input() {
    std::array<std::uint8_t, 4096> buffer;
    const ssize_t n = read(input_fd_, buffer.data(), buffer.size());
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) return watch_.stop();  // the end of input is no reason to stop the machine
    std::span<const std::uint8_t> bytes(buffer.data(), static_cast<std::size_t>(n));
    bool escape = false;
    if (terminal_.active()) {
      const auto at = plain_keys_ ? bytes.end() : std::ranges::find(bytes, kEscape);
      escape = at != bytes.end();
      bytes = bytes.first(static_cast<std::size_t>(at - bytes.begin()));
      bytes = bytes.first(std::min(bytes.size(), kTypeAhead - std::min(kTypeAhead, held())));
    }
    deliver(bytes);
    if (held() != 0 && !terminal_.active()) watch_.set_events(0);  // the writer at the other end waits
    if (escape) leave(Leave::kEscape);
  }
  void input_wanted() override { watch_.set_events(EPOLLIN); }

  int input_fd_;
  RawTerminal terminal_;
  bool plain_keys_;
  bool is_terminal_;
  EventLoop::Watch watch_;
  FdWriter writer_;
};

}  // namespace

std::unique_ptr<SerialBackend> open_stdio_serial(EventLoop& loop, const SerialSpec& spec, int input_fd,
                                                 int output_fd) {
  return std::make_unique<StdioSerial>(loop, spec, input_fd, output_fd);
}

}  // namespace espalier::base
