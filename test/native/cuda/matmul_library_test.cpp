// Products by cuBLASLt over a library of the tests' own: what is asked of it, which of its algorithms is taken, and
// what is kept of that.
#ifdef SWITCHYARD_HAVE_CUDA
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "fake_cublaslt.h"
#include "half.h"
#include "src/cuda/matmul.h"

namespace switchyard::test {
namespace {

using namespace switchyard::cuda;

constexpr double kNotKnown = std::numeric_limits<double>::quiet_NaN();

// Which algorithm takes how long.
struct Support : MatmulSupport {
  mutable std::map<uint64_t, double> ms;
  mutable int timings = 0;
  mutable std::set<Deadline> deadlines;
  std::set<uint64_t> hanging;  // which algorithms do not end in time
  std::string folder;

  const CublasLt* library() const override { return FakeCublasLt::table(); }
  bool enter(DeviceState& state) const noexcept override { return !state.lost(); }
  void* allocate(DeviceState&, size_t bytes) const override { return std::malloc(bytes); }
  void free(void* memory) const noexcept override { std::free(memory); }
  double milliseconds(DeviceState&, cudaStream_t, Deadline deadline, const std::function<void()>& run) const override {
    ++timings;
    deadlines.insert(deadline);
    const auto& runs = FakeCublasLt::state().runs;
    const size_t before = runs.size();
    run();
    double sum = 0;
    for (size_t i = before; i < runs.size(); ++i) sum += hanging.contains(runs[i]) ? kNotKnown : ms[runs[i]];
    return sum;
  }
  std::shared_ptr<AlgorithmStore> store(const std::string& scope) const override {
    return std::make_shared<AlgorithmStore>(folder, scope);
  }
};

class MatmulLibraryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "switchyard-cublaslt-XXXXXX";
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    support.folder = name;
    FakeCublasLt::reset();
  }
  void TearDown() override {
    std::filesystem::remove_all(support.folder);
    EXPECT_EQ(FakeCublasLt::state().handles, 0);
    EXPECT_EQ(FakeCublasLt::state().descriptors, 0);
  }
  MatmulLibrary make() { return MatmulLibrary(state, {9, 0, "card, driver 1"}, support); }

  std::shared_ptr<DeviceState> state = std::make_shared<DeviceState>(0);
  Support support;
};

// Small whole numbers, which every format holds.
struct Numbers {
  uint32_t format;
  std::vector<std::byte> bytes;
  Numbers(uint32_t format, size_t count, int seed) : format(format), bytes(count * size()) {
    for (size_t i = 0; i < count; ++i) put(i, float(int(i * 7 + size_t(seed)) % 5 - 2));
  }
  size_t size() const { return format == kFormatFloat32 ? 4 : 2; }
  void put(size_t i, float value) {
    if (format == kFormatFloat32) {
      std::memcpy(bytes.data() + 4 * i, &value, 4);
      return;
    }
    const uint16_t half_ = format == kFormatFloat16 ? toHalf(value) : toBfloat(value);
    std::memcpy(bytes.data() + 2 * i, &half_, 2);
  }
  float at(size_t i) const {
    float value = 0;
    uint16_t half_ = 0;
    std::memcpy(&value, bytes.data() + 4 * (size() == 4 ? i : 0), 4);
    if (size() == 4) return value;
    std::memcpy(&half_, bytes.data() + 2 * i, 2);
    return float(format == kFormatFloat16 ? fromHalf(half_) : fromBfloat(half_));
  }
};

Matmul shaped(uint32_t m, uint32_t n, uint32_t k, bool transposeA = false, bool transposeB = false) {
  Matmul op;
  op.m = m, op.n = n, op.k = k, op.transposeA = transposeA, op.transposeB = transposeB;
  op.lda = transposeA ? m : k, op.ldb = transposeB ? k : n, op.ldOut = n;
  return op;
}

