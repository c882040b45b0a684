// Unix stream sockets by path, for servers that people find by a command line.
#pragma once

#include <sys/types.h>

#include <expected>
#include <optional>
#include <string>

namespace espalier::base {

// A descriptor that listens at `path` and does not block; `mode` is the file's, from its first moment. What a
// killed process has left there is replaced. The error says why not, without the path.
std::expected<int, std::string> listen_unix(const std::string& path, std::optional<mode_t> mode = {});
// A connected descriptor, which does block. The error says why not.
std::expected<int, std::string> connect_unix(const std::string& path);

}  // namespace espalier::base
