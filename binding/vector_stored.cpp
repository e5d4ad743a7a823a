// Packing and unpacking are the pool's: a segment may have a million ids.
#include "vector_stored.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "array_buffers.h"
#include "convert.h"
#include "environment.h"
#include "error.h"
#include "held_memory.h"
#include "mapped_source.h"
#include "vector_ids.h"
#include "vector_operation.h"
#include "vector_table_wrap.h"
#include "vectors/packed.h"

namespace switchyard::node {
namespace {

using vectors::View;

std::shared_ptr<HostBlock> blockOf(std::string_view bytes) {
  auto block = HostPool::shared().acquire(std::max<size_t>(bytes.size(), 4));
  if (!bytes.empty()) std::memcpy(block->data, bytes.data(), bytes.size());
  block->size = bytes.size();
  return block;
}

std::string hexadecimal(uint64_t number) {
  std::string text(16, '0');
  for (size_t i = 16; i-- > 0; number >>= 4) text[i] = "0123456789abcdef"[number & 15];
  return text;
}

// Bytes of JavaScript's for a thread of the pool: held, or copied.
struct HeldBytes {
  std::string_view bytes;
  std::shared_ptr<const void> hold;
};
HeldBytes holdBytes(const Napi::Value& value) {
  const ByteRange range = readBytes(value.Env(), value);
  const std::string_view bytes(reinterpret_cast<const char*>(range.data), range.bytes);
  if (range.bytes == 0) return {};
  if (auto hold = holdMemory(value.Env(), value)) return {bytes, std::move(hold)};
  auto copy = std::make_shared<std::string>(bytes);
  return {*copy, copy};
}

struct Packed {
  std::shared_ptr<HostBlock> block;
  uint64_t checksum = 0, rowsChecksum = 0;
};

}  // namespace

Napi::Value checksumOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    auto sum = std::make_shared<uint64_t>(0);
    VectorOperation::start(
        Environment::of(env), readUint(info[0]),
        [sum, held = holdBytes(info[1])] { *sum = vectors::checksumOf(held.bytes); },
        [sum](Environment& environment) -> Napi::Value {
          return Napi::String::New(environment.env(), hexadecimal(*sum));
        });
    return env.Undefined();
  });
}

Napi::Value VectorTableWrap::aliveOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const View& view = info[0].As<Napi::External<std::vector<View>>>().Data()->at(readUint(info[1]));
    const std::string_view bytes(reinterpret_cast<const char*>(view.alive->words()), (view.rows + 7) / 8);
    return Napi::Value(env, makeArrayBuffer(Environment::of(env), blockOf(bytes)));
  });
}

Napi::Value VectorTableWrap::packSegment(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const View view = info[1].As<Napi::External<std::vector<View>>>().Data()->at(readUint(info[2]));
    auto packed = std::make_shared<Packed>();
    auto work = [view, packed] {
      view.segment->checkRows(0, view.rows);
      view.segment->checkMetadata(0, view.rows);
      packed->block = blockOf(vectors::packSegment(view));
      packed->checksum = vectors::checksumOf({reinterpret_cast<char*>(packed->block->data), packed->block->size});
      const size_t bytes = view.rows * view.segment->dimensions * sizeof(float);
      packed->rowsChecksum = vectors::checksumOf({reinterpret_cast<const char*>(view.segment->row(0)), bytes});
    };
    auto give = [packed](Environment& environment) -> Napi::Value {
      const Napi::Env here(environment.env());
      Napi::Object result = Napi::Object::New(here);
      result.Set("bytes", Napi::Value(here, makeArrayBuffer(environment, std::move(packed->block))));
      result.Set("checksum", hexadecimal(packed->checksum));
      result.Set("rowsChecksum", hexadecimal(packed->rowsChecksum));
      return result;
    };
    VectorOperation::start(Environment::of(env), readUint(info[0]), std::move(work), std::move(give));
    return env.Undefined();
  });
}

Napi::Value VectorTableWrap::packMapped(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const View view = info[1].As<Napi::External<std::vector<View>>>().Data()->at(readUint(info[2]));
    auto packed = std::make_shared<std::shared_ptr<HostBlock>>();
    VectorOperation::start(
        Environment::of(env), readUint(info[0]), [view, packed] { *packed = blockOf(vectors::packMapped(view)); },
        [packed](Environment& environment) -> Napi::Value {
          return {environment.env(), makeArrayBuffer(environment, std::move(*packed))};
        });
    return env.Undefined();
  });
}

Napi::Value VectorTableWrap::packWrite(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const uint64_t id = readUint(info[0]);
    std::shared_ptr<void> hold;
    vectors::Batch batch = readBatch(info, 1, hold);
    auto packed = std::make_shared<std::shared_ptr<HostBlock>>();
    auto work = [table = table_, batch = std::move(batch), hold, packed] {
      table->check(batch);
      table->checkNew(batch);
      *packed = blockOf(vectors::packWrite(batch, table->dimensions));
    };
    auto give = [packed](Environment& environment) -> Napi::Value {
      return {environment.env(), makeArrayBuffer(environment, std::move(*packed))};
    };
    if (id == 0) {
      work();
      return give(Environment::of(env));
    }
    VectorOperation::start(Environment::of(env), id, std::move(work), std::move(give));
    return env.Undefined();
  });
}

