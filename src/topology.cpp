// Reads what Linux tells below /sys; whatever is missing or makes no sense is "not known".
#include "topology.h"

#include <dirent.h>
#include <sched.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <fstream>
#include <memory>

namespace switchyard {
namespace {

constexpr size_t kMaxFileBytes = 64 << 10;
constexpr uint32_t kMaxCpus = 1 << 16;

// The first line; empty where there is none.
std::string readLine(const std::string& path) {
  std::ifstream file(path);
  std::string text(kMaxFileBytes, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text.substr(0, text.find('\n'));
}

// A whole number and nothing else; -1 for all other text.
int readNumber(const std::string& text) {
  int value = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0 ? value : -1;
}

std::string nodesFolder(const std::string& system) { return system + "/devices/system/node"; }

std::string cpusOfNode(const std::string& system, int node) {
  return readLine(nodesFolder(system) + "/node" + std::to_string(node) + "/cpulist");
}

std::vector<int> listNodes(const std::string& system) {
  std::vector<int> nodes;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir(nodesFolder(system).c_str()), closedir);
  while (const dirent* entry = folder ? readdir(folder.get()) : nullptr) {
    const std::string name = entry->d_name;
    if (const int node = name.starts_with("node") ? readNumber(name.substr(4)) : -1; node >= 0) nodes.push_back(node);
  }
  return nodes;
}

DeviceLink& linkTo(DeviceInfo& device, const std::string& id) {
  const auto found = std::ranges::find(device.links, id, &DeviceLink::device);
  return found != device.links.end() ? *found : device.links.emplace_back(DeviceLink{.device = id});
}

}  // namespace

std::string pciBusIdOf(const std::string& text) {
  const auto isHex = [](char c) { return std::isxdigit(static_cast<unsigned char>(c)) != 0; };
  const size_t domain = text.find(':');
  if (domain == std::string::npos || domain < 4 || domain > 8 || text.size() != domain + 8) return {};
  std::string id;
  for (size_t i = 0; i < text.size(); ++i) {
    const char wanted = i == domain || i == domain + 3 ? ':' : i == domain + 6 ? '.' : '\0';
    if (wanted ? text[i] != wanted : !isHex(text[i])) return {};
    id += static_cast<char>(std::tolower(static_cast<unsigned char>(text[i])));
  }
  // NVML writes eight digits of the domain, the files no more than it needs, and four at least.
  return id.substr(std::min(id.find_first_not_of('0'), domain - 4));
}

void locateCard(DeviceInfo& info, const std::string& pciBusId, const std::string& system) {
  info.pciBusId = pciBusIdOf(pciBusId);
  if (info.pciBusId.empty()) return;
  const int node = readNumber(readLine(system + "/bus/pci/devices/" + info.pciBusId + "/numa_node"));
  if (node < 0) return;  // a machine with one processor, or a virtual one, says -1
  info.numaNode = node;
  info.numaCpus = cpusOfNode(system, node);
}

std::vector<uint32_t> readCpuList(const std::string& text) {
  std::vector<uint32_t> cpus;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, end - at);
    const size_t dash = part.find('-');
    const int first = readNumber(part.substr(0, dash));
    const int last = dash == std::string::npos ? first : readNumber(part.substr(dash + 1));
    if (first < 0 || last < first || static_cast<uint32_t>(last) >= kMaxCpus) return {};
    for (int cpu = first; cpu <= last; ++cpu) cpus.push_back(static_cast<uint32_t>(cpu));
    at = end + 1;
  }
  std::ranges::sort(cpus);
  return cpus;
}

int nodeOfCpus(const std::vector<uint32_t>& cpus, const std::string& system) {
  int found = -1, nodes = 0;  // those with processors: a node may be memory alone
  for (const int node : listNodes(system)) {
    const std::vector<uint32_t> there = readCpuList(cpusOfNode(system, node));
    if (there.empty()) continue;
    ++nodes;
    if (!cpus.empty() && std::ranges::includes(there, cpus)) found = node;
  }
  return nodes > 1 ? found : -1;
}

int nodeOfThisThread(const std::string& system) {
  for (size_t count = 1024; count <= kMaxCpus; count *= 4) {
    const std::unique_ptr<cpu_set_t, void (*)(cpu_set_t*)> set(CPU_ALLOC(count), [](cpu_set_t* s) { CPU_FREE(s); });
    const size_t bytes = CPU_ALLOC_SIZE(count);
    // refused where the system counts more processors than the set has room for
    if (!set || sched_getaffinity(0, bytes, set.get()) != 0) continue;
    std::vector<uint32_t> cpus;
    for (size_t cpu = 0; cpu < count; ++cpu)
      if (CPU_ISSET_S(cpu, bytes, set.get())) cpus.push_back(static_cast<uint32_t>(cpu));
    return nodeOfCpus(cpus, system);
  }
  return -1;
}

void addNvlinks(std::vector<DeviceInfo>& devices, JoinsByNvlink joins) {
  std::vector<DeviceInfo*> cards;
  for (DeviceInfo& device : devices)
    if (device.backend == Backend::Cuda) cards.push_back(&device);
  for (DeviceInfo* from : cards)
    for (const DeviceInfo* to : cards)
      if (from != to && joins(*from, *to)) linkTo(*from, to->id).nvlink = true;
}

}  // namespace switchyard
