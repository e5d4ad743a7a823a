// Small writes are done inside their call: a copy of some hundred rows takes less than a thread's wake-up.
#include "vector_table_wrap.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "array_buffers.h"
#include "convert.h"
#include "environment.h"
#include "error.h"
#include "held_memory.h"
#include "vector_ids.h"
#include "vector_operation.h"

namespace switchyard::node {
namespace {

using vectors::Batch;
using vectors::Place;
using vectors::View;

// The address makes it this very copy of the library.
const int kTagAnchor = 0;
napi_type_tag typeTag() { return {0x5357564543544f52, reinterpret_cast<uint64_t>(&kTagAnchor)}; }

// What a batch points into.
struct BatchMemory {
  ReadIds ids;
  ReadMetadata metadata;
  std::shared_ptr<const void> vectors;
};

Napi::Value undefined(Environment& environment) { return Napi::Env(environment.env()).Undefined(); }

Napi::Value describeViews(Napi::Env env, const std::vector<View>& views) {
  Napi::Array list = Napi::Array::New(env, views.size());
  for (uint32_t i = 0; i < views.size(); ++i) {
    const View& view = views[i];
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", static_cast<double>(view.segment->name));
    entry.Set("firstNumber", static_cast<double>(view.segment->firstNumber));
    entry.Set("rows", static_cast<double>(view.rows));
    entry.Set("live", static_cast<double>(view.live));
    entry.Set("isSealed", view.isSealed);
    entry.Set("bytes", static_cast<double>(view.segment->bytes()));
    entry.Set("mostLength", std::sqrt(view.squares.most));
    entry.Set("leastLength", std::sqrt(view.squares.least));
    entry.Set("isChecked", view.segment->areRowsChecked() && view.segment->isMetadataChecked());
    list.Set(i, entry);
  }
  return list;
}

Napi::Value describeMerge(Environment& environment, const vectors::Merge* merge) {
  const Napi::Env env(environment.env());
  if (!merge) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("name", static_cast<double>(merge->into ? merge->into->name : 0));
  const size_t rows = merge->into ? merge->into->capacity : 0;
  result.Set("rows", static_cast<double>(rows));
  result.Set("mostLength", std::sqrt(merge->squares.most));
  result.Set("leastLength", std::sqrt(merge->squares.least));
  return result;
}

}  // namespace

Napi::Function VectorTableWrap::define(Napi::Env env) {
  using Self = VectorTableWrap;
  return DefineClass(env, "VectorTable",
                     {InstanceMethod<&Self::append>("append"),
                      InstanceMethod<&Self::remove>("remove"),
                      InstanceMethod<&Self::get>("get"),
                      InstanceMethod<&Self::size>("size"),
                      InstanceMethod<&Self::segments>("segments"),
                      InstanceMethod<&Self::rowsOf>("rowsOf"),
                      InstanceMethod<&Self::merge>("merge"),
                      InstanceMethod<&Self::endMerge>("endMerge"),
                      InstanceMethod<&Self::seal>("seal"),
                      InstanceMethod<&Self::seals>("seals"),
                      InstanceMethod<&Self::snapshot>("snapshot"),
                      InstanceMethod<&Self::aliveOf>("aliveOf"),
                      InstanceMethod<&Self::packSegment>("packSegment"),
                      InstanceMethod<&Self::packWrite>("packWrite"),
                      InstanceMethod<&Self::packRemoval>("packRemoval"),
                      InstanceMethod<&Self::replay>("replay"),
                      InstanceMethod<&Self::adopt>("adopt"),
                      InstanceMethod<&Self::adoptMapped>("adoptMapped"),
                      InstanceMethod<&Self::checkRows>("checkRows"),
                      InstanceMethod<&Self::packMapped>("packMapped"),
                      InstanceMethod<&Self::exchange>("exchange"),
                      InstanceMethod<&Self::mapBytes>("mapBytes")});
}

VectorTableWrap::VectorTableWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  guarded(info.Env(), [&] {
    const auto dimensions = readCount(info[0].ToNumber(), vectors::kMostDimensions, "dimensions");
    const auto metric = static_cast<vectors::Metric>(readCount(info[1].ToNumber(), 2, "metric"));
    const vectors::Limits limits{readUint(info[2]), info[3].ToNumber().DoubleValue()};
    table_ = std::make_shared<vectors::Table>(static_cast<uint32_t>(dimensions), metric, limits);
    const napi_type_tag tag = typeTag();
    checkStatus(info.Env(), napi_type_tag_object(info.Env(), info.This(), &tag));
  });
}

