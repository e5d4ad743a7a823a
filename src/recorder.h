// What a workload's plan writes to: device commands with scratch memory that lives as long as the job needs it.
#pragma once
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "device.h"
#include "memory/arena.h"
#include "params.h"
#include "program_cache.h"
#include "progress.h"
#include "task.h"
#include "workload.h"

namespace switchyard {

constexpr uint32_t formatOf(DType dtype) {
  return dtype == DType::Float16 ? kFormatFloat16 : dtype == DType::Bfloat16 ? kFormatBfloat16 : kFormatFloat32;
}

// Floating elements as they lie in memory.
struct Elements {
  BufferView view;
  uint32_t format = kFormatFloat32;

  uint64_t bytes() const { return format == kFormatFloat32 ? 4 : 2; }  // of one
  BufferView slice(uint64_t first, uint64_t count) const { return view.slice(first * bytes(), count * bytes()); }
};
// The word `formats` of a kernel's params, of its buffers in order.
inline uint32_t formatsOf(std::initializer_list<Elements> buffers) {
  uint32_t formats = 0, shift = 0;
  for (const Elements& buffer : buffers) formats |= buffer.format << std::exchange(shift, shift + 2);
  return formats;
}

class Recorder {
 public:
  Recorder(Device& device, Queue& queue, Arena& arena, ProgramCache& programs, const std::atomic<bool>& stop,
           Progress* progress = nullptr)
      : device_(device), queue_(queue), arena_(arena), programs_(programs), stop_(stop), progress_(progress) {}
  ~Recorder();  // gives all scratch back: only when the device has finished with it
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;

  const DeviceInfo& device() const { return device_.info; }
  bool onCpu() const { return device_.info.backend == Backend::Cpu; }
  // True once the job was cancelled: a plan between two parts may stop there.
  void throwIfStopped() const;
  // So many steps of the plan are done, 0 before the first; a graph is at its node of that number, of `count`.
  void step(double done, double total) {
    if (progress_) progress_->step(done, total);
  }
  void node(size_t number, size_t count) {
    // Work for a card of CUDA's is recorded far ahead: what is done there is known where a plan has waited for it.
    const bool areDone = device_.info.backend != Backend::Cuda;
    if (progress_) progress_->node(static_cast<double>(number), static_cast<double>(count), areDone);
  }

  uint64_t takenBytes() const;  // of the context's memory

  BufferView scratch(uint64_t bytes);
  // Whether it is memory that this job alone uses: a plan may write to it.
  bool owns(BufferView view) const;
  void release(BufferView scratch);  // may be handed out again at once: commands run in order
  // Memory for an upload: never one that an earlier command of this job may still use.
  BufferView fresh(uint64_t bytes);
  // Host memory that lives until the job is over (the source of an upload, the target of a download).
  template <class T>
  std::span<T> hostMemory(size_t count) {
    auto owner = std::make_shared<std::vector<T>>(count);
    host_.push_back(owner);
    return {owner->data(), count};
  }

  template <class P>
  void launch(Kernel kernel, uint64_t count, std::initializer_list<BufferView> views, const P& params) {
    static_assert(sizeof(P) <= 128);
    throwIfStopped();
    queue_.launch(kernel, count, {views.begin(), views.size()}, std::as_bytes(std::span(&params, 1)));
  }
  // With what the device's queue leaves to its caller: codes of a's rows, and room for sums of parts.
  void matmul(const Matmul& op);
  // The device's program of a module, compiled if this context has not got it; alive until the job is over.
  std::shared_ptr<const Program> program(const ModulePtr& module) {
    throwIfStopped();
    programsHeld_.push_back(programs_.get(device_, module));
    return programsHeld_.back();
  }
  void launch(const std::shared_ptr<const Program>& program, Extent groups, std::span<const ProgramView> views,
              std::span<const std::byte> params) {
    throwIfStopped();
    queue_.launch(program, groups, views, params);
  }
  // Throws OutOfMemory where the picture and its textures alone take more than the context's limit.
  void draw(const Picture& picture, std::span<const Draw> draws);
  void copy(BufferView dst, BufferView src) { queue_.copy(dst, src); }
  void fill(BufferView dst, uint32_t word) { queue_.fill(dst, word); }
  void upload(BufferView dst, std::span<const std::byte> src) { queue_.upload(dst, src); }
  void download(std::span<std::byte> dst, BufferView src) { queue_.download(dst, src); }

