// Writes what a machine changed in its flash back to the user's image file.
#pragma once

#include <expected>
#include <string>

#include "devices/flash_storage.h"

namespace espalier::devices {

// Replaces `path` by a copy of itself in which the changed sectors, and nothing else, are as in `flash`. The
// file grows only as far as bytes other than 0xff reach; what a shorter file does not hold reads as 0xff. It
// is all or nothing: a new file is written beside the old one and renamed over it, so a crash or a full disk
// leaves the old one as it was. Does not touch the file when nothing has changed. Says which file and what is
// wrong otherwise.
std::expected<void, std::string> write_back(const FlashStorage& flash, const std::string& path);

}  // namespace espalier::devices
