// nlohmann's parser keeps the last of two equal keys, so those are looked for while it parses; and what it copies and
// writes goes down as deep as the values do, so those that are too deep for a stack are not let in.
#include "text/json_fields.h"

#include <algorithm>
#include <unordered_set>

#include "error.h"
#include "text/utf8.h"

namespace switchyard::text {
namespace {

constexpr int kMostDepth = 64;  // files of these kinds have below ten
constexpr size_t kMostShown = 120;

// The keys of each object that is being read, and the key that it is the value of.
class KeyWatch {
 public:
  explicit KeyWatch(const std::string& name) : name_(name) {}
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    const bool opens = event == Json::parse_event_t::object_start || event == Json::parse_event_t::array_start;
    if (opens && depth >= kMostDepth)
      throw Error(Code::InvalidArgument, name_ + " has values within values, more than " + std::to_string(kMostDepth) +
                                             " deep, below " + shown(lastKey_));
    if (event == Json::parse_event_t::object_start) {
      open_.push_back({lastKey_, {}});
    } else if (event == Json::parse_event_t::object_end) {
      open_.pop_back();
    } else if (event == Json::parse_event_t::key) {
      lastKey_ = parsed.get_ref<const std::string&>();
      if (!open_.back().keys.insert(lastKey_).second)
        throw Error(Code::InvalidArgument, name_ + " has " + shown(lastKey_) + " twice in " + shown(open_.back().name));
    }
    return true;
  }

 private:
  struct Open {
    std::string name;
    std::unordered_set<std::string> keys;
  };
  const std::string& name_;
  std::vector<Open> open_;
  std::string lastKey_;
};

const Json kNull;

}  // namespace

Json parseJson(std::string_view text, const std::string& name) {
  try {
    KeyWatch watch(name);
    return Json::parse(text, std::ref(watch));
  } catch (const Json::parse_error& error) {
    throw Error(Code::InvalidArgument, name + " is not JSON, or cut off: it can't be read at byte " +
                                           std::to_string(error.byte) + " of " + std::to_string(text.size()));
  } catch (const Json::exception& error) {  // a number that no double holds, for one
    throw Error(Code::InvalidArgument, name + " has JSON that can't be read: " + shown(error.what()));
  }
}

std::string shown(std::string_view text) {
  size_t end = std::min(text.size(), kMostShown);
  while (end > 0 && end < text.size() && isContinuation(text[end])) --end;
  return "'" + std::string(text.substr(0, end)) + (end < text.size() ? "...'" : "'");
}

std::string shownValue(const Json& value) {
  if (value.is_string()) return shown(value.get_ref<const std::string&>());
  return value.is_structured() ? "an " + std::string(value.type_name()) : value.dump();
}

Fields::Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {
  if (!object.is_object())
    throw Error(Code::InvalidArgument, "'" + where_ + "' is " + object.type_name() + ", but must be an object");
}

bool Fields::has(const char* key) const { return !at(key).is_null(); }

const Json& Fields::at(const char* key) const {
  const auto found = object_.find(key);
  return found == object_.end() ? kNull : *found;
}

void Fields::refuse(const char* key, const std::string& wanted) const {
  const Json& value = at(key);
  const std::string got = object_.contains(key) ? "is " + std::string(value.type_name()) : "is missing";
  throw Error(Code::InvalidArgument, "'" + place(key) + "' " + got + ", but must be " + wanted);
}

std::string Fields::string(const char* key) const {
  if (!at(key).is_string()) refuse(key, "a string");
  return at(key).get<std::string>();
}

std::string Fields::string(const char* key, const std::string& otherwise) const {
  return has(key) ? string(key) : otherwise;
}

bool Fields::boolean(const char* key, bool otherwise) const {
  if (!has(key)) return otherwise;
  if (!at(key).is_boolean()) refuse(key, "true or false");
  return at(key).get<bool>();
}

uint64_t Fields::count(const char* key) const {
  if (!at(key).is_number_unsigned()) refuse(key, "a whole number from 0 on");
  return at(key).get<uint64_t>();
}

uint64_t Fields::count(const char* key, uint64_t otherwise) const { return has(key) ? count(key) : otherwise; }

const Json& Fields::array(const char* key) const {
  if (!at(key).is_array()) refuse(key, "an array");
  return at(key);
}

void Fields::only(std::initializer_list<std::string_view> keys) const {
  for (const auto& [key, value] : object_.items())
    if (key != "type" && std::ranges::find(keys, key) == keys.end())
      throw Error(Code::Unsupported, "'" + place(key.c_str()) + "' is not known here: what it changes would be missed");
}

std::vector<Fields> children(const Fields& parent, const char* key) {
  std::vector<Fields> all;
  const Json& list = parent.array(key);
  for (size_t i = 0; i < list.size(); ++i) all.emplace_back(list[i], parent.place(key) + "[" + std::to_string(i) + "]");
  return all;
}

void refuseType(const Fields& fields, const std::string& kind, const std::string& known) {
  throw Error(Code::Unsupported, "'" + fields.where() + "' is of the type " + shown(fields.string("type", "")) +
                                     ", but a " + kind + " known here is one of " + known);
}

}  // namespace switchyard::text
