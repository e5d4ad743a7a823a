// Each comparison is one pass over one column, with however many values; strings are compared once for each of a
// column's dictionary.
#include "vectors/filter.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "error.h"

namespace switchyard::vectors {
namespace {

using Json = nlohmann::json;

enum class Op { And, Or, Not, Eq, Ne, In, Nin, Gt, Gte, Lt, Lte, Exists };
constexpr const char* kOps[] = {"and", "or", "not", "eq", "ne", "in", "nin", "gt", "gte", "lt", "lte", "exists"};

struct Value {
  Kind kind = kNull;
  double number = 0;
  std::string text;
  bool truth = false;
};

Value readValue(const Json& json) {
  Value value;
  if (json.is_number()) {
    value.kind = kNumber;
    value.number = json.get<double>();
  } else if (json.is_string()) {
    value.kind = kString;
    value.text = json.get<std::string>();
  } else if (json.is_boolean()) {
    value.kind = kBoolean;
    value.truth = json.get<bool>();
  }
  return value;
}

const char* nameOf(Kind kind) {
  switch (kind) {
    case kNumber: return "a number";
    case kString: return "a string";
    case kBoolean: return "a boolean";
    case kNull: return "null";
    default: return "an object or array";
  }
}

std::string namesOf(uint32_t kinds) {
  std::string names;
  for (const Kind kind : {kNumber, kString, kBoolean, kNull, kOther})
    if (kinds & kind) names += (names.empty() ? "" : " or ") + std::string(nameOf(kind));
  return names;
}

}  // namespace

struct Filter::Node {
  Op op = Op::And;
  std::vector<std::unique_ptr<Node>> of;
  std::string field;
  std::vector<Value> values;

  static std::unique_ptr<Node> read(const Json& json) {
    auto node = std::make_unique<Node>();
    const std::string name = json.at("op").get<std::string>();
    const auto* const found = std::find(std::begin(kOps), std::end(kOps), name);
    if (found == std::end(kOps)) throw Error(Code::Internal, "a filter has the operator '" + name + "'");
    node->op = static_cast<Op>(found - kOps);
    if (json.contains("of"))
      for (const Json& each : json["of"]) node->of.push_back(read(each));
    if (json.contains("field")) node->field = json["field"].get<std::string>();
    if (json.contains("value")) node->values.push_back(readValue(json["value"]));
    if (json.contains("values"))
      for (const Json& each : json["values"]) node->values.push_back(readValue(each));
    return node;
  }

  void addFields(std::set<std::string>& fields) const {
    for (const auto& each : of) each->addFields(fields);
    if (op > Op::Not) fields.insert(field);
  }

  // ---- what there is

  void check(const std::vector<HeldColumns>& all) const {
    for (const auto& each : of) each->check(all);
    if (op <= Op::Not) return;
    uint32_t kinds = 0;
    for (const HeldColumns& columns : all)
      columns.with(field, [&](const Column* column) { kinds |= column ? column->kinds : 0; });
    if (!kinds) refuseField(all);
    if (op == Op::Exists) return;
    for (const Value& value : values)
      if (value.kind != kNull && !(kinds & value.kind))
        throw Error(Code::InvalidArgument,
                    "filter: the field '" + field + "' has " + namesOf(kinds) + " in this index, but $" +
                        kOps[static_cast<int>(op)] + " compares it with " + nameOf(value.kind),
                    {.argument = "options.filter"});
  }

  void refuseField(const std::vector<HeldColumns>& all) const {
    std::set<std::string> known;
    for (const HeldColumns& columns : all) {
      known.merge(columns.names());
      columns.forget(field);
    }
    std::string names;
    for (const std::string& name : known) {
      if (names.size() > 400) {
        names += ", ...";
        break;
      }
      names += (names.empty() ? "" : ", ") + name;
    }
    throw Error(Code::InvalidArgument,
                "filter: no vector of this index has a field '" + field +
                    "'; the fields that there are: " + (names.empty() ? "none" : names),
                {.argument = "options.filter"});
  }

  // ---- rows

