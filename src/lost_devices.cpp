#include "lost_devices.h"

#include <atomic>
#include <map>
#include <mutex>

namespace switchyard {
namespace {

struct Losses {
  std::mutex mutex;
  std::map<std::string, std::string> why;
};
Losses& losses() {
  static Losses* all = new Losses;  // leaked on purpose: completion threads may outlive main
  return *all;
}
std::atomic<bool> any{false};

}  // namespace

void loseForGood(const std::string& id, const std::string& why) noexcept {
  try {
    const std::lock_guard lock(losses().mutex);
    losses().why.emplace(id, why);
    any.store(true, std::memory_order_release);
  } catch (...) {  // no memory for the note: the next try to open it meets the same error
  }
}

std::optional<Error> lostForGood(const std::string& id) {
  if (!anyLostForGood()) return std::nullopt;
  const std::lock_guard lock(losses().mutex);
  const auto found = losses().why.find(id);
  if (found == losses().why.end()) return std::nullopt;
  return Error(Code::DeviceLost, "the device " + id + " was lost (" + found->second +
                                     "), and this process can't open it again: restart the process");
}

bool anyLostForGood() noexcept { return any.load(std::memory_order_acquire); }

}  // namespace switchyard
