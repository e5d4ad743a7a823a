// The calls of a store's collections.
#include <cstring>
#include <utility>

#include "array_buffers.h"
#include "convert.h"
#include "held_memory.h"
#include "mapped_source.h"
#include "store_handle.h"
#include "store_wrap.h"

namespace switchyard::node {
namespace {

using Make = StoreOperation::Make;
using WriterHandle = Napi::External<std::shared_ptr<store::DataWriter>>;

std::string text(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }

// openCollection(id, store, name): delivers its number
Napi::Value openCollection(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    changeWith(info, [name = text(info[2])](StoreHandle& handle) -> Make {
      const uint64_t id = handle.store().collection(name);
      return [id](Environment& environment) { return number(environment.env(), id); };
    });
    return info.Env().Undefined();
  });
}

// appendRecord(id, store, collection, pieces, durable): delivers its sequence
Napi::Value appendRecord(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    store::Write write{.kind = store::Kind::Record, .key = store::Store::keyOf(readUint(info[2]))};
    const auto pieces = info[3].As<Napi::Array>();
    for (uint32_t i = 0; i < pieces.Length(); ++i) holdBytes(info.Env(), pieces.Get(i), write);
    write.durable = info[4].ToBoolean();
    beginWrite(info.Env(), readUint(info[0]), *unwrapStore(info[1]), std::move(write),
               [](Napi::Env env, const store::Written& written) { return number(env, written.sequence); });
    return info.Env().Undefined();
  });
}

// recoverCollection(id, store, collection): delivers { state, files: [{ name, path, bytes }], through, records }
Napi::Value recoverCollection(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    readWith(info, [collection = readUint(info[2])](StoreHandle& handle) -> Make {
      auto found = handle.store().recover(collection);
      return [found, path = handle.store().path()](Environment& environment) -> Napi::Value {
        Napi::Env env(environment.env());
        Napi::Array files = Napi::Array::New(env, found.files.size());
        for (uint32_t i = 0; i < found.files.size(); ++i) {
          Napi::Object entry = Napi::Object::New(env);
          entry.Set("name", found.files[i].name);
          entry.Set("path", path + "/" + store::dataName(found.files[i].file));
          entry.Set("bytes", number(env, found.files[i].bytes));
          files.Set(i, entry);
        }
        Napi::Object result = Napi::Object::New(env);
        result.Set("state", found.state);
        result.Set("files", files);
        result.Set("through", number(env, found.through));
        result.Set("records", number(env, found.records));
        return result;
      };
    });
    return info.Env().Undefined();
  });
}

// readRecords(id, store, collection, after): delivers some of them, [{ sequence, buffer, offset, bytes }]
Napi::Value readRecords(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    readWith(info, [collection = readUint(info[2]), after = readUint(info[3])](StoreHandle& handle) -> Make {
      return [read = handle.store().readRecords(collection, after)](Environment& environment) -> Napi::Value {
        Napi::Env env(environment.env());
        Napi::Array list = Napi::Array::New(env, read.size());
        for (uint32_t i = 0; i < read.size(); ++i) {
          Napi::Object entry = describeValue(environment, read[i].second).As<Napi::Object>();
          entry.Set("sequence", number(env, read[i].first));
          list.Set(i, entry);
        }
        return list;
      };
    });
    return info.Env().Undefined();
  });
}

// beginFile(id, store, collection, name): delivers a writer
Napi::Value beginFile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    readWith(info, [collection = readUint(info[2]), name = text(info[3])](StoreHandle& handle) -> Make {
      std::shared_ptr<store::DataWriter> writer = handle.store().beginFile(collection, name);
      return [writer](Environment& environment) -> Napi::Value {
        return WriterHandle::New(environment.env(), new std::shared_ptr<store::DataWriter>(writer),
                                 [](Napi::Env, std::shared_ptr<store::DataWriter>* held) { delete held; });
      };
    });
    return info.Env().Undefined();
  });
}

// writeToFile(id, store, writer, bytes): delivers undefined; the bytes are in use until then
Napi::Value writeToFile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    store::Write piece;
    holdBytes(info.Env(), info[3], piece);
    readWith(info, [writer = *info[2].As<WriterHandle>().Data(), piece](StoreHandle&) -> Make {
      writer->append(piece.pieces[0]);
      return nullptr;
    });
    return info.Env().Undefined();
  });
}

// endFile(id, store, collection, name, writer): delivers { path, bytes }
Napi::Value endFile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    readWith(info,
             [collection = readUint(info[2]), name = text(info[3]),
              writer = *info[4].As<WriterHandle>().Data()](StoreHandle& handle) -> Make {
               const auto data = handle.store().endFile(collection, name, *writer);
               return [data](Environment& environment) -> Napi::Value {
                 Napi::Object result = Napi::Object::New(environment.env());
                 result.Set("path", data->path());
                 result.Set("bytes", number(environment.env(), data->bytes()));
                 return result;
               };
             });
    return info.Env().Undefined();
  });
}

