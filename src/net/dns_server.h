// A name server for a network's own names: what it answers to one query.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::net {

struct DnsZone {
  // Domains of the network's names, lower case: with "lab" and "lan" the name "a" is found as "a", "a.lab"
  // and "a.lan".
  std::vector<std::string> domains;
  // Addresses in the host's byte order. Names are lower case and without a domain.
  std::function<std::optional<std::uint32_t>(std::string_view name)> address_of;
  std::function<std::optional<std::string>(std::uint32_t address)> name_of;
  // Whether an address is the network's, so that nobody else can know its name.
  std::function<bool(std::uint32_t address)> contains;
  // All names there are: what is not the network's does not exist. Otherwise somebody else is asked for it.
  bool closed = false;
  std::uint32_t ttl_seconds = 60;
};

// The answer to a query (what UDP carries; RFC 1035): A and PTR for the network's names, an empty answer for
// their other types, NXDOMAIN for a name in one of the domains and for an address of the network that nobody
// has. Nothing where somebody else has to be asked, or where the message is no query. Queries that are
// malformed or of another kind than this understands get FORMERR or NOTIMP if the zone is closed.
std::optional<std::vector<std::uint8_t>> answer_dns(const DnsZone& zone, std::span<const std::uint8_t> query);

}  // namespace espalier::net