  Bits evaluate(const HeldColumns& columns, size_t rows) const {
    switch (op) {
      case Op::And:
      case Op::Or: {
        Bits bits = of[0]->evaluate(columns, rows);
        for (size_t i = 1; i < of.size(); ++i)
          op == Op::And ? bits.both(of[i]->evaluate(columns, rows)) : bits.either(of[i]->evaluate(columns, rows));
        return bits;
      }
      case Op::Not: {
        Bits bits = of[0]->evaluate(columns, rows);
        bits.flip(rows);
        return bits;
      }
      default:
        return columns.with(field, [&](const Column* column) { return column ? compare(*column, rows) : none(rows); });
    }
  }

  bool isComplement() const { return op == Op::Ne || op == Op::Nin || (op == Op::Exists && !values[0].truth); }
  Bits none(size_t rows) const { return isComplement() ? Bits::all(rows) : Bits(rows); }

  Bits compare(const Column& column, size_t rows) const {
    Bits bits(rows);
    if (op == Op::Exists) {
      column.exists.addTo(bits, rows);
    } else if (op >= Op::Gt) {
      if (values[0].kind == kNumber) addCompared(column.numbers, values[0].number, rows, bits);
      if (values[0].kind == kString) addCompared(column, values[0].text, rows, bits);
    } else {
      addEqual(column, rows, bits);
    }
    if (isComplement()) bits.flip(rows);
    return bits;
  }

  // Adds the rows of which one value is one of these.
  void addEqual(const Column& column, size_t rows, Bits& bits) const {
    std::vector<double> numbers;
    std::vector<uint8_t> codes(column.dictionary.texts().size() + 1);
    bool hasCodes = false, hasNull = false, has[2] = {false, false};
    for (const Value& value : values) {
      if (value.kind == kNumber) numbers.push_back(value.number);
      if (value.kind == kBoolean) has[value.truth] = true;
      if (value.kind == kNull) hasNull = true;
      if (value.kind != kString) continue;
      const uint32_t code = column.dictionary.find(value.text);
      codes[code] = code != 0;
      hasCodes = hasCodes || code != 0;
    }
    std::sort(numbers.begin(), numbers.end());
    if (numbers.size() == 1)
      column.numbers.where(rows, bits, [than = numbers[0]](double x) { return x == than; });
    else if (!numbers.empty())
      column.numbers.where(rows, bits, [&](double x) { return std::binary_search(numbers.begin(), numbers.end(), x); });
    if (hasCodes) column.strings.where(rows, bits, [&](uint32_t code) { return codes[code] != 0; });
    if (has[0] || has[1]) column.booleans.where(rows, bits, [&](uint8_t truth) { return has[truth != 0]; });
    if (hasNull) column.nulls.addTo(bits, rows);
  }

  void addCompared(const Entries<double>& numbers, double than, size_t rows, Bits& bits) const {
    switch (op) {
      case Op::Gt: return numbers.where(rows, bits, [=](double x) { return x > than; });
      case Op::Gte: return numbers.where(rows, bits, [=](double x) { return x >= than; });
      case Op::Lt: return numbers.where(rows, bits, [=](double x) { return x < than; });
      default: return numbers.where(rows, bits, [=](double x) { return x <= than; });
    }
  }

  bool holds(std::string_view text, std::string_view than) const {
    switch (op) {
      case Op::Gt: return text > than;
      case Op::Gte: return text >= than;
      case Op::Lt: return text < than;
      default: return text <= than;
    }
  }
  void addCompared(const Column& column, const std::string& than, size_t rows, Bits& bits) const {
    const auto& texts = column.dictionary.texts();
    std::vector<uint8_t> does(texts.size() + 1);
    for (size_t code = 1; code < does.size(); ++code) does[code] = holds(texts[code - 1], than);
    column.strings.where(rows, bits, [&](uint32_t code) { return does[code] != 0; });
  }
};

Filter::Filter(std::string_view json) : root_(Node::read(Json::parse(json))) { root_->addFields(fields_); }
Filter::~Filter() = default;
Filter::Filter(Filter&&) noexcept = default;

void Filter::check(const std::vector<HeldColumns>& all) const { root_->check(all); }

Bits Filter::evaluate(const HeldColumns& columns, size_t rows) const { return root_->evaluate(columns, rows); }

}  // namespace switchyard::vectors
