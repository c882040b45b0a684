// QEMU's -nic, -netdev, -net and -object filter-dump: what the guest's Ethernet is plugged into.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "host/session_options.h"

namespace espalier::cli::qemu {

// Collects the options, which may name each other in any order.
class NetworkOptions {
 public:
  // The value of each option. Errors are in QEMU's words where it has some.
  std::expected<void, std::string> nic(std::string_view text);
  std::expected<void, std::string> netdev(std::string_view text);
  std::expected<void, std::string> net(std::string_view text);
  std::expected<void, std::string> filter_dump(std::string_view text);

  // After all of them: sets network and capture of `options`. Lines for standard error go to `warnings`.
  std::expected<void, std::string> apply(host::SessionOptions& options,
                                         std::vector<std::string>& warnings) const;

 private:
  struct Backend {
    std::string id;
    host::NetMode mode = host::NetMode::kNone;
    std::vector<net::Publish> publish{};
    net::SlirpOptions slirp{};
    std::string tap{};
    net::SocketLinkSpec link{};
  };
  std::expected<Backend, std::string> backend(std::string_view text, std::string* model);

  std::vector<Backend> backends_;
  bool nic_ = false;    // there is a NIC that the machine has
  std::string netdev_;  // the id that it is plugged into; empty: the first
  std::string dump_file_, dump_netdev_;
  std::vector<std::string> warnings_;
};

}  // namespace espalier::cli::qemu
