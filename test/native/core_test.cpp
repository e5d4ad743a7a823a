// Tensors' shapes, coroutine tasks, and the recorder's pieces and scratch.
#include <gtest/gtest.h>

#include "fault_device.h"
#include <cmath>
#include <numeric>

#include "half.h"
#include "recorder.h"

namespace switchyard::test {
namespace {

TEST(Shape, CountsAndOverflow) {
  EXPECT_EQ(elementCount({}), 1u);
  EXPECT_EQ(elementCount({7}), 7u);
  EXPECT_EQ(elementCount({2, 0, 5}), 0u);
  EXPECT_EQ(elementCount({uint64_t{1} << 53}), uint64_t{1} << 53);
  EXPECT_EQ(elementCount({uint64_t{1} << 30, uint64_t{1} << 23}), uint64_t{1} << 53);
  for (Shape shape : {Shape{(uint64_t{1} << 53) + 1}, Shape{uint64_t{1} << 30, uint64_t{1} << 24},
                      Shape{uint64_t{1} << 32, uint64_t{1} << 32}, Shape{~uint64_t{0}, 2}, Shape{0, ~uint64_t{0}},
                      Shape{uint64_t{1} << 40, 0, uint64_t{1} << 40}})
    EXPECT_THROW(elementCount(shape), Error) << shape.text();
  EXPECT_THROW((Shape{1, 1, 1, 1, 1, 1, 1, 1, 1}), Error);
  EXPECT_EQ((Shape{1, 1, 1, 1, 1, 1, 1, 1}).rank(), 8u);
}

TEST(Shape, TextAndAxes) {
  Shape shape{2, 3, 5};
  EXPECT_EQ(shape.text(), "[2, 3, 5]");
  EXPECT_EQ(Shape{}.text(), "[]");
  EXPECT_EQ(shape.back(), 5u);
  EXPECT_EQ(shape.back(2), 2u);
  EXPECT_EQ(shape.leading(2), (Shape{2, 3}));
  EXPECT_FALSE(shape == shape.leading(2));
}

TEST(TensorSpec, BytesByDtype) {
  for (auto [dtype, bytes] : {std::pair{DType::Float32, 12u},
                              {DType::Float16, 6u},
                              {DType::Int32, 12u},
                              {DType::Uint32, 12u},
                              {DType::Int8, 3u},
                              {DType::Uint8, 3u}})
    EXPECT_EQ((TensorSpec{dtype, {3}}).bytes(), bytes) << dtypeName(dtype);
}

TEST(Errors, EveryCodeHasItsName) {
  EXPECT_STREQ(codeName(Code::InvalidArgument), "ERR_INVALID_ARGUMENT");
  EXPECT_STREQ(codeName(Code::OutOfMemory), "ERR_OUT_OF_MEMORY");
  EXPECT_STREQ(codeName(Code::Internal), "ERR_INTERNAL");
  EXPECT_STREQ(codeName(Code::Canceled), "ERR_CANCELED");
}

TEST(Half, OracleConversion) {
  struct {
    double value;
    uint16_t bits;
  } cases[] = {{0, 0},
               {-0.0, 0x8000},
               {1, 0x3C00},
               {-2, 0xC000},
               {65504, 0x7BFF},
               {65519, 0x7BFF},
               {65520, 0x7C00},
               {1e9, 0x7C00},
               {6.103515625e-05, 0x0400},
               {5.9604644775390625e-08, 1},
               {2.98e-08, 0},
               {2.99e-08, 1},
               {1.0009765625, 0x3C01},
               {1.00048828125, 0x3C00},
               {1.00146484375, 0x3C02},
               {2047.9999, 0x6800},
               {6.1e-05, 0x03FF}};
  for (auto [value, bits] : cases) EXPECT_EQ(toHalf(value), bits) << value;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    double value = fromHalf(uint16_t(bits));
    if (!std::isnan(value)) {
      ASSERT_EQ(toHalf(value), bits);
    }
  }
}

// ---- workload table

TEST(Workloads, AllAreThere) {
  for (const char* name : {"add",
                           "subtract",
                           "multiply",
                           "divide",
                           "scale",
                           "activation",
                           "reduce",
                           "normalize",
                           "softmax",
                           "layer-norm",
                           "matmul",
                           "attention",
                           "top-k",
                           "similarity-search",
                           "quantize",
                           "dequantize",
                           "pca-fit",
                           "pca-transform",
                           "gather",
                           "pool",
                           "transpose",
                           "slice",
                           "cast",
                           "concat",
                           "rms-norm",
                           "rope",
                           "pagerank",
                           "linear",
                           "reshape",
                           "force-layout",
                           "evidence-timeline",
                           "render/attention-heatmap",
                           "render/evidence-timeline",
                           "render/document-network"}) {
    const Workload* workload = findWorkload(name);
    ASSERT_NE(workload, nullptr) << name;
    EXPECT_STREQ(workload->info.name, name);
  }
  EXPECT_EQ(allWorkloads().size(), 34u);
  for (const Workload* workload : allWorkloads()) {
    const size_t joined = workload->info.join.value.joined;
    EXPECT_TRUE(joined == 0 || joined == workload->info.inputs.size()) << workload->info.name;
    EXPECT_EQ(findWorkload(workload->info.name), workload);
    EXPECT_EQ(allWorkloads()[workloadNumber(*workload)], workload);
  }
  EXPECT_EQ(findWorkload("graph"), nullptr);
  EXPECT_EQ(findWorkload(""), nullptr);
}

TEST(Workloads, TooLargeForTheirArithmetic) {
  Call call;
  for (size_t i = 0; i < 2; ++i) call.inputs[i].present = true;
  call.inputs[0].spec = {DType::Float32, {uint64_t{1} << 32, 2}};
  call.inputs[1].spec = {DType::Float32, {2, uint64_t{1} << 32}};
  call.params.fill(std::numeric_limits<double>::quiet_NaN());
  EXPECT_THROW(checkCall(*findWorkload("matmul"), call), Error);
  call.inputs[0].spec = {DType::Float32, {uint64_t{1} << 40, uint64_t{1} << 40}};
  EXPECT_THROW(checkCall(*findWorkload("scale"), call), Error);
}

// ---- tasks

Task leaf(std::vector<int>& log, int value) {
  log.push_back(value);
  co_return;
}

Task failing() {
  throw Error(Code::Internal, "inside");
  co_return;
}

struct Stop {
  std::coroutine_handle<>& resume;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> handle) noexcept { resume = handle; }
  void await_resume() const noexcept {}
};

