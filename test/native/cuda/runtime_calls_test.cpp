// What a queue asks the CUDA runtime for, counted: small uploads together, loops as graphs, transfers beside compute.
#include <cstring>

#include "runtime_fixture.h"

namespace switchyard::test {
namespace {

using namespace std::chrono_literals;

class CudaCalls : public OnCudaRuntime {
 protected:
  void finish(Queue& queue) {
    Ending ending;
    queue.submit(ending.callback());
    ASSERT_TRUE(ending.wait());
    EXPECT_EQ(ending.error(), "");
  }
};

TEST_F(CudaCalls, SmallUploadsGoTogether) {
  const auto device = openOnShimRuntime();
  const auto buffer = device->allocate(256 << 10);
  const auto queue = device->createQueue();
  queue->fill({buffer.get(), 0, buffer->size}, 0);
  finish(*queue);
  std::vector<std::byte> expected(buffer->size), got(buffer->size);
  std::vector<std::vector<std::byte>> pieces;
  size_t at = 0;
  // More than one launch takes; whole sixteens and not, aligned and not, next to each other and not.
  for (size_t i = 0; i < 70; ++i) {
    const size_t bytes = i == 3 ? 60 << 10 : 16 * i + i % 5 + 1;
    pieces.emplace_back(bytes, std::byte(i + 1));
    std::memcpy(expected.data() + at, pieces.back().data(), bytes);
    const uint64_t copies = ShimRuntime::calls("cudaMemcpyAsync");
    queue->upload({buffer.get(), at, bytes}, pieces.back());
    EXPECT_EQ(ShimRuntime::calls("cudaMemcpyAsync"), copies);
    at += bytes + i % 3;
  }
  const uint64_t copies = ShimRuntime::calls("cudaMemcpyAsync"), launches = ShimRuntime::calls("cudaLaunchKernel");
  queue->download(got, {buffer.get(), 0, got.size()});
  EXPECT_EQ(ShimRuntime::calls("cudaMemcpyAsync"), copies + 1);
  EXPECT_EQ(ShimRuntime::calls("cudaLaunchKernel"), launches + 3);
  finish(*queue);
  EXPECT_EQ(got, expected);
}

// The later of two to the same place is the one that stays.
TEST_F(CudaCalls, SmallUploadsToOnePlaceKeepTheirOrder) {
  const auto device = openOnShimRuntime();
  const auto buffer = device->allocate(4096);
  const auto queue = device->createQueue();
  for (uint64_t seed = 0; seed < 20; ++seed) {
    ShimRuntime::seed(seed);
    std::vector<std::byte> first(4096, std::byte{1}), second(2048, std::byte{2}), got(4096);
    queue->upload({buffer.get(), 0, 4096}, first);
    queue->upload({buffer.get(), 1024, 2048}, second);
    queue->download(got, {buffer.get(), 0, 4096});
    finish(*queue);
    std::memcpy(first.data() + 1024, second.data(), second.size());
    EXPECT_EQ(got, first);
  }
}

// The same row of launches with other arguments each time.
TEST_F(CudaCalls, LoopsOfLaunchesBecomeGraphs) {
  constexpr size_t kSteps = 60;
  const auto device = openOnShimRuntime();
  const auto a = device->allocate(4096), b = device->allocate(4096);
  const auto queue = device->createQueue();
  const ScaleParams params{1024, 1, 1, 0};  // out = in + 1
  for (int round = 0; round < 5; ++round) {
    ShimRuntime::seed(uint64_t(round));
    const uint64_t launches = ShimRuntime::calls("cudaLaunchKernel"),
                   sets = ShimRuntime::calls("cudaGraphExecKernelNodeSetParams");
    std::vector<float> got(1024);
    queue->fill({a.get(), 0, 4096}, 0);
    ScaleParams step = params;
    for (size_t i = 0; i < kSteps; ++i) {
      if (round == 3 && i == 40) step.offset = 11;
      if (i == 41) step.offset = 1;
      const BufferView views[] = {{(i % 2 ? b : a).get(), 0, 4096}, {(i % 2 ? a : b).get(), 0, 4096}};
      queue->launch(Kernel::scale, 1024, views, std::as_bytes(std::span(&step, 1)));
    }
    queue->download(std::as_writable_bytes(std::span(got)), {a.get(), 0, 4096});
    finish(*queue);
    EXPECT_EQ(got, std::vector<float>(1024, round == 3 ? 70.0f : 60.0f)) << "round " << round;
    EXPECT_EQ(ShimRuntime::calls("cudaLaunchKernel") - launches, round == 0 ? kSteps : 2);
    EXPECT_EQ(ShimRuntime::calls("cudaGraphExecKernelNodeSetParams") - sets, round == 3 || round == 4 ? 1u : 0u);
  }
  EXPECT_EQ(ShimRuntime::calls("cudaGraphInstantiate"), 1u);
  EXPECT_EQ(ShimRuntime::calls("cudaGraphLaunch"), 4u);
}

// Where the driver makes no graphs, the launches go one by one.
TEST_F(CudaCalls, LoopsGoOnWithoutGraphs) {
  for (const char* call : {"cudaGraphCreate", "cudaGraphAddKernelNode", "cudaGraphInstantiate", "cudaGraphLaunch",
                           "cudaGraphExecKernelNodeSetParams"}) {
    const auto device = openOnShimRuntime();
    const auto a = device->allocate(4096);
    const auto queue = device->createQueue();
    ScaleParams params{1024, 1, 1, 0};
    for (int round = 0; round < 4; ++round) {
      params.offset = float(round + 1);                   // or there would be nothing to tell the graph
      if (round == 1) ShimRuntime::failAt(call, 0, 801);  // cudaErrorNotSupported
      std::vector<float> got(1024);
      queue->fill({a.get(), 0, 4096}, 0);
      const BufferView views[] = {{a.get(), 0, 4096}, {a.get(), 0, 4096}};
      for (size_t i = 0; i < 40; ++i) queue->launch(Kernel::scale, 1024, views, std::as_bytes(std::span(&params, 1)));
      queue->download(std::as_writable_bytes(std::span(got)), {a.get(), 0, 4096});
      finish(*queue);
      EXPECT_EQ(got, std::vector<float>(1024, 40.0f * float(round + 1))) << call;
    }
    EXPECT_EQ(ShimRuntime::fired(), 1) << call;
  }
}

// The card does not wait until all of a long loop are known.
TEST_F(CudaCalls, ALongLoopGoesInPieces) {
  const auto device = openOnShimRuntime();
  const auto a = device->allocate(4);
  const auto queue = device->createQueue();
  const ScaleParams params{1, 1, 1, 0};
  for (int round = 0; round < 2; ++round) {
    float got = 0;
    queue->fill({a.get(), 0, 4}, 0);
    const BufferView views[] = {{a.get(), 0, 4}, {a.get(), 0, 4}};
    const uint64_t launches = ShimRuntime::calls("cudaLaunchKernel"), graphs = ShimRuntime::calls("cudaGraphLaunch");
    for (size_t i = 0; i < 2500; ++i) {
      queue->launch(Kernel::scale, 1, views, std::as_bytes(std::span(&params, 1)));
      const uint64_t asked =
          ShimRuntime::calls("cudaLaunchKernel") - launches + 1024 * (ShimRuntime::calls("cudaGraphLaunch") - graphs);
      ASSERT_LT(i, asked + 1024);
    }
    queue->download(std::as_writable_bytes(std::span(&got, 1)), {a.get(), 0, 4});
    finish(*queue);
    EXPECT_EQ(got, 2500);
  }
  EXPECT_EQ(ShimRuntime::calls("cudaGraphInstantiate"), 2u);  // of a whole piece, and of what is left
}

TEST_F(CudaCalls, PageRankIsOneGraphFromTheSecondTimeOn) {
  const auto device = openOnShimRuntime();
  {
    const auto context = Context::create(device);
    HostTensor offsets(DType::Int32, {41}), columns(DType::Int32, {80});
    for (size_t i = 0; i < 41; ++i) offsets.set(i, double(2 * i));
    for (size_t i = 0; i < 80; ++i) columns.set(i, double(i % 2 ? (i + 1) % 40 : i * i % 37));
    std::vector<std::byte> first;
    for (uint64_t round = 0; round < 3; ++round) {
      ShimRuntime::seed(round);
      auto job = makeJob("pagerank", {offsets, columns}, {{"maxIterations", 30}, {"tolerance", 0}});
      const Outcome outcome = runJob(*context, job);
      ASSERT_TRUE(outcome.ok()) << outcome.text();
      const HostTensor ranks = outputsOf(*job)[0];
      double sum = 0;
      for (size_t i = 0; i < 40; ++i) sum += ranks.at(i);
      EXPECT_NEAR(sum, 1, 1e-5);
      if (round == 0) first = ranks.bytes;
      EXPECT_EQ(ranks.bytes, first);
    }
    EXPECT_GE(ShimRuntime::calls("cudaGraphLaunch"), 2u);
  }
}

// A readback does not hold up what is submitted after it, and what writes to its memory waits for it.
TEST_F(CudaCalls, ReadbackIsBesideCompute) {
  const auto device = openOnShimRuntime();
  const auto a = device->allocate(72 << 10), b = device->allocate(72 << 10);
  std::vector<std::byte> got(72 << 10), second(72 << 10);
  for (uint64_t seed = 0; seed < 20; ++seed) {
    ShimRuntime::seed(seed);
    const auto queue = device->createQueue();
    Ending first, last;
    queue->fill({a.get(), 0, a->size}, 0x05050505);
    queue->download(got, {a.get(), 0, got.size()});
    queue->submit(first.callback());
    queue->fill({b.get(), 0, b->size}, 0x07070707);
    queue->fill({a.get(), 0, a->size}, 0);
    queue->download(second, {b.get(), 0, second.size()});
    queue->submit(last.callback());
    ASSERT_TRUE(first.wait() && last.wait());
    EXPECT_EQ(got, std::vector<std::byte>(72 << 10, std::byte{5}));
    EXPECT_EQ(second, std::vector<std::byte>(72 << 10, std::byte{7}));
  }
}

}  // namespace
}  // namespace switchyard::test
