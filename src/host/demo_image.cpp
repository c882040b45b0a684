#include "host/demo_image.h"

// Built from guest/http_server by the target guest_http_server_image, checked in.
asm(R"(
  .section .rodata
  .balign 16
  .global espalier_demo_image
  .global espalier_demo_image_end
espalier_demo_image:
  .incbin ")" ESPALIER_DEMO_IMAGE R"("
espalier_demo_image_end:
  .previous
)");
extern "C" const std::uint8_t espalier_demo_image[];
extern "C" const std::uint8_t espalier_demo_image_end[];

namespace espalier::host {

std::span<const std::uint8_t> demo_image() {
  return {espalier_demo_image, espalier_demo_image_end};
}

}  // namespace espalier::host
