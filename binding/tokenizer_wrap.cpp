// A file of some megabytes takes a hundred milliseconds to read, so that is done on libuv's threads, too.
#include "tokenizer_wrap.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "convert.h"
#include "encode_texts.h"
#include "environment.h"
#include "error.h"
#include "text/tokenizer_file.h"
#include "text_batch.h"
#include "text_lanes.h"

namespace switchyard::node {
namespace {

using text::Tokenizer;

class LoadTokenizer final : public Operation {
 public:
  using Operation::Operation;
  Napi::Value result(Environment& environment) override {
    if (error) std::rethrow_exception(error);
    return TokenizerWrap::create(environment, std::move(tokenizer));
  }
  std::shared_ptr<const Tokenizer> tokenizer;
  std::exception_ptr error;
};

// loadTokenizer(id, folder, json): one of both, the other is undefined; delivers { handle, ... }
Napi::Value loadTokenizer(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    auto operation = std::make_shared<LoadTokenizer>(readUint(info[0]));
    const bool isFolder = info[1].IsString();
    std::string source = info[isFolder ? 1 : 2].As<Napi::String>().Utf8Value();
    std::vector<TextLanes::Piece> piece;
    piece.emplace_back([operation, isFolder, source = std::move(source), shared = environment.shared()] {
      try {
        operation->tokenizer = isFolder ? text::readTokenizerFolder(source) : text::readTokenizer(source);
      } catch (...) {
        operation->error = std::current_exception();
      }
      shared->operations.push(operation.get());
    });
    environment.operations.begin(operation, [&] { TextLanes::shared().post(std::move(piece)); });
    return env.Undefined();
  });
}

std::vector<int64_t> readIds(const Napi::Value& value) {
  std::vector<int64_t> ids;
  for (double id : readDoubles(value.Env(), value)) {
    if (!(id >= 0 && id < static_cast<double>(text::Vocabulary::kMostIds)) || id != std::floor(id))
      throw Error(Code::InvalidArgument, "id " + std::to_string(ids.size()) + " is " + std::to_string(id) +
                                             ", but must be a whole number from 0 on");
    ids.push_back(static_cast<int64_t>(id));
  }
  return ids;
}

}  // namespace

Napi::Function TokenizerWrap::define(Napi::Env env) {
  return DefineClass(
      env, "TokenizerHandle",
      {InstanceMethod<&TokenizerWrap::encode>("encode"), InstanceMethod<&TokenizerWrap::count>("count"),
       InstanceMethod<&TokenizerWrap::decode>("decode"), InstanceMethod<&TokenizerWrap::tokens>("tokens"),
       InstanceMethod<&TokenizerWrap::idOf>("idOf"), InstanceMethod<&TokenizerWrap::close>("close")});
}

Napi::Value TokenizerWrap::create(Environment& environment, std::shared_ptr<const Tokenizer> tokenizer) {
  const Napi::Env env(environment.env());
  const Tokenizer& made = *tokenizer;
  Napi::Object handle =
      environment.tokenizerClass.New({Napi::External<std::shared_ptr<const Tokenizer>>::New(env, &tokenizer)});
  Napi::Object result = Napi::Object::New(env);
  result.Set("handle", handle);
  result.Set("vocabularySize", Napi::Number::New(env, static_cast<double>(made.vocabularySize())));
  if (const auto& most = made.truncation().maxLength)
    result.Set("maxLength", Napi::Number::New(env, static_cast<double>(*most)));
  result.Set("addedToOne", Napi::Number::New(env, made.addedTokens(false)));
  result.Set("addedToPair", Napi::Number::New(env, made.addedTokens(true)));
  return result;
}

TokenizerWrap::TokenizerWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  if (!info[0].IsExternal()) throw Napi::TypeError::New(info.Env(), "a tokenizer comes from loadTokenizer()");
  tokenizer_ = *info[0].As<Napi::External<std::shared_ptr<const Tokenizer>>>().Data();
}

const Tokenizer& TokenizerWrap::open() const {
  if (!tokenizer_) throw Error(Code::Closed, "the tokenizer is closed");
  return *tokenizer_;
}

Napi::Value TokenizerWrap::encode(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    open();
    EncodeTexts::What what{.tokenizer = tokenizer_, .texts = TextBatchWrap::take(info[1])};
    if (!info[2].IsUndefined()) what.pairs = TextBatchWrap::take(info[2]);
    const double most = info[3].As<Napi::Number>().DoubleValue();
    if (most >= 0) what.options.maxLength = static_cast<uint64_t>(most);
    what.options.truncates = info[4].ToBoolean();
    what.options.addsSpecial = info[5].ToBoolean();
    what.options.spans = info[6].ToBoolean();
    EncodeTexts::start(Environment::of(env), readUint(info[0]), std::move(what));
    return env.Undefined();
  });
}

Napi::Value TokenizerWrap::count(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    open();
    EncodeTexts::What what{.tokenizer = tokenizer_, .texts = TextBatchWrap::take(info[1]), .countsOnly = true};
    what.options.maxLength = text::Vocabulary::kMostIds * int64_t{1 << 16};  // no end
    EncodeTexts::start(Environment::of(env), readUint(info[0]), std::move(what));
    return env.Undefined();
  });
}

Napi::Value TokenizerWrap::decode(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    return Napi::String::New(info.Env(), open().decode(readIds(info[0]), info[1].ToBoolean()));
  });
}

Napi::Value TokenizerWrap::tokens(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const std::vector<int64_t> ids = readIds(info[0]);
    Napi::Array names = Napi::Array::New(env, ids.size());
    for (uint32_t i = 0; i < ids.size(); ++i) names.Set(i, Napi::String::New(env, open().tokenOf(ids[i])));
    return names;
  });
}

Napi::Value TokenizerWrap::idOf(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const auto id = open().idOf(info[0].As<Napi::String>().Utf8Value());
    return id ? Napi::Value(Napi::Number::New(info.Env(), *id)) : info.Env().Undefined();
  });
}

Napi::Value TokenizerWrap::close(const Napi::CallbackInfo& info) {
  tokenizer_.reset();
  return info.Env().Undefined();
}

void defineTokenizers(Napi::Env env, Napi::Object exports) {
  Environment::of(env).tokenizerClass = Napi::Persistent(TokenizerWrap::define(env));
  exports.Set("TextBatch", TextBatchWrap::define(env));
  exports.Set("loadTokenizer", Napi::Function::New<loadTokenizer>(env, "loadTokenizer"));
}

}  // namespace switchyard::node
