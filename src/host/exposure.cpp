#include "host/exposure.h"

#include <fmt/format.h>

#include "net/hostfwd.h"

namespace espalier::host {

std::string exposure_warning(std::string_view address, std::uint16_t port, std::string_view what) {
  const net::Publish end{.address = std::string(address), .host_port = port};
  if (!net::is_open_to_others(end)) return {};
  return fmt::format("{} is open to other machines at {}; whoever reaches it rules this one", what,
                     end.host_end());
}

std::string exposure_warning(const base::SerialSpec& spec, std::string_view what) {
  if (spec.kind != base::SerialSpec::Kind::kTcp || spec.connect) return {};
  return exposure_warning(spec.address, spec.port, what);
}

}  // namespace espalier::host
