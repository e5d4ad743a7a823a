// The CUDA backend's figures, and what a card gives by the toolkit's own calls: products by cuBLASLt, and copies over
// the bus. Figures are fractions of these, taken in the same process.
#include "serve.h"

namespace switchyard::bench {
namespace {

// Few of what the kit takes (bench/kit): enough to see at once that a card is as it should be.
void benchCard(const Options& options, const std::shared_ptr<Device>& device, std::vector<Figure>& figures) {
  const std::string& id = device->info.id;
  const double seconds = options.quick ? 0.05 : 0.5;
  const double copy = copyRate(*device, uint64_t{1} << 30, seconds);
  const auto nominal = nominalMemoryRate(*device);
  if (nominal)
    figures.push_back(atLeast(id + " copy against its memory's clock", copy / *nominal, "x", 0.85,
                              format("%.0f GB/s of %.0f", copy / 1e9, *nominal / 1e9)));
  const Product product{4096, 4096, 4096, "bfloat16", false};
  const Timed ours = productByQueue(device, product, seconds);
  if (const auto library = productByCublasLt(*device, product, seconds))
    figures.push_back(atLeast(id + " matmul 4096, bfloat16, against cuBLASLt", library->best / ours.best, "x", 0.98,
                              format("%.3f ms, cuBLASLt %.3f ms", ours.best * 1e3, library->best * 1e3)));
  Resident normalize(device, readCase({"normalize", "input=float32:262144x384:uniform"}));
  const Timed time = timedFor(seconds, [&] { return normalize.run(); });
  figures.push_back(atLeast(id + " normalize against copy bandwidth", 2.0 * 262144 * 384 * 4 / time.best / copy, "x",
                            0.9, format("%.3f ms on tensors that lie there", time.best * 1e3)));
}

}  // namespace

void benchCuda(const Options& options, std::vector<Figure>& figures) {
  for (const DeviceInfo& info : enumerateDevices().devices) {
    if (info.backend != Backend::Cuda) continue;
    auto device = openDevice(info.id);
    benchCard(options, device, figures);
    benchSubmit(options, device, figures);
    benchRows(options, info.id, Context::create(device), figures);
  }
}

}  // namespace switchyard::bench

#ifdef SWITCHYARD_HAVE_CUDA
#include <cublasLt.h>
#include <cuda_runtime_api.h>

#include <algorithm>

#include "cuda/cublaslt.h"

