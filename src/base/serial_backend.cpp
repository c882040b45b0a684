#include "base/serial_backend.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "base/fd_writer.h"
#include "base/serial_kinds.h"

namespace espalier::base {

namespace {

class NoSerial final : public SerialBackend {
 public:
  void write(std::span<const std::uint8_t>) override {}
  bool drain(std::uint64_t) override { return true; }
};

class FileSerial final : public SerialBackend {
 public:
  FileSerial(EventLoop& loop, int fd) : fd_(fd), writer_(loop, fd) {
    writer_.on_error([this](int) { leave(Leave::kOutputClosed); });
  }
  ~FileSerial() override {
    writer_.drain(0);
    close(fd_);
  }
  void write(std::span<const std::uint8_t> bytes) override { writer_.write(bytes); }
  bool congested() const override { return writer_.congested(); }
  bool drain(std::uint64_t timeout_ns) override { return writer_.drain(timeout_ns); }

 private:
  int fd_;
  FdWriter writer_;
};

std::unexpected<std::string> wrong(std::string_view text, std::string_view what) {
  return std::unexpected(fmt::format("serial \"{}\": {}", text, what));
}

std::expected<SerialSpec, std::string> parse_tcp(std::string_view text, std::string_view rest) {
  SerialSpec spec{.kind = SerialSpec::Kind::kTcp, .path = {}, .address = {}};
  constexpr std::string_view kForm = "expected tcp:ADDR:PORT, as in tcp:127.0.0.1:5000 or tcp:[::1]:5000";
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos) return wrong(text, kForm);
  std::string_view address = rest.substr(0, colon);
  const std::string_view port = rest.substr(colon + 1);
  std::uint8_t parsed[sizeof(in6_addr)];
  if (address.starts_with('[') && address.ends_with(']')) {
    spec.address = address.substr(1, address.size() - 2);
    if (inet_pton(AF_INET6, spec.address.c_str(), parsed) != 1) {
      return wrong(text, fmt::format("\"{}\" is not an IPv6 address", spec.address));
    }
  } else {
    if (address == "localhost") address = "127.0.0.1";
    spec.address = address;
    if (address.find(':') != std::string_view::npos) return wrong(text, kForm);
    if (inet_pton(AF_INET, spec.address.c_str(), parsed) != 1) {
      return wrong(text, fmt::format("\"{}\" is not an IP address; {}", address, kForm));
    }
  }
  unsigned value = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
  if (port.empty() || error != std::errc{} || end != port.data() + port.size() || value > 65535) {
    return wrong(text, fmt::format("\"{}\" is not a port from 0 to 65535", port));
  }
  spec.port = static_cast<std::uint16_t>(value);
  return spec;
}

}  // namespace

std::expected<SerialSpec, std::string> parse_serial_spec(std::string_view text) {
  using Kind = SerialSpec::Kind;
  if (text == "stdio") return SerialSpec{.kind = Kind::kStdio, .path = {}, .address = {}};
  if (text == "none") return SerialSpec{};
  if (text == "pty") return SerialSpec{.kind = Kind::kPty, .path = {}, .address = {}};
  const auto colon = text.find(':');
  const std::string_view kind = text.substr(0, colon);
  const std::string_view rest = colon == std::string_view::npos ? std::string_view{} : text.substr(colon + 1);
  if (kind == "tcp") return parse_tcp(text, rest);
  if (kind == "unix" || kind == "file") {
    if (rest.empty()) return wrong(text, fmt::format("the path is missing, as in {}:PATH", kind));
    return SerialSpec{
        .kind = kind == "unix" ? Kind::kUnix : Kind::kFile, .path = std::string(rest), .address = {}};
  }
  return wrong(text, "expected stdio, tcp:ADDR:PORT, unix:PATH, file:PATH, pty or none");
}

std::expected<std::unique_ptr<SerialBackend>, std::string> open_serial(EventLoop& loop,
                                                                       const SerialSpec& spec) {
  switch (spec.kind) {
    case SerialSpec::Kind::kStdio:
      return open_stdio_serial(loop, spec);
    case SerialSpec::Kind::kPty:
      return open_pty_serial(loop);
    case SerialSpec::Kind::kTcp:
      return open_tcp_serial(loop, spec);
    case SerialSpec::Kind::kUnix:
      return open_unix_serial(loop, spec);
    case SerialSpec::Kind::kFile: {
      const int fd = open(spec.path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
      if (fd < 0)
        return std::unexpected(fmt::format("serial: cannot write {}: {}", spec.path, std::strerror(errno)));
      return std::make_unique<FileSerial>(loop, fd);
    }
    case SerialSpec::Kind::kNone:
      break;
  }
  return std::make_unique<NoSerial>();
}

void SerialBackend::deliver(std::span<const std::uint8_t> bytes) {
  held_.insert(held_.end(), bytes.begin(), bytes.end());
  resume_input();
}

void SerialBackend::resume_input() {
  // The UART may say that it has room again while it is still being handed bytes.
  offer_again_ = true;
  if (offering_) return;
  offering_ = true;
  while (offer_again_ && input_ && !held_.empty()) {
    offer_again_ = false;
    const std::size_t taken = std::min(input_(held_), held_.size());
    held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(taken));
  }
  offering_ = false;
  if (held_.empty()) input_wanted();
}

}  // namespace espalier::base
