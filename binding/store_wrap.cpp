// Each call gives a number, a store where there is one, and what it is about; what it ends with is delivered.
#include "store_wrap.h"

#include <utility>

#include "convert.h"
#include "store_handle.h"

namespace switchyard::node {
namespace {

using store::Store;
using Make = StoreOperation::Make;

std::string text(const Napi::Value& value) { return value.As<Napi::String>().Utf8Value(); }

// openStore(id, path, readOnly, limit): delivers a store
Napi::Value openStore(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Store::Options options{.readOnly = info[2].ToBoolean(), .limit = readUint(info[3])};
    runOnLane(
        info.Env(), readUint(info[0]),
        [path = text(info[1]), options]() -> Make {
          auto handle = StoreHandle::open(path, options);
          return [handle](Environment& environment) { return wrapStore(environment.env(), handle); };
        },
        [](std::function<void()> piece) { openingLane().post(std::move(piece)); });
    return info.Env().Undefined();
  });
}

// putObject(id, store, key, value, expiry, durable): delivers undefined
Napi::Value putObject(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    store::Write write{.kind = store::Kind::Put, .key = text(info[2])};
    holdBytes(info.Env(), info[3], write);
    write.expiry = info[4].As<Napi::Number>().Int64Value();
    write.durable = info[5].ToBoolean();
    beginWrite(info.Env(), readUint(info[0]), *unwrapStore(info[1]), std::move(write),
               [](Napi::Env env, const store::Written&) { return env.Undefined(); });
    return info.Env().Undefined();
  });
}

// deleteObject(id, store, key, durable): delivers whether it was there
Napi::Value deleteObject(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    store::Write write{.kind = store::Kind::Delete, .key = text(info[2]), .durable = info[3].ToBoolean()};
    beginWrite(info.Env(), readUint(info[0]), *unwrapStore(info[1]), std::move(write),
               [](Napi::Env env, const store::Written& written) -> Napi::Value {
                 return Napi::Boolean::New(env, written.existed);
               });
    return info.Env().Undefined();
  });
}

// getObject(id, store, key): delivers { buffer, offset, bytes }, or undefined
Napi::Value getObject(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    readWith(info, [key = text(info[2])](StoreHandle& handle) -> Make {
      auto value = handle.store().get(key);
      if (!value) return nullptr;
      return [value = std::move(*value)](Environment& environment) { return describeValue(environment, value); };
    });
    return info.Env().Undefined();
  });
}

// lastRecord(id, store, key): delivers { sequence, isThere }, or undefined where nothing is known of that key
Napi::Value lastRecord(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    readWith(info, [key = text(info[2])](StoreHandle& handle) -> Make {
      const auto found = handle.store().lastRecord(key);
      if (!found) return nullptr;
      return [found = *found](Environment& environment) -> Napi::Value {
        Napi::Object result = Napi::Object::New(environment.env());
        result.Set("sequence", number(environment.env(), found.sequence));
        result.Set("isThere", Napi::Boolean::New(environment.env(), found.isThere));
        return result;
      };
    });
    return info.Env().Undefined();
  });
}

// listObjects(id, store, prefix, after, limit): delivers keys
Napi::Value listObjects(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    readWith(info,
             [prefix = text(info[2]), after = text(info[3]), limit = readUint(info[4])](StoreHandle& handle) -> Make {
               return [keys = handle.store().list(prefix, after, limit)](Environment& environment) -> Napi::Value {
                 Napi::Env env(environment.env());
                 Napi::Array list = Napi::Array::New(env, keys.size());
                 for (uint32_t i = 0; i < keys.size(); ++i) list.Set(i, Napi::String::New(env, keys[i]));
                 return list;
               };
             });
    return info.Env().Undefined();
  });
}

Napi::Value describeRecovery(Napi::Env env, const store::Recovery& recovery) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("records", number(env, recovery.records));
  result.Set("bytes", number(env, recovery.bytes));
  result.Set("torn", number(env, recovery.torn));
  result.Set("wasClosed", Napi::Boolean::New(env, recovery.wasClosed));
  result.Set("problems", describeProblems(env, recovery.problems));
  return result;
}

// storeStats(store)
Napi::Value storeStats(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Env env = info.Env();
    const store::StoreStats stats = unwrapStore(info[0])->store().stats();
    Napi::Object result = Napi::Object::New(env);
    const std::pair<const char*, uint64_t> numbers[] = {
        {"objects", stats.objects},         {"objectBytes", stats.objectBytes}, {"diskBytes", stats.diskBytes},
        {"deadBytes", stats.deadBytes},     {"logFiles", stats.logFiles},       {"dataFiles", stats.dataFiles},
        {"collections", stats.collections}, {"sequence", stats.sequence},       {"syncs", stats.syncs},
        {"commits", stats.commits},         {"rewritten", stats.rewritten}};
    for (const auto& [name, value] : numbers) result.Set(name, number(env, value));
    if (!stats.failure.empty()) result.Set("failure", stats.failure);
    result.Set("recovery", describeRecovery(env, stats.recovery));
    result.Set("problems", describeProblems(env, stats.problems));
    return result;
  });
}

