// Answers are held until they have been read, whatever JavaScript does with its arrays.
#include "vector_search_wrap.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "array_buffers.h"
#include "convert.h"
#include "environment.h"
#include "error.h"
#include "held_memory.h"
#include "vector_ids.h"
#include "vector_operation.h"
#include "vector_table_wrap.h"

namespace switchyard::node {
namespace {

using vectors::Answer;
using vectors::Hit;
using vectors::Search;

struct Answers {
  std::vector<Answer> list;
  std::vector<std::shared_ptr<const void>> holds;
  std::vector<std::vector<std::byte>> copies;
};

// The numbers of a typed array, held or copied.
template <class T>
std::span<const T> numbersOf(const Napi::Value& value, Answers& answers) {
  if (value.IsUndefined()) return {};
  ByteRange bytes = readBytes(value.Env(), value);
  if (auto hold = holdMemory(value.Env(), value)) {
    answers.holds.push_back(std::move(hold));
  } else {
    answers.copies.emplace_back(bytes.data, bytes.data + bytes.bytes);
    bytes.data = answers.copies.back().data();
  }
  return {reinterpret_cast<const T*>(bytes.data), bytes.bytes / sizeof(T)};
}

void checkLengths(const vectors::Need& need, const Answer& answer) {
  const size_t all = need.queries.size() * need.k;
  if (answer.scores.size() != all || answer.indices.size() != all ||
      (!answer.bounds.empty() && answer.bounds.size() != need.queries.size()))
    throw Error(Code::Internal, "a search's answer has another length than was asked for");
}

Napi::Value nothing(Environment& environment) { return Napi::Env(environment.env()).Undefined(); }

template <class Work>
Napi::Value runWith(const Napi::CallbackInfo& info, Work work) {
  const uint64_t id = readUint(info[0]);
  if (id == 0)
    work();
  else
    VectorOperation::start(Environment::of(info.Env()), id, std::move(work), nothing);
  return info.Env().Undefined();
}

}  // namespace

Napi::Function VectorSearchWrap::define(Napi::Env env) {
  using Self = VectorSearchWrap;
  return DefineClass(
      env, "VectorSearch",
      {InstanceMethod<&Self::plan>("plan"), InstanceMethod<&Self::parts>("parts"),
       InstanceMethod<&Self::needs>("needs"), InstanceMethod<&Self::mask>("mask"), InstanceMethod<&Self::work>("work"),
       InstanceMethod<&Self::advance>("advance"), InstanceMethod<&Self::result>("result")});
}

VectorSearchWrap::VectorSearchWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  guarded(env, [&] {
    auto table = VectorTableWrap::tableOf(info[0]);
    vectors::Question question;
    const ByteRange bytes = readBytes(env, info[1]);
    const auto* const numbers = reinterpret_cast<const float*>(bytes.data);
    question.queries.assign(numbers, numbers + bytes.bytes / sizeof(float));
    question.count = readUint(info[2]);
    if (question.queries.size() != question.count * table->dimensions)
      throw Error(Code::Internal, "queries have another length than their count says");
    const double k = info[3].ToNumber();
    question.k = k > 9e15 ? SIZE_MAX : static_cast<size_t>(k);
    question.isRange = info[4].ToBoolean();
    if (info[5].IsNumber()) question.threshold = info[5].As<Napi::Number>().DoubleValue();
    question.isApproximate = info[6].ToBoolean();
    question.isCoded = info[7].ToBoolean();
    if (info[8].IsString()) question.filter.emplace(info[8].As<Napi::String>().Utf8Value());
    ReadIds ids;
    if (info[9].IsArray()) {
      ids = ReadIds(info[9]);
      question.ids = ids.ids;
    }
    question.withMetadata = info[10].ToBoolean();
    search_ = std::make_shared<Search>(std::move(table), std::move(question));
  });
}

Napi::Value checkQueries(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const ByteRange bytes = readBytes(info.Env(), info[0]);
    const auto* const numbers = reinterpret_cast<const float*>(bytes.data);
    const size_t d = readCount(info[1].ToNumber(), vectors::kMostDimensions, "dimensions");
    for (size_t q = 0; (q + 1) * d * sizeof(float) <= bytes.bytes; ++q)
      vectors::finiteSquaresOf(numbers + q * d, d, q, "queries");
    return info.Env().Undefined();
  });
}

Napi::Value VectorSearchWrap::plan(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return runWith(info, [search = search_] { search->plan(); }); });
}

