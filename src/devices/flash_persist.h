// Writes what a machine changed in its flash back to the user's image file.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <utility>

#include "devices/flash_storage.h"

namespace espalier::devices {

// Replaces `path` by a copy of itself in which the changed sectors, and nothing else, are as in `flash`. The
// file grows only as far as bytes other than 0xff reach; what a shorter file does not hold reads as 0xff. It
// is all or nothing: a new file is written beside the old one and renamed over it, so a crash or a full disk
// leaves the old one as it was. Does not touch the file when nothing has changed. Says which file and what is
// wrong otherwise.
std::expected<void, std::string> write_back(const FlashStorage& flash, const std::string& path);

// Keeps a file in step with a flash while it changes, in place: what a QEMU drive does. A process that is
// killed leaves all changes up to the last sync(); a host that loses power may leave some of them.
class FlashMirror {
 public:
  // Otherwise one line that names the file: it has to be there and to be writable.
  static std::expected<std::unique_ptr<FlashMirror>, std::string> open(FlashStorage& flash, std::string path);
  // Writes what has changed since the last call. After an error, which names the file, the changes count as
  // written: a full disk is reported once for each change, not for ever.
  std::expected<void, std::string> sync();

 private:
  FlashMirror(FlashStorage& flash, std::string path, OwnedFd fd)
      : flash_(flash), path_(std::move(path)), fd_(std::move(fd)) {}
  FlashStorage& flash_;
  std::string path_;
  OwnedFd fd_;
};

}  // namespace espalier::devices