Task waiting(std::vector<int>& log, std::coroutine_handle<>& resume) {
  log.push_back(10);
  co_await Stop{resume};
  log.push_back(11);
}

Task outer(std::vector<int>& log, std::coroutine_handle<>& resume) {
  co_await leaf(log, 1);
  co_await waiting(log, resume);
  co_await leaf(log, 2);
}

TEST(Task, RunsNestedAndResumesWhereItWaited) {
  std::vector<int> log;
  std::coroutine_handle<> resume;
  Task task = outer(log, resume);
  EXPECT_TRUE(log.empty()) << "a task starts suspended";
  task.handle().resume();
  EXPECT_EQ(log, (std::vector<int>{1, 10}));
  EXPECT_FALSE(task.done());
  resume.resume();
  EXPECT_TRUE(task.done());
  EXPECT_EQ(log, (std::vector<int>{1, 10, 11, 2}));
  task.rethrow();
}

TEST(Task, ErrorsReachTheOutermost) {
  auto wrap = []() -> Task { co_await failing(); };
  Task task = wrap();
  task.handle().resume();
  EXPECT_TRUE(task.done());
  EXPECT_THROW(task.rethrow(), Error);
}

TEST(Task, ManyAwaitsInARowKeepTheStackShort) {
  // The sanitizers' instrumentation turns the compiler's tail calls, on which this rests, into ordinary ones.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr int kAwaits = 200;
#else
  constexpr int kAwaits = 200'000;
#endif
  auto many = [](std::vector<int>& log) -> Task {
    for (int i = 0; i < kAwaits; ++i) {
      log.clear();
      co_await leaf(log, i);
    }
  };
  std::vector<int> log;
  Task task = many(log);
  task.handle().resume();
  EXPECT_TRUE(task.done());
}

TEST(Task, DestroyedWhileItWaits) {
  std::vector<int> log;
  std::coroutine_handle<> resume;
  {
    Task task = outer(log, resume);
    task.handle().resume();
  }
  EXPECT_EQ(log, (std::vector<int>{1, 10}));
}

