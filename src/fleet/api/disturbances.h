// The routes by which devices are given a hard time.
#pragma once

#include "fleet/api/http_router.h"
#include "fleet/control.h"

namespace espalier::fleet::api {

void add_disturbances(Router& router, Control& control);

}  // namespace espalier::fleet::api
