// Enumerates and opens devices over all backends; the only file that knows which were built.
#include "device.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "lost_devices.h"

#ifdef SWITCHYARD_FAULTS
#include "faults/injected_device.h"
#endif

namespace switchyard {

const char* deviceTypeName(DeviceType type) noexcept {
  static constexpr const char* kNames[] = {"discrete", "integrated", "virtual", "cpu"};
  return kNames[static_cast<int>(type)];
}

const char* kernelName(Kernel kernel) noexcept {
  static constexpr const char* kNames[] = {
#define KERNEL(name, unit, buffers, outputs, params, where) #name,
#include "kernels.def"
#undef KERNEL
  };
  return kNames[static_cast<int>(kernel)];
}

void Queue::launch(const std::shared_ptr<const Program>&, Extent, std::span<const ProgramView>,
                   std::span<const std::byte>) {
  throw Error(Code::Unsupported, "this device runs no programs of users");
}

void Queue::copyFrom(BufferView, BufferView) { throw Error(Code::Internal, "this device copies from no other one"); }

void Queue::draw(const Picture&, std::span<const Draw>) {
  throw Error(Code::Unsupported, "this device draws no pictures");
}

std::shared_ptr<const Program> Device::compile(std::shared_ptr<const ProgramModule>) {
  throw Error(Code::Unsupported, "the device " + info.id + " runs no programs of users: that takes Vulkan or CUDA");
}

namespace {

const char* const kCudaOff = "the setting cuda (ENABLE_CUDA) or gpu (ENABLE_GPU) is false";
const char* const kVulkanOff = "the setting vulkan (ENABLE_VULKAN) or gpu (ENABLE_GPU) is false";
const char* const kTurnOn = "make both true, where they were made false";

void enumerateCuda([[maybe_unused]] const EnumerateOptions& options, Enumeration& into) {
  if (!options.cuda) {
    into.problems.push_back({Backend::Cuda, "turned off", kCudaOff, kTurnOn});
    return;
  }
#ifdef SWITCHYARD_HAVE_CUDA
  static std::mutex mutex;
  static auto* last = new Enumeration;
  static bool isKnown = false;
  const std::lock_guard lock(mutex);
  // After a fatal error CUDA answers with nothing but that error: what it said before still holds.
  if (!isKnown || !anyLostForGood()) {
    *last = {};
    cuda::enumerate(*last);
    isKnown = true;
  }
  into.devices.insert(into.devices.end(), last->devices.begin(), last->devices.end());
  into.problems.insert(into.problems.end(), last->problems.begin(), last->problems.end());
#else
  into.problems.push_back(
      {Backend::Cuda, "built without CUDA", "nvcc was not found when the addon was built",
       "install the CUDA 13 toolkit, and build the addon anew in a clone of the repository: `npm run setup`"});
#endif
}

int rankOf(const DeviceInfo& info) {
  const BackendInfo& backend = kBackends[static_cast<int>(info.backend)];
  return info.type == DeviceType::Cpu ? backend.softwareRank : backend.rank;
}

std::shared_ptr<Device> openBackend(const DeviceInfo& info) {
  switch (info.backend) {
    case Backend::Vulkan: return vulkan::open(info);
    case Backend::Cpu: return cpu::open(info);
    case Backend::Cuda:
#ifdef SWITCHYARD_HAVE_CUDA
      return cuda::open(info);
#else
      break;
#endif
  }
  throw Error(Code::Internal, "no backend for " + info.id);
}

[[noreturn]] void refuseDevice(const std::string& id, const Enumeration& found) {
  std::string have;
  for (const DeviceInfo& info : found.devices) have += (have.empty() ? "" : ", ") + info.id;
  for (const BackendProblem& problem : found.problems)
    if (id.rfind(backendName(problem.backend), 0) == 0)
      throw Error(Code::Unsupported,
                  "no device '" + id + "' here: " + problem.reason + " (" + problem.detail + "); " + problem.remedy);
  const bool known = id == "auto" || std::ranges::any_of(kBackends, [&](const BackendInfo& backend) {
                       return id.rfind(backend.name, 0) == 0;
                     });
  throw Error(known ? Code::Unsupported : Code::InvalidArgument, "no device '" + id + "' here; there are: " + have);
}

// Opening asks the drivers once a process: contexts are made and closed by the thousand.
const Enumeration& knownDevices(const EnumerateOptions& options) {
  static std::mutex mutex;
  static auto* known = new std::map<std::pair<bool, bool>, Enumeration>;
  std::lock_guard lock(mutex);
  auto [slot, isNew] = known->try_emplace({options.cuda, options.vulkan});
  if (isNew) slot->second = enumerateDevices(options);
  return slot->second;
}

}  // namespace

Enumeration enumerateDevices(const EnumerateOptions& options) {
  Enumeration found;
  enumerateCuda(options, found);
  if (options.vulkan)
    vulkan::enumerate(found);
  else
    found.problems.push_back({Backend::Vulkan, "turned off", kVulkanOff, kTurnOn});
  cpu::enumerate(found);
  std::stable_sort(found.devices.begin(), found.devices.end(),
                   [](const DeviceInfo& a, const DeviceInfo& b) { return rankOf(a) < rankOf(b); });
  for (DeviceInfo& info : found.devices)
    if (const auto lost = lostForGood(info.id)) info.warning = lost->what();
  return found;
}

void keepDriverLoaded(const Device& device) {
  if (device.info.backend == Backend::Vulkan) vulkan::keepDriversLoaded();  // CUDA's driver is never unloaded
}

std::shared_ptr<Device> openDevice(const std::string& id, const EnumerateOptions& options) {
  // Weak: nothing static owns a device, so leaving the process destroys none behind a driver's back. A lock for each: a
  // driver that takes its time, or hangs, holds up nobody who wants another device.
  struct Slot {
    std::mutex mutex;
    std::weak_ptr<Device> device;
  };
  static std::mutex mutex;
  static auto* open = new std::map<std::string, Slot>;
  const Enumeration& found = knownDevices(options);
  std::optional<Error> lost;
  auto wanted = std::find_if(found.devices.begin(), found.devices.end(), [&](const DeviceInfo& info) {
    if (id != "auto" && id != info.id && id != backendName(info.backend)) return false;
    const auto loss = lostForGood(info.id);
    if (loss && !lost) lost.emplace(*loss);
    return !loss;
  });
  if (wanted == found.devices.end() && lost) throw *lost;
  if (wanted == found.devices.end()) refuseDevice(id, found);
  Slot* slot;
  {
    std::lock_guard lock(mutex);
    slot = &(*open)[wanted->id];
  }
  std::lock_guard lock(slot->mutex);
  if (auto device = slot->device.lock(); device && !device->lost()) return device;
  auto device = openBackend(*wanted);
#ifdef SWITCHYARD_FAULTS  // a build for tests: see test/faults
  device = faults::inject(std::move(device));
#endif
  slot->device = device;
  return device;
}

}  // namespace switchyard
