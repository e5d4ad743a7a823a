// What the streams of a queue are asked for comes out as if it had been done in order, in whatever order a card does
// what nothing orders: drawn sequences of transfers and launches, and the workloads' own cases.
#include <array>
#include <cstring>
#include <deque>
#include <random>

#include "runtime_fixture.h"

namespace switchyard::test {
namespace {

constexpr size_t kBuffers = 6, kBytes = 640 << 10, kSmall = 48 << 10, kLarge = 200 << 10;

// A queue, and what its buffers hold if all is done in order.
class Drawn {
 public:
  Drawn(uint64_t seed, Device& device, Device& other) : random_(seed), queue_(device.createQueue()) {
    far_ = other.allocate(kBytes);
    farBytes_.resize(kBytes);
    for (std::byte& byte : farBytes_) byte = std::byte(random_());
    Ending uploaded;
    const auto queue = other.createQueue();
    queue->upload({far_.get(), 0, kBytes}, farBytes_);
    queue->submit(uploaded.callback());
    EXPECT_TRUE(uploaded.wait());
    for (size_t i = 0; i < kBuffers; ++i) {
      buffers_.push_back(device.allocate(kBytes));
      model_.emplace_back(kBytes);
      queue_->fill({buffers_[i].get(), 0, kBytes}, 0);
      now_.uses[i] = true;
    }
    submit();
  }
  ~Drawn() {
    queue_.reset();
    EXPECT_TRUE(submissions_.empty() || HasFailure());
  }

  void run(int submissions) {
    for (int i = 0; i < submissions; ++i) {
      for (size_t ops = below(7) + 1; ops; --ops) step();
      submit();
      while (submissions_.size() > below(3)) finish();
    }
    while (!submissions_.empty()) finish();
  }

 private:
  struct Download {
    std::vector<std::byte> got, expected;
  };
  struct Submission {
    Ending ending;
    std::array<bool, kBuffers> uses{};
    std::deque<std::vector<std::byte>> uploads;
    std::deque<Download> downloads;
  };
  size_t below(size_t n) { return random_() % n; }
  static bool HasFailure() { return ::testing::Test::HasFailure(); }

  struct Range {
    size_t buffer, offset, bytes;
  };
  Range range(size_t buffer) {
    const size_t bytes = (below(2) ? below(kSmall) : kLarge + below(kLarge)) / 16 * 16 + 16;
    return {buffer, below((kBytes - bytes) / 16 + 1) * 16, bytes};
  }
  BufferView view(const Range& r) { return {buffers_[r.buffer].get(), r.offset, r.bytes}; }
  std::byte* at(const Range& r) { return model_[r.buffer].data() + r.offset; }
  // Of none of the submissions that may be unfinished: what an upload may write to.
  bool isFree(size_t buffer) const {
    for (const Submission& submission : submissions_)
      if (submission.uses[buffer]) return false;
    return true;
  }
  Range touched(size_t buffer) {
    now_.uses[buffer] = true;
    return range(buffer);
  }

  void step() {
    const size_t buffer = below(kBuffers), other = (buffer + 1 + below(kBuffers - 1)) % kBuffers;
    switch (below(8)) {
      case 0:
      case 1: {
        if (!isFree(buffer)) return;
        const Range to = touched(buffer);
        auto& bytes = now_.uploads.emplace_back(to.bytes);
        for (std::byte& byte : bytes) byte = std::byte(random_());
        queue_->upload(view(to), bytes);
        std::memcpy(at(to), bytes.data(), to.bytes);
        return;
      }
      case 2: {
        Range to = touched(buffer);
        const auto word = uint32_t(below(2) ? random_() : 0);
        if (word) to.bytes = std::min<size_t>(to.bytes, 8192);  // by a kernel, which takes the emulation long
        queue_->fill(view(to), word);
        for (size_t i = 0; i < to.bytes; i += 4) std::memcpy(at(to) + i, &word, 4);
        return;
      }
      case 3: {
        const Range to = touched(buffer);
        Range from = touched(other);
        from.bytes = to.bytes, from.offset = std::min(from.offset, kBytes - to.bytes);
        queue_->copy(view(to), view(from));
        std::memcpy(at(to), at(from), to.bytes);
        return;
      }
      case 4: {
        Range to = touched(buffer), from = touched(other);
        to.bytes = from.bytes = 4096;
        to.offset = std::min(to.offset, kBytes - 4096), from.offset = std::min(from.offset, kBytes - 4096);
        convert(to, from);
        return;
      }
      case 5: {  // as long as a graph, now and then
        if (below(3)) return;
        for (size_t left = 8 + 4 * below(4); left; --left) {
          Range to = touched(left % 2 ? buffer : other), from = touched(left % 2 ? other : buffer);
          to.bytes = from.bytes = 512;
          to.offset = std::min(to.offset, kBytes - 512), from.offset = std::min(from.offset, kBytes - 512);
          convert(to, from);
        }
        return;
      }
      case 6: {
        const Range to = touched(buffer);
        const size_t from = below(kBytes - to.bytes + 1) / 16 * 16;
        queue_->copyFrom(view(to), {far_.get(), from, to.bytes});
        std::memcpy(at(to), farBytes_.data() + from, to.bytes);
        return;
      }
      default: {
        const Range from = touched(buffer);
        auto& download = now_.downloads.emplace_back();
        download.got.resize(from.bytes);
        queue_->download(download.got, view(from));
        download.expected.assign(at(from), at(from) + from.bytes);
      }
    }
  }

