// Disks take their time, and so do checksums: each call has a thread of its own while it lasts.
#include "cache_calls.h"

#include <new>

#include "array_buffers.h"
#include "background.h"
#include "cache_folder.h"
#include "cache_shelf.h"
#include "convert.h"
#include "held_memory.h"
#include "memory/host_pool.h"

namespace switchyard::node {
namespace {

constexpr const char* kNoMemory = "there is not memory enough for what the cache has";

class CacheOperation : public Operation {
 public:
  using Operation::Operation;
  Napi::Value result(Environment& environment) override {
    if (error) std::rethrow_exception(error);
    Napi::Env env(environment.env());
    Napi::Object result = Napi::Object::New(env);
    result.Set("bytes", content ? Napi::Value(env, makeArrayBuffer(environment, std::move(content))) : env.Null());
    result.Set("isKept", Napi::Boolean::New(env, isKept));
    if (!problem.empty()) result.Set("problem", problem);
    return result;
  }
  // In a catch. Without a cache, or without the memory for what it has, all is only slower.
  void fail() noexcept {
    content = nullptr;
    try {
      throw;
    } catch (const CacheError& failed) {
      problem = failed.what();
    } catch (const std::bad_alloc&) {
      problem = kNoMemory;
    } catch (const Error& failed) {
      if (failed.code == Code::OutOfMemory)
        problem = kNoMemory;
      else
        error = std::current_exception();
    } catch (...) {
      error = std::current_exception();
    }
  }
  std::shared_ptr<HostBlock> content;
  bool isKept = false;
  std::string problem;
  std::exception_ptr error;
};

CacheShelf readShelf(const Napi::Value& value) {
  const auto object = value.As<Napi::Object>();
  const auto text = [&](const char* key) { return object.Get(key).As<Napi::String>().Utf8Value(); };
  return {text("folder"), text("name"), text("magic"), readUint(object.Get("mostBytes"))};
}

template <class Work>
void runAlone(Napi::Env env, uint64_t id, Work work) {
  Environment& environment = Environment::of(env);
  auto operation = std::make_shared<CacheOperation>(id);
  auto task = [operation, shared = environment.shared(), work = std::move(work)]() mutable {
    try {
      work(*operation);
    } catch (...) {
      operation->fail();
    }
    shared->operations.push(operation.get());
  };
  bool begun = false;
  environment.operations.begin(operation, [&] { begun = Background::shared().tryPostAlone(std::move(task)); });
  if (begun) return;
  operation->problem = "the system has no thread left to read or write the cache on";
  environment.operations.push(operation.get());
}

// readCached(id, shelf, file): delivers { bytes: ArrayBuffer|null, problem? }
Napi::Value readCached(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    runAlone(env, readUint(info[0]),
             [shelf = readShelf(info[1]), file = info[2].As<Napi::String>().Utf8Value()](CacheOperation& operation) {
               shelf.read(file, [&](uint64_t bytes) -> std::span<uint8_t> {
                 operation.content = HostPool::shared().acquire(bytes);
                 return {reinterpret_cast<uint8_t*>(operation.content->data), bytes};
               });
             });
    return env.Undefined();
  });
}

// writeCached(id, shelf, file, bytes): delivers { isKept, problem? }
Napi::Value writeCached(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    const ByteRange bytes = readBytes(env, info[3]);
    std::span<const uint8_t> content(reinterpret_cast<const uint8_t*>(bytes.data), bytes.bytes);
    std::shared_ptr<const void> held = bytes.bytes ? holdMemory(env, info[3]) : nullptr;
    if (!held && bytes.bytes) {
      auto copy = std::make_shared<std::vector<uint8_t>>(content.begin(), content.end());
      content = *copy, held = std::move(copy);
    }
    runAlone(env, readUint(info[0]),
             [shelf = readShelf(info[1]), file = info[2].As<Napi::String>().Utf8Value(), content,
              held = std::move(held)](CacheOperation& operation) { operation.isKept = shelf.write(file, content); });
    return env.Undefined();
  });
}

}  // namespace

void defineCache(Napi::Env env, Napi::Object exports) {
  exports.Set("readCached", Napi::Function::New(env, readCached, "readCached"));
  exports.Set("writeCached", Napi::Function::New(env, writeCached, "writeCached"));
}

}  // namespace switchyard::node