Napi::Value VectorTableWrap::packRemoval(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const ReadIds ids(info[0]);
    return Napi::Value(env, makeArrayBuffer(Environment::of(env), blockOf(vectors::packRemoval(ids.ids))));
  });
}

Napi::Value VectorTableWrap::replay(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const Napi::Array list = info[1].As<Napi::Array>();
    std::vector<HeldBytes> records;
    for (uint32_t i = 0; i < list.Length(); ++i) records.push_back(holdBytes(list.Get(i)));
    auto lasts = std::make_shared<std::vector<std::optional<uint64_t>>>();
    auto work = [table = table_, lasts, records = std::move(records)] {
      for (const HeldBytes& record : records) lasts->push_back(vectors::replay(*table, record.bytes));
    };
    VectorOperation::start(Environment::of(env), readUint(info[0]), std::move(work),
                           [lasts](Environment& environment) -> Napi::Value {
                             const Napi::Env here(environment.env());
                             Napi::Array numbers = Napi::Array::New(here, lasts->size());
                             for (uint32_t i = 0; i < lasts->size(); ++i)
                               if (const auto& last = (*lasts)[i])
                                 numbers.Set(i, Napi::Number::New(here, static_cast<double>(*last)));
                             return numbers;
                           });
    return env.Undefined();
  });
}

namespace {

// A segment that was stored, from whichever form it has; its name.
Napi::Value adoptWith(const Napi::CallbackInfo& info, const std::shared_ptr<vectors::Table>& table,
                      const Napi::Value& alive, std::function<vectors::Unpacked()> open) {
  auto name = std::make_shared<uint64_t>(0);
  const HeldBytes bits = alive.IsUndefined() ? HeldBytes{} : holdBytes(alive);
  auto work = [table, name, bits, open = std::move(open)] {
    vectors::Unpacked opened = open();
    *name = opened.segment->name;
    if (!bits.bytes.empty()) opened.alive = vectors::bitsOf(bits.bytes, opened.rows);
    table->adopt(std::move(opened.segment), opened.rows, std::move(opened.alive));
  };
  VectorOperation::start(Environment::of(info.Env()), readUint(info[0]), std::move(work),
                         [name](Environment& environment) -> Napi::Value {
                           return Napi::Number::New(environment.env(), static_cast<double>(*name));
                         });
  return info.Env().Undefined();
}

}  // namespace

Napi::Value VectorTableWrap::adopt(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const HeldBytes rows = holdBytes(info[1]);
    auto* const data = reinterpret_cast<float*>(const_cast<char*>(rows.bytes.data()));
    return adoptWith(info, table_, info[3], [table = table_, rows, data, held = holdBytes(info[2])] {
      return vectors::unpackSegment(*table, held.bytes, {data, nullptr, rows.hold}, rows.bytes.size());
    });
  });
}

Napi::Value VectorTableWrap::adoptMapped(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    HeldBytes held = holdBytes(info[1]);
    const vectors::MappedFile file{held.bytes, std::move(held.hold), unwrapSource(info[4])};
    return adoptWith(info, table_, info[5], [table = table_, file, rows = readUint(info[2]), at = readUint(info[3])] {
      return vectors::openMapped(*table, file, rows, at);
    });
  });
}

Napi::Value VectorTableWrap::checkRows(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    const uint64_t name = readUint(info[1]), from = readUint(info[2]), to = readUint(info[3]);
    auto work = [table = table_, name, from, to] {
      for (const View& view : table->snapshot())
        if (view.segment->name == name) view.segment->checkRows(from, std::min<uint64_t>(to, view.rows));
    };
    VectorOperation::start(Environment::of(env), readUint(info[0]), std::move(work),
                           [](Environment& environment) { return Napi::Env(environment.env()).Undefined(); });
    return env.Undefined();
  });
}

Napi::Value VectorTableWrap::exchange(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&] {
    HeldBytes held = holdBytes(info[2]);
    const vectors::MappedFile file{held.bytes, std::move(held.hold), unwrapSource(info[5])};
    struct Exchange {
      std::shared_ptr<const vectors::Segment> before;
      std::shared_ptr<vectors::Segment> after;
    };
    auto made = std::make_shared<Exchange>();
    auto work = [table = table_, file, made, name = readUint(info[1]), rows = readUint(info[3]),
                 at = readUint(info[4])] {
      made->after = vectors::openMapped(*table, file, rows, at).segment;
      made->before = table->sameAs(name, *made->after, rows);
    };
    // On the event loop's thread, so that JavaScript hears of the new name before it can meet it.
    auto give = [table = table_, made](Environment& environment) -> Napi::Value {
      const Napi::Env here(environment.env());
      if (!made->before || !table->exchange(made->before, made->after)) return here.Undefined();
      return Napi::Number::New(here, static_cast<double>(made->after->name));
    };
    VectorOperation::start(Environment::of(env), readUint(info[0]), std::move(work), std::move(give));
    return env.Undefined();
  });
}

}  // namespace switchyard::node
