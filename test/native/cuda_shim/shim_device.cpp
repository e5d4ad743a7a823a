// Device and Queue over host memory whose launches go through the emulated kernels.
#include "shim_device.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "../../../kernels/registry.h"
#include "cuda_shim.h"

namespace switchyard {
namespace {

using cuda_shim::CudaKernel;
using cuda_shim::CudaVariant;

std::atomic<uint64_t> uploadedBytes{0}, peerBytes{0};

[[noreturn]] void refuse(const std::string& text) { throw Error(Code::Internal, "cuda-shim: " + text); }

// `host` stays null, as on a card: the core must go through upload and download.
class ShimBuffer : public Buffer {
 public:
  explicit ShimBuffer(size_t bytes) : Buffer(bytes, nullptr) {
    void* memory = nullptr;
    if (posix_memalign(&memory, 256, std::max<size_t>((bytes + 3) / 4 * 4, 4)) != 0)
      throw Error(Code::OutOfMemory, "cuda-shim: no memory for " + std::to_string(bytes) + " bytes");
    std::memset(memory, 0xCD, bytes);  // fresh memory is not zero on a card either
    memory_ = static_cast<std::byte*>(memory);
  }
  ~ShimBuffer() override { std::free(memory_); }
  std::byte* memory() const { return memory_; }

