#include "vulkan/loops.h"

#include <algorithm>
#include <cstring>
#include <future>
#include <map>

#include "vulkan/queue.h"

namespace switchyard::vulkan {
namespace {

constexpr uint32_t kTurnsTried = 1 << 20, kMesaTurns = 65535;
// Bytes of a binding for each turn: the kernel with the longest loops does 512 floats in a turn, all its loops counted.
constexpr uint64_t kBytesForTurn = 2048;

// The turns that were made, of kTurnsTried.
uint32_t turnsMade(const std::shared_ptr<Gpu>& gpu) {
  const auto pipelines = std::make_shared<Pipelines>(gpu);
  const auto graphics = std::make_shared<Graphics>(gpu);
  const auto completer = std::make_shared<Completer>(gpu, pipelines, graphics);
  std::promise<void> finished;  // outlives the queue, which waits for what it has called
  GpuQueue queue(gpu, pipelines, std::make_shared<StagingPool>(gpu), graphics, completer);
  uint32_t made[2] = {};
  const auto buffer = GpuBuffer::allocate(gpu, sizeof made);
  const BufferView view{buffer.get(), 0, sizeof made};
  queue.launchShader(loopProbeShader(), 1, {&view, 1}, std::as_bytes(std::span(&kTurnsTried, 1)));
  queue.download(std::as_writable_bytes(std::span(made)), view);
  queue.submit([&](std::exception_ptr error, const QueueTimings&) {
    if (error)
      finished.set_exception(error);
    else
      finished.set_value();
  });
  finished.get_future().get();
  return made[0];
}

struct Found {
  uint32_t limit = 0;           // 0: loops are not cut
  std::shared_ptr<Gpu> opened;  // for the self-test
};

Found limitOf(const std::shared_ptr<Instance>& instance, const PhysicalInfo& device) {
  static std::mutex mutex;
  static auto* known = new std::map<std::string, uint32_t>;  // never destroyed
  std::lock_guard lock(mutex);
  if (const auto found = known->find(device.cacheKey); found != known->end()) return {found->second, nullptr};
  const CacheFile file("loops-" + device.cacheKey);
  Found found;
  if (const auto bytes = file.load(); bytes.size() == sizeof found.limit) {
    std::memcpy(&found.limit, bytes.data(), sizeof found.limit);
  } else {
    found.opened = std::make_shared<Gpu>(instance, device);
    const uint32_t made = turnsMade(found.opened);
    found.limit = made < kTurnsTried ? made : 0;
    file.store({reinterpret_cast<const uint8_t*>(&found.limit), sizeof found.limit});
  }
  known->emplace(device.cacheKey, found.limit);
  return found;
}

}  // namespace

std::shared_ptr<Gpu> findLoopLimit(const std::shared_ptr<Instance>& instance, PhysicalInfo& device) noexcept {
  const bool software = device.info.type == DeviceType::Cpu;
  Found found{software ? kMesaTurns : 0, nullptr};
  try {
    found = limitOf(instance, device);
  } catch (...) {}
  const uint32_t limit = found.limit;
  DeviceInfo& info = device.info;
  info.maxLoopTurns = limit;
  if (limit) info.maxViewBytes = std::min(info.maxViewBytes, (uint64_t{limit} + 1) * kBytesForTurn & ~uint64_t{255});
  std::string warning = software ? "a software driver: the CPU backend is faster" : "";
  if (limit)
    warning += (software ? "; " : "") + ("loops of your own shaders end after " + std::to_string(limit) +
                                         " turns here, without an error (built-in workloads are right)");
  info.warning = warning;
  return limit || software ? nullptr : found.opened;
}

}  // namespace switchyard::vulkan
