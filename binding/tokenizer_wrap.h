// Tokenizers as JavaScript holds them, and what they do on libuv's threads.
#pragma once
#include <napi.h>

#include <memory>

#include "text/tokenizer.h"

namespace switchyard::node {

class Environment;

class TokenizerWrap : public Napi::ObjectWrap<TokenizerWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Value create(Environment& environment, std::shared_ptr<const text::Tokenizer> tokenizer);
  explicit TokenizerWrap(const Napi::CallbackInfo& info);

 private:
  const text::Tokenizer& open() const;  // throws Closed
  // encode(id, batch, pairs or undefined, maxLength or -1, truncates, addsSpecial, spans): delivers [offsets, ids,
  // typeIds, truncated, spans] as ArrayBuffers, the last one with `spans` only
  Napi::Value encode(const Napi::CallbackInfo& info);
  // count(id, batch): delivers [offsets]
  Napi::Value count(const Napi::CallbackInfo& info);
  Napi::Value decode(const Napi::CallbackInfo& info);  // (ids: Float64Array, skipsSpecial) -> string
  Napi::Value tokens(const Napi::CallbackInfo& info);  // (ids: Float64Array) -> string[]
  Napi::Value idOf(const Napi::CallbackInfo& info);    // (token) -> its id, or undefined
  Napi::Value close(const Napi::CallbackInfo& info);
  std::shared_ptr<const text::Tokenizer> tokenizer_;
};

void defineTokenizers(Napi::Env env, Napi::Object exports);

}  // namespace switchyard::node
