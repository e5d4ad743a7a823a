// Columns of metadata: how much they take, who waits for them, and lists of many values.
#include "vectors/columns.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>
#include <unordered_set>

#include "error.h"
#include "vectors/filter.h"

namespace switchyard::vectors {
namespace {

using Json = nlohmann::json;

TEST(VectorColumns, TakeLittleWhereEachRowHasAKeyOfItsOwn) {
  constexpr size_t kRows = 20000;
  std::vector<std::string> texts;
  for (size_t row = 0; row < kRows; ++row) {
    const std::string number = std::to_string(row);
    texts.push_back(R"({"seen": {"user)" + number + R"(": true}, "year": )" + number + "}");
  }
  const auto textOf = [&](size_t row) { return std::string_view(texts[row]); };
  Columns columns;
  columns.extend({"year"}, kRows, textOf);
  EXPECT_EQ(columns.fields(), std::set<std::string>{"year"});
  EXPECT_LT(columns.bytes(), kRows * 64);
  // A few hundred of them, of late rows, too: not a set of all rows each.
  std::set<std::string> late;
  for (size_t row = kRows - 300; row < kRows; ++row) late.insert("seen.user" + std::to_string(row));
  const size_t before = columns.bytes();
  const HeldColumns held = columns.extend(late, kRows, textOf);
  EXPECT_LT(columns.bytes(), before + 300 * 1000);
  const Bits found = Filter(R"({"op": "exists", "field": "seen.user19990", "value": true})").evaluate(held, kRows);
  EXPECT_EQ(found.count(), 1u);
  EXPECT_TRUE(found.has(19990));
}

TEST(VectorColumns, AreMadeWhileTheirSizeIsAsked) {
  Columns columns;
  const std::string text = R"({"year": 1990})";
  size_t asked = 0;
  const auto textOf = [&](size_t row) {
    if (row % 100 == 99 && columns.bytes() > 0) ++asked;  // in the middle of it: on an event loop, say
    return std::string_view(text);
  };
  columns.extend({"year"}, 5000, textOf);
  EXPECT_GT(asked, 0u);  // others get their turn: what has been made is counted before the end
}

TEST(VectorColumns, ComeUpToOneAnother) {
  std::vector<std::string> texts;
  for (int row = 0; row < 3000; ++row)
    texts.push_back(R"({"a": )" + std::to_string(row % 7) + R"(, "b": ")" + std::to_string(row % 5) + R"("})");
  const auto textOf = [&](size_t row) { return std::string_view(texts[row]); };
  Columns columns;
  columns.extend({"a"}, 700, textOf);
  columns.extend({"b"}, 1500, textOf);
  const HeldColumns held = columns.extend({"a", "b", "c"}, 3000, textOf);
  const auto count = [&](const char* json) { return Filter(json).evaluate(held, 3000).count(); };
  EXPECT_EQ(count(R"({"op": "eq", "field": "a", "value": 3})"), 429u);
  EXPECT_EQ(count(R"({"op": "eq", "field": "b", "value": "3"})"), 600u);
  EXPECT_EQ(count(R"({"op": "exists", "field": "c", "value": true})"), 0u);
}

TEST(VectorColumns, OfFieldsThatNobodyHasAreForgotten) {
  Columns columns;
  const std::string text = R"({"year": 1990})";
  for (int i = 0; i < 1000; ++i) {
    const Filter filter(R"({"op": "eq", "field": "typo)" + std::to_string(i) + R"(", "value": 1})");
    EXPECT_THROW(filter.check({columns.extend(filter.fields(), 1, [&](size_t) { return std::string_view(text); })}),
                 Error);
  }
  EXPECT_EQ(columns.bytes(), 0u);
}

// However many fields are asked for, one after the other: those that were asked for last have columns, and a filter
// keeps its own until it has ended.
TEST(VectorColumns, AreNoMoreThanSoMany) {
  constexpr size_t kFields = 500, kRows = 50;
  std::vector<std::string> texts;
  for (size_t row = 0; row < kRows; ++row) {
    Json json;
    for (size_t field = 0; field < kFields; ++field) json["f" + std::to_string(field)] = (row + field) % 10;
    texts.push_back(json.dump());
  }
  const auto textOf = [&](size_t row) { return std::string_view(texts[row]); };
  Columns columns;
  const auto is3 = [](size_t field) {
    return Filter(R"({"op": "eq", "value": 3, "field": "f)" + std::to_string(field) + R"("})");
  };
  const auto expectRight = [&](const HeldColumns& held, size_t field) {
    const Bits found = is3(field).evaluate(held, kRows);
    for (size_t row = 0; row < kRows; ++row) ASSERT_EQ(found.has(row), (row + field) % 10 == 3) << field;
  };
  const HeldColumns first = columns.extend({"f0"}, 20, textOf);
  size_t most = 0;
  for (size_t field = 1; field < kFields; ++field) {
    columns.extend({"f1"}, kRows, textOf);  // which is asked for again and again
    expectRight(columns.extend(is3(field).fields(), kRows, textOf), field);
    most = std::max(most, columns.bytes());
  }
  const std::set<std::string> left = columns.fields();
  EXPECT_EQ(left.size(), Columns::kMost);
  EXPECT_TRUE(left.contains("f1") && left.contains("f499") && !left.contains("f2") && !left.contains("f0"));
  EXPECT_LT(most, Columns::kMost * 2 * (sizeof(Column) + kRows * 40));
  for (size_t row = 0; row < 20; ++row) EXPECT_EQ(is3(0).evaluate(first, 20).has(row), row % 10 == 3);
  expectRight(columns.extend({"f0"}, kRows, textOf), 0);
  std::set<std::string> many;
  for (size_t field = 0; field < 100; ++field) many.insert("f" + std::to_string(field));
  const HeldColumns held = columns.extend(many, kRows, textOf);  // of one filter
  for (size_t field = 0; field < 100; ++field) expectRight(held, field);
  EXPECT_EQ(columns.fields(), many);
}

TEST(VectorColumns, SayWhichMetadataIsDamaged) {
  Columns columns;
  const std::string texts[] = {R"({"a": 1})", R"({"a": )"};
  for (int twice = 0; twice < 2; ++twice) {
    try {
      columns.extend({"a"}, 2, [&](size_t row) { return std::string_view(texts[row]); });
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code, Code::Damaged);
      EXPECT_NE(std::string(error.what()).find("row 1"), std::string::npos);
    }
  }
}

// Of 20,000 values each value of 20,000 rows: compared one by one they would be 400 million.
TEST(VectorFilters, TakeLongLists) {
  std::mt19937 random(5);
  constexpr size_t kCount = 20000;
  std::vector<std::string> texts;
  std::vector<int> numbers;
  for (size_t row = 0; row < kCount; ++row) {
    numbers.push_back(static_cast<int>(random() % 60000));
    const std::string number = std::to_string(numbers.back());
    texts.push_back(row % 3 == 0   ? R"({"x": )" + number + "}"
                    : row % 3 == 1 ? R"({"x": "n)" + number + R"("})"
                    : row % 2      ? R"({"x": [true, null]})"
                                   : R"({"x": false})");
  }
  Columns columns;
  const HeldColumns held = columns.extend({"x"}, kCount, [&](size_t row) { return std::string_view(texts[row]); });
  std::unordered_set<int> wantedTexts;
  Json values = Json::array();
  for (size_t i = 0; i < kCount; ++i) {
    const int number = static_cast<int>(random() % 60000);
    values.push_back(i % 2 ? Json(number) : Json("n" + std::to_string(number)));
    if (i % 2 == 0) wantedTexts.insert(number);
  }
  for (const Json& other : {Json(true), Json(false), Json(nullptr), Json("x")}) {
    values.back() = other;
    const Bits in = Filter(Json{{"op", "in"}, {"field", "x"}, {"values", values}}.dump()).evaluate(held, kCount);
    const Bits nin = Filter(Json{{"op", "nin"}, {"field", "x"}, {"values", values}}.dump()).evaluate(held, kCount);
    std::unordered_set<int> wantedNumbers;
    for (const Json& each : values)
      if (each.is_number()) wantedNumbers.insert(each.get<int>());
    for (size_t row = 0; row < kCount; ++row) {
      const bool isList = row % 2 != 0;
      const bool holds = row % 3 == 0   ? wantedNumbers.count(numbers[row]) > 0
                         : row % 3 == 1 ? wantedTexts.count(numbers[row]) > 0
                         : isList       ? other == Json(true) || other.is_null()
                                        : other == Json(false);
      ASSERT_EQ(in.has(row), holds) << texts[row] << " beside " << other;
      ASSERT_NE(nin.has(row), holds) << texts[row];
    }
  }
}

}  // namespace
}  // namespace switchyard::vectors
