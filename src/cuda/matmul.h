// Matrix products by cuBLASLt, with the plans it made for recent shapes. One per queue; used by one thread at a time.
#pragma once
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "../device.h"
#include "algorithms.h"
#include "cublaslt.h"
#include "state.h"

namespace switchyard::cuda {

// What of a card the choice of algorithms depends on.
struct DeviceTraits {
  int major = 0, minor = 0;  // compute capability
  std::string name;          // of the card, and its driver
};

struct MatmulPointers {
  std::byte *a = nullptr, *b = nullptr, *scales = nullptr, *rowScales = nullptr, *bias = nullptr, *residual = nullptr;
  std::byte *sums = nullptr, *out = nullptr;
};

// What the products are made over. Tests have one without a card.
class MatmulSupport {
 public:
  virtual ~MatmulSupport() = default;
  virtual const CublasLt* library() const;                // null: there is none
  virtual bool enter(DeviceState& state) const noexcept;  // false: the card is lost
  virtual void* allocate(DeviceState& state, size_t bytes) const;
  virtual void free(void* memory) const noexcept;
  // How long the card is busy with what `run` queues, once that is done. NaN: it was not by the deadline.
  using Deadline = std::chrono::steady_clock::time_point;
  virtual double milliseconds(DeviceState& state, cudaStream_t stream, Deadline deadline,
                              const std::function<void()>& run) const;
  virtual std::shared_ptr<AlgorithmStore> store(const std::string& scope) const;
  static const MatmulSupport& ofCards();
};

class MatmulLibrary {
 public:
  MatmulLibrary(std::shared_ptr<DeviceState> state, const DeviceTraits& traits,
                const MatmulSupport& support = MatmulSupport::ofCards())
      : state_(std::move(state)), traits_(traits), support_(support) {}
  ~MatmulLibrary();
  MatmulLibrary(const MatmulLibrary&) = delete;
  MatmulLibrary& operator=(const MatmulLibrary&) = delete;

  // Queues out = alpha * op(a) * op(b) + bias on `stream`; of codes of 8 bits (Matmul::rowScales) their whole product
  // alone, as int32. False, and nothing happened, when the library is not there, does not do what is asked or knows no
  // way for the shape. k > 0. A product that comes again and again is timed once, by the ways that the library thinks
  // best: for that the card is waited for, and MustWait thrown where `mayWait` says no.
  bool multiply(const Matmul& op, const MatmulPointers& at, cudaStream_t stream, bool mayWait);
  // Whether that would load nothing and look for no way: for a thread that has other things to do.
  bool isReady(const Matmul& op, const MatmulPointers& at) const;

 private:
  template <class T>
  struct Destroy {
    cublasStatus_t (*destroy)(T);
    void operator()(T handle) const noexcept { destroy(handle); }
  };
  template <class T>
  using Owned = std::unique_ptr<std::remove_pointer_t<T>, Destroy<T>>;
  using Key = MatmulKey;
  struct Plan {
    Key key;
    Owned<cublasLtMatmulDesc_t> desc;
    Owned<cublasLtMatrixLayout_t> first, second, result;
    cublasLtMatmulAlgo_t algorithm{}, proposed{};  // the one that is used, and the library's first
    bool possible = false;
    std::vector<cublasLtMatmulAlgo_t> candidates;  // until they were timed, where there are several
    uint32_t uses = 0;
  };

  bool prepare();
  void checkStream(cudaStream_t stream, const char* what);
  void checkBlas(cublasStatus_t status, const char* what, cudaStream_t stream = nullptr);
  Key keyOf(const Matmul& op, const MatmulPointers& at) const;
  Plan& planFor(const Matmul& op, const MatmulPointers& at);
  static bool knows(const Matmul& op);
  static Matmul chunkOf(const Matmul& op, uint32_t from);
  static MatmulPointers chunkAt(const Matmul& op, const MatmulPointers& at, uint32_t from);
  Plan makePlan(const Matmul& op, const MatmulPointers& at, const Key& key);
  void setBias(const Plan& plan, const MatmulPointers& at);
  void chooseAlgorithm(Plan& plan);
  bool takeKept(Plan& plan);
  void timeCandidates(Plan& plan, const Matmul& op, const MatmulPointers& at, cudaStream_t stream);
  cublasStatus_t run(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm, const Matmul& op,
                     const MatmulPointers& at, cudaStream_t stream);
  bool isRefused(cublasStatus_t status, cudaStream_t stream);
  bool runChosen(Plan& plan, const Matmul& op, const MatmulPointers& at, cudaStream_t stream);
  Owned<cublasLtMatrixLayout_t> layout(cudaDataType_t type, uint64_t rows, uint64_t columns, uint64_t ld,
                                       uint64_t stride, uint32_t batch);
  bool multiplyChunk(const Matmul& op, const MatmulPointers& at, cudaStream_t stream, bool mayWait);

  const std::shared_ptr<DeviceState> state_;
  const DeviceTraits traits_;
  const MatmulSupport& support_;
  std::shared_ptr<AlgorithmStore> store_;
  const CublasLt* lt_ = nullptr;
  bool tried_ = false;
  cublasLtHandle_t handle_ = nullptr;
  void* workspace_ = nullptr;
  size_t workspaceBytes_ = 0;
  std::list<Plan> plans_;  // most recently used first
};

}  // namespace switchyard::cuda
