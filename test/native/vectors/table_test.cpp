// The table: segments, numbers of insertions, merges while rows die, what is stored and read again; and searches in it
// beside one by hand, with a device that may be wrong within what it says.
#include "vectors/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "error.h"
#include "vectors/best_hits.h"
#include "vectors/packed.h"
#include "vectors/search.h"

namespace switchyard::vectors {
namespace {

constexpr uint32_t kDimensions = 4;
constexpr size_t kSmallSegment = 64 * kDimensions * sizeof(float);

struct Row {
  int64_t id;
  std::vector<float> vector;
};

// A table, and the same rows in the order of their insertion.
class Both {
 public:
  explicit Both(Metric metric = Metric::Dot, double scanned = 0)
      : table(std::make_shared<Table>(kDimensions, metric, Limits{kSmallSegment, scanned})) {}

  void upsert(std::mt19937& random, size_t count, int64_t most) {
    std::vector<float> vectors;
    Batch batch{.replaces = true};
    std::vector<std::string> texts;
    for (size_t i = 0; i < count; ++i) {
      const auto id = static_cast<int64_t>(random() % most);
      if (std::any_of(batch.ids.begin(), batch.ids.end(), [&](const Id& each) { return each.number == id; })) continue;
      Row row{id, {}};
      for (uint32_t d = 0; d < kDimensions; ++d) row.vector.push_back(static_cast<float>(random() % 7) - 3);
      vectors.insert(vectors.end(), row.vector.begin(), row.vector.end());
      batch.ids.push_back(Id::of(id));
      texts.push_back("{\"id\":" + std::to_string(id) + "}");
      std::erase_if(rows, [&](const Row& each) { return each.id == id; });
      rows.push_back(std::move(row));
    }
    batch.vectors = vectors;
    batch.metadata.assign(texts.begin(), texts.end());
    table->append(batch, table->check(batch));
  }
  void remove(std::mt19937& random, size_t count, int64_t most) {
    std::vector<Id> ids;
    for (size_t i = 0; i < count; ++i) ids.push_back(Id::of(static_cast<int64_t>(random() % most)));
    const size_t before = rows.size();
    for (const Id& id : ids) std::erase_if(rows, [&](const Row& each) { return each.id == id.number; });
    EXPECT_EQ(table->remove(ids), before - rows.size());
  }
  void expectSame() const {
    ASSERT_EQ(table->size(), rows.size());
    size_t at = 0;
    for (const View& view : table->snapshot()) {
      EXPECT_EQ(view.live, view.alive->count());
      view.alive->forEach([&](size_t row) {
        ASSERT_LT(row, view.rows);
        ASSERT_LT(at, rows.size());
        EXPECT_EQ(view.segment->id(row).number, rows[at].id);
        EXPECT_EQ(std::memcmp(view.segment->row(row), rows[at].vector.data(), kDimensions * sizeof(float)), 0);
        EXPECT_EQ(view.segment->metadata(row), "{\"id\":" + std::to_string(rows[at].id) + "}");
        ++at;
      });
    }
    EXPECT_EQ(at, rows.size());
    for (const Row& row : rows) {
      const Id id = Id::of(row.id);
      const Place place = table->find({&id, 1})[0];
      ASSERT_TRUE(place.segment);
      EXPECT_EQ(place.segment->id(place.row).number, row.id);
    }
  }

