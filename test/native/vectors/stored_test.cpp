// Stored segments that somebody has made up, whose checksums are right: they are refused, whatever they say.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <limits>

#include "error.h"
#include "vectors/packed.h"

namespace switchyard::vectors {
namespace {

constexpr uint32_t kDimensions = 2;
constexpr size_t kFirstAt = 16, kDenseAt = 24, kAliveAt = 25, kSquaresAt = 33;  // packed.h, of less than 64 rows

// One packed segment of rows [id, 1] with these ids, and its table's view.
struct Stored {
  explicit Stored(const std::vector<int64_t>& ids) : rows(ids.size()) {
    Table table(kDimensions, Metric::Dot);
    Batch batch;
    for (int64_t id : ids) {
      vectors.push_back(static_cast<float>(id % 1000));
      vectors.push_back(1);
      batch.ids.push_back(Id::of(id));
    }
    batch.vectors = vectors;
    table.append(batch, table.check(batch));
    packed = packSegment(table.snapshot()[0]);
  }
  template <class T>
  void set(size_t at, T value) {
    std::memcpy(packed.data() + at, &value, sizeof value);
  }
  void adoptInto(Table& table) const {
    RowMemory memory = allocateRows(rows, kDimensions);
    std::memcpy(memory.data, vectors.data(), vectors.size() * sizeof(float));
    Unpacked unpacked = unpackSegment(table, packed, memory, vectors.size() * sizeof(float));
    table.adopt(unpacked.segment, unpacked.rows, std::move(unpacked.alive));
  }

  size_t rows;
  std::vector<float> vectors;
  std::string packed;
};

void expectRefused(Table& table, const Stored& stored, const char* why) {
  const size_t before = table.size(), segments = table.snapshot().size();
  try {
    stored.adoptInto(table);
    ADD_FAILURE() << "not refused: " << why;
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::InvalidArgument);
    EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << error.what();
  }
  EXPECT_EQ(table.size(), before);
  EXPECT_EQ(table.snapshot().size(), segments);
}

TEST(VectorStored, SegmentsMustFollowEachOther) {
  for (const uint64_t second : {0, 1, 99, 102}) {  // the first one has 100 to 102
    Table table(kDimensions, Metric::Dot);
    Stored first({1, 2, 3});
    first.set(kFirstAt, uint64_t{100});
    first.adoptInto(table);
    Stored next({4, 5});
    next.set(kFirstAt, second);
    expectRefused(table, next, "do not follow");
    // The table works on.
    next.set(kFirstAt, uint64_t{103});
    next.adoptInto(table);
    EXPECT_EQ(table.size(), 5u);
    const Id ids[] = {Id::of(1), Id::of(3), Id::of(4), Id::of(6)};
    const auto places = table.find(ids);
    EXPECT_EQ(places[1].segment->row(places[1].row)[0], 3);
    EXPECT_EQ(places[2].segment->row(places[2].row)[0], 4);
    EXPECT_FALSE(places[3].segment);
  }
}

TEST(VectorStored, NumbersMustBeSuchAsThereAre) {
  Table table(kDimensions, Metric::Dot);
  for (const uint64_t first :
       {uint64_t{1} << 53, (uint64_t{1} << 53) - 2, ~uint64_t{0}, ~uint64_t{0} - 1, ~uint64_t{0} - 2}) {
    Stored stored({1, 2, 3});
    stored.set(kFirstAt, first);
    expectRefused(table, stored, "numbers are too large");
  }
  Stored listed({1, 2});
  listed.set(kDenseAt, uint8_t{0});
  std::string numbers(16, '\0');
  const uint64_t last = ~uint64_t{0};
  std::memcpy(numbers.data() + 8, &last, sizeof last);
  listed.packed.insert(kAliveAt, numbers);
  expectRefused(table, listed, "numbers are too large");
}

TEST(VectorStored, AnIdMustBeOneThatCanBe) {
  Table table(kDimensions, Metric::Dot);
  for (const int64_t id : {int64_t{1} << 53, -(int64_t{1} << 53), std::numeric_limits<int64_t>::min()}) {
    Stored stored({1});
    stored.set(kSquaresAt + 8 + 4, id);
    expectRefused(table, stored, "safe integer");
  }
  Stored stored({1});
  stored.set(kSquaresAt + 8, uint32_t{0});
  expectRefused(table, stored, "an id is empty");
}

TEST(VectorStored, TwiceAnIdLeavesNothingBehind) {
  Table table(kDimensions, Metric::Dot);
  Stored first({1, 2, 3});
  first.adoptInto(table);
  Stored next({7, 8, 2, 9});
  next.set(kFirstAt, uint64_t{3});
  expectRefused(table, next, "the id 2 twice");
  const Id ids[] = {Id::of(7), Id::of(8), Id::of(9), Id::of(2)};
  const auto places = table.find(ids);
  for (size_t i = 0; i < 3; ++i) EXPECT_FALSE(places[i].segment);
  EXPECT_TRUE(places[3].segment);
  // None of them is in the way.
  Stored fitting({7, 8, 9});
  fitting.set(kFirstAt, uint64_t{3});
  fitting.adoptInto(table);
  EXPECT_EQ(table.size(), 6u);
}

TEST(VectorStored, SquaresAreThoseOfTheRows) {
  Table table(kDimensions, Metric::Cosine);
  for (const double squares :
       {0.0, 2.1, -5.0, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Stored stored({2});
    stored.set(kSquaresAt, squares);
    expectRefused(table, stored, "not the one that it was");
  }
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Stored stored({2});
    stored.vectors[0] = bad;  // beside squares that are finite
    expectRefused(table, stored, "not finite");
  }
  Stored stored({2});
  stored.set(kSquaresAt, 5.0 * (1 + 1e-14));  // of another machine, in another order
  stored.adoptInto(table);
  EXPECT_EQ(table.snapshot()[0].segment->squares(0), 5);
}

}  // namespace
}  // namespace switchyard::vectors
