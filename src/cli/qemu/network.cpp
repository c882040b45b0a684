#include "cli/qemu/network.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>

#include "cli/qemu/keyval.h"
#include "net/hostfwd.h"

namespace espalier::cli::qemu {
namespace {

using Error = std::unexpected<std::string>;

constexpr std::string_view kModel = "open_eth";

std::uint32_t ipv4_of(const std::string& text) {
  in_addr address{};
  return inet_pton(AF_INET, text.c_str(), &address) == 1 ? ntohl(address.s_addr) : 0;
}

std::string text_of(std::uint32_t address) {
  in_addr raw{htonl(address)};
  std::array<char, INET_ADDRSTRLEN> text{};
  inet_ntop(AF_INET, &raw, text.data(), text.size());
  return text.data();
}

// net=ADDR[/PREFIX or /MASK]. As in QEMU, host, dns and the guest then default to .2, .3 and .15 of it.
std::expected<void, std::string> set_network(net::SlirpOptions& slirp, const std::string& text) {
  const auto slash = text.find('/');
  const std::uint32_t address = ipv4_of(text.substr(0, slash));
  unsigned prefix = 24;
  bool valid = address != 0;
  if (slash != std::string::npos) {
    const std::string mask = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(mask.data(), mask.data() + mask.size(), prefix);
    if (error != std::errc{} || end != mask.data() + mask.size()) {
      const std::uint32_t bits = ipv4_of(mask);
      prefix = static_cast<unsigned>(std::countl_one(bits));
      valid = valid && bits != 0 && (bits << prefix) == 0;
    }
  }
  if (!valid || prefix == 0 || prefix > 28) return Error(fmt::format("Failed to parse net=: '{}'", text));
  const std::uint32_t network = address & ~std::uint32_t{0} << (32 - prefix);
  slirp.network = text_of(network);
  slirp.prefix_length = prefix;
  slirp.host = text_of(network + 2);
  slirp.dns = text_of(network + 3);
  slirp.guest = text_of(network + 15);
  // net=10.0.2.2/24 names the host, too.
  if (address != network) slirp.host = text_of(address);
  return {};
}

// One of listen=[ADDR]:PORT, connect=ADDR:PORT, mcast=ADDR:PORT.
std::expected<net::SocketLinkSpec, std::string> socket_link(KeyVal& options) {
  std::string text;
  for (const char* kind : {"listen", "connect", "mcast"}) {
    auto end = options.take(kind);
    if (!end) continue;
    if (!text.empty()) return Error("exactly one of listen=, connect= and mcast= is required");
    // QEMU means every interface.
    if (end->starts_with(':')) end = "0.0.0.0" + *end;
    text = fmt::format("{}:{}", kind, *end);
  }
  if (text.empty()) return Error("exactly one of listen=, connect= and mcast= is required");
  return net::parse_socket_link(text);
}

}  // namespace

std::expected<NetworkOptions::Backend, std::string> NetworkOptions::backend(std::string_view text,
                                                                            std::string* model) {
  KeyVal options = KeyVal::parse(text, "type");
  Backend backend;
  const std::string type = options.take("type").value_or("");
  backend.id = options.take("id").value_or("");
  if (model) {
    *model = options.take("model").value_or(std::string(kModel));
    if (options.take("mac"))
      warnings_.push_back("-nic: mac= has no effect: an ESP32's firmware reads its address from the eFuses");
  }
  if (type == "none") return backend;
  if (type == "tap") {
    backend.mode = host::NetMode::kTap;
    backend.tap = options.take("ifname").value_or("");
    for (const char* key : {"script", "downscript"})
      if (const auto script = options.take(key); script && *script != "no" && *script != "off")
        return Error(fmt::format("{}={}: no scripts are run; set the interface up yourself and say {}=no",
                                 key, *script, key));
    for (const char* ignored : {"br", "sndbuf", "vnet_hdr", "vhost", "queues"}) options.take(ignored);
  } else if (type == "socket") {
    auto link = socket_link(options);
    if (!link) return Error(link.error());
    backend.mode = host::NetMode::kSocket;
    backend.link = std::move(*link);
  } else if (type == "user") {
    backend.mode = host::NetMode::kUser;
    if (const auto network = options.take("net"))
      if (auto ok = set_network(backend.slirp, *network); !ok) return Error(ok.error());
    if (auto value = options.take("host")) backend.slirp.host = *value;
    if (auto value = options.take("dns")) backend.slirp.dns = *value;
    if (auto value = options.take("dhcpstart")) backend.slirp.guest = *value;
    if (auto value = options.take("hostname")) backend.slirp.hostname = *value;
    for (const auto& [key, target] :
         {std::pair{"restrict", &backend.slirp.restricted}, std::pair{"ipv6", &backend.slirp.ipv6}})
      if (const auto value = options.take(key)) {
        const auto on = parse_switch(*value);
        if (!on) return Error(fmt::format("Parameter '{}' expects 'on' or 'off'", key));
        *target = *on;
      }
    for (const std::string& rule : options.take_all("hostfwd")) {
      auto publish = net::parse_hostfwd(rule, "0.0.0.0");  // QEMU means every interface
      if (!publish) return Error(publish.error());
      backend.publish.push_back(std::move(*publish));
    }
    for (const char* ignored : {"ipv4", "dnssearch", "domainname", "tftp", "bootfile", "tftp-server-name",
                                "ipv6-net", "ipv6-host", "ipv6-dns"})
      if (options.take(ignored)) warnings_.push_back(fmt::format("-nic user: {}= has no effect", ignored));
  } else {
    return Error(fmt::format("network backend '{}' is not one of user, tap, socket, none", type));
  }
  if (const auto unknown = options.unused()) return Error(fmt::format("Invalid parameter '{}'", *unknown));
  return backend;
}

std::expected<void, std::string> NetworkOptions::nic(std::string_view text) {
  std::string model;
  auto made = backend(text, &model);
  if (!made) return Error(made.error());
  if (made->mode == host::NetMode::kNone) return {};
  if (model != kModel) {
    // The chip has no other Ethernet that a network could be plugged into; QEMU says so and goes on.
    warnings_.push_back(fmt::format(
        "requested NIC (anonymous, model {}) was not created (not supported by this machine?)", model));
    return {};
  }
  if (nic_) return Error("the machine has one Ethernet only: a second NIC finds no place");
  nic_ = true;
  netdev_ = made->id;
  backends_.push_back(std::move(*made));
  return {};
}

std::expected<void, std::string> NetworkOptions::netdev(std::string_view text) {
  auto made = backend(text, nullptr);
  if (!made) return Error(made.error());
  if (made->id.empty()) return Error("Parameter 'id' is missing");
  backends_.push_back(std::move(*made));
  return {};
}

std::expected<void, std::string> NetworkOptions::net(std::string_view text) {
  if (!text.starts_with("nic")) {
    auto made = backend(text, nullptr);
    if (!made) return Error(made.error());
    if (made->mode != host::NetMode::kNone) backends_.push_back(std::move(*made));
    return {};
  }
  KeyVal options = KeyVal::parse(text, "type");
  const std::string model = options.take("model").value_or(std::string(kModel));
  if (model != kModel) {
    warnings_.push_back(
        fmt::format("requested NIC ({}) was not created (not supported by this machine?)", model));
    return {};
  }
  nic_ = true;
  netdev_ = options.take("netdev").value_or("");
  return {};
}

std::expected<void, std::string> NetworkOptions::filter_dump(std::string_view text) {
  KeyVal options = KeyVal::parse(text, "qom-type");
  options.take("qom-type");
  const auto file = options.take("file");
  const auto netdev = options.take("netdev");
  if (!options.take("id")) return Error("Parameter 'id' is missing");
  if (!file) return Error("dump filter needs 'file' property set!");
  if (!netdev) return Error("Parameter 'netdev' is missing");
  options.take("maxlen");
  options.take("queue");
  if (const auto unknown = options.unused()) return Error(fmt::format("Property '{}' not found", *unknown));
  if (!dump_file_.empty()) return Error("one filter-dump at a time: the guest has one Ethernet");
  dump_file_ = *file;
  dump_netdev_ = *netdev;
  return {};
}

std::expected<void, std::string> NetworkOptions::apply(host::SessionOptions& options,
                                                       std::vector<std::string>& warnings) const {
  warnings.insert(warnings.end(), warnings_.begin(), warnings_.end());
  options.net = host::NetMode::kNone;
  const Backend* plugged = nullptr;
  if (nic_) {
    for (const Backend& candidate : backends_)
      if (netdev_.empty() || candidate.id == netdev_) {
        plugged = &candidate;
        break;
      }
    if (!plugged && !netdev_.empty())
      return Error(fmt::format("Property 'open_eth.netdev' can't find value '{}'", netdev_));
  }
  for (const Backend& idle : backends_)
    if (&idle != plugged)
      warnings.push_back(fmt::format("netdev {} has no peer", idle.id.empty() ? "#net" : idle.id));
  if (plugged) {
    options.net = plugged->mode;
    options.publish = plugged->publish;
    options.slirp = plugged->slirp;
    options.tap = plugged->tap;
    options.link = plugged->link;
    if (!plugged->id.empty()) options.network_id = plugged->id;
  }
  if (dump_file_.empty()) return {};
  if (std::ranges::none_of(backends_, [&](const Backend& b) { return b.id == dump_netdev_; }))
    return Error(fmt::format("Parameter 'netdev' expects a network backend id, not '{}'", dump_netdev_));
  if (plugged && plugged->id == dump_netdev_) options.pcap = dump_file_;
  return {};
}

}  // namespace espalier::cli::qemu
