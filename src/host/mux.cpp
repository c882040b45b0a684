#include "host/mux.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "base/event_loop.h"

namespace espalier::host {

namespace {

// So much of what is typed at a channel that does not listen is kept; more is lost, as the escape key has to
// get through.
constexpr std::size_t kTypeAhead = 64 * 1024;

// As QEMU has them; what stands before each is the escape key.
constexpr std::string_view kHelp[] = {
    " h    print this help\n\r",
    " x    exit emulator\n\r",
    " s    save disk data back to file (if -snapshot)\n\r",
    " t    toggle console timestamps\n\r",
    " b    send break (magic sysrq)\n\r",
    " c    switch between console and monitor\n\r",
};

}  // namespace

// What Mux and channels share; the last of them takes the terminal with it.
class Mux::Core {
 public:
  Core(std::unique_ptr<base::SerialBackend> terminal, Options options);

  base::SerialBackend& terminal() { return *terminal_; }
  void write(std::span<const std::uint8_t> bytes);
  bool empty() const { return lines_.empty(); }
  void listen();  // what has been typed before there was a channel is its
  void add(Line* line) { lines_.push_back(line); }
  void remove(Line* line);
  void end() { options_ = {.escape = options_.escape, .on_exit = nullptr, .on_save = nullptr}; }

 private:
  void take(std::uint8_t byte);
  void command(std::uint8_t key);
  void show(std::string_view text) {
    terminal_->write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  }
  std::string key_name() const { return fmt::format("C-{:c}", 'a' + options_.escape - 1); }

  std::unique_ptr<base::SerialBackend> terminal_;
  Options options_;
  std::vector<Line*> lines_;
  std::size_t focus_ = 0;
  bool escaped_ = false;
  bool timestamps_ = false;
  bool line_start_ = true;
  std::uint64_t began_ns_ = base::EventLoop::now_ns();
};

class Mux::Line final : public Mux::Channel {
 public:
  Line(std::shared_ptr<Core> core, bool focused) : core_(std::move(core)), seen_(focused) {
    core_->add(this);
  }
  ~Line() override { core_->remove(this); }

  void write(std::span<const std::uint8_t> bytes) override { core_->write(bytes); }
  bool congested() const override { return core_->terminal().congested(); }
  bool drain(std::uint64_t timeout_ns) override { return core_->terminal().drain(timeout_ns); }
  std::string where() const override { return core_->terminal().where(); }
  bool has_client() const override { return seen_; }
  void on_focus(std::function<void(bool)> callback) override { focus_ = std::move(callback); }

  void typed(std::uint8_t byte) {
    if (held() < kTypeAhead) deliver({&byte, 1});
  }
  void focus(bool here) {
    if (here && !std::exchange(seen_, true)) return client_came();
    if (focus_) focus_(here);
  }
  void leaving(Leave why) { leave(why); }

 private:
  std::shared_ptr<Core> core_;
  bool seen_;
  std::function<void(bool)> focus_;
};

Mux::Core::Core(std::unique_ptr<base::SerialBackend> terminal, Options options)
    : terminal_(std::move(terminal)), options_(std::move(options)) {
  terminal_->on_leave([this](base::SerialBackend::Leave why) {
    for (Line* line : std::vector(lines_)) line->leaving(why);
  });
}

void Mux::Core::listen() {
  terminal_->on_input([this](std::span<const std::uint8_t> bytes) {
    for (const std::uint8_t byte : bytes) take(byte);
    return bytes.size();
  });
}

void Mux::Core::remove(Line* line) {
  const auto at = std::ranges::find(lines_, line);
  const auto index = static_cast<std::size_t>(at - lines_.begin());
  lines_.erase(at);
  if (focus_ > index || focus_ == lines_.size()) focus_ = focus_ == 0 ? 0 : focus_ - 1;
  if (lines_.empty()) terminal_->on_input(nullptr);
}

void Mux::Core::write(std::span<const std::uint8_t> bytes) {
  if (!timestamps_) return terminal_->write(bytes);
  std::string out;
  for (const std::uint8_t byte : bytes) {
    if (std::exchange(line_start_, byte == '\n')) {
      const std::uint64_t ms = (base::EventLoop::now_ns() - began_ns_) / 1'000'000;
      out += fmt::format("[{:02}:{:02}:{:02}.{:03}] ", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60,
                         ms % 1000);
    }
    out += static_cast<char>(byte);
  }
  show(out);
}

void Mux::Core::take(std::uint8_t byte) {
  if (std::exchange(escaped_, false)) {
    if (byte != options_.escape) return command(byte);
  } else if (byte == options_.escape && byte != 0) {
    escaped_ = true;
    return;
  }
  if (focus_ < lines_.size()) lines_[focus_]->typed(byte);
}

void Mux::Core::command(std::uint8_t key) {
  switch (key) {
    case 'h':
    case '?': {
      show("\n\r");
      for (const std::string_view line : kHelp) show(key_name() + std::string(line));
      return show(fmt::format("{} {}  sends {}\n\r", key_name(), key_name(), key_name()));
    }
    case 'x':
      show("QEMU: Terminated\n\r");
      if (const auto exit = options_.on_exit) exit();
      return;
    case 's':
      return show((options_.on_save ? options_.on_save() : "there is no disk data to save back") + "\n\r");
    case 't':
      timestamps_ = !timestamps_;
      line_start_ = false;
      began_ns_ = base::EventLoop::now_ns();
      return;
    case 'c': {
      if (lines_.size() < 2) return;
      lines_[focus_]->focus(false);
      focus_ = (focus_ + 1) % lines_.size();
      lines_[focus_]->focus(true);
      return;
    }
    default:
      return;  // b: no UART of the chip's is given a break by the host
  }
}

Mux::Mux(std::unique_ptr<base::SerialBackend> terminal, Options options)
    : core_(std::make_shared<Core>(std::move(terminal), std::move(options))) {}

Mux::~Mux() {
  core_->end();
}

std::unique_ptr<Mux::Channel> Mux::add_channel() {
  auto line = std::make_unique<Line>(core_, core_->empty());
  core_->listen();
  return line;
}

}  // namespace espalier::host