  // int32 to int32: the bits stay.
  void convert(const Range& to, const Range& from) {
    const ConvertParams params{uint32_t(from.bytes / 4), kElementInt32, kElementInt32};
    const BufferView views[] = {view(from), view(to)};
    queue_->launch(Kernel::convert, params.n, views, std::as_bytes(std::span(&params, 1)));
    std::memmove(at(to), at(from), from.bytes);
  }

  void submit() {
    submissions_.push_back(std::move(now_));
    now_ = {};
    queue_->submit(submissions_.back().ending.callback());
  }
  void finish() {
    Submission& first = submissions_.front();
    ASSERT_TRUE(first.ending.wait());
    EXPECT_EQ(first.ending.error(), "");
    for (const Download& download : first.downloads)
      EXPECT_EQ(std::memcmp(download.got.data(), download.expected.data(), download.got.size()), 0);
    submissions_.pop_front();
  }

  std::mt19937_64 random_;
  std::unique_ptr<Buffer> far_;  // of another card
  std::vector<std::byte> farBytes_;
  std::vector<std::unique_ptr<Buffer>> buffers_;
  std::vector<std::vector<std::byte>> model_;
  std::unique_ptr<Queue> queue_;
  std::deque<Submission> submissions_;
  Submission now_;
};

using CudaOrder = OnCudaRuntime;

TEST_F(CudaOrder, DrawnTransfersAndLaunches) {
  for (uint64_t seed = 0; seed < 100 && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ShimRuntime::seed(seed);
    ShimRuntime::setPools(seed % 4 != 0);
    const auto device = openOnShimRuntime(), other = openOnShimRuntime(1);
    Drawn(seed, *device, *other).run(12);
    expectNoViolations();
  }
  EXPECT_GT(ShimRuntime::calls("cudaGraphLaunch"), 10u);
}

// A small upload has had the one stream wait for the readback, which says nothing of the stream of large ones.
TEST_F(CudaOrder, ALargeUploadBehindASmallOneBehindAReadback) {
  const auto device = openOnShimRuntime();
  const auto buffer = device->allocate(kBytes);
  const auto queue = device->createQueue();
  const std::vector<std::byte> before(kBytes, std::byte{1}), small(kSmall, std::byte{2}), large(kLarge, std::byte{3});
  for (uint64_t seed = 0; seed < 30; ++seed) {
    ShimRuntime::seed(seed);
    std::vector<std::byte> got(kBytes);
    Ending filled, ending;
    queue->upload({buffer.get(), 0, kBytes}, before);
    queue->submit(filled.callback());
    ASSERT_TRUE(filled.wait());
    queue->download(got, {buffer.get(), 0, kBytes});
    queue->upload({buffer.get(), 0, kSmall}, small);
    queue->upload({buffer.get(), 100 << 10, kLarge}, large);
    queue->submit(ending.callback());
    ASSERT_TRUE(ending.wait());
    EXPECT_EQ(got, before) << "seed " << seed;
  }
}

}  // namespace
}  // namespace switchyard::test
