// Reads the orders and counts the passes.
#include "faults/fault_plan.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <mutex>
#include <string_view>

namespace switchyard::faults {
namespace {

constexpr const char* kFaults[] = {"abort", "segv", "lost", "dead", "oom", "hang", "throw"};
constexpr const char* kPlaces[] = {"start", "upload", "launch", "readback", "close"};

struct Order {
  Fault fault;
  Place place;
  uint64_t after = 0, times = 1;
  std::optional<Backend> device;
  std::string once;
  uint64_t passes = 0;
  bool claimed = false;  // `once` is this process's
};

[[noreturn]] void refuse(const std::string& text) {
  dprintf(STDERR_FILENO, "switchyard: SWITCHYARD_FAULT: %s\n", text.c_str());
  std::abort();
}

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  for (size_t from = 0; from <= text.size();) {
    size_t to = std::min(text.find(at, from), text.size());
    parts.emplace_back(text.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

template <size_t n>
size_t indexOf(const char* const (&names)[n], const std::string& name, const char* what) {
  auto found = std::find_if(std::begin(names), std::end(names), [&](const char* known) { return name == known; });
  if (found != std::end(names)) return found - names;
  std::string all;
  for (const char* known : names) all += std::string(all.empty() ? "" : ", ") + known;
  refuse("'" + name + "' is no " + what + "; there are: " + all);
}

uint64_t number(const std::string& setting, const std::string& value) {
  if (value.empty() || value.size() > 18 || value.find_first_not_of("0123456789") != std::string::npos)
    refuse("'" + setting + "' needs a whole number");
  return std::stoull(value);
}

void set(Order& order, const std::string& setting) {
  size_t equals = std::min(setting.find('='), setting.size());
  std::string name = setting.substr(0, equals), value = setting.substr(std::min(equals + 1, setting.size()));
  if (name == "after") {
    order.after = number(setting, value);
  } else if (name == "times") {
    order.times = number(setting, value);
  } else if (name == "device") {
    static constexpr const char* kBackends[] = {"cuda", "vulkan", "cpu"};
    order.device = static_cast<Backend>(indexOf(kBackends, value, "device"));
  } else if (name == "once") {
    if (value.empty()) refuse("'once' needs the name of a file");
    order.once = value;
  } else {
    refuse("'" + setting + "' is no setting; there are: after=N, times=M, device=cpu, once=<file>");
  }
}

std::vector<Order> read(const char* text) {
  std::vector<Order> orders;
  if (!text || !*text) return orders;
  for (const std::string& entry : split(text, ',')) {
    std::vector<std::string> parts = split(entry, ':');
    size_t at = parts[0].find('@');
    if (at == std::string::npos) refuse("'" + entry + "' is not of the form <fault>@<place>[:setting=value]");
    Order order{static_cast<Fault>(indexOf(kFaults, parts[0].substr(0, at), "fault")),
                static_cast<Place>(indexOf(kPlaces, parts[0].substr(at + 1), "place"))};
    for (size_t i = 1; i < parts.size(); ++i) set(order, parts[i]);
    orders.push_back(std::move(order));
  }
  return orders;
}

// Leaked on purpose: threads may come by while exit() runs. Read when the addon is loaded.
std::mutex& mutex = *new std::mutex;
std::vector<Order>& orders = *new std::vector<Order>(read(std::getenv("SWITCHYARD_FAULT")));

// False for every process but the first.
bool claim(Order& order) {
  if (order.once.empty() || order.claimed) return true;
  int file = open(order.once.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (file < 0 && errno != EEXIST) refuse("the file '" + order.once + "' can't be made: " + std::strerror(errno));
  if (file >= 0) close(file);
  order.claimed = file >= 0;
  if (!order.claimed) order.times = 0;
  return order.claimed;
}

}  // namespace

std::optional<Fault> pass(Place place, const DeviceInfo& device) {
  std::lock_guard lock(mutex);
  std::optional<Fault> chosen;
  for (Order& order : orders) {
    if (order.place != place || (order.device && *order.device != device.backend)) continue;
    uint64_t nth = order.passes++;
    if (chosen || nth < order.after || nth - order.after >= order.times || !claim(order)) continue;
    chosen = order.fault;
    dprintf(STDERR_FILENO, "switchyard: fault %s@%s on %s at pass %llu in process %d\n",
            kFaults[static_cast<int>(order.fault)], kPlaces[static_cast<int>(place)], device.id.c_str(),
            static_cast<unsigned long long>(nth + 1), static_cast<int>(getpid()));
  }
  return chosen;
}

}  // namespace switchyard::faults