TEST_F(MatmulLibraryTest, multipliesRowMajorMatricesOfAllFormats) {
  MatmulLibrary library = make();
  for (const uint32_t format : {kFormatFloat32, kFormatFloat16, kFormatBfloat16})
    for (const bool widens : {false, true})
      for (const bool transposeA : {false, true})
        for (const bool transposeB : {false, true}) {
          Matmul op = shaped(3, 5, 7, transposeA, transposeB);
          op.batch = 2, op.strideA = 21, op.strideB = 0, op.strideOut = 15, op.alpha = 2;
          op.formatA = op.formatB = format, op.formatOut = widens ? kFormatFloat32 : format;
          Numbers a(format, 42, 1), b(format, 35, 3), out(op.formatOut, 30, 0);
          MatmulPointers at;
          at.a = a.bytes.data(), at.b = b.bytes.data(), at.out = out.bytes.data();
          ASSERT_TRUE(library.multiply(op, at, nullptr, true));
          for (size_t batch = 0; batch < 2; ++batch)
            for (size_t row = 0; row < 3; ++row)
              for (size_t column = 0; column < 5; ++column) {
                float sum = 0;
                for (size_t i = 0; i < 7; ++i)
                  sum += a.at(21 * batch + (transposeA ? i * 3 + row : row * 7 + i)) *
                         b.at(transposeB ? column * 7 + i : i * 5 + column);
                ASSERT_EQ(out.at(15 * batch + row * 5 + column), 2 * sum)
                    << format << widens << transposeA << transposeB;
              }
        }
}

TEST_F(MatmulLibraryTest, addsABiasOfTheOutputsFormatAndLeavesOtherEpiloguesToOthers) {
  MatmulLibrary library = make();
  Matmul op = shaped(2, 4, 3);
  Numbers a(0, 6, 1), b(0, 12, 2), bias(0, 4, 4), out(0, 8, 0);
  MatmulPointers at;
  at.a = a.bytes.data(), at.b = b.bytes.data(), at.out = out.bytes.data(), at.bias = bias.bytes.data();
  struct Nothing : Buffer {
    Nothing() : Buffer(16, nullptr) {}
  } buffer;
  op.bias = {&buffer, 0, 16};
  ASSERT_TRUE(library.multiply(op, at, nullptr, true));
  for (size_t i = 0; i < 8; ++i) {
    float sum = bias.at(i % 4);
    for (size_t k = 0; k < 3; ++k) sum += a.at(i / 4 * 3 + k) * b.at(k * 4 + i % 4);
    EXPECT_EQ(out.at(i), sum) << i;
  }
  op.formatBias = kFormatFloat16;
  EXPECT_FALSE(library.multiply(op, at, nullptr, true));
  op.formatBias = kFormatFloat32, op.activation = kActivationRelu;
  EXPECT_FALSE(library.multiply(op, at, nullptr, true));
}

TEST_F(MatmulLibraryTest, multipliesCodesWhereTheLibraryTakesThem) {
  MatmulLibrary library = make();
  struct Nothing : Buffer {
    Nothing() : Buffer(16, nullptr) {}
  } buffer;
  for (const uint32_t k : {8u, 6u}) {
    Matmul op = shaped(3, 4, k, false, true);
    op.bits = 8, op.rowScales = {&buffer, 0, 12}, op.alpha = 3;
    std::vector<int8_t> a(3 * k), b(4 * k);
    std::vector<int32_t> out(12, -1);
    for (size_t i = 0; i < a.size(); ++i) a[i] = int8_t(i * 37);
    for (size_t i = 0; i < b.size(); ++i) b[i] = int8_t(i * 91);
    MatmulPointers at;
    at.a = reinterpret_cast<std::byte*>(a.data()), at.b = reinterpret_cast<std::byte*>(b.data());
    at.out = reinterpret_cast<std::byte*>(out.data());
    EXPECT_EQ(library.multiply(op, at, nullptr, true), k == 8);
    for (size_t i = 0; i < 12; ++i) {
      int32_t sum = 0;
      for (size_t j = 0; j < k; ++j) sum += a[i / 4 * k + j] * b[i % 4 * k + j];
      EXPECT_EQ(out[i], k == 8 ? sum : -1);
    }
  }
}

TEST_F(MatmulLibraryTest, roundsToTf32OnlyWhereItMay) {
  MatmulLibrary library = make();
  Matmul op = shaped(2, 2, 2);
  Numbers a(0, 4, 1), b(0, 4, 2), out(0, 4, 0);
  MatmulPointers at;
  at.a = a.bytes.data(), at.b = b.bytes.data(), at.out = out.bytes.data();
  ASSERT_TRUE(library.multiply(op, at, nullptr, true));
  EXPECT_EQ(FakeCublasLt::state().compute, uint32_t(CUBLAS_COMPUTE_32F));
  op.fast = true;
  ASSERT_TRUE(library.multiply(op, at, nullptr, true));
  EXPECT_EQ(FakeCublasLt::state().compute, uint32_t(CUBLAS_COMPUTE_32F_FAST_TF32));
}

