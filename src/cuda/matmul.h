// Matrix products by cuBLASLt, with the plans it made for recent shapes. One per queue; used by one thread at a time.
#pragma once
#include <array>
#include <list>
#include <memory>

#include "../device.h"
#include "cublaslt.h"
#include "memory.h"

namespace switchyard::cuda {

// What of a card the choice of algorithms depends on.
struct DeviceTraits {
  int major = 0, minor = 0;  // compute capability
  bool readsHost = false;    // kernels reach page-locked memory of the host's by the address that it has there
};

struct MatmulPointers {
  std::byte *a = nullptr, *b = nullptr, *scales = nullptr, *rowScales = nullptr, *bias = nullptr, *residual = nullptr;
  std::byte *sums = nullptr, *out = nullptr;
};

class MatmulLibrary {
 public:
  MatmulLibrary(std::shared_ptr<DeviceMemory> memory, const DeviceTraits& traits)
      : memory_(std::move(memory)), state_(memory_->state), traits_(traits) {}
  ~MatmulLibrary();
  MatmulLibrary(const MatmulLibrary&) = delete;
  MatmulLibrary& operator=(const MatmulLibrary&) = delete;

  // Queues out = alpha * op(a) * op(b) + bias on `stream`; of codes of 8 bits (Matmul::rowScales) their whole product
  // alone, as int32. False, and nothing happened, when the library is not there, does not do what is asked or knows no
  // way for the shape. k > 0. Loading the library and asking it for a way take from milliseconds to a second: MustWait
  // where that may not be.
  bool multiply(const Matmul& op, const MatmulPointers& at, cudaStream_t stream, bool mayTakeLong = true);

 private:
  template <class T>
  struct Destroy {
    cublasStatus_t (*destroy)(T);
    void operator()(T handle) const noexcept { destroy(handle); }
  };
  template <class T>
  using Owned = std::unique_ptr<std::remove_pointer_t<T>, Destroy<T>>;
  using Key = std::array<uint64_t, 13>;
  struct Plan {
    Key key;
    Owned<cublasLtMatmulDesc_t> desc;
    Owned<cublasLtMatrixLayout_t> first, second, result;
    cublasLtMatmulAlgo_t algorithm{};
    bool possible = false;
  };

  bool prepare();
  void checkBlas(cublasStatus_t status, const char* what, cudaStream_t stream = nullptr);
  Key keyOf(const Matmul& op, const MatmulPointers& at) const;
  const Plan& planFor(const Matmul& op, const MatmulPointers& at, bool mayTakeLong);
  static bool knows(const Matmul& op);
  Plan makePlan(const Matmul& op, const MatmulPointers& at, const Key& key);
  void setBias(const Plan& plan, const MatmulPointers& at);
  void chooseAlgorithm(Plan& plan);
  Owned<cublasLtMatrixLayout_t> layout(cudaDataType_t type, uint64_t rows, uint64_t columns, uint64_t ld,
                                       uint64_t stride, uint32_t batch);
  bool multiplyChunk(const Matmul& op, const MatmulPointers& at, cudaStream_t stream, bool mayTakeLong);

  const std::shared_ptr<DeviceMemory> memory_;
  const std::shared_ptr<DeviceState> state_;
  const DeviceTraits traits_;
  const CublasLt* lt_ = nullptr;
  bool tried_ = false;
  cublasLtHandle_t handle_ = nullptr;
  std::byte* workspace_ = nullptr;
  size_t workspaceBytes_ = 0;
  std::list<Plan> plans_;  // most recently used first
};

}  // namespace switchyard::cuda