  std::shared_ptr<Table> table;
  std::vector<Row> rows;
};

TEST(VectorTable, IsWhatWasWritten) {
  for (uint32_t seed = 0; seed < 6; ++seed) {
    std::mt19937 random(seed);
    Both both;
    for (int step = 0; step < 40; ++step) {
      if (random() % 3)
        both.upsert(random, 1 + random() % 150, 400);
      else
        both.remove(random, random() % 80, 400);
      if (const auto merge = both.table->beginMerge(random() % 3 == 0)) {
        EXPECT_FALSE(both.table->beginMerge(true));  // one at a time
        EXPECT_FALSE(merge->isFilled);
        both.table->fill(*merge);
        EXPECT_TRUE(merge->isFilled);
        both.remove(random, 20, 400);  // meanwhile
        both.upsert(random, 40, 400);
        if (random() % 4)
          both.table->commit(*merge);
        else
          both.table->abandon();
      }
      both.expectSame();
      if (testing::Test::HasFatalFailure()) return;
    }
    both.table->seal();
    while (const auto merge = both.table->beginMerge(true)) {
      both.table->fill(*merge);
      both.table->commit(*merge);
    }
    EXPECT_LE(both.table->snapshot().size(), 1u);
    both.expectSame();
  }
}

TEST(VectorTable, ASnapshotStaysAsItWas) {
  std::mt19937 random(3);
  Both both;
  both.upsert(random, 100, 1000);
  const std::vector<View> before = both.table->snapshot();
  std::vector<Bits> alive;
  for (const View& view : before) alive.push_back(*view.alive);
  both.upsert(random, 200, 1000);
  both.remove(random, 500, 1000);
  for (size_t i = 0; i < before.size(); ++i)
    for (size_t w = 0; w < alive[i].wordCount(); ++w) EXPECT_EQ(before[i].alive->words()[w], alive[i].words()[w]);
}

TEST(VectorTable, RefusesAllOrNothing) {
  std::mt19937 random(5);
  Both both;
  both.upsert(random, 50, 100);
  const auto refusal = [&](std::vector<float> vectors, std::vector<int64_t> numbers) -> std::string {
    Batch batch{.vectors = vectors};
    for (int64_t number : numbers) batch.ids.push_back(Id::of(number));
    try {
      both.table->append(batch, both.table->check(batch));
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::InvalidArgument);
      return error.what();
    }
    return "";
  };
  const float nan = std::nanf(""), inf = INFINITY;
  EXPECT_NE(refusal({1, 2, 3, 4, 5, nan, 7, 8}, {500, 501}).find("row 1 has NaN at 1"), std::string::npos);
  EXPECT_NE(refusal({1, 2, 3, -inf, 5, 6, 7, 8}, {500, 501}).find("row 0 has an infinity at 3"), std::string::npos);
  EXPECT_NE(refusal({1, 2, 3, 4, 5, 6, 7, 8}, {500, 500}).find("at 0 and 1"), std::string::npos);
  EXPECT_NE(refusal({1, 2, 3, 4, 5, 6, 7, 8}, {500, both.rows[3].id}).find("at 1, is in the index"), std::string::npos);
  both.expectSame();
}

TEST(VectorTable, IsReadAsItWasStored) {
  std::mt19937 random(11);
  Both both;
  for (int i = 0; i < 12; ++i) {
    both.upsert(random, 60, 300);
    both.remove(random, 20, 300);
  }
  if (const auto merge = both.table->beginMerge(false)) {
    both.table->fill(*merge);
    both.table->commit(*merge);
  }
  Both read;
  read.rows = both.rows;
  for (const View& view : both.table->snapshot()) {
    RowMemory memory = allocateRows(view.rows, kDimensions);
    const size_t bytes = view.rows * kDimensions * sizeof(float);
    std::memcpy(memory.data, view.segment->row(0), bytes);
    const std::string packed = packSegment(view);
    Unpacked unpacked = unpackSegment(*read.table, packed, memory, bytes);
    read.table->adopt(unpacked.segment, unpacked.rows, std::move(unpacked.alive));
    for (size_t cut = 0; cut < packed.size(); cut += 1 + packed.size() / 97)
      EXPECT_THROW(unpackSegment(*read.table, std::string_view(packed).substr(0, cut), memory, bytes), Error);
  }
  read.expectSame();
  read.upsert(random, 100, 300);
  read.expectSame();
}

TEST(VectorTable, WritesAreDoneAgain) {
  Both both;
  const std::vector<float> vectors{1, 2, 3, 4, 5, 6, 7, 8};
  Batch batch{.vectors = vectors};
  batch.ids = {Id::of(7), Id::of("sieben")};
  batch.metadata = {"{\"a\":1}", ""};
  std::string packed = packWrite(batch, kDimensions);
  packed.append(reinterpret_cast<const char*>(vectors.data()), sizeof(float) * vectors.size());
  for (int twice = 0; twice < 2; ++twice) {
    replay(*both.table, packed);
    EXPECT_EQ(both.table->size(), 2u);
    const auto places = both.table->find(batch.ids);
    EXPECT_EQ(places[0].segment->metadata(places[0].row), "{\"a\":1}");
    EXPECT_EQ(places[1].segment->row(places[1].row)[3], 8);
  }
  for (size_t cut = 0; cut < packed.size(); ++cut)
    EXPECT_THROW(replay(*both.table, std::string_view(packed).substr(0, cut)), Error);
  for (int twice = 0; twice < 2; ++twice) {
    replay(*both.table, packRemoval({Id::of("sieben"), Id::of(9)}));
    EXPECT_EQ(both.table->size(), 1u);
  }
}

// ---- searches

double exactly(Metric metric, const float* a, const float* b) {
  double product = 0, x = 0, y = 0, distance = 0;
  for (uint32_t d = 0; d < kDimensions; ++d) {
    product += double{a[d]} * b[d];
    x += double{a[d]} * a[d];
    y += double{b[d]} * b[d];
    distance += (double{a[d]} - b[d]) * (double{a[d]} - b[d]);
  }
  if (metric == Metric::L2) return distance;
  if (metric == Metric::Dot) return product;
  return x == 0 || y == 0 ? 0 : product / std::sqrt(x * y);
}

// Answers a need as a device would whose scores are off by up to `error`, and that says so.
struct Device {
  std::mt19937& random;
  Metric metric;
  float error;
  std::vector<float> scores, bounds;
  std::vector<int32_t> indices;