std::shared_ptr<vectors::Table> VectorTableWrap::tableOf(const Napi::Value& value) {
  const napi_type_tag tag = typeTag();
  bool ours = false;
  if (value.IsObject()) checkStatus(value.Env(), napi_check_object_type_tag(value.Env(), value, &tag, &ours));
  if (!ours) throw Error(Code::InvalidArgument, "that is no VectorTable of this copy of the addon");
  return Unwrap(value.As<Napi::Object>())->table_;
}

Batch VectorTableWrap::readBatch(const Napi::CallbackInfo& info, size_t first, std::shared_ptr<void>& hold) const {
  const Napi::Env env = info.Env();
  auto memory = std::make_shared<BatchMemory>();
  memory->ids = ReadIds(info[first]);
  memory->metadata = ReadMetadata(info[first + 2]);
  const ByteRange bytes = readBytes(env, info[first + 1]);
  Batch batch;
  batch.ids = memory->ids.ids;
  batch.metadata = memory->metadata.list;
  batch.vectors = {reinterpret_cast<const float*>(bytes.data), bytes.bytes / sizeof(float)};
  batch.replaces = info[first + 3].ToBoolean();
  if (batch.vectors.size() != batch.ids.size() * table_->dimensions ||
      (!batch.metadata.empty() && batch.metadata.size() != batch.ids.size()))
    throw Error(Code::Internal, "a batch's ids, vectors and metadata have different lengths");
  memory->vectors = holdMemory(env, info[first + 1]);
  if (!memory->vectors && bytes.bytes) {
    auto copy = std::make_shared<std::vector<float>>(batch.vectors.begin(), batch.vectors.end());
    batch.vectors = *copy;
    memory->vectors = std::move(copy);
  }
  hold = std::move(memory);
  return batch;
}

Napi::Value VectorTableWrap::append(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    std::shared_ptr<void> hold;
    Batch batch = readBatch(info, 1, hold);
    const uint64_t id = readUint(info[0]);
    auto first = std::make_shared<uint64_t>(0);
    auto work = [table = table_, batch = std::move(batch), hold, first] {
      *first = table->append(batch, table->check(batch));
    };
    auto give = [first](Environment& environment) -> Napi::Value {
      return Napi::Number::New(environment.env(), static_cast<double>(*first));
    };
    if (id == 0) {
      work();
      return give(Environment::of(env));
    }
    VectorOperation::start(Environment::of(env), id, std::move(work), std::move(give));
    return env.Undefined();
  });
}

Napi::Value VectorTableWrap::remove(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    auto ids = std::make_shared<ReadIds>(info[1]);
    const uint64_t id = readUint(info[0]);
    if (id == 0) return Napi::Number::New(env, static_cast<double>(table_->remove(ids->ids)));
    auto count = std::make_shared<size_t>(0);
    VectorOperation::start(
        Environment::of(env), id, [table = table_, ids, count] { *count = table->remove(ids->ids); },
        [count](Environment& environment) -> Napi::Value {
          return Napi::Number::New(environment.env(), static_cast<double>(*count));
        });
    return env.Undefined();
  });
}

namespace {

// What was asked for of some ids, and where it lies.
struct Got {
  bool withVectors = false, withMetadata = false;
  std::vector<Place> places;
  std::shared_ptr<HostBlock> vectors;

  void read(const vectors::Table& table, const std::vector<vectors::Id>& ids) {
    const size_t bytes = table.dimensions * sizeof(float);
    places = table.find(ids);
    if (withVectors) vectors = HostPool::shared().acquire(std::max<size_t>(places.size() * bytes, 4));
    for (size_t i = 0; i < places.size(); ++i) {
      const auto& [segment, row] = places[i];
      if (!segment) continue;
      if (withMetadata) segment->checkMetadata(row, row + 1);
      if (!withVectors) continue;
      segment->checkRows(row, row + 1);
      std::memcpy(vectors->data + i * bytes, segment->row(row), bytes);
    }
  }