// verifyStore(id, store): delivers { files, records, problems }
Napi::Value verifyStore(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    slowWith(info, [](StoreHandle& handle) -> Make {
      return [verified = handle.store().verify()](Environment& environment) -> Napi::Value {
        Napi::Env env(environment.env());
        Napi::Object result = Napi::Object::New(env);
        result.Set("files", number(env, verified.files));
        result.Set("records", number(env, verified.records));
        result.Set("problems", describeProblems(env, verified.problems));
        return result;
      };
    });
    return info.Env().Undefined();
  });
}

// takeSnapshot(id, store): delivers what writeSnapshot() takes, whose files are held until it is collected
Napi::Value takeSnapshot(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    changeWith(info, [](StoreHandle& handle) -> Make {
      auto taken = std::make_shared<store::Snapshot>(handle.store().snapshot());
      return [taken](Environment& environment) -> Napi::Value {
        return Napi::External<std::shared_ptr<store::Snapshot>>::New(
            environment.env(), new std::shared_ptr<store::Snapshot>(taken),
            [](Napi::Env, std::shared_ptr<store::Snapshot>* held) { delete held; });
      };
    });
    return info.Env().Undefined();
  });
}

// writeSnapshot(id, store, snapshot, path): delivers undefined
Napi::Value writeSnapshot(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    auto taken = *info[2].As<Napi::External<std::shared_ptr<store::Snapshot>>>().Data();
    slowWith(info, [taken, path = text(info[3])](StoreHandle&) -> Make {
      store::writeSnapshot(store::systemFiles(), *taken, path);
      return nullptr;
    });
    return info.Env().Undefined();
  });
}

// restoreStore(id, snapshot, path): delivers undefined
Napi::Value restoreStore(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    runOnLane(
        info.Env(), readUint(info[0]),
        [snapshot = text(info[1]), path = text(info[2])]() -> Make {
          store::writeSnapshot(store::systemFiles(), store::openSnapshot(store::systemFiles(), snapshot), path);
          return nullptr;
        },
        [](std::function<void()> piece) { restoringLane().post(std::move(piece)); });
    return info.Env().Undefined();
  });
}

// closeStore(id, store): behind all that was asked for before; delivers undefined
Napi::Value closeStore(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    changeWith(info, [](StoreHandle& handle) -> Make {
      handle.store().close();
      return nullptr;
    });
    return info.Env().Undefined();
  });
}

// reclaimStore(store): what its files take for nothing is given back, soon
Napi::Value reclaimStore(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    unwrapStore(info[0])->store().reclaim();
    return info.Env().Undefined();
  });
}

// tendStore(store): objects whose time is over are looked for
Napi::Value tendStore(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    unwrapStore(info[0])->store().perform([] {});
    return info.Env().Undefined();
  });
}

}  // namespace

void defineStores(Napi::Env env, Napi::Object exports) {
  exports.Set("openStore", Napi::Function::New<openStore>(env, "openStore"));
  exports.Set("putObject", Napi::Function::New<putObject>(env, "putObject"));
  exports.Set("deleteObject", Napi::Function::New<deleteObject>(env, "deleteObject"));
  exports.Set("getObject", Napi::Function::New<getObject>(env, "getObject"));
  exports.Set("lastRecord", Napi::Function::New<lastRecord>(env, "lastRecord"));
  exports.Set("listObjects", Napi::Function::New<listObjects>(env, "listObjects"));
  exports.Set("storeStats", Napi::Function::New<storeStats>(env, "storeStats"));
  exports.Set("verifyStore", Napi::Function::New<verifyStore>(env, "verifyStore"));
  exports.Set("takeSnapshot", Napi::Function::New<takeSnapshot>(env, "takeSnapshot"));
  exports.Set("writeSnapshot", Napi::Function::New<writeSnapshot>(env, "writeSnapshot"));
  exports.Set("restoreStore", Napi::Function::New<restoreStore>(env, "restoreStore"));
  exports.Set("closeStore", Napi::Function::New<closeStore>(env, "closeStore"));
  exports.Set("reclaimStore", Napi::Function::New<reclaimStore>(env, "reclaimStore"));
  exports.Set("tendStore", Napi::Function::New<tendStore>(env, "tendStore"));
  defineCollections(env, exports);
}

}  // namespace switchyard::node