  Answer answer(const Search::Part& part, const Need& need, const float* queries) {
    std::uniform_real_distribution<float> off(-error, error);
    const float by = need.byRows ? 0 : 1;
    for (uint32_t q : need.queries) {
      std::vector<std::pair<float, int32_t>> all;
      for (size_t row = 0; row < part.view.rows; ++row) {
        if (part.mask && !part.mask->has(row)) continue;
        const double score = exactly(metric, queries + q * kDimensions, part.view.segment->row(row));
        all.emplace_back(static_cast<float>(score) + by * off(random), static_cast<int32_t>(row));
      }
      std::stable_sort(all.begin(), all.end(),
                       [&](const auto& a, const auto& b) { return isBetter(metric, a.first, b.first); });
      all.resize(std::min<size_t>(all.size(), need.k));
      for (const auto& [score, row] : all) {
        scores.push_back(score);
        indices.push_back(row);
      }
      for (size_t i = all.size(); i < need.k; ++i) {
        scores.push_back(std::nanf(""));
        indices.push_back(-1);
      }
      bounds.push_back(error);
    }
    return {scores, indices, need.byRows ? std::span<const float>{} : std::span<const float>(bounds)};
  }
};

void expectExact(Metric metric, uint32_t seed, float error) {
  std::mt19937 random(seed);
  Both both(metric);
  for (int i = 0; i < 8; ++i) {
    both.upsert(random, 150, 900);
    both.remove(random, 30, 900);
  }
  Question question;
  question.count = 3;
  for (uint32_t i = 0; i < question.count * kDimensions; ++i)
    question.queries.push_back(static_cast<float>(random() % 7) - 3);
  question.k = 1 + random() % 12;
  question.isCoded = random() % 2;
  if (random() % 3 == 0) question.threshold = static_cast<float>(random() % 4);
  if (random() % 3 == 0) {
    question.isRange = true;
    question.threshold = 2;
    if (random() % 2) question.k = SIZE_MAX;
  }
  const std::vector<float> queries = question.queries;
  const std::optional<float> threshold = question.threshold;
  const size_t k = question.k;
  Search search(both.table, std::move(question));
  search.plan();
  EXPECT_FALSE(search.needs().empty());
  for (int round = 0; round < 20 && (round == 0 || !search.needs().empty()); ++round) {
    std::vector<Device> devices;
    devices.reserve(search.needs().size());
    std::vector<Answer> answers;
    for (const Need& need : search.needs()) {
      devices.push_back({random, metric, error, {}, {}, {}});
      answers.push_back(devices.back().answer(search.parts()[need.part], need, queries.data()));
    }
    search.advance(answers);
  }
  ASSERT_TRUE(search.needs().empty());
  for (size_t q = 0; q < 3; ++q) {
    std::vector<std::pair<float, int64_t>> wanted;
    for (const Row& row : both.rows) {
      const auto score = static_cast<float>(exactly(metric, queries.data() + q * kDimensions, row.vector.data()));
      if (!threshold || !isBetter(metric, *threshold, score)) wanted.emplace_back(score, row.id);
    }
    std::stable_sort(wanted.begin(), wanted.end(),
                     [&](const auto& a, const auto& b) { return isBetter(metric, a.first, b.first); });
    wanted.resize(std::min(wanted.size(), k));
    ASSERT_EQ(search.hits()[q].size(), wanted.size());
    for (size_t i = 0; i < wanted.size(); ++i) {
      const Hit& hit = search.hits()[q][i];
      EXPECT_EQ(hit.score, wanted[i].first);
      EXPECT_EQ(search.parts()[hit.part].view.segment->id(hit.row).number, wanted[i].second);
    }
  }
}

TEST(VectorSearch, IsExactHoweverWrongADeviceIsWithinItsBound) {
  for (const Metric metric : {Metric::Cosine, Metric::Dot, Metric::L2})
    for (const float error : {0.0f, 0.01f, 1.0f, 30.0f})
      for (uint32_t seed = 0; seed < 12; ++seed) expectExact(metric, seed, error);
}

}  // namespace
}  // namespace switchyard::vectors
