// The nouns every backend implements: Device, Queue, Buffer, Program. Nobody outside a backend's folder knows its API.
#pragma once
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "error.h"
#include "params.h"

namespace switchyard {

enum class Backend : uint8_t {
#define BACKEND(identifier, name, label, rank, softwareRank, drawRank) identifier,
#include "backends.def"
#undef BACKEND
};
enum class DeviceType : uint8_t { Discrete, Integrated, Virtual, Cpu };
// What is said of a backend everywhere: backends.def has a row for each.
struct BackendInfo {
  const char *name, *label;          // "cuda"; what sentences call it
  int rank, softwareRank, drawRank;  // of its devices, the preferred ones first
};
constexpr BackendInfo kBackends[] = {
#define BACKEND(identifier, name, label, rank, softwareRank, drawRank) {name, label, rank, softwareRank, drawRank},
#include "backends.def"
#undef BACKEND
};
constexpr const char* backendName(Backend backend) noexcept { return kBackends[static_cast<int>(backend)].name; }
const char* deviceTypeName(DeviceType type) noexcept;  // "discrete", ...

struct DeviceFeatures {
  bool float16 = false, int8 = false, subgroups = false, cooperativeMatrix = false;
  bool graphics = false, externalHostMemory = false, timelineSemaphore = false;
};

struct MemoryUse {
  uint64_t totalBytes = 0;  // what the device has
  uint64_t freeBytes = 0;   // what the driver says is left for this process
};

// What one card has to another one, beside the way through the host's memory.
struct DeviceLink {
  std::string device;  // the other's id
  bool nvlink = false;
  bool peer = false;  // its driver lets this one read the other's memory
};

struct DeviceInfo {
  std::string id;  // "cuda:0", "vulkan:0", "cpu:0"
  Backend backend = Backend::Cpu;
  uint32_t index = 0;
  std::string name, uuid, vendor, driver, apiVersion;
  DeviceType type = DeviceType::Cpu;
  MemoryUse memory;
  uint32_t computeUnits = 0;
  uint32_t computeCapability = 0;  // CUDA: 90 for 9.0
  DeviceFeatures features;
  uint64_t maxViewBytes = ~0ull;  // the largest range one binding may cover; larger buffers are bound in pieces
  uint32_t viewAlignment = 16;    // offsets of bound views are multiples of this
  // 0, or the turns after which the driver ends a shader's loops, all of a thread's together
  uint32_t maxLoopTurns = 0;
  // Whether lanes of a subgroup can read each other's values, as fused attention does.
  bool broadcasts = true;
  // Whether the driver takes minutes to compile large shaders, as SwiftShader does, so that small ones do better.
  bool compilesSlowly = false;
  // Whether the kernels that this card gets have products of halves (tensor_cores.h): known once it is open.
  bool multipliesHalves = false;
  // Where its card is (topology.h): "0000:3b:00.0", or empty; the NUMA node it is attached to, or -1, and that node's
  // CPUs, as "0-15,32-47".
  std::string pciBusId;
  int numaNode = -1;
  std::string numaCpus;
  std::vector<DeviceLink> links;
  std::string warning;  // empty, or what a user should know
};

// Device memory, freed by the destructor. Not to be destroyed while commands that use it are unfinished.
class Buffer {
 public:
  virtual ~Buffer() = default;
  const size_t size;
  std::byte* const host;  // where the CPU sees it, or null. For CPU devices never null.

 protected:
  Buffer(size_t size, std::byte* host) : size(size), host(host) {}
};

// A range of a buffer. Ranges are sub-allocated at 256-byte steps, so a kernel may read (never write) up to
// the next multiple of 4 bytes past `size`.
struct BufferView {
  Buffer* buffer = nullptr;
  uint64_t offset = 0, size = 0;
  explicit operator bool() const { return buffer != nullptr; }
  BufferView slice(uint64_t from, uint64_t bytes) const { return {buffer, offset + from, bytes}; }
  template <class T = std::byte>
  T* host() const {
    return reinterpret_cast<T*>(buffer->host + offset);
  }
};

// The kernels, by name; kernels.def is their contract.
enum class Kernel : uint16_t {
#define KERNEL(name, unit, buffers, outputs, params, where) name,
#include "kernels.def"
#undef KERNEL
  kCount
};
const char* kernelName(Kernel kernel) noexcept;

struct ProgramModule;

// A program (program/module.h) as one device runs it. Thread-safe; it may go when no unfinished commands use it.
class Program {
 public:
  virtual ~Program() = default;
  const std::shared_ptr<const ProgramModule> module;
  const uint64_t bytes;  // what it takes, as far as can be told

