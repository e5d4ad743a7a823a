// Ids and metadata of vectors, read from JavaScript.
#pragma once
#include <napi.h>

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "vectors/ids.h"

namespace switchyard::node {

// The ids of a call with the bytes of their texts. Moved, it keeps them where they are.
class ReadIds {
 public:
  ReadIds() = default;
  // An array of strings, which are well-formed, and safe integers; throws InvalidArgument with the position of a text
  // that is empty or too long.
  explicit ReadIds(const Napi::Value& array);
  std::vector<vectors::Id> ids;

 private:
  std::deque<std::string> texts_;  // blocks of them
};

// Strings, undefined where there is none; undefined: no list at all.
class ReadMetadata {
 public:
  ReadMetadata() = default;
  explicit ReadMetadata(const Napi::Value& array);
  std::vector<std::string_view> list;

 private:
  std::deque<std::string> texts_;
};

napi_value idValue(napi_env env, const vectors::Id& id);

}  // namespace switchyard::node
