#include "fleet/api/openapi.h"

asm(R"(
  .section .rodata
  .global espalier_openapi
  .global espalier_openapi_end
espalier_openapi:
  .incbin ")" ESPALIER_OPENAPI R"("
espalier_openapi_end:
  .previous
)");
extern "C" const char espalier_openapi[];
extern "C" const char espalier_openapi_end[];

namespace espalier::fleet::api {

std::string_view openapi_text() {
  return {espalier_openapi, static_cast<std::size_t>(espalier_openapi_end - espalier_openapi)};
}

}  // namespace espalier::fleet::api