 protected:
  Program(std::shared_ptr<const ProgramModule> module, uint64_t bytes) : module(std::move(module)), bytes(bytes) {}
};

using Extent = std::array<uint32_t, 3>;

// A buffer as a program sees it. The range is all it can reach: accesses past its end read zeros or something of the
// range, and write nothing or something of the range, wherever its memory lies. The exception are CUDA kernels, whose
// source is trusted.
struct ProgramView {
  BufferView view;
  bool written = true;  // false: the program's source can't write it
};

// Values of a shader's sampled image, copied into one when they are drawn with: row-major, `channels` each, float32 or
// bytes that stand for 0 to 1.
struct Texture {
  BufferView texels;
  uint32_t width = 0, height = 0, channels = 4;  // 1, 2 or 4
  bool isFloat = false;
  bool linear = true;
};

enum class Primitive : uint8_t { Points, Lines, Triangles };
// None: replaces; Alpha: straight alpha over; Additive: colour * alpha is added; Premultiplied: over, the colour holds
// its alpha already.
enum class Blend : uint8_t { None, Alpha, Additive, Premultiplied };

struct Draw {
  std::shared_ptr<const Program> program;  // of a Shader
  Primitive primitive = Primitive::Triangles;
  Blend blend = Blend::Alpha;
  uint32_t vertices = 0, instances = 1;
  // one for each of the module's, in its order; tightly packed 32-bit components for each vertex
  std::vector<BufferView> attributes;
  std::vector<BufferView> buffers;  // one for each of its storage buffers, in its order; shaders only read them
  std::vector<Texture> textures;    // one for each of its images, in its order
  std::vector<std::byte> params;    // paramBytes of them
};

// What is drawn onto: RGBA8, rows from the top, width * height * 4 bytes to `out` when all is drawn.
struct Picture {
  uint32_t width = 0, height = 0;
  uint32_t samples = 1;  // for each pixel: 1 or 4
  std::array<float, 4> background{0, 0, 0, 0};
  BufferView out;
};
constexpr uint32_t kMaxPictureExtent = 8192;

// out[m, n] = activation(alpha * op(a)[m, k] * op(b)[k, n] + bias[n]) + residual[m, n], row-major, `batch` times.
// Strides in elements; a stride of 0 repeats the operand. op(a) is a [m, k], or with transposeA a is stored [k, m];
// op(b) is b [k, n], or with transposeB b is stored [n, k]. ld* are the row lengths as stored (>= the columns).
// k may be 0: the product is zeros. m, n and batch are at least 1. Views may be larger than maxViewBytes: the queue
// splits. `fast` lets a backend round factors to TF32 or bfloat16; otherwise products and sums are float32 at least.
struct Matmul {
  BufferView a, b, out;
  uint32_t m = 0, n = 0, k = 0;
  uint32_t lda = 0, ldb = 0, ldOut = 0;
  bool transposeA = false, transposeB = false;
  float alpha = 1.0f;
  uint32_t batch = 1;
  uint64_t strideA = 0, strideB = 0, strideOut = 0;
  bool fast = false;
  uint32_t formatA = kFormatFloat32, formatB = kFormatFloat32, formatOut = kFormatFloat32;

