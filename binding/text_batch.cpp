// V8 writes the UTF-8, and U+FFFD for each surrogate that stands alone, as it does for every addon.
#include "text_batch.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "convert.h"
#include "error.h"

namespace switchyard::node {
namespace {

const int kTagAnchor = 0;  // the address makes it this very copy of the library
napi_type_tag typeTag() { return {0x535754455854424cull, reinterpret_cast<uint64_t>(&kTagAnchor)}; }
constexpr size_t kMostUnitBytes = 3;  // of UTF-8 for a UTF-16 unit

const char* typeName(napi_valuetype type) {
  static constexpr const char* kNames[] = {"undefined", "null",      "a boolean",  "a number",  "a string",
                                           "a symbol",  "an object", "a function", "an object", "a bigint"};
  return static_cast<size_t>(type) < std::size(kNames) ? kNames[type] : "something else";
}

}  // namespace

Napi::Function TextBatchWrap::define(Napi::Env env) {
  return DefineClass(env, "TextBatch",
                     {InstanceMethod<&TextBatchWrap::add>("add"), InstanceMethod<&TextBatchWrap::append>("append")});
}

TextBatchWrap::TextBatchWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  napi_type_tag tag = typeTag();
  checkStatus(info.Env(), napi_type_tag_object(info.Env(), info.This(), &tag));
}

std::shared_ptr<Texts> TextBatchWrap::take(const Napi::Value& value) {
  napi_type_tag tag = typeTag();
  bool ours = false;
  if (!value.IsObject() || napi_check_object_type_tag(value.Env(), value, &tag, &ours) != napi_ok || !ours)
    throw Error(Code::InvalidArgument, "texts come as a TextBatch");
  return std::exchange(Unwrap(value.As<Napi::Object>())->texts_, std::make_shared<Texts>());
}

char* Texts::room(size_t bytes) {
  if (capacity_ - used_ < bytes) {
    const size_t capacity = std::max(capacity_ * 2, used_ + bytes);
    auto larger = std::make_unique_for_overwrite<char[]>(capacity);
    if (used_) std::memcpy(larger.get(), bytes_.get(), used_);
    bytes_ = std::move(larger);
    capacity_ = capacity;
  }
  return bytes_.get() + used_;
}

void TextBatchWrap::copy(napi_env env, napi_value text, size_t units) {
  const size_t most = units * kMostUnitBytes + 1;
  size_t written = 0;
  checkStatus(env, napi_get_value_string_utf8(env, text, texts_->room(most), most, &written));
  texts_->add(written);
}

Napi::Value TextBatchWrap::add(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const auto list = info[0].As<Napi::Array>();
    const auto mostUnits = info[2].As<Napi::Number>().Int64Value(), mostTexts = info[3].As<Napi::Number>().Int64Value();
    const uint32_t length = list.Length();
    uint32_t i = info[1].As<Napi::Number>().Uint32Value();
    const auto end = static_cast<uint32_t>(std::min<int64_t>(length, int64_t{i} + mostTexts));
    for (int64_t units = 0; i < end && units < mostUnits; ++i) {
      Napi::HandleScope scope(env);
      napi_value text;
      checkStatus(env, napi_get_element(env, list, i, &text));
      size_t size = 0;
      if (napi_get_value_string_utf16(env, text, nullptr, 0, &size) != napi_ok) {
        napi_valuetype type = napi_undefined;
        checkStatus(env, napi_typeof(env, text, &type));
        throw Error(Code::InvalidArgument,
                    "text " + std::to_string(i) + " is " + typeName(type) + ", but must be a string");
      }
      if (static_cast<int64_t>(size) > mostUnits) break;
      copy(env, text, size);
      texts_->endText();
      units += static_cast<int64_t>(size);
    }
    return Napi::Number::New(env, i);
  });
}

Napi::Value TextBatchWrap::append(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    size_t size = 0;
    checkStatus(env, napi_get_value_string_utf16(env, info[0], nullptr, 0, &size));
    copy(env, info[0], size);
    if (info[1].ToBoolean()) texts_->endText();
    return env.Undefined();
  });
}

}  // namespace switchyard::node
