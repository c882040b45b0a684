#include "devices/flash_encryption.h"

namespace espalier::devices {

namespace {

constexpr std::uint32_t FLASH_ENCRYPTION_START_REG = 0x20;
constexpr std::uint32_t FLASH_ENCRYPTION_DONE_REG = 0x28;

}  // namespace

FlashEncryption::FlashEncryption(Context context)
    : log_(context.log), registers_("flash encryption", kSize, context.log) {
  reset(ResetKind::kSystem);
}

void FlashEncryption::reset(ResetKind) {
  registers_.clear();
  registers_.set(FLASH_ENCRYPTION_DONE_REG, 1);
}

void FlashEncryption::archive(base::Archive& ar) {
  ar.section("flash encryption");
  registers_.archive(ar);
}

void FlashEncryption::write(std::uint32_t offset, std::uint32_t value) {
  if (offset == FLASH_ENCRYPTION_DONE_REG) return;
  if (offset == FLASH_ENCRYPTION_START_REG) {
    if (value & 1) {
      log_.warn(base::LogArea::kFlash, "flash encryption is not modelled: the guest writes plain text");
    }
    return;
  }
  registers_.set(offset, value);
}

}  // namespace espalier::devices