  // Integer weights: b is stored [n, k] (transposeB, one for the whole batch), codes of 8 bits, or of 4 packed as
  // `quantize` packs them, a row in (k + 1) / 2 bytes. b[j, i] = code * scales[j], or scales[j, i / group].
  uint32_t bits = 0;   // 0: b is floating, in formatB
  uint32_t group = 0;  // divides k, and is even for 4 bits; 0: one scale a row
  BufferView scales;   // float32
  // Beside integer weights: the rows of a (not transposed) become int8 as `quantize` makes them, and the codes are
  // multiplied and summed as integers, over a group or all of k.
  bool integerA = false;
  // Of integerA, on GPUs: a is those codes already, of these scales [m]; Recorder::matmul() has them made.
  BufferView rowScales;
  BufferView sums;  // on CUDA, beside an output of half precision that more than the product goes to: room for [m, n]

  // With either, `batch` is 1.
  BufferView bias, residual;  // null: none
  uint32_t formatBias = kFormatFloat32, formatResidual = kFormatFloat32;
  uint32_t activation = kActivationNone;

  bool isPlain() const {  // nothing but float32 and the product
    return !(formatA | formatB | formatOut | bits) && !hasEpilogue();
  }
  bool hasEpilogue() const { return bias || residual || activation != kActivationNone; }
};

// How long the parts of a submission took, in milliseconds; zeros where it has ended by the time it is submitted.
struct QueueTimings {
  double uploadMs = 0, computeMs = 0, readbackMs = 0;
};
using Completion = std::function<void(std::exception_ptr error, const QueueTimings& timings)>;

class Progress;

// In-order work of one lane. Used by one thread at a time. Calls may return before the work is done; a call that
// throws leaves the queue usable, with everything since the last submit() to be dropped by discard().
class Queue {
 public:
  virtual ~Queue() = default;  // waits for what was submitted

  // `src` and `dst` host memory stays valid until the completion of the submission has been called. The target of an
  // upload is not in use by unfinished work of an earlier submission (a backend may write it at once).
  virtual void upload(BufferView dst, std::span<const std::byte> src) = 0;
  virtual void download(std::span<std::byte> dst, BufferView src) = 0;  // dst is filled when the completion is called
  virtual void copy(BufferView dst, BufferView src) = 0;                // sizes equal; a multiple of 4 bytes
  virtual void fill(BufferView dst, uint32_t word) = 0;                 // a multiple of 4 bytes
  // From a device that this one reaches (Device::reaches). The source has no unfinished work, and stays until the
  // completion. Throws SourceLost.
  virtual void copyFrom(BufferView dst, BufferView src);
  // `count` is in the kernel's unit (kernels.def). Views in the order of the kernel's contract, `params` its plain
  // struct.
  virtual void launch(Kernel kernel, uint64_t count, std::span<const BufferView> views,
                      std::span<const std::byte> params) = 0;
  virtual void matmul(const Matmul& op) = 0;  // the one place for the platform's library
  // A user's kernel: `groups` groups of its group size. One view for each of the module's bindings, in its order.
  virtual void launch(const std::shared_ptr<const Program>& program, Extent groups, std::span<const ProgramView> views,
                      std::span<const std::byte> params);
  // Draws in order. Views that the draws read are not `out`.
  virtual void draw(const Picture& picture, std::span<const Draw> draws);

  // Calls `done` exactly once, when everything recorded since the last submit() has finished or failed: on the device's
  // completion thread, or before submit() returns (CPU). `done` must not throw and must be quick.
  virtual void submit(Completion done) = 0;
  virtual void discard() noexcept = 0;