Napi::Value VectorSearchWrap::parts(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env, search_->parts().size());
  for (uint32_t i = 0; i < search_->parts().size(); ++i) {
    const Search::Part& part = search_->parts()[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", static_cast<double>(part.view.segment->name));
    entry.Set("rows", static_cast<double>(part.view.rows));
    entry.Set("allowed", static_cast<double>(part.allowed));
    entry.Set("rounds", part.rounds);
    entry.Set("candidates", static_cast<double>(part.candidates));
    entry.Set("isScanned", part.isScanned);
    entry.Set("isSealed", part.view.isSealed);
    list.Set(i, entry);
  }
  return list;
}

Napi::Value VectorSearchWrap::needs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env, search_->needs().size());
  for (uint32_t i = 0; i < search_->needs().size(); ++i) {
    const vectors::Need& need = search_->needs()[i];
    Napi::Uint32Array queries = Napi::Uint32Array::New(env, need.queries.size());
    std::copy(need.queries.begin(), need.queries.end(), queries.Data());
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("part", need.part);
    entry.Set("k", need.k);
    entry.Set("byRows", need.byRows);
    entry.Set("queries", queries);
    list.Set(i, entry);
  }
  return list;
}

Napi::Value VectorSearchWrap::mask(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Search::Part& part = search_->parts().at(readUint(info[0]));
  if (!part.mask) return env.Undefined();
  const size_t bytes = (part.view.rows + 7) / 8;
  Napi::Uint8Array mask = Napi::Uint8Array::New(env, bytes);
  std::memcpy(mask.Data(), part.mask->words(), bytes);
  return mask;
}

Napi::Value VectorSearchWrap::work(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), search_->work());
}

Napi::Value VectorSearchWrap::advance(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    auto answers = std::make_shared<Answers>();
    const auto given = info[1].As<Napi::Array>();
    for (uint32_t i = 0; i < given.Length(); ++i) {
      const auto one = given.Get(i).As<Napi::Array>();
      answers->list.push_back({numbersOf<float>(one.Get(0u), *answers), numbersOf<int32_t>(one.Get(1u), *answers),
                               numbersOf<float>(one.Get(2u), *answers)});
    }
    if (answers->list.size() != search_->needs().size())
      throw Error(Code::Internal, "a search got another number of answers than it asked for");
    for (size_t i = 0; i < answers->list.size(); ++i) checkLengths(search_->needs()[i], answers->list[i]);
    return runWith(info, [search = search_, answers] { search->advance(answers->list); });
  });
}

Napi::Value VectorSearchWrap::result(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Environment& environment = Environment::of(env);
    const bool withVectors = info[0].ToBoolean(), withMetadata = info[1].ToBoolean();
    const auto& hits = search_->hits();
    Napi::Array ids = Napi::Array::New(env, hits.size()), scores = Napi::Array::New(env, hits.size());
    Napi::Array rows = Napi::Array::New(env), metadata = Napi::Array::New(env);
    for (uint32_t q = 0; q < hits.size(); ++q) {
      const Napi::HandleScope scope(env);
      const std::vector<Hit>& own = hits[q];
      Napi::Array names = Napi::Array::New(env, own.size()),
                  texts = Napi::Array::New(env, withMetadata ? own.size() : 0);
      Napi::Float32Array numbers = Napi::Float32Array::New(env, own.size());
      std::shared_ptr<HostBlock> block;
      const size_t bytes = search_->dimensions() * sizeof(float);
      if (withVectors) block = HostPool::shared().acquire(std::max<size_t>(own.size() * bytes, 4));
      for (uint32_t i = 0; i < own.size(); ++i) {
        const vectors::Segment& segment = *search_->parts()[own[i].part].view.segment;
        names.Set(i, Napi::Value(env, idValue(env, segment.id(own[i].row))));
        numbers[i] = own[i].score;
        if (withVectors) std::memcpy(block->data + i * bytes, segment.row(own[i].row), bytes);
        const std::string_view text = withMetadata ? segment.metadata(own[i].row) : std::string_view{};
        if (!text.empty()) texts.Set(i, Napi::String::New(env, text.data(), text.size()));
      }
      ids.Set(q, names);
      scores.Set(q, numbers);
      if (withVectors) rows.Set(q, Napi::Value(env, makeArrayBuffer(environment, std::move(block))));
      if (withMetadata) metadata.Set(q, texts);
    }
    Napi::Object result = Napi::Object::New(env);
    result.Set("ids", ids);
    result.Set("scores", scores);
    if (withVectors) result.Set("vectors", rows);
    if (withMetadata) result.Set("metadata", metadata);
    return result;
  });
}

}  // namespace switchyard::node
