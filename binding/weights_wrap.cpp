// openWeights() gives a handle and what is in the file; readWeights() copies tensors out of it, into memory of the
// caller's (a shared tensor's, say) or into fresh memory that jobs use in place. Both on threads of their own: a disk
// may be slow.
#include "weights_wrap.h"

#include <cstring>

#include "array_buffers.h"
#include "background.h"
#include "convert.h"
#include "environment.h"
#include "held_memory.h"
#include "memory/host_pool.h"
#include "text/safetensors.h"

namespace switchyard::node {
namespace {

using text::Safetensors;
using text::StoredTensor;

// The address makes it this very copy of the library.
const int kTagAnchor = 0;
napi_type_tag typeTag() { return {0x5357545745494748, reinterpret_cast<uint64_t>(&kTagAnchor)}; }

using Handle = Napi::External<std::shared_ptr<const Safetensors>>;

Napi::Value wrap(Napi::Env env, std::shared_ptr<const Safetensors> file) {
  auto handle = Handle::New(env, new std::shared_ptr<const Safetensors>(std::move(file)),
                            [](Napi::Env, std::shared_ptr<const Safetensors>* held) { delete held; });
  const napi_type_tag tag = typeTag();
  checkStatus(env, napi_type_tag_object(env, handle, &tag));
  return handle;
}

std::shared_ptr<const Safetensors> unwrap(Napi::Env env, const Napi::Value& value) {
  const napi_type_tag tag = typeTag();
  bool ours = false;
  if (value.IsExternal()) checkStatus(env, napi_check_object_type_tag(env, value, &tag, &ours));
  if (!ours) throw Error(Code::InvalidArgument, "that is no file of weights of this copy of the addon");
  return *value.As<Handle>().Data();
}

class OpenOperation : public Operation {
 public:
  using Operation::Operation;
  // { handle, bytes, tensors: [{ name, kind, dtype?, shape, bytes }] }
  Napi::Value result(Environment& environment) override {
    if (error) std::rethrow_exception(error);
    Napi::Env env(environment.env());
    const auto tensors = file->tensors();
    Napi::Array list = Napi::Array::New(env, tensors.size());
    for (uint32_t i = 0; i < tensors.size(); ++i) list.Set(i, describe(env, tensors[i]));
    Napi::Object result = Napi::Object::New(env);
    result.Set("handle", wrap(env, file));
    result.Set("bytes", Napi::Number::New(env, static_cast<double>(file->bytes())));
    result.Set("tensors", list);
    return result;
  }
  std::shared_ptr<const Safetensors> file;
  std::exception_ptr error;

 private:
  static Napi::Object describe(Napi::Env env, const StoredTensor& tensor) {
    Napi::Array shape = Napi::Array::New(env, tensor.shape.size());
    for (uint32_t axis = 0; axis < tensor.shape.size(); ++axis)
      shape.Set(axis, Napi::Number::New(env, static_cast<double>(tensor.shape[axis])));
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", tensor.name);
    entry.Set("kind", tensor.kind);
    if (tensor.dtype) entry.Set("dtype", dtypeName(*tensor.dtype));
    entry.Set("shape", shape);
    entry.Set("bytes", Napi::Number::New(env, static_cast<double>(tensor.bytes)));
    return entry;
  }
};

// A tensor, and where it goes: into the caller's memory, which is held, or into a block that the caller gets.
struct Reading {
  StoredTensor tensor;
  ByteRange target;
  std::shared_ptr<const void> hold;
  std::shared_ptr<HostBlock> block;
};

class ReadOperation : public Operation {
 public:
  using Operation::Operation;
  // an ArrayBuffer for each tensor; undefined for those that have gone into the caller's memory
  Napi::Value result(Environment& environment) override {
    if (error) std::rethrow_exception(error);
    Napi::Env env(environment.env());
    Napi::Array list = Napi::Array::New(env, readings.size());
    for (uint32_t i = 0; i < readings.size(); ++i)
      list.Set(i, readings[i].block ? Napi::Value(env, makeArrayBuffer(environment, std::move(readings[i].block)))
                                    : env.Undefined());
    return list;
  }
  void cancel() override { canceled = true; }

  void run() {
    for (Reading& reading : readings) {
      if (canceled) throw Error(Code::Canceled, "the reading of '" + file->path() + "' was canceled");
      if (!reading.target.data) {
        reading.block = HostPool::shared().acquire(reading.tensor.bytes);
        reading.target = {reading.block->data, reading.tensor.bytes};
      }
      file->read(reading.tensor, {reading.target.data, reading.target.bytes});
    }
  }

  std::shared_ptr<const Safetensors> file;
  std::vector<Reading> readings;
  std::exception_ptr error;
  std::atomic<bool> canceled{false};
};

template <class AnyOperation, class Work>
void runAlone(Environment& environment, const std::shared_ptr<AnyOperation>& operation, Work work) {
  auto task = [operation, shared = environment.shared(), work = std::move(work)]() mutable {
    try {
      work(*operation);
    } catch (...) {
      operation->error = std::current_exception();
    }
    shared->operations.push(operation.get());
  };
  bool begun = false;
  environment.operations.begin(operation, [&] { begun = Background::shared().tryPostAlone(std::move(task)); });
  if (begun) return;
  operation->error = std::make_exception_ptr(Error(Code::OutOfMemory, "the system has no thread left to read with"));
  environment.operations.push(operation.get());
}

// openWeights(id, path)
Napi::Value openWeights(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    auto operation = std::make_shared<OpenOperation>(readUint(info[0]));
    runAlone(Environment::of(env), operation, [path = info[1].As<Napi::String>().Utf8Value()](OpenOperation& opened) {
      opened.file = std::make_shared<const Safetensors>(path);
    });
    return env.Undefined();
  });
}

// readWeights(id, handle, names, targets): of each name a typed array of the tensor's size, or undefined
Napi::Value readWeights(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    auto operation = std::make_shared<ReadOperation>(readUint(info[0]));
    operation->file = unwrap(env, info[1]);
    auto names = info[2].As<Napi::Array>(), targets = info[3].As<Napi::Array>();
    for (uint32_t i = 0; i < names.Length(); ++i) {
      const std::string name = names.Get(i).As<Napi::String>().Utf8Value();
      const StoredTensor* tensor = operation->file->find(name);
      if (!tensor)
        throw Error(Code::NotFound, "there is no tensor '" + name + "' in the file '" + operation->file->path() + "'");
      Reading reading{*tensor};
      if (const Napi::Value target = targets.Get(i); !target.IsUndefined()) {
        reading.target = readBytes(env, target);
        if (reading.target.bytes != tensor->bytes)
          throw Error(Code::InvalidArgument, "memory of " + std::to_string(reading.target.bytes) +
                                                 " bytes was given for tensor '" + name + "', which has " +
                                                 std::to_string(tensor->bytes));
        reading.hold = holdMemory(env, target);
        if (!reading.hold)
          throw Error(Code::Unsupported, "this runtime can't hold memory of JavaScript's: let it be made here");
        if (reading.target.bytes == 0) reading.target.data = nullptr;
      }
      operation->readings.push_back(std::move(reading));
    }
    runAlone(Environment::of(env), operation, [](ReadOperation& reads) { reads.run(); });
    return env.Undefined();
  });
}

}  // namespace

void defineWeights(Napi::Env env, Napi::Object exports) {
  exports.Set("openWeights", Napi::Function::New<openWeights>(env, "openWeights"));
  exports.Set("readWeights", Napi::Function::New<readWeights>(env, "readWeights"));
}

}  // namespace switchyard::node