  // Hint between independent jobs in one submission: nothing recorded after depends on what was recorded before.
  virtual void beginIndependent() {}
  // CPU kernels look at this flag once a tile and return early; null for none. With one, a backend may also cut what it
  // is given into pieces that it waits for, and throw Canceled between them.
  virtual void setStopFlag(const std::atomic<bool>*) {}
  // What takes long tells there how far it is; null: nowhere.
  virtual void setProgress(Progress*) {}
  // False: where a call would wait for the device, it throws MustWait instead. What was recorded since the last
  // submit() is then of no use: discard() is to follow, on a thread that may wait.
  virtual void setMayWait(bool) {}
  // False, on a thread that has other things to do (an event loop): what takes milliseconds the first time, code or a
  // library that is loaded, memory that is page-locked, is left to the lane. The call throws MustWait.
  virtual void setMayTakeLong(bool) {}
  // The longest that what is recorded until the next submit() may take on the device, as its caller has said; a backend
  // that takes a silent device for a lost one waits at least so long.
  virtual void setLongest(std::chrono::milliseconds) {}
};

// The device that a copy is from was lost; the one it goes to is not.
struct SourceLost : Error {
  explicit SourceLost(const std::string& id)
      : Error(Code::DeviceLost, "a tensor is on " + id + ", which was lost, and the tensor with it") {}
};

// Not an error: the caller is to go on with it on another thread.
struct MustWait {};

struct QueueOptions {
  uint32_t threads = 0;  // CPU: the most threads a job of this queue may use, 0 for all the process may use
};

class Device {  // safe from any thread
 public:
  virtual ~Device() = default;
  virtual std::unique_ptr<Buffer> allocate(size_t bytes) = 0;  // throws OutOfMemory
  // Host memory used in place where that is at least as fast as a copy (always on the CPU), else null. The range stays
  // valid for the life of the result.
  virtual std::unique_ptr<Buffer> wrap(std::span<std::byte> host) = 0;
  virtual std::unique_ptr<Queue> createQueue(const QueueOptions& options = {}) = 0;
  virtual MemoryUse memory() const = 0;
  // Whether its queues copy from the other device's buffers by themselves: past the host's memory, where the two can.
  virtual bool reaches(const Device&) const noexcept { return false; }
  // May take seconds. Throws Unsupported where the device runs no programs of this kind, Compile where its driver
  // refuses one.
  virtual std::shared_ptr<const Program> compile(std::shared_ptr<const ProgramModule> module);
  // Has transfers from and to this host memory go without a copy in between for as long as the result lives; the range
  // outlives it. Null where that is of no use or can't be done. May take milliseconds.
  virtual std::shared_ptr<void> pin(std::span<std::byte>) { return nullptr; }
  // Lost, and so for good: the next openDevice() opens it anew. Some backends know before a context has noticed.
  virtual bool lost() const noexcept { return lost_.load(std::memory_order_acquire); }
  void markLost() noexcept { lost_.store(true, std::memory_order_release); }
  const DeviceInfo info;

 protected:
  explicit Device(DeviceInfo info) : info(std::move(info)) {}

 private:
  std::atomic<bool> lost_{false};
};

// Why a backend is not there, and what can be done.
struct BackendProblem {
  Backend backend;
  // 'no driver', 'driver too old', 'compute capability below 7.5', 'loader without a driver file', 'built without
  // CUDA', ...
  std::string reason;
  std::string detail;  // what exactly was found
  std::string remedy;  // what to do about it
};

struct Enumeration {
  std::vector<DeviceInfo> devices;  // by rank: the preferred ones first
  std::vector<BackendProblem> problems;
};

struct EnumerateOptions {
  bool cuda = true, vulkan = true;
};

Enumeration enumerateDevices(const EnumerateOptions& options = {});
// A device is opened once a process and kept while anyone holds it; one that was lost is left to those who hold it, and
// opened anew. `id` is "auto", a backend ("cuda") or a device ("vulkan:0").
std::shared_ptr<Device> openDevice(const std::string& id, const EnumerateOptions& options = {});
// From now on the driver of an open device stays loaded. To unload it on another thread while exit() walks through the
// exit handlers, to which drivers add their own, is a crash: a host whose devices may be closed that late calls this
// for each it opens.
void keepDriverLoaded(const Device& device);

// What each backend's folder exports; device.cpp alone calls these, inside the only #ifdef of a backend.
namespace cpu {
void enumerate(Enumeration& into);
std::shared_ptr<Device> open(const DeviceInfo& info);
}  // namespace cpu
namespace vulkan {
void enumerate(Enumeration& into);  // info.type == Cpu marks a software driver
std::shared_ptr<Device> open(const DeviceInfo& info);
void keepDriversLoaded();
}  // namespace vulkan
namespace cuda {
void enumerate(Enumeration& into);
std::shared_ptr<Device> open(const DeviceInfo& info);
}  // namespace cuda

}  // namespace switchyard