  Napi::Value describe(Environment& environment) {
    const Napi::Env env(environment.env());
    Napi::Uint8Array found = Napi::Uint8Array::New(env, places.size());
    for (size_t i = 0; i < places.size(); ++i) found[i] = places[i].segment ? 1 : 0;
    Napi::Object result = Napi::Object::New(env);
    result.Set("found", found);
    if (withVectors) result.Set("vectors", Napi::Value(env, makeArrayBuffer(environment, std::move(vectors))));
    if (!withMetadata) return result;
    Napi::Array metadata = Napi::Array::New(env, places.size());
    for (uint32_t i = 0; i < places.size(); ++i) {
      const auto text = places[i].segment ? places[i].segment->metadata(places[i].row) : std::string_view{};
      if (!text.empty()) metadata.Set(i, Napi::String::New(env, text.data(), text.size()));
    }
    result.Set("metadata", metadata);
    return result;
  }
};

}  // namespace

Napi::Value VectorTableWrap::get(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const uint64_t id = readUint(info[0]);
    auto ids = std::make_shared<ReadIds>(info[1]);
    auto got = std::make_shared<Got>(Got{.withVectors = info[2].ToBoolean(), .withMetadata = info[3].ToBoolean()});
    auto work = [table = table_, ids, got] { got->read(*table, ids->ids); };
    if (id == 0) {
      work();
      return got->describe(Environment::of(env));
    }
    VectorOperation::start(Environment::of(env), id, std::move(work),
                           [got](Environment& environment) { return got->describe(environment); });
    return env.Undefined();
  });
}

Napi::Value VectorTableWrap::size(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(table_->size()));
}

Napi::Value VectorTableWrap::seals(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(table_->seals()));
}

Napi::Value VectorTableWrap::mapBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(table_->mapBytes()));
}

Napi::Value VectorTableWrap::segments(const Napi::CallbackInfo& info) {
  return describeViews(info.Env(), table_->snapshot());
}

Napi::Value VectorTableWrap::snapshot(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  auto* const views = new std::vector<View>(table_->snapshot());
  Napi::Object result = Napi::Object::New(env);
  result.Set("segments", describeViews(env, *views));
  result.Set("handle", Napi::External<std::vector<View>>::New(env, views,
                                                              [](Napi::Env, std::vector<View>* held) { delete held; }));
  return result;
}

Napi::Value VectorTableWrap::rowsOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const uint64_t name = readUint(info[0]);
    std::shared_ptr<HostBlock> block;
    if (merge_ && merge_->isFilled.load(std::memory_order_acquire) && merge_->into && merge_->into->name == name)
      block = merge_->into->memory.block;
    for (const View& view : table_->snapshot())
      if (view.segment->name == name) block = view.segment->memory.block;
    if (!block) return env.Undefined();
    Environment& environment = Environment::of(env);
    Napi::Array result = Napi::Array::New(env, 2);
    result.Set(0u, Napi::Value(env, makeArrayBuffer(environment, std::move(block))));
    result.Set(1u, Napi::Boolean::New(env, !environment.copyOutputs));
    return result;
  });
}

Napi::Value VectorTableWrap::merge(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const bool all = info[1].IsNumber();
    const auto merge = all ? table_->beginMerge(true, readUint(info[1])) : table_->beginMerge(false);
    if (merge) merge_ = merge;
    const auto work = [table = table_, merge] {
      try {
        if (merge) table->fill(*merge);
      } catch (...) {
        table->abandon();
        throw;
      }
    };
    try {
      VectorOperation::start(Environment::of(env), readUint(info[0]), work,
                             [merge](Environment& environment) { return describeMerge(environment, merge.get()); });
    } catch (...) {
      if (merge) table_->abandon();
      merge_.reset();
      throw;
    }
    return env.Undefined();
  });
}

Napi::Value VectorTableWrap::endMerge(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const auto merge = std::move(merge_);
    merge_.reset();
    if (merge && info[0].ToBoolean())
      table_->commit(*merge);
    else if (merge)
      table_->abandon();
    return info.Env().Undefined();
  });
}

Napi::Value VectorTableWrap::seal(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    VectorOperation::start(
        Environment::of(env), readUint(info[0]), [table = table_] { table->seal(); }, undefined);
    return env.Undefined();
  });
}

}  // namespace switchyard::node
