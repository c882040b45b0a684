#include "host/qmp_schema.h"

asm(R"(
  .section .rodata
  .global espalier_qmp_schema
  .global espalier_qmp_schema_end
espalier_qmp_schema:
  .incbin ")" ESPALIER_QMP_SCHEMA R"("
espalier_qmp_schema_end:
  .previous
)");
extern "C" const char espalier_qmp_schema[];
extern "C" const char espalier_qmp_schema_end[];

namespace espalier::host {

std::string_view qmp_schema_text() {
  return {espalier_qmp_schema, static_cast<std::size_t>(espalier_qmp_schema_end - espalier_qmp_schema)};
}

}  // namespace espalier::host
