// An object of a JSON file, read field by field: what is missing, of the wrong type or unknown is refused by its place.
#pragma once
#include <nlohmann/json.hpp>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace switchyard::text {

using Json = nlohmann::json;

// Throws InvalidArgument for what is not JSON, for an object that has a key twice, and for values that are more than 64
// deep; `name` is the file's. What it returns may be copied and written without a look at its depth.
Json parseJson(std::string_view text, const std::string& name);
// As an error shows what a stranger's file has: in quotes, and not all of a long one; of an array or object its type.
std::string shown(std::string_view text);
std::string shownValue(const Json& value);

class Fields {
 public:
  // Throws InvalidArgument where it is no object.
  Fields(const Json& object, std::string where);
  const std::string& where() const { return where_; }

  bool has(const char* key) const;  // and it is not null
  std::string string(const char* key) const;
  std::string string(const char* key, const std::string& otherwise) const;
  bool boolean(const char* key, bool otherwise) const;
  uint64_t count(const char* key) const;
  uint64_t count(const char* key, uint64_t otherwise) const;
  const Json& array(const char* key) const;
  const Json& at(const char* key) const;
  Fields child(const char* key) const { return {at(key), place(key)}; }
  std::string place(const char* key) const { return where_.empty() ? key : where_ + "." + key; }

  // Throws Unsupported for a key beside these and "type".
  void only(std::initializer_list<std::string_view> keys) const;
  [[noreturn]] void refuse(const char* key, const std::string& wanted) const;

 private:
  const Json& object_;
  const std::string where_;
};

// The objects of an array, which is a field of `parent`.
std::vector<Fields> children(const Fields& parent, const char* key);
// Throws Unsupported: a `kind` of this name is not known.
[[noreturn]] void refuseType(const Fields& fields, const std::string& kind, const std::string& known);

}  // namespace switchyard::text
