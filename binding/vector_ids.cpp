// Texts are read into blocks whose memory never moves.
#include "vector_ids.h"

#include <algorithm>

#include "convert.h"
#include "error.h"

namespace switchyard::node {
namespace {

constexpr size_t kBlockBytes = 64 << 10;

}  // namespace

ReadIds::ReadIds(const Napi::Value& value) {
  const Napi::Env env = value.Env();
  const auto array = value.As<Napi::Array>();
  const uint32_t count = array.Length();
  ids.reserve(count);
  char buffer[vectors::kMostIdBytes + 8];
  for (uint32_t i = 0; i < count; ++i) {
    const Napi::HandleScope scope(env);
    napi_value each;
    checkStatus(env, napi_get_element(env, array, i, &each));
    double number;
    if (napi_get_value_double(env, each, &number) == napi_ok) {
      ids.push_back(vectors::Id::of(static_cast<int64_t>(number)));
      continue;
    }
    size_t bytes = 0;
    checkStatus(env, napi_get_value_string_utf8(env, each, buffer, sizeof buffer, &bytes));
    if (bytes == 0 || bytes > vectors::kMostIdBytes)
      throw Error(Code::InvalidArgument,
                  "ids: the id at " + std::to_string(i) +
                      (bytes ? " has more than " : " is empty: it must have 1 to ") +
                      std::to_string(vectors::kMostIdBytes) + " bytes of UTF-8",
                  {.argument = "ids"});
    if (texts_.empty() || texts_.back().capacity() - texts_.back().size() < bytes) {
      texts_.emplace_back();
      texts_.back().reserve(kBlockBytes);
    }
    std::string& block = texts_.back();
    block.append(buffer, bytes);
    ids.push_back(vectors::Id::of(std::string_view(block).substr(block.size() - bytes)));
  }
}

ReadMetadata::ReadMetadata(const Napi::Value& value) {
  if (value.IsUndefined()) return;
  const Napi::Env env = value.Env();
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0, count = array.Length(); i < count; ++i) {
    const Napi::HandleScope scope(env);
    const Napi::Value each = array.Get(i);
    if (each.IsString()) texts_.push_back(each.As<Napi::String>().Utf8Value());
    list.push_back(each.IsString() ? std::string_view(texts_.back()) : std::string_view{});
  }
}

napi_value idValue(napi_env env, const vectors::Id& id) {
  napi_value value;
  if (id.isNumber)
    checkStatus(env, napi_create_int64(env, id.number, &value));
  else
    checkStatus(env, napi_create_string_utf8(env, id.text.data(), id.text.size(), &value));
  return value;
}

}  // namespace switchyard::node