// One small product again and again.
struct Again {
  explicit Again(uint32_t m = 2) : op(shaped(m, 2, 2)), a(0, 2 * m, 1), out(0, 2 * m, 0) {}
  Matmul op;
  Numbers a, b{0, 4, 2}, out;
  uint64_t run(MatmulLibrary& library, bool mayWait = true) {
    MatmulPointers at;
    at.a = a.bytes.data(), at.b = b.bytes.data(), at.out = out.bytes.data();
    EXPECT_TRUE(library.multiply(op, at, nullptr, mayWait));
    return FakeCublasLt::state().runs.back();
  }
};

// Ways are of a layout and an alignment, too: another one has to be looked for.
TEST_F(MatmulLibraryTest, isReadyForWhatItHasAWayFor) {
  FakeCublasLt::state().proposals = {1};
  MatmulLibrary library = make();
  Again again;
  MatmulPointers at;
  at.a = again.a.bytes.data(), at.b = again.b.bytes.data(), at.out = again.out.bytes.data();
  EXPECT_FALSE(library.isReady(again.op, at));
  again.run(library);
  EXPECT_TRUE(library.isReady(again.op, at));
  Matmul longer = again.op;
  longer.lda += 2;
  EXPECT_FALSE(library.isReady(longer, at));
  MatmulPointers shifted = at;
  shifted.a += 4;
  EXPECT_FALSE(library.isReady(again.op, shifted));
  Matmul activated = again.op;  // which it does not do
  activated.activation = kActivationRelu;
  EXPECT_TRUE(library.isReady(activated, at));
}

TEST_F(MatmulLibraryTest, timesWhatComesAgainOnceAndKeepsTheFastest) {
  FakeCublasLt& fake = FakeCublasLt::state();
  fake.proposals = {1, 2, 3, 4}, fake.failing = {3};
  support.ms = {{1, 5}, {2, 1}, {3, 0}, {4, 2}};
  Again again;
  {
    MatmulLibrary library = make();
    for (int use = 0; use < 3; ++use) EXPECT_EQ(again.run(library, false), 1u);
    EXPECT_EQ(support.timings, 0);
    EXPECT_THROW(again.run(library, false), MustWait);
    EXPECT_EQ(again.run(library), 2u);
    const int timings = support.timings;
    EXPECT_EQ(timings, 7);  // each twice, but for the one that is refused
    EXPECT_EQ(support.deadlines.size(), 1u);
    for (int use = 0; use < 5; ++use) EXPECT_EQ(again.run(library, false), 2u);
    EXPECT_EQ(support.timings, timings);
  }
  MatmulLibrary next = make();
  EXPECT_EQ(again.run(next, false), 2u);
  EXPECT_EQ(fake.checks, 1);
}

TEST_F(MatmulLibraryTest, keepsNothingOfTimesThatNobodyKnows) {
  FakeCublasLt& fake = FakeCublasLt::state();
  fake.proposals = {1, 2, 3};
  support.ms = {{1, 5}, {2, 4}, {3, 1}};
  support.hanging = {2};
  Again again;
  MatmulLibrary library = make();
  for (int use = 0; use < 4; ++use) EXPECT_EQ(again.run(library), 1u);
  EXPECT_EQ(support.timings, 3);  // none after the one that did not end
  for (int use = 0; use < 3; ++use) EXPECT_EQ(again.run(library), 1u);
  EXPECT_EQ(support.timings, 3);
  {
    MatmulLibrary other = make();
    EXPECT_EQ(again.run(other), 1u);
    EXPECT_EQ(fake.checks, 0);
  }
  support.hanging = {};
  EXPECT_EQ(again.run(library), 3u);
}

TEST_F(MatmulLibraryTest, keepsAWayForAboutSoManyRows) {
  FakeCublasLt& fake = FakeCublasLt::state();
  fake.proposals = {1, 2};
  support.ms = {{1, 5}, {2, 1}};
  Again again(9);  // at the same places
  MatmulLibrary library = make();
  const auto runOf = [&](uint32_t rows) {
    again.op = shaped(rows, 2, 2);
    return again.run(library, rows == 6);
  };
  for (int use = 0; use < 4; ++use) runOf(6);
  EXPECT_EQ(runOf(7), 2u);
  EXPECT_EQ(fake.checks, 1);
  EXPECT_EQ(runOf(9), 1u);
  EXPECT_EQ(fake.checks, 1);
}

TEST_F(MatmulLibraryTest, keepsNothingThatWasComparedWithNothing) {
  FakeCublasLt& fake = FakeCublasLt::state();
  fake.proposals = {1, 2};
  support.ms = {{1, 100}, {2, 1}};
  Again again;
  MatmulLibrary library = make();
  for (int use = 0; use < 4; ++use) EXPECT_EQ(again.run(library), 1u);
  MatmulLibrary next = make();
  again.run(next);
  EXPECT_EQ(fake.checks, 0);
}