 private:
  std::byte* memory_ = nullptr;
};

std::byte* addressOf(const BufferView& view) {
  if (!view.buffer) refuse("a view without a buffer");
  if (view.offset > view.buffer->size || view.size > view.buffer->size - view.offset)
    refuse("a view past the end of its buffer");
  return static_cast<ShimBuffer*>(view.buffer)->memory() + view.offset;
}

// What a kernel binds, unlike what is copied, is aligned.
std::byte* boundAddressOf(const BufferView& view) {
  if (view.offset % 16 != 0) refuse("a view at an offset of " + std::to_string(view.offset) + ", not a multiple of 16");
  return addressOf(view);
}

void launchKernel(const CudaKernel& kernel, const char* name, uint64_t count, std::span<std::byte* const> buffers,
                  const void* params) {
  const CudaVariant& variant = kernel.choose(params);
  const uint64_t blocks = (count + variant.unitsPerBlock - 1) / variant.unitsPerBlock;
  if (blocks == 0) return;
  std::vector<const void*> pointers(buffers.begin(), buffers.end());
  std::vector<void*> arguments;
  for (const void*& pointer : pointers) arguments.push_back(&pointer);
  arguments.push_back(const_cast<void*>(params));
  // A small limit, so that folded grids run too.
  const cuda_shim::Grid grid = cuda_shim::foldGrid(blocks, 7);
  cuda_shim::runKernel(variant, grid.x, grid.y, arguments.data(), name);
}

class ShimQueue : public Queue {
 public:
  void upload(BufferView dst, std::span<const std::byte> src) override {
    if (src.size() > dst.size) refuse("an upload larger than its target");
    std::memcpy(addressOf(dst), src.data(), src.size());
    uploadedBytes += src.size();
  }
  void copyFrom(BufferView dst, BufferView src) override {
    if (dst.size != src.size) refuse("copyFrom takes equal sizes");
    if (!dynamic_cast<ShimBuffer*>(src.buffer)) refuse("a copy from what is no emulated card");
    std::memcpy(addressOf(dst), addressOf(src), dst.size);
    peerBytes += dst.size;
  }
  void download(std::span<std::byte> dst, BufferView src) override {
    if (dst.size() > src.size) refuse("a download larger than its source");
    std::memcpy(dst.data(), addressOf(src), dst.size());
  }
  void copy(BufferView dst, BufferView src) override {
    if (dst.size != src.size || dst.size % 4 != 0) refuse("copy takes equal sizes, multiples of 4");
    std::memmove(addressOf(dst), addressOf(src), dst.size);
  }
  void fill(BufferView dst, uint32_t word) override {
    if (dst.size % 4 != 0) refuse("fill takes a multiple of 4 bytes");
    std::byte* const buffers[] = {addressOf(dst)};
    const cuda_shim::FillParams params{dst.size / 4, word};
    launchKernel(cuda_shim::cudaKernel_fill, "fill", params.words, buffers, &params);
  }
  void launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
              std::span<const std::byte> params) override {
    const CudaKernel* entry = cuda_shim::kKernelTable[size_t(kernel)];
    const char* name = kernelName(kernel);
    if (!entry) refuse(std::string(name) + " is a kernel of the CPU only");
    if (views.size() != entry->buffers)
      refuse(std::string(name) + " takes " + std::to_string(entry->buffers) + " buffers");
    if (params.size() != entry->paramsBytes)
      refuse(std::string(name) + " takes params of " + std::to_string(entry->paramsBytes) + " bytes");
    std::vector<std::byte*> buffers;
    for (const BufferView& view : views) buffers.push_back(boundAddressOf(view));
    alignas(16) std::byte copy[128];
    std::memcpy(copy, params.data(), params.size());
    launchKernel(*entry, name, count, buffers, copy);
  }
  void matmul(const Matmul& op) override {
    const uint64_t ldb = op.bits == 4 ? op.ldb + op.ldb % 2 : op.ldb, groups = op.group ? op.k / op.group : 1;
    const uint64_t bitsA = op.rowScales ? 8 : bitsOf(op.formatA), bitsB = op.bits ? op.bits : bitsOf(op.formatB);
    if (op.integerA && op.k && !op.rowScales) refuse("matmul: rows that are to be codes, but are none");
    checkLayout(op.a, op.transposeA ? op.k : op.m, op.transposeA ? op.m : op.k, op.lda, op.strideA, op.batch, bitsA,
                "a");
    checkLayout(op.b, op.transposeB ? op.n : op.k, op.transposeB ? op.k : op.n, ldb, op.strideB, op.batch, bitsB, "b");
    checkLayout(op.out, op.m, op.n, op.ldOut, op.strideOut, op.batch, bitsOf(op.formatOut), "out");
    if (op.bits && op.k) checkLayout(op.scales, op.n, groups, groups, 0, 1, 32, "scales");
    if (op.rowScales) checkLayout(op.rowScales, 1, op.m, op.m, 0, 1, 32, "the scales of rows");
    if (op.bias) checkLayout(op.bias, 1, op.n, op.n, 0, 1, bitsOf(op.formatBias), "bias");
    if (op.residual) checkLayout(op.residual, op.m, op.n, op.n, 0, 1, bitsOf(op.formatResidual), "residual");
    if (op.sums) checkLayout(op.sums, op.m, op.n, op.n, 0, 1, 32, "sums");
    if (op.sums && op.formatOut == kFormatFloat32) refuse("matmul: room for sums that go to the output");
    // Both ways that a card has are run: which one, their rows say.
    const bool byLibrary = op.rowScales ? op.bits == 8 && !op.group : op.hasEpilogue() && !op.bits;
    if (op.k && op.batch == 1 && byLibrary && op.m % 2)
      inTwoSteps(op);
    else
      tiled(op);
  }
  void submit(Completion done) override { done(nullptr, QueueTimings{}); }
  void discard() noexcept override {}

