// The routes by which a running device is saved, and made many of.
#pragma once

#include "fleet/api/http_router.h"
#include "fleet/control.h"

namespace espalier::fleet::api {

void add_clones(Router& router, Control& control);

}  // namespace espalier::fleet::api