TEST_F(MatmulLibraryTest, forgetsWhatTheLibraryRefusesAfterAll) {
  FakeCublasLt& fake = FakeCublasLt::state();
  fake.proposals = {1, 2};
  support.ms = {{1, 5}, {2, 1}};
  Again again;
  {
    MatmulLibrary library = make();
    for (int use = 0; use < 4; ++use) again.run(library);
  }
  fake.failing = {2};
  MatmulLibrary next = make();
  for (int use = 0; use < 2; ++use) EXPECT_EQ(again.run(next), 1u);
  EXPECT_EQ(fake.checks, 1);
  MatmulLibrary later = make();
  EXPECT_EQ(again.run(later), 1u);
  EXPECT_EQ(fake.checks, 1);  // of nothing that was kept
  fake.failing = {1, 2};
  MatmulPointers at;
  at.a = again.a.bytes.data(), at.b = again.b.bytes.data(), at.out = again.out.bytes.data();
  EXPECT_FALSE(later.multiply(again.op, at, nullptr, true));
  EXPECT_TRUE(later.isReady(again.op, at));
}

TEST_F(MatmulLibraryTest, choosesAnewWhatTheLibraryNoLongerHas) {
  FakeCublasLt& fake = FakeCublasLt::state();
  fake.proposals = {1, 2};
  support.ms = {{1, 5}, {2, 1}};
  Again again;
  {
    MatmulLibrary library = make();
    for (int use = 0; use < 4; ++use) again.run(library);
  }
  fake.unknown = {2}, fake.proposals = {1, 4};
  MatmulLibrary next = make();
  EXPECT_EQ(again.run(next), 1u);
  EXPECT_EQ(fake.checks, 1);
}

TEST_F(MatmulLibraryTest, staysWithTheFirstWhereOthersAreHardlyFaster) {
  FakeCublasLt::state().proposals = {1, 2};
  support.ms = {{1, 1}, {2, 0.99}};
  Again again;
  MatmulLibrary library = make();
  for (int use = 0; use < 4; ++use) EXPECT_EQ(again.run(library), 1u);
}

TEST_F(MatmulLibraryTest, stopsTimingWhenItHasTakenLong) {
  FakeCublasLt::state().proposals = {1, 2, 3, 4, 5, 6, 7, 8};
  support.ms = {{1, 40}, {2, 39}, {3, 20}, {4, 1}};
  Again again;
  MatmulLibrary library = make();
  for (int use = 0; use < 3; ++use) again.run(library);
  EXPECT_EQ(again.run(library), 2u);  // 160 and 156 ms: the third is not tried any more
}

cublasLtMatmulAlgo_t numbered(uint64_t id) {
  cublasLtMatmulAlgo_t algorithm{};
  algorithm.data[0] = id;
  return algorithm;
}

TEST_F(MatmulLibraryTest, keepsWhatSeveralProcessesHaveMeasured) {
  AlgorithmStore a(support.folder, "one"), b(support.folder, "one"), other(support.folder, "another");
  a.keep(MatmulKey{1}, numbered(10));
  b.keep(MatmulKey{2}, numbered(20));
  AlgorithmStore later(support.folder, "one");
  ASSERT_TRUE(later.find(MatmulKey{1}) && later.find(MatmulKey{2}));
  EXPECT_EQ(later.find(MatmulKey{1})->data[0], 10u);
  EXPECT_EQ(later.find(MatmulKey{2})->data[0], 20u);
  EXPECT_FALSE(later.find(MatmulKey{3}));
  EXPECT_FALSE(AlgorithmStore(support.folder, "another").find(MatmulKey{1}));
}

TEST_F(MatmulLibraryTest, readsNothingOfADamagedFile) {
  AlgorithmStore store(support.folder, "one");
  store.keep(MatmulKey{1}, numbered(10));
  const std::string path = support.folder + "/" + store.file();
  ASSERT_TRUE(std::filesystem::exists(path));
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-4, std::ios::end);
    file.put('!');
  }
  EXPECT_FALSE(AlgorithmStore(support.folder, "one").find(MatmulKey{1}));
  // ... nor of another's: two scopes of one hash.
  AlgorithmStore again(support.folder, "one");
  again.keep(MatmulKey{1}, numbered(10));
  const std::string name = AlgorithmStore(support.folder, "two").file();
  std::filesystem::copy_file(path, support.folder + "/" + name);
  EXPECT_FALSE(AlgorithmStore(support.folder, "two").find(MatmulKey{1}));
}

}  // namespace
}  // namespace switchyard::test
#endif
