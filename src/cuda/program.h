// Users' kernels on a card: code that NVRTC made, loaded as a library of the CUDA runtime.
#pragma once
#include <map>
#include <mutex>

#include "matmul.h"
#include "program_args.h"

namespace switchyard::cuda {

// A loaded cubin or PTX.
class Library {
 public:
  // Loads, and for PTX compiles, one kernel for the card of `state`, which the caller has entered.
  Library(std::shared_ptr<DeviceState> state, const char* code, bool isPtx) noexcept;
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  // The first call that failed decides. The kernel is on the card, then, not just found.
  cudaError_t find(const char* entry, cudaKernel_t& kernel, cudaFuncAttributes& attributes) noexcept;
  std::string log() const;  // what the driver's compiler said against it

 private:
  static constexpr size_t kLogBytes = 8192;
  const std::shared_ptr<DeviceState> state_;
  // Loading may be put off until a kernel is asked for, so what the driver was told to write to stays for as long as
  // the library.
  std::array<char, kLogBytes> log_{};
  std::array<cudaJitOption, 2> options_{cudaJitErrorLogBuffer, cudaJitErrorLogBufferSizeBytes};
  std::array<void*, 2> optionValues_{};
  cudaLibrary_t library_ = nullptr;
  cudaError_t status_ = cudaSuccess;
};

class CudaProgram : public Program {
 public:
  CudaProgram(std::shared_ptr<const ProgramModule> module, uint64_t codeBytes, std::unique_ptr<Library> library,
              cudaKernel_t kernel, ProgramPlan plan, const DeviceState* state)
      : Program(std::move(module), codeBytes),
        plan(std::move(plan)),
        state(state),
        library_(std::move(library)),
        kernel_(kernel) {}

  const ProgramPlan plan;
  const DeviceState* const state;  // of the card it was loaded for; the library keeps it
  // for cudaLaunchKernel, which takes both kinds
  const void* function() const noexcept { return static_cast<const void*>(kernel_); }

 private:
  const std::unique_ptr<Library> library_;
  const cudaKernel_t kernel_;
};

// What one card has loaded: contexts that share the card share the code. Thread-safe.
class LoadedPrograms {
 public:
  // Throws Unsupported: no CUDA source, or code that this card or its driver is too old for; Compile: the driver
  // refuses the code.
  std::shared_ptr<const CudaProgram> get(const std::shared_ptr<DeviceState>& state, const DeviceTraits& traits,
                                         std::shared_ptr<const ProgramModule> module);

 private:
  std::shared_ptr<const CudaProgram> find(const ProgramId& id);

  std::mutex mutex_;
  std::map<ProgramId, std::weak_ptr<const CudaProgram>> programs_;
};

}  // namespace switchyard::cuda
