// Filters over columns beside the same done row by row over the JSON itself.
#include "vectors/filter.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <random>

#include "error.h"

namespace switchyard::vectors {
namespace {

using Json = nlohmann::json;

// The values that a row has under a path: of an array its elements that are no arrays or objects.
std::vector<Json> valuesOf(const Json& row, const std::string& path, bool& exists) {
  const Json* at = &row;
  size_t from = 0;
  for (;;) {
    const size_t dot = path.find('.', from);
    const std::string key = path.substr(from, dot - from);
    if (!at->is_object() || !at->contains(key)) {
      exists = false;
      return {};
    }
    at = &(*at)[key];
    if (dot == std::string::npos) break;
    from = dot + 1;
  }
  exists = true;
  if (!at->is_array()) return {*at};
  std::vector<Json> values;
  for (const Json& each : *at)
    if (!each.is_structured()) values.push_back(each);
  return values;
}

bool comparesSo(const std::string& op, const Json& value, const Json& than) {
  if (op == "eq" || op == "in" || op == "ne" || op == "nin") return value == than;
  const bool bothNumbers = value.is_number() && than.is_number(), bothStrings = value.is_string() && than.is_string();
  if (!bothNumbers && !bothStrings) return false;
  return op == "gt" ? value > than : op == "gte" ? value >= than : op == "lt" ? value < than : value <= than;
}

bool holds(const Json& filter, const Json& row) {
  const std::string op = filter["op"];
  if (op == "and" || op == "or") {
    bool all = true, any = false;
    for (const Json& each : filter["of"]) {
      const bool one = holds(each, row);
      all = all && one;
      any = any || one;
    }
    return op == "and" ? all : any;
  }
  if (op == "not") return !holds(filter["of"][0], row);
  bool exists = false;
  const std::vector<Json> values = valuesOf(row, filter["field"], exists);
  if (op == "exists") return exists == filter["value"].get<bool>();
  bool any = false;
  const Json than = filter.contains("values") ? filter["values"] : Json::array({filter["value"]});
  for (const Json& value : values)
    for (const Json& each : than) any = any || comparesSo(op, value, each);
  return op == "ne" || op == "nin" ? !any : any;
}

class Drawn {
 public:
  explicit Drawn(uint32_t seed) : random_(seed) {}
  Json value() {
    switch (random_() % 6) {
      case 0: return random_() % 5;
      case 1: return static_cast<double>(random_() % 5) / 2;
      case 2: return std::string(1, static_cast<char>('a' + random_() % 4));
      case 3: return random_() % 2 == 0;
      case 4: return nullptr;
      default: return -static_cast<int>(random_() % 3);
    }
  }
  Json field(int depth) {
    switch (random_() % 8) {
      case 0: {
        Json array = Json::array();
        for (uint32_t i = random_() % 4; i > 0; --i) array.push_back(value());
        if (random_() % 4 == 0) array.push_back(Json::array({1, "a"}));
        if (random_() % 4 == 0) array.push_back(Json{{"x", 1}});
        return array;
      }
      case 1: return depth < 2 ? row(depth + 1) : value();
      default: return value();
    }
  }
  Json row(int depth = 0) {
    Json object = Json::object();
    for (const char* key : {"x", "y", "z"})
      if (random_() % 3) object[key] = field(depth);
    return object;
  }
  Json filter(int depth = 0) {
    static const char* const kLeaves[] = {"eq", "ne", "gt", "gte", "lt", "lte", "in", "nin", "exists"};
    static const char* const kPaths[] = {"x", "y", "z", "x.y", "y.x.z"};
    const uint32_t what = random_() % 8;
    if (depth < 3 && what < 3) {
      Json of = Json::array();
      for (uint32_t i = what == 2 ? 1 : 1 + random_() % 3; i > 0; --i) of.push_back(filter(depth + 1));
      return {{"op", what == 0 ? "and" : what == 1 ? "or" : "not"}, {"of", of}};
    }
    const std::string op = kLeaves[random_() % 9];
    Json leaf{{"op", op}, {"field", kPaths[random_() % 5]}};
    if (op == "exists") {
      leaf["value"] = random_() % 2 == 0;
    } else if (op == "in" || op == "nin") {
      leaf["values"] = Json::array();
      for (uint32_t i = random_() % 4; i > 0; --i) leaf["values"].push_back(value());
    } else {
      do leaf["value"] = value();
      while (op != "eq" && op != "ne" && !leaf["value"].is_number() && !leaf["value"].is_string());
    }
    return leaf;
  }

 private:
  std::mt19937 random_;
};

TEST(VectorFilters, AreWhatTheJsonSays) {
  Drawn drawn(7);
  for (int round = 0; round < 60; ++round) {
    std::vector<Json> rows;
    std::vector<std::string> texts;
    for (int i = 0; i < 130; ++i) {
      rows.push_back(i % 7 == 3 ? Json::object() : drawn.row());
      texts.push_back(i % 7 == 3 ? "" : rows.back().dump());
    }
    Columns columns;
    const auto textOf = [&](size_t row) { return std::string_view(texts[row]); };
    for (size_t count : {70, 130}) {  // the second time there are more rows
      const HeldColumns held = columns.extend({"x", "y", "z", "x.y", "y.x.z"}, count, textOf);
      for (int i = 0; i < 20; ++i) {
        const Json json = drawn.filter();
        const Filter filter(json.dump());
        const Bits found = filter.evaluate(held, count);
        for (size_t row = 0; row < count; ++row)
          ASSERT_EQ(found.has(row), holds(json, rows[row])) << json << " of " << rows[row];
        // Fewer rows than there are columns of.
        const Bits some = filter.evaluate(held, 65);
        for (size_t row = 0; row < 65; ++row) ASSERT_EQ(some.has(row), found.has(row)) << json;
        EXPECT_LE(some.count(), 65u);
      }
    }
  }
}

std::string refused(const std::string& json, const std::string& row) {
  const Filter filter(json);
  Columns columns;
  try {
    filter.check({columns.extend(filter.fields(), 1, [&](size_t) { return std::string_view(row); })});
  } catch (const Error& error) {
    EXPECT_EQ(error.code, Code::InvalidArgument);
    EXPECT_EQ(error.details.argument, "options.filter");
    return error.what();
  }
  return "";
}

TEST(VectorFilters, RefuseFieldsAndKindsThatThereAreNot) {
  const std::string row = R"({"year": 1990, "tags": ["a", "b"], "place": {"city": "x"}, "none": null})";
  EXPECT_NE(refused(R"({"op": "eq", "field": "yaer", "value": 1})", row).find("yaer"), std::string::npos);
  EXPECT_NE(refused(R"({"op": "eq", "field": "yaer", "value": 1})", row).find("year"), std::string::npos);
  EXPECT_NE(refused(R"({"op": "gt", "field": "year", "value": "a"})", row).find("a number"), std::string::npos);
  EXPECT_NE(refused(R"({"op": "not", "of": [{"op": "eq", "field": "b", "value": 1}]})", row), "");
  EXPECT_NE(refused(R"({"op": "in", "field": "tags", "values": ["a", 1]})", row), "");
  EXPECT_EQ(refused(R"({"op": "in", "field": "tags", "values": ["c"]})", row), "");
  EXPECT_EQ(refused(R"({"op": "eq", "field": "year", "value": null})", row), "");
  EXPECT_EQ(refused(R"({"op": "exists", "field": "none", "value": true})", row), "");
  EXPECT_EQ(refused(R"({"op": "eq", "field": "place.city", "value": "y"})", row), "");
}

}  // namespace
}  // namespace switchyard::vectors
