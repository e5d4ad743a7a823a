// Reads /proc and the cgroup files.
#include "cpu/machine.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>
#include <thread>
#include <vector>

#include "cpu/team.h"

namespace switchyard::cpu {
namespace {

std::string readLine(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The directories of this process's cgroup and its ancestors, for the unified hierarchy (controller "") or a version 1
// controller.
std::vector<std::string> cgroupFolders(const std::string& controller) {
  std::ifstream file("/proc/self/cgroup");
  std::string line, path;
  while (std::getline(file, line)) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (names == (controller.empty() ? ",," : "") ||
        (!controller.empty() && names.find("," + controller + ",") != std::string::npos))
      path = line.substr(second + 1);
  }
  const std::string root = "/sys/fs/cgroup" + (controller.empty() ? "" : "/" + controller);
  std::vector<std::string> folders{root};  // in a container the root may be the process's own group
  for (std::string at = path; at.size() > 1; at.resize(at.rfind('/'))) folders.push_back(root + at);
  return folders;
}

// CPUs by quota, rounded up; 0 when there is no quota.
uint32_t quotaCpus() {
  double least = 0;
  const auto take = [&](double quota, double period) {
    if (quota > 0 && period > 0 && (least == 0 || quota / period < least)) least = quota / period;
  };
  for (const std::string& folder : cgroupFolders("")) {
    std::istringstream text(readLine(folder + "/cpu.max"));
    double quota = 0, period = 0;
    if (text >> quota >> period) take(quota, period);  // "max 100000" has no number first
  }
  for (const std::string& folder : cgroupFolders("cpu")) {
    std::istringstream quota(readLine(folder + "/cpu.cfs_quota_us")), period(readLine(folder + "/cpu.cfs_period_us"));
    double q = 0, p = 0;
    if (quota >> q && period >> p) take(q, p);
  }
  return least == 0 ? 0 : std::max(1u, static_cast<uint32_t>(least + 0.999));
}

uint32_t affinityCpus() {
  // Machines with more CPUs than a cpu_set_t holds refuse the small mask.
  for (int cpus = 1024; cpus <= 1 << 18; cpus *= 2) {
    cpu_set_t* const set = CPU_ALLOC(cpus);
    if (!set) break;
    const size_t bytes = CPU_ALLOC_SIZE(cpus);
    const bool read = sched_getaffinity(0, bytes, set) == 0;
    const int count = read ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (read) return static_cast<uint32_t>(std::max(1, count));
  }
  return std::max(1u, std::thread::hardware_concurrency());
}

uint64_t meminfo(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  uint64_t kilobytes = 0;
  while (file >> name >> kilobytes && std::getline(file, unit))
    if (name == key) return kilobytes * 1024;
  return 0;
}

uint64_t readNumber(const std::string& path) {
  std::ifstream file(path);
  uint64_t value = 0;
  return file >> value ? value : 0;
}

}  // namespace

uint32_t usableCpus() noexcept {
  static const uint32_t cpus = [] {
    const uint32_t byAffinity = affinityCpus(), byQuota = quotaCpus();
    return byQuota ? std::min(byAffinity, byQuota) : byAffinity;
  }();
  return cpus;
}

Processor readProcessor() {
  Processor processor{"CPU", ""};
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line) && !line.empty();) {
    const size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    if (line.starts_with("model name")) processor.name = line.substr(colon + 2);
    if (line.starts_with("vendor_id")) processor.vendor = line.substr(colon + 2);
  }
  if (processor.vendor == "AuthenticAMD") processor.vendor = "AMD";
  if (processor.vendor == "GenuineIntel") processor.vendor = "Intel";
  return processor;
}

Memory readMemory() {
  Memory memory{meminfo("MemTotal:"), meminfo("MemAvailable:")};
  const auto limit = [&](uint64_t most, uint64_t used) {
    if (most == 0 || most >= memory.totalBytes) return;
    memory.totalBytes = most;
    memory.freeBytes = std::min(memory.freeBytes, most > used ? most - used : 0);
  };
  for (const std::string& folder : cgroupFolders(""))
    limit(readNumber(folder + "/memory.max"), readNumber(folder + "/memory.current"));
  for (const std::string& folder : cgroupFolders("memory"))
    limit(readNumber(folder + "/memory.limit_in_bytes"), readNumber(folder + "/memory.usage_in_bytes"));
  return memory;
}

}  // namespace switchyard::cpu
