// Who calls libslirp has one of these for as long: the own header of SlirpNetwork's parts.
#pragma once

#include <mutex>

namespace espalier::net {

// While set, frames from the guest wait: libslirp must not be entered from its own callbacks.
// One at a time in the whole process, as libslirp 4.7.0 wants it: `curtime` and the cache of get_dns_addr()
// are static variables, slirp_new() and slirp_cleanup() change a list of all instances.
class Inside {
 public:
  explicit Inside(bool& flag) : flag_(flag) { flag_ = true; }
  ~Inside() { flag_ = false; }
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;

 private:
  static std::mutex& process() {
    static std::mutex mutex;
    return mutex;
  }
  const std::lock_guard<std::mutex> turn_{process()};
  bool& flag_;
};

}  // namespace espalier::net