// abandonFile(id, store, writer): what was written of it is removed; delivers undefined
Napi::Value abandonFile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    readWith(info, [writer = *info[2].As<WriterHandle>().Data()](StoreHandle&) -> Make {
      writer->abandon();
      return nullptr;
    });
    return info.Env().Undefined();
  });
}

// makeCheckpoint(id, store, collection, through, state, files): delivers undefined
Napi::Value makeCheckpoint(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    store::Store::Checkpoint checkpoint{readUint(info[2]), readUint(info[3]), text(info[4])};
    const auto files = info[5].As<Napi::Array>();
    for (uint32_t i = 0; i < files.Length(); ++i) checkpoint.files.push_back(text(files.Get(i)));
    changeWith(info, [checkpoint](StoreHandle& handle) -> Make {
      handle.store().checkpoint(checkpoint);
      return nullptr;
    });
    return info.Env().Undefined();
  });
}

// An ArrayBuffer over the mapping, which is undone when that is collected, and not before: whoever reads it may.
napi_value bufferOver(Environment& environment, const std::shared_ptr<store::Mapping>& mapping) {
  napi_env env = environment.env();
  const store::Bytes bytes = mapping->bytes();
  void* const data = const_cast<std::byte*>(bytes.data());
  napi_value buffer;
  if (!bytes.empty() && !environment.copyOutputs) {
    auto* held = new std::shared_ptr<store::Mapping>(mapping);
    rememberOwn(data, mapping);
    const auto release = [](napi_env, void* from, void* hint) {
      auto* mapped = static_cast<std::shared_ptr<store::Mapping>*>(hint);
      forgetOwn(from, *mapped);
      delete mapped;
    };
    const napi_status status = napi_create_external_arraybuffer(env, data, bytes.size(), release, held, &buffer);
    if (status == napi_ok) return buffer;
    forgetOwn(data, mapping);
    delete held;
    if (status != napi_no_external_buffers_allowed) checkStatus(env, status);
    environment.copyOutputs = true;  // Electron
  }
  void* copy = nullptr;
  checkStatus(env, napi_create_arraybuffer(env, bytes.size(), &copy, &buffer));
  if (!bytes.empty()) std::memcpy(copy, data, bytes.size());
  return buffer;
}

// mapFile(id, store, collection, name): delivers { buffer, source: what checks it }
Napi::Value mapFile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    readWith(info, [collection = readUint(info[2]), name = text(info[3])](StoreHandle& handle) -> Make {
      const auto file = handle.store().file(collection, name);
      std::shared_ptr<store::Mapping> mapping = file->map();
      return [file, mapping](Environment& environment) -> Napi::Value {
        Napi::Env env(environment.env());
        Napi::Object result = Napi::Object::New(env);
        result.Set("buffer", Napi::Value(env, bufferOver(environment, mapping)));
        result.Set("source", wrapSource(env, file, mapping));
        return result;
      };
    });
    return info.Env().Undefined();
  });
}

// checkFile(id, store, collection, name, offset, bytes): delivers undefined
Napi::Value checkFile(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    readWith(info,
             [collection = readUint(info[2]), name = text(info[3]), offset = readUint(info[4]),
              bytes = readUint(info[5])](StoreHandle& handle) -> Make {
               handle.store().file(collection, name)->check(offset, bytes);
               return nullptr;
             });
    return info.Env().Undefined();
  });
}

// dropCollection(id, store, collection): delivers undefined
Napi::Value dropCollection(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    changeWith(info, [collection = readUint(info[2])](StoreHandle& handle) -> Make {
      handle.store().drop(collection);
      return nullptr;
    });
    return info.Env().Undefined();
  });
}

}  // namespace

void defineCollections(Napi::Env env, Napi::Object exports) {
  exports.Set("openCollection", Napi::Function::New<openCollection>(env, "openCollection"));
  exports.Set("appendRecord", Napi::Function::New<appendRecord>(env, "appendRecord"));
  exports.Set("recoverCollection", Napi::Function::New<recoverCollection>(env, "recoverCollection"));
  exports.Set("readRecords", Napi::Function::New<readRecords>(env, "readRecords"));
  exports.Set("beginFile", Napi::Function::New<beginFile>(env, "beginFile"));
  exports.Set("writeToFile", Napi::Function::New<writeToFile>(env, "writeToFile"));
  exports.Set("endFile", Napi::Function::New<endFile>(env, "endFile"));
  exports.Set("abandonFile", Napi::Function::New<abandonFile>(env, "abandonFile"));
  exports.Set("makeCheckpoint", Napi::Function::New<makeCheckpoint>(env, "makeCheckpoint"));
  exports.Set("mapFile", Napi::Function::New<mapFile>(env, "mapFile"));
  exports.Set("checkFile", Napi::Function::New<checkFile>(env, "checkFile"));
  exports.Set("dropCollection", Napi::Function::New<dropCollection>(env, "dropCollection"));
}

}  // namespace switchyard::node
