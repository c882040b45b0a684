#include "host/efuse_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace espalier::host {
namespace {

// In place: a file that is mounted into a container cannot be replaced.
std::expected<void, std::string> write_in_place(const std::string& path, const devices::EfuseValues& values) {
  const auto bytes = devices::efuse_file_of(values);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool written = fd >= 0 && ::pwrite(fd, bytes.data(), bytes.size(), 0) == std::ssize(bytes);
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!written) return std::unexpected(fmt::format("{}: {}", path, std::strerror(error)));
  return {};
}

}  // namespace

void EfuseFile::attach(esp32::Machine& machine, debug::RunControl& control, const SessionOptions& options,
                       const BootEfuses& efuses) {
  const std::shared_ptr<EfuseFile> file(new EfuseFile(machine, options, efuses));
  file->watch_ = control.observe([self = file.get()](debug::RunEvent event) {
    if (event == debug::RunEvent::kReset) self->read();
  });
  machine.chip().efuse.on_burn([file](const devices::EfuseValues& burnt) { file->keep(burnt); });
}

void EfuseFile::keep(const devices::EfuseValues& burnt) {
  if (options_.efuse_read_only) return;
  devices::EfuseValues kept = efuses_.to_keep(burnt);
  // Another machine may have burnt some in the same file meanwhile: no bit of it is ever cleared.
  if (const auto now = load_efuses(options_))
    for (std::size_t i = 0; i < kept.size(); ++i) kept[i] |= now->file[i];
  if (auto ok = write_in_place(options_.efuse, kept); !ok)
    machine_.log().error(base::LogArea::kDevice, "{}", ok.error());
}

void EfuseFile::read() {
  if (options_.efuse_read_only) return;  // what it has burnt is nowhere else
  const auto now = load_efuses(options_);
  if (!now) {
    machine_.log().error(base::LogArea::kDevice, "{}", now.error());
    return;
  }
  efuses_ = *now;
  machine_.chip().efuse.set_fuses(efuses_.values);
}

}  // namespace espalier::host
