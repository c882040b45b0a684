#include <utility>

#include "fleet/api/routes.h"

namespace espalier::fleet::api {

std::expected<std::unique_ptr<Server>, std::string> serve(Control& control, std::vector<Endpoint> endpoints,
                                                          ServerOptions options) {
  const auto metrics = std::make_shared<ApiMetrics>();
  options.on_served = [metrics](const Served& served) { metrics->add(served); };
  return Server::start(make_router(control, metrics), std::move(endpoints), std::move(options));
}

}  // namespace espalier::fleet::api
