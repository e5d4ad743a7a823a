// Loading: the cubin where it was made for this very card, else PTX, which the driver compiles.
#include "program.h"

#include <algorithm>

namespace switchyard::cuda {
namespace {

std::string capabilityText(uint32_t arch) { return std::to_string(arch / 10) + "." + std::to_string(arch % 10); }

uint32_t archOf(const DeviceTraits& traits) { return uint32_t(traits.major * 10 + traits.minor); }

struct Loaded {
  std::unique_ptr<Library> library;
  cudaKernel_t kernel = nullptr;
  cudaFuncAttributes attributes{};
  cudaError_t status = cudaSuccess;
};

Loaded load(const std::shared_ptr<DeviceState>& state, const std::string& entry, const char* code, bool isPtx) {
  Loaded loaded;
  loaded.library = std::make_unique<Library>(state, code, isPtx);
  loaded.status = loaded.library->find(entry.c_str(), loaded.kernel, loaded.attributes);
  if (loaded.status == cudaSuccess) return loaded;
  cudaGetLastError();  // or the next call to be asked would report this one again
  if (isSticky(loaded.status)) state->check(loaded.status, "loading a kernel");
  return loaded;
}

// The code is at fault, and not the card or its driver.
bool isCodes(cudaError_t status) noexcept {
  switch (status) {
    case cudaErrorInvalidPtx:
    case cudaErrorInvalidKernelImage:
    case cudaErrorInvalidSource:
    case cudaErrorInvalidValue:
    case cudaErrorSymbolNotFound:
    case cudaErrorSharedObjectSymbolNotFound:
    case cudaErrorUnsupportedDevSideSync: return true;
    default: return false;
  }
}

[[noreturn]] void refuse(const std::string& who, const DeviceState& state, const Loaded& loaded) {
  const std::string card = "cuda:" + std::to_string(state.ordinal), log = loaded.library->log();
  if (loaded.status == cudaErrorUnsupportedPtxVersion)
    throw Error(Code::Unsupported,
                who + " was compiled by an NVRTC that is newer than the driver of " + card + ": update the driver",
                {.log = log});
  const Error error = toError(loaded.status, card + " can't load " + who);
  throw Error(isCodes(loaded.status) || !log.empty() ? Code::Compile : error.code, error.what(), {.log = log});
}

Loaded loadCode(const std::shared_ptr<DeviceState>& state, const DeviceTraits& traits, const ProgramModule& module,
                const std::string& who) {
  const CudaCode& code = module.cuda;
  // One that does not load, made by a newer toolkit say, is no loss as long as there is PTX.
  if (!code.cubin.empty() && code.arch == archOf(traits)) {
    Loaded loaded = load(state, code.entry, code.cubin.data(), false);
    if (loaded.status == cudaSuccess) return loaded;
    if (code.ptx.empty()) refuse(who, *state, loaded);
  }
  if (code.arch > archOf(traits) || code.ptx.empty())
    throw Error(Code::Unsupported, who + " has CUDA code for compute capability " + capabilityText(code.arch) +
                                       (code.ptx.empty() ? " alone" : " and newer") + ", but cuda:" +
                                       std::to_string(state->ordinal) + " has " + capabilityText(archOf(traits)));
  if (code.ptx.back() != '\0') throw Error(Code::Internal, "cuda: " + who + ": its PTX does not end with a zero");
  Loaded loaded = load(state, code.entry, code.ptx.data(), true);
  if (loaded.status != cudaSuccess) refuse(who, *state, loaded);
  return loaded;
}

// The most shared memory that a block can ask for: 227 KB on sm_90, 99 KB on sm_89. Without asking it is 48 KB.
uint64_t mostShared(DeviceState& state) {
  int bytes = 0;
  state.check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, state.ordinal),
              "the shared memory of a block");
  return uint64_t(std::max(bytes, 0));
}