  // co_await recorder.sync(): goes on when everything recorded so far has finished on the device.
  struct Sync {
    Recorder& recorder;
    bool await_ready() const noexcept { return recorder.onCpu(); }
    void await_suspend(std::coroutine_handle<> handle) noexcept { recorder.suspended_ = handle; }
    void await_resume() { recorder.throwIfStopped(); }
  };
  Sync sync() { return {*this}; }
  std::coroutine_handle<> takeSuspended() { return std::exchange(suspended_, nullptr); }

  // What a kernel with `formats` is given: the memory itself, in the format that it has.
  Elements elements(const Value& value) const { return {value.view, formatOf(value.spec.dtype)}; }
  // Where such a kernel writes rows of `d`: the output itself, or float32 where it can't write them (kernels.def) ...
  Elements target(const Value& output, uint64_t d);
  void finish(const Value& output, Elements target);  // ... and what to call when it is complete

  void cast(Elements from, Elements to, uint64_t elements);

  // For other kernels: inputs of half precision are widened into scratch, such outputs narrowed from it.
  BufferView floats(const Value& value);
  BufferView floatTarget(const Value& output);                // where to write the float32 result ...
  void finishTarget(const Value& output, BufferView target);  // ... and what to call when it is complete

  // Calls fn(firstRow, rows) for pieces of which no view is longer than the device binds and every piece starts at an
  // offset the device accepts (rowSizes: the byte length of a row in each view). At most mostRows a piece, as near as
  // offsets allow, to bound the scratch it needs.
  class PieceFunction {  // a reference: nothing is allocated for it
   public:
    template <class F>
    PieceFunction(const F& fn)
        : fn_(&fn),
          call_([](const void* fn, uint64_t first, uint32_t rows) { (*static_cast<const F*>(fn))(first, rows); }) {}
    void operator()(uint64_t first, uint32_t rows) const { call_(fn_, first, rows); }

   private:
    const void* fn_;
    void (*call_)(const void* fn, uint64_t first, uint32_t rows);
  };
  void forRowPieces(uint64_t rows, std::initializer_list<uint64_t> rowSizes, PieceFunction fn,
                    uint64_t mostRows = 0x7FFFFFFF) const;
  // How it cuts them: at most so many rows a piece, each of a multiple of `step` rows but for the last.
  struct Pieces {
    uint64_t most, step;
  };
  Pieces pieces(std::initializer_list<uint64_t> rowSizes) const;
  // The view itself, or a copy of it in scratch when its offset is not one the device accepts.
  BufferView aligned(BufferView view);
  void releaseAligned(BufferView result, BufferView original) {
    if (result.buffer != original.buffer || result.offset != original.offset) release(result);
  }
  // Throws Unsupported when a view that can't be split is longer than the device binds.
  void requireBindable(uint64_t bytes, const char* what) const;

 private:
  void matmulOfCodes(const Matmul& op);
  void matmulInParts(const Matmul& op);
  void matmulOfMixed(const Matmul& op);
  void matmulWithSums(const Matmul& op);

  Device& device_;
  Queue& queue_;
  Arena& arena_;
  ProgramCache& programs_;
  const std::atomic<bool>& stop_;
  Progress* const progress_;
  std::vector<BufferView> owned_, idle_;
  std::vector<std::shared_ptr<void>> host_;
  std::vector<std::shared_ptr<const Program>> programsHeld_;
  std::coroutine_handle<> suspended_ = nullptr;
};

}  // namespace switchyard
