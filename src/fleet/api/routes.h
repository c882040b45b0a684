// The control API's endpoints (openapi.json) on top of the control facade.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "fleet/api/http_router.h"
#include "fleet/api/http_server.h"
#include "fleet/api/metrics.h"
#include "fleet/control.h"

namespace espalier::fleet::api {

// `control` has to outlive the router and every stream that it has handed out. `stream_limit`: how many bytes
// a reader of logs, events or a console may fall behind.
Router make_router(Control& control, std::shared_ptr<ApiMetrics> metrics,
                   std::size_t stream_limit = Stream::kDefaultLimit);

// A server with these endpoints and metrics of its own. `control` has to outlive it.
std::expected<std::unique_ptr<Server>, std::string> serve(Control& control, std::vector<Endpoint> endpoints,
                                                          ServerOptions options = {});

}  // namespace espalier::fleet::api