// ---- the recorder

// The CPU device with other limits.
class Limited final : public Device {
 public:
  Limited(std::shared_ptr<Device> inner, uint64_t maxViewBytes, uint32_t alignment)
      : Device(lowered(inner->info, maxViewBytes, alignment)), inner_(std::move(inner)) {}
  std::unique_ptr<Buffer> allocate(size_t bytes) override { return inner_->allocate(bytes); }
  std::unique_ptr<Buffer> wrap(std::span<std::byte> host) override { return inner_->wrap(host); }
  std::unique_ptr<Queue> createQueue(const QueueOptions& options) override { return inner_->createQueue(options); }
  MemoryUse memory() const override { return inner_->memory(); }

 private:
  static DeviceInfo lowered(DeviceInfo info, uint64_t maxViewBytes, uint32_t alignment) {
    info.maxViewBytes = maxViewBytes;
    info.viewAlignment = alignment;
    return info;
  }
  const std::shared_ptr<Device> inner_;
};

struct Recording {
  explicit Recording(uint64_t maxViewBytes = ~0ull, uint32_t alignment = 16)
      : device(std::make_shared<Limited>(openDevice("cpu"), maxViewBytes, alignment)),
        arena(device, 64 << 20),
        queue(device->createQueue()) {}
  std::shared_ptr<Device> device;
  Arena arena;
  std::unique_ptr<Queue> queue;
  ProgramCache programs{4};
  std::atomic<bool> stop{false};
};

TEST(Recorder, PiecesCoverAllRowsOnceAtAlignedOffsets) {
  for (uint64_t rowBytes : {4, 12, 20, 28, 36, 64, 100, 1000})
    for (uint64_t rows : {0, 1, 7, 100, 4099}) {
      Recording on(4096, 64);
      Recorder recorder(*on.device, *on.queue, on.arena, on.programs, on.stop);
      uint64_t next = 0;
      bool possible = rows * rowBytes <= 4096 || 4096 / rowBytes >= 64 / std::gcd<uint64_t>(rowBytes, 64);
      if (!possible) {
        EXPECT_THROW(recorder.forRowPieces(rows, {rowBytes}, [](uint64_t, uint32_t) {}), Error);
        continue;
      }
      recorder.forRowPieces(rows, {rowBytes}, [&](uint64_t first, uint32_t count) {
        EXPECT_EQ(first, next);
        EXPECT_GT(count, 0u);
        EXPECT_LE(count * rowBytes, 4096u);
        EXPECT_EQ(first * rowBytes % 64, 0u) << rowBytes << " x " << rows;
        next += count;
      });
      EXPECT_EQ(next, rows);
    }
}

TEST(Recorder, ScratchIsReusedAfterItsReleaseAlone) {
  Recording on;
  {
    Recorder recorder(*on.device, *on.queue, on.arena, on.programs, on.stop);
    BufferView a = recorder.scratch(1000), b = recorder.scratch(1000);
    EXPECT_FALSE(a.buffer == b.buffer && a.offset == b.offset);
    recorder.release(a);
    BufferView c = recorder.scratch(900);
    EXPECT_TRUE(c.buffer == a.buffer && c.offset == a.offset);
    EXPECT_EQ(c.size, 900u);
    recorder.release(c);
    BufferView fresh = recorder.fresh(900);
    EXPECT_FALSE(fresh.buffer == a.buffer && fresh.offset == a.offset) << "memory for an upload may still be in use";
    EXPECT_GT(on.arena.use().usedBytes, 0u);
  }
  EXPECT_EQ(on.arena.use().usedBytes, 0u);
}

TEST(Recorder, StopsBetweenLaunches) {
  Recording on;
  Recorder recorder(*on.device, *on.queue, on.arena, on.programs, on.stop);
  recorder.throwIfStopped();
  on.stop = true;
  EXPECT_THROW(recorder.throwIfStopped(), Error);
  BufferView view = recorder.scratch(64);
  EXPECT_THROW(recorder.launch(Kernel::scale, 16, {view, view}, ScaleParams{16, 1, 0, 0}), Error);
}

}  // namespace
}  // namespace switchyard::test