 private:
  static void tiled(const Matmul& op) {
    const cuda_shim::MatmulTiledParams params = cuda_shim::matmulTiledParams(op);
    std::vector<std::byte*> buffers;
    for (const BufferView& view : {op.k ? op.a : BufferView{}, op.k ? op.b : BufferView{}, op.scales, op.rowScales,
                                   op.bias, op.residual, op.out})
      buffers.push_back(view ? boundAddressOf(view) : nullptr);
    launchKernel(cuda_shim::cudaKernel_matmul_tiled, "matmul_tiled", cuda_shim::matmulTiles(params), buffers, &params);
  }
  // As a card does with cuBLASLt: the product, which the library makes there, and what follows in a pass of its own.
  static void inTwoSteps(const Matmul& op) {
    Matmul product = op;
    product.bias = product.residual = {}, product.activation = kActivationNone, product.formatOut = kFormatFloat32;
    if (op.formatOut != kFormatFloat32) {
      if (!op.sums) refuse("matmul: no room for sums");
      product.out = op.sums, product.ldOut = op.n;
    }
    if (op.rowScales)
      multiplyCodes(product);
    else
      tiled(product);
    const cuda_shim::MatmulFinishParams params = cuda_shim::matmulFinishParams(op, product.ldOut);
    std::vector<std::byte*> buffers;
    for (const BufferView& view : {product.out, op.scales, op.rowScales, op.bias, op.residual, op.out})
      buffers.push_back(view ? boundAddressOf(view) : nullptr);
    launchKernel(cuda_shim::cudaKernel_matmul_finish, "matmul_finish", uint64_t{op.m} * op.n, buffers, &params);
  }
  static void multiplyCodes(const Matmul& op) {
    const auto* a = reinterpret_cast<const int8_t*>(boundAddressOf(op.a));
    const auto* b = reinterpret_cast<const int8_t*>(boundAddressOf(op.b));
    auto* out = reinterpret_cast<int32_t*>(boundAddressOf(op.out));
    for (size_t row = 0; row < op.m; ++row)
      for (size_t column = 0; column < op.n; ++column) {
        int32_t sum = 0;
        for (size_t i = 0; i < op.k; ++i) sum += a[row * op.lda + i] * b[column * op.ldb + i];
        out[row * op.ldOut + column] = sum;
      }
  }
  static uint64_t bitsOf(uint32_t format) { return format == kFormatFloat32 ? 32 : 16; }
  // What cuBLASLt would refuse, or read past.
  static void checkLayout(const BufferView& view, uint64_t rows, uint64_t columns, uint64_t ld, uint64_t stride,
                          uint64_t batch, uint64_t bits, const char* name) {
    if (rows == 0 || columns == 0) return;
    if (ld < columns) refuse(std::string("matmul: the row length of ") + name + " is below its columns");
    if ((((batch - 1) * stride + (rows - 1) * ld + columns) * bits + 7) / 8 > view.size)
      refuse(std::string("matmul reads past ") + name);
  }
};

DeviceInfo shimInfo(uint32_t index) {
  DeviceInfo info;
  info.id = "cuda-shim:" + std::to_string(index);
  info.index = index;
  info.backend = Backend::Cuda;
  info.name = "CUDA kernels emulated on the CPU (for tests)";
  info.vendor = "switchyard";
  info.type = DeviceType::Cpu;
  info.memory = {1ull << 30, 1ull << 30};
  info.computeUnits = 1;
  info.computeCapability = index == 0 ? 90 : 75;  // with tensor cores and without
  info.multipliesHalves = index == 0;
  info.features.float16 = info.features.int8 = info.features.subgroups = true;
  return info;
}

class ShimDevice : public Device {
 public:
  explicit ShimDevice(uint32_t index) : Device(shimInfo(index)) {}
  std::unique_ptr<Buffer> allocate(size_t bytes) override { return std::make_unique<ShimBuffer>(bytes); }
  std::unique_ptr<Buffer> wrap(std::span<std::byte>) override { return nullptr; }
  std::unique_ptr<Queue> createQueue(const QueueOptions&) override { return std::make_unique<ShimQueue>(); }
  MemoryUse memory() const override { return info.memory; }
  bool reaches(const Device& other) const noexcept override {
    return dynamic_cast<const ShimDevice*>(&other) && &other != this;
  }
};

}  // namespace

std::shared_ptr<Device> makeCudaShimDevice(uint32_t index) { return std::make_shared<ShimDevice>(index); }

ShimCopies cudaShimCopies() { return {uploadedBytes, peerBytes}; }

}  // namespace switchyard