namespace switchyard::bench {
namespace {

constexpr size_t kWorkspaceBytes = 32 << 20;  // as ours on Hopper, which NVIDIA advises there
constexpr int kMostAlgorithms = 16;

void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw Error(Code::Internal, std::string(what) + ": " + cudaGetErrorString(status));
}
void check(cublasStatus_t status, const char* what) {
  if (status != CUBLAS_STATUS_SUCCESS)
    throw Error(Code::Internal, std::string(what) + ": " + cuda::CublasLt::get()->statusName(status));
}

// Frees what a measurement has taken, however it ends.
template <class T>
struct Owned {
  T value{};
  void (*destroy)(T) = nullptr;
  ~Owned() {
    if (value) destroy(value);
  }
  operator T() const { return value; }
};

struct Stream : Owned<cudaStream_t> {
  Stream() {
    destroy = [](cudaStream_t it) { cudaStreamDestroy(it); };
    check(cudaStreamCreateWithFlags(&value, cudaStreamNonBlocking), "cudaStreamCreate");
  }
};
struct Event : Owned<cudaEvent_t> {
  Event() {
    destroy = [](cudaEvent_t it) { cudaEventDestroy(it); };
    check(cudaEventCreate(&value), "cudaEventCreate");
  }
};
struct CardMemory : Owned<void*> {
  explicit CardMemory(size_t bytes) {
    destroy = [](void* it) { cudaFree(it); };
    check(cudaMalloc(&value, bytes), "cudaMalloc");
  }
};
struct PinnedMemory : Owned<void*> {
  explicit PinnedMemory(size_t bytes) {
    destroy = [](void* it) { cudaFreeHost(it); };
    check(cudaMallocHost(&value, bytes), "cudaMallocHost");
  }
};

double secondsBetween(cudaStream_t stream, const std::function<void()>& work) {
  const Event begin, end;
  check(cudaEventRecord(begin, stream), "cudaEventRecord");
  work();
  check(cudaEventRecord(end, stream), "cudaEventRecord");
  check(cudaEventSynchronize(end), "cudaEventSynchronize");
  float ms = 0;
  check(cudaEventElapsedTime(&ms, begin, end), "cudaEventElapsedTime");
  return double(ms) / 1e3;
}

struct Types {
  const char* name;
  DType dtype;
  cudaDataType_t factor, result, scale;
  cublasComputeType_t compute;
};
constexpr Types kTypes[] = {
    {"float32", DType::Float32, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F},
    {"tf32", DType::Float32, CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32},
    {"float16", DType::Float16, CUDA_R_16F, CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F},
    {"bfloat16", DType::Bfloat16, CUDA_R_16BF, CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F},
    {"int8", DType::Int8, CUDA_R_8I, CUDA_R_32I, CUDA_R_32I, CUBLAS_COMPUTE_32I},
};

// Random factors: how fast a card multiplies depends on how many bits change, since that decides its power.
void fillRandom(void* to, DType dtype, uint64_t elements) {
  const InputText input{"", {dtype, Shape{elements}}, dtype == DType::Int8 ? "codes" : "uniform", 0};
  const auto pattern = filled(input, 0, std::min(elements, kPatternElements));
  const uint64_t bytes = input.spec.bytes();
  for (uint64_t from = 0; from < bytes; from += pattern.size())
    check(cudaMemcpy(static_cast<std::byte*>(to) + from, pattern.data(),
                     std::min<uint64_t>(pattern.size(), bytes - from), cudaMemcpyHostToDevice),
          "filling a factor");
}

// Row-major through a column-major library: out by columns is its transpose, so the factors swap places.
class LibraryProduct {
 public:
  LibraryProduct(const cuda::CublasLt& lt, const Product& product, const Types& types)
      : lt_(lt),
        types_(types),
        a_(uint64_t(product.m) * product.k * dtypeBytes(types.dtype)),
        b_(uint64_t(product.n) * product.k * dtypeBytes(types.dtype)),
        out_(uint64_t(product.m) * product.n * 4),
        workspace_(kWorkspaceBytes) {
    fillRandom(a_, types.dtype, uint64_t(product.m) * product.k);
    fillRandom(b_, types.dtype, uint64_t(product.n) * product.k);
    handle_.destroy = [](cublasLtHandle_t it) { cuda::CublasLt::get()->destroy(it); };
    check(lt.create(&handle_.value), "cublasLtCreate");
    desc_.destroy = [](cublasLtMatmulDesc_t it) { cuda::CublasLt::get()->descDestroy(it); };
    check(lt.descCreate(&desc_.value, types.compute, types.scale), "cublasLtMatmulDescCreate");
    const cublasOperation_t first = product.transposeB ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(lt.descSet(desc_, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first), "transposeB");
    const uint64_t n = product.n, k = product.k;
    layout(firstLayout_, types.factor, product.transposeB ? k : n, product.transposeB ? n : k);
    layout(secondLayout_, types.factor, k, product.m);
    layout(resultLayout_, types.result, n, product.m);
  }

  // The quickest of what the library names for it; nothing when it names nothing.
  std::optional<Timed> time(double seconds) {
    const auto found = algorithms();
    double best = 1e30;
    const cublasLtMatmulAlgo_t* chosen = nullptr;
    for (const auto& one : found) {
      if (one.state != CUBLAS_STATUS_SUCCESS || run(one.algo) < 0) continue;
      const double took = std::min(run(one.algo), run(one.algo));
      if (took < best) best = took, chosen = &one.algo;
    }
    if (!chosen) return std::nullopt;
    return timedFor(seconds, [&] { return run(*chosen); });
  }