// This is the asking: a launch with more than 48 KB of a kernel that has not asked is refused. Of a kernel of the
// library API, for the card that is entered; the header says that such a kernel is taken as it is.
void allowShared(DeviceState& state, cudaKernel_t kernel, const ProgramPlan& plan) {
  state.check(cudaFuncSetAttribute(static_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                                   int(plan.sharedBytes)),
              "dynamic shared memory for a kernel");
}

std::shared_ptr<const CudaProgram> loadProgram(const std::shared_ptr<DeviceState>& state, const DeviceTraits& traits,
                                               std::shared_ptr<const ProgramModule> module) {
  const std::string who = "kernel '" + module->info.name + "'";
  if (!module->forCuda()) throw Error(Code::Unsupported, who + " has no CUDA source");
  state->enter();
  Loaded loaded = loadCode(state, traits, *module, who);
  if (loaded.attributes.clusterDimMustBeSet || loaded.attributes.requiredClusterWidth > 0)
    throw Error(Code::Unsupported,
                who + " demands clusters of blocks (__cluster_dims__ or __block_size__), which no launch here has");
  ProgramPlan plan = planProgram(*module, {.maxThreads = uint32_t(std::max(loaded.attributes.maxThreadsPerBlock, 0)),
                                           .staticBytes = loaded.attributes.sharedSizeBytes,
                                           .sharedBytes = mostShared(*state)});
  if (plan.sharedBytes > 0) allowShared(*state, loaded.kernel, plan);
  const uint64_t codeBytes = std::max(module->cuda.cubin.size(), module->cuda.ptx.size());
  return std::make_shared<CudaProgram>(std::move(module), codeBytes, std::move(loaded.library), loaded.kernel,
                                       std::move(plan), state.get());
}

}  // namespace

Library::Library(std::shared_ptr<DeviceState> state, const char* code, bool isPtx) noexcept : state_(std::move(state)) {
  // numbers are passed as if they were pointers
  optionValues_ = {log_.data(), reinterpret_cast<void*>(uintptr_t{kLogBytes})};
  const unsigned count = isPtx ? unsigned(options_.size()) : 0;
  status_ = cudaLibraryLoadData(&library_, code, options_.data(), optionValues_.data(), count, nullptr, nullptr, 0);
  if (status_ != cudaSuccess) library_ = nullptr;
}

Library::~Library() {
  if (!library_ || state_->lost() || cudaSetDevice(state_->ordinal) != cudaSuccess) return;
  if (cudaLibraryUnload(library_) != cudaSuccess) cudaGetLastError();
}

cudaError_t Library::find(const char* entry, cudaKernel_t& kernel, cudaFuncAttributes& attributes) noexcept {
  if (status_ == cudaSuccess) status_ = cudaLibraryGetKernel(&kernel, library_, entry);
  // The attributes are of the code on this card, so that it is compiled and loaded now and not in the middle of the
  // first job.
  if (status_ == cudaSuccess) status_ = cudaFuncGetAttributes(&attributes, static_cast<const void*>(kernel));
  return status_;
}

std::string Library::log() const {
  std::string text(log_.begin(), std::find(log_.begin(), log_.end(), '\0'));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

std::shared_ptr<const CudaProgram> LoadedPrograms::find(const ProgramId& id) {
  const auto found = programs_.find(id);
  return found == programs_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<const CudaProgram> LoadedPrograms::get(const std::shared_ptr<DeviceState>& state,
                                                       const DeviceTraits& traits,
                                                       std::shared_ptr<const ProgramModule> module) {
  const ProgramId id = module->id;
  {
    const std::lock_guard lock(mutex_);
    if (auto program = find(id)) return program;
  }
  // Without the lock: one that takes the driver seconds holds up no other.
  auto program = loadProgram(state, traits, std::move(module));
  const std::lock_guard lock(mutex_);
  if (auto sooner = find(id)) return sooner;
  std::erase_if(programs_, [](const auto& entry) { return entry.second.expired(); });
  programs_[id] = program;
  return program;
}

}  // namespace switchyard::cuda
