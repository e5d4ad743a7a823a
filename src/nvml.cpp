// NVML through dlopen, with its few declarations written out: neither a header nor a library of the toolkit is needed
// to build.
#include "nvml.h"

#include <dlfcn.h>

#include <algorithm>
#include <limits>
#include <type_traits>

namespace switchyard {
namespace {

// The library's binary interface; these have been the same since its first versions.
struct Memory {
  unsigned long long total, free, used;
};
struct Utilization {
  unsigned gpu, memory;  // per cent of the last sample period
};
using Card = struct OpaqueCard*;
constexpr int kSuccess = 0;
constexpr int kOfTheChip = 0;  // NVML_TEMPERATURE_GPU
// nvmlGpuP2PCapsIndex_t and nvmlGpuP2PStatus_t. Cards behind one NVSwitch are peers by NVLink like those that a bridge
// joins; of a link's other end NVML would tell the switch.
constexpr int kByNvlink = 2, kPeersAreFine = 0;

struct Nvml {
  int (*start)();
  int (*cardByUuid)(const char*, Card*);
  int (*memory)(Card, Memory*);
  int (*utilization)(Card, Utilization*);
  int (*peerStatus)(Card, Card, int, int*);
  int (*temperature)(Card, int, unsigned*);
};

// Never shut down: another thread may be in a call when the process ends.
std::optional<Nvml> load() {
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW | RTLD_LOCAL);
  if (!library) return std::nullopt;
  Nvml nvml{};
  bool complete = true;
  const auto resolve = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
    complete = complete && function;
  };
  resolve(nvml.start, "nvmlInit_v2");
  resolve(nvml.cardByUuid, "nvmlDeviceGetHandleByUUID");
  resolve(nvml.memory, "nvmlDeviceGetMemoryInfo");
  resolve(nvml.utilization, "nvmlDeviceGetUtilizationRates");
  if (!complete || nvml.start() != kSuccess) return std::nullopt;
  // What some virtual cards' library lacks.
  resolve(nvml.peerStatus, "nvmlDeviceGetP2PStatus");
  resolve(nvml.temperature, "nvmlDeviceGetTemperature");
  return nvml;
}

const std::optional<Nvml>& loaded() {
  static const std::optional<Nvml> nvml = load();
  return nvml;
}

// Vulkan gives the bare digits, CUDA a prefix which is the same for a whole card and a MIG slice. NVML tells them
// apart.
Card findCard(const Nvml& nvml, const std::string& uuid) {
  const std::string digits = uuid.starts_with("GPU-") || uuid.starts_with("MIG-") ? uuid.substr(4) : uuid;
  for (const char* prefix : {"GPU-", "MIG-"}) {
    Card card = nullptr;
    if (nvml.cardByUuid((prefix + digits).c_str(), &card) == kSuccess) return card;
  }
  return nullptr;
}

}  // namespace

bool areJoinedByNvlink(const std::string& uuid, const std::string& other) {
  const std::optional<Nvml>& nvml = loaded();
  if (!nvml || !nvml->peerStatus) return false;
  const Card a = findCard(*nvml, uuid), b = findCard(*nvml, other);
  int status = -1;
  return a && b && nvml->peerStatus(a, b, kByNvlink, &status) == kSuccess && status == kPeersAreFine;
}

std::optional<CardUse> readCard(const std::string& uuid) {
  const std::optional<Nvml>& nvml = loaded();
  if (!nvml) return std::nullopt;
  const Card card = findCard(*nvml, uuid);
  Memory memory{};
  if (!card || nvml->memory(card, &memory) != kSuccess) return std::nullopt;
  Utilization busy{};
  const bool told = nvml->utilization(card, &busy) == kSuccess;
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  unsigned degrees = 0;
  const bool isWarm = nvml->temperature && nvml->temperature(card, kOfTheChip, &degrees) == kSuccess;
  return CardUse{told ? std::min(busy.gpu, 100u) / 100.0 : kUnknown, memory.used, memory.total,
                 isWarm ? static_cast<double>(degrees) : kUnknown};
}

}  // namespace switchyard
