// An opened card: buffers, queues, and the completion thread that they share.
#include <algorithm>

#include "../device.h"
#include "../tensor_cores.h"
#include "completer.h"
#include "program.h"
#include "queue.h"

namespace switchyard::cuda {
namespace {

MemoryUse memoryOf(DeviceState& state) {
  state.enter();
  size_t freeBytes = 0, totalBytes = 0;
  state.check(cudaMemGetInfo(&freeBytes, &totalBytes), "cudaMemGetInfo");
  return {totalBytes, freeBytes};
}

// Whether a kernel for tensor cores was compiled with them. A card of compute capability 8.0 or newer runs code for 7.5
// as well, in which that kernel has nothing to do, if a build has no other; then `ptxVersion`, which is the
// architecture that the code was compiled for, also where it came as machine code, is below 80.
bool multipliesHalves(DeviceState& state) {
  FusedAttentionParams params{};
  params.d = params.e = 16, params.hides = kAttentionTensorCores;
  params.formats = kFormatBfloat16 | kFormatBfloat16 << 2 | kFormatBfloat16 << 4;
  cudaFuncAttributes attributes{};
  state.check(cudaFuncGetAttributes(&attributes, cudaKernel_fused_attention.choose(&params).function),
              "the architecture of a kernel");
  return attributes.ptxVersion >= 80;
}

// What was enumerated, plus what only an open card tells.
DeviceInfo openedInfo(DeviceInfo info, DeviceState& state) {
  info.memory = memoryOf(state);
  info.multipliesHalves = multipliesHalves(state);
  return info;
}

DeviceTraits traitsOf(DeviceState& state, const DeviceInfo& info) {
  DeviceTraits traits;
  traits.name = info.name + ", driver " + info.driver;
  state.check(cudaDeviceGetAttribute(&traits.major, cudaDevAttrComputeCapabilityMajor, state.ordinal),
              "the compute capability");
  state.check(cudaDeviceGetAttribute(&traits.minor, cudaDevAttrComputeCapabilityMinor, state.ordinal),
              "the compute capability");
  return traits;
}

class CudaDevice : public Device {
 public:
  CudaDevice(const DeviceInfo& from, std::shared_ptr<DeviceState> state)
      : Device(openedInfo(from, *state)),
        state_(std::move(state)),
        traits_(traitsOf(*state_, from)),
        pool_(std::make_shared<PinnedPool>(state_)),
        memory_(std::make_shared<DeviceMemory>(state_, pool_)),
        completer_(std::make_shared<Completer>(state_, pool_, memory_)) {}

  std::unique_ptr<Buffer> allocate(size_t bytes) override { return std::make_unique<CudaBuffer>(memory_, bytes); }
  // every pass over the bus is slower than one copy
  std::unique_ptr<Buffer> wrap(std::span<std::byte>) override { return nullptr; }
  std::unique_ptr<Queue> createQueue(const QueueOptions&) override {
    return std::make_unique<CudaQueue>(memory_, pool_, completer_, traits_);
  }
  bool lost() const noexcept override { return Device::lost() || state_->lost(); }
  MemoryUse memory() const override { return memory_->use(); }
  // Any two cards of CUDA's; one that was opened anew is the same card, whose memory went.
  bool reaches(const Device& other) const noexcept override {
    const auto* card = dynamic_cast<const CudaDevice*>(&other);
    return card && card->state_->ordinal != state_->ordinal;
  }
  std::shared_ptr<const Program> compile(std::shared_ptr<const ProgramModule> module) override {
    return programs_.get(state_, traits_, std::move(module));
  }

  std::shared_ptr<void> pin(std::span<std::byte> host) override {
    state_->enter();
    if (const cudaError_t status = cudaHostRegister(host.data(), host.size(), cudaHostRegisterDefault);
        status != cudaSuccess) {
      // Too much locked memory, for example, or memory of a kind that a driver has no better word for than "unknown":
      // transfers go through staging, then.
      cudaGetLastError();
      if (isSticky(status) && status != cudaErrorUnknown) state_->check(status, "cudaHostRegister");
      return nullptr;
    }
    state_->addPinned(host);
    return std::shared_ptr<void>(host.data(), [state = state_, host](void*) {
      state->removePinned(host);
      if (!state->lost() && cudaSetDevice(state->ordinal) == cudaSuccess) cudaHostUnregister(host.data());
    });
  }

 private:
  const std::shared_ptr<DeviceState> state_;
  const DeviceTraits traits_;
  const std::shared_ptr<PinnedPool> pool_;
  const std::shared_ptr<DeviceMemory> memory_;
  const std::shared_ptr<Completer> completer_;
  LoadedPrograms programs_;
};

// A build for other cards than this one is told apart before the first job fails.
void requireCode(DeviceState& state) {
  cudaFuncAttributes attributes{};
  const cudaError_t status = cudaFuncGetAttributes(&attributes, cudaKernel_fill.choose(nullptr).function);
  state.check(status, "this build has no code for the card");
}

}  // namespace

std::shared_ptr<Device> open(const DeviceInfo& info) {
  auto state = std::make_shared<DeviceState>(int(info.index));
  state->enter();
  requireCode(*state);
  return std::make_shared<CudaDevice>(info, std::move(state));
}

}  // namespace switchyard::cuda