 private:
  using Layout = Owned<cublasLtMatrixLayout_t>;
  void layout(Layout& to, cudaDataType_t type, uint64_t rows, uint64_t columns) {
    to.destroy = [](cublasLtMatrixLayout_t it) { cuda::CublasLt::get()->layoutDestroy(it); };
    check(lt_.layoutCreate(&to.value, type, rows, columns, int64_t(rows)), "cublasLtMatrixLayoutCreate");
  }
  std::vector<cublasLtMatmulHeuristicResult_t> algorithms() {
    Owned<cublasLtMatmulPreference_t> preference;
    preference.destroy = [](cublasLtMatmulPreference_t it) { cuda::CublasLt::get()->preferenceDestroy(it); };
    check(lt_.preferenceCreate(&preference.value), "cublasLtMatmulPreferenceCreate");
    const uint64_t bytes = kWorkspaceBytes;
    check(lt_.preferenceSet(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes, sizeof bytes), "workspace");
    std::vector<cublasLtMatmulHeuristicResult_t> found(kMostAlgorithms);
    int count = 0;
    const cublasStatus_t status = lt_.heuristic(handle_, desc_, firstLayout_, secondLayout_, resultLayout_,
                                                resultLayout_, preference, kMostAlgorithms, found.data(), &count);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE)
      count = 0;
    else
      check(status, "cublasLtMatmulAlgoGetHeuristic");
    found.resize(size_t(count));
    return found;
  }
  // Seconds; below 0 where the library refuses the algorithm after all.
  double run(const cublasLtMatmulAlgo_t& algorithm) {
    const float one = 1, none = 0;
    const int32_t wholeOne = 1, wholeNone = 0;
    const bool whole = types_.scale == CUDA_R_32I;
    const void *alpha = &one, *beta = &none;
    if (whole) alpha = &wholeOne, beta = &wholeNone;
    cublasStatus_t status = CUBLAS_STATUS_SUCCESS;
    const double seconds = secondsBetween(stream_, [&] {
      status = lt_.matmul(handle_, desc_, alpha, b_, firstLayout_, a_, secondLayout_, beta, out_, resultLayout_, out_,
                          resultLayout_, &algorithm, workspace_, kWorkspaceBytes, stream_);
    });
    return status == CUBLAS_STATUS_SUCCESS ? seconds : -1;
  }

  const cuda::CublasLt& lt_;
  const Types& types_;
  const Stream stream_;
  const CardMemory a_, b_, out_, workspace_;
  Owned<cublasLtHandle_t> handle_;
  Owned<cublasLtMatmulDesc_t> desc_;
  Layout firstLayout_, secondLayout_, resultLayout_;
};

}  // namespace

std::optional<Timed> productByCublasLt(Device& device, const Product& product, double seconds) {
  if (device.info.backend != Backend::Cuda) return std::nullopt;
  check(cudaSetDevice(int(device.info.index)), "cudaSetDevice");
  const cuda::CublasLt* const lt = cuda::CublasLt::get();
  if (!lt) return std::nullopt;
  const auto types =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const Types& one) { return product.type == one.name; });
  if (types == std::end(kTypes)) throw Error(Code::InvalidArgument, "no products of " + product.type);
  return LibraryProduct(*lt, product, *types).time(seconds);
}

std::optional<double> nominalMemoryRate(Device& device) {
  if (device.info.backend != Backend::Cuda) return std::nullopt;
  int kilohertz = 0, bits = 0;
  const int card = int(device.info.index);
  check(cudaDeviceGetAttribute(&kilohertz, cudaDevAttrMemoryClockRate, card), "the memory's clock");
  check(cudaDeviceGetAttribute(&bits, cudaDevAttrGlobalMemoryBusWidth, card), "the memory's width");
  if (kilohertz <= 0 || bits <= 0) return std::nullopt;
  return 2.0 * kilohertz * 1e3 * bits / 8;  // two transfers a clock
}

std::optional<double> rawTransferRate(Device& device, uint64_t bytes, Way way, bool pinned, double seconds) {
  if (device.info.backend != Backend::Cuda) return std::nullopt;
  check(cudaSetDevice(int(device.info.index)), "cudaSetDevice");
  const CardMemory to(bytes), from(bytes);
  std::optional<PinnedMemory> up, down;
  std::vector<std::byte> plainUp, plainDown;
  if (pinned)
    up.emplace(bytes), down.emplace(bytes);
  else
    plainUp.resize(bytes, std::byte{1}), plainDown.resize(bytes, std::byte{2});
  void* const source = pinned ? up->value : plainUp.data();
  void* const target = pinned ? down->value : plainDown.data();
  const Stream first, second;
  const Timed time = timedFor(seconds, [&] {
    return secondsOf([&] {
      if (way != Way::Down)
        check(cudaMemcpyAsync(to, source, bytes, cudaMemcpyHostToDevice, first), "a copy to the card");
      if (way != Way::Up)
        check(cudaMemcpyAsync(target, from, bytes, cudaMemcpyDeviceToHost, second), "a copy from the card");
      check(cudaStreamSynchronize(first), "cudaStreamSynchronize");
      check(cudaStreamSynchronize(second), "cudaStreamSynchronize");
    });
  });
  return (way == Way::Both ? 2.0 : 1.0) * double(bytes) / time.best;
}

}  // namespace switchyard::bench

#else

namespace switchyard::bench {

std::optional<Timed> productByCublasLt(Device&, const Product&, double) { return std::nullopt; }
std::optional<double> nominalMemoryRate(Device&) { return std::nullopt; }
std::optional<double> rawTransferRate(Device&, uint64_t, Way, bool, double) { return std::nullopt; }

}  // namespace switchyard::bench
#endif
