// Thin: who holds which memory is in src/memory/shared_memory.h.
#include "shared_wrap.h"

#include <chrono>
#include <cstring>

#include "array_buffers.h"
#include "cluster/status.h"
#include "convert.h"
#include "shared_records.h"

namespace switchyard::node {

std::shared_ptr<Region> regionOf(const Napi::Value& id) {
  auto region = RegionTable::shared().require(readUint(id));
  if (!region) throw Error(Code::Closed, "that shared memory is gone");
  return region;
}

namespace {

// ---- SharedHandle.create(bytes) / SharedHandle.open(region, descriptor, generation)
class SharedWrap : public Napi::ObjectWrap<SharedWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "SharedHandle",
                       {InstanceMethod<&SharedWrap::buffer>("buffer"), InstanceMethod<&SharedWrap::release>("release"),
                        InstanceMethod<&SharedWrap::seal>("seal"), InstanceMethod<&SharedWrap::sealed>("sealed"),
                        InstanceMethod<&SharedWrap::place>("place")});
  }
  // (bytes, 1 for zeros or 0 for whatever was there) or (region, descriptor, generation, ms to wait for the region)
  explicit SharedWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guarded(info.Env(), [&] {
      if (info.Length() == 2) {
        bytes_ = readUint(info[0]);
        block_ = SharedHeap::shared().allocateShared(std::max<uint64_t>(bytes_, 1));
        if (readUint(info[1])) std::memset(block_->data(), 0, block_->bytes);
      } else {
        const uint64_t id = readUint(info[0]);
        auto region = RegionTable::shared().wait(id, std::chrono::milliseconds(readUint(info[3])));
        if (!region) region = RegionTable::shared().require(id);
        if (!region) throw Error(Code::Closed, "that shared tensor is gone");
        block_ = SharedHeap::shared().open(region, static_cast<uint32_t>(readUint(info[1])), readUint(info[2]));
        bytes_ = block_->bytes;
      }
      rememberShared(block_);
      return info.Env().Undefined();
    });
  }

 private:
  const std::shared_ptr<SharedBlock>& open() const {
    if (!block_) throw Error(Code::Closed, "the shared tensor was released");
    return block_;
  }
  Napi::Value buffer(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    return guarded(env, [&] {
      if (buffer_.IsEmpty()) {
        Environment& environment = Environment::of(env);
        if (environment.copyOutputs)
          throw Error(Code::Unsupported, "this runtime allows no shared memory in JavaScript (Electron)");
        Napi::Value made(env, makeSharedArrayBuffer(environment, open(), bytes_));
        if (environment.copyOutputs)
          throw Error(Code::Unsupported, "this runtime allows no shared memory in JavaScript (Electron)");
        buffer_ = Napi::Persistent(made.As<Napi::Object>());
      }
      return Napi::Value(env, buffer_.Value());
    });
  }
  // The typed arrays over it become empty, so nobody writes where another tensor will be.
  Napi::Value release(const Napi::CallbackInfo& info) {
    if (!buffer_.IsEmpty()) napi_detach_arraybuffer(info.Env(), buffer_.Value());
    buffer_.Reset();
    block_.reset();
    return info.Env().Undefined();
  }
  Napi::Value seal(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      open()->seal();
      return info.Env().Undefined();
    });
  }
  Napi::Value sealed(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] { return Napi::Boolean::New(info.Env(), open()->sealed()); });
  }
  // [region, descriptor, generation, bytes]
  Napi::Value place(const Napi::CallbackInfo& info) {
    Napi::Env env = info.Env();
    return guarded(env, [&] {
      const SharedBlock& block = *open();
      Napi::Array place = Napi::Array::New(env, 4);
      place.Set(0u, Napi::Number::New(env, static_cast<double>(block.region->id)));
      place.Set(1u, Napi::Number::New(env, block.descriptor));
      place.Set(2u, Napi::Number::New(env, static_cast<double>(block.generation)));
      place.Set(3u, Napi::Number::New(env, static_cast<double>(block.bytes)));
      return place;
    });
  }
  std::shared_ptr<SharedBlock> block_;
  uint64_t bytes_ = 0;
  Napi::ObjectReference buffer_;
};

// createPage() -> region id; pageBuffer(region) -> ArrayBuffer over the page; dropPage(region): its memory goes with
// the last of its buffers, its descriptor at once
Napi::Value createPage(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    auto region = Region::create(cluster::kPageNumbers * sizeof(double));
    RegionTable::shared().add(region);
    return Napi::Number::New(info.Env(), static_cast<double>(region->id));
  });
}

Napi::Value pageBuffer(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    auto region = regionOf(info[0]);
    auto* held = new std::shared_ptr<Region>(region);
    napi_value buffer;
    auto release = [](napi_env, void*, void* hint) { delete static_cast<std::shared_ptr<Region>*>(hint); };
    napi_status status =
        napi_create_external_arraybuffer(env, region->at(region->firstBlock(), cluster::kPageNumbers * sizeof(double)),
                                         cluster::kPageNumbers * sizeof(double), release, held, &buffer);
    if (status == napi_no_external_buffers_allowed) {
      delete held;
      throw Error(Code::Unsupported, "this runtime allows no shared memory in JavaScript (Electron)");
    }
    checkStatus(env, status);
    return Napi::Value(env, buffer);
  });
}

Napi::Value dropPage(const Napi::CallbackInfo& info) {
  const uint64_t id = readUint(info[0]);
  auto region = RegionTable::shared().find(id);
  RegionTable::shared().drop(id);
  if (region) region->closeDescriptor();
  return info.Env().Undefined();
}

Napi::Value setMember(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    const uint32_t slot = info[0].As<Napi::Number>().Uint32Value();
    SharedHeap::shared().setMember(slot);
    if (slot != 0) SharedHeap::shared().expectJobs();  // the primary may be alone: see ChannelWrap::lend
    return info.Env().Undefined();
  });
}

Napi::Value clearMember(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    for (const auto& region : RegionTable::shared().all())
      region->clearMember(info[0].As<Napi::Number>().Uint32Value());
    return info.Env().Undefined();
  });
}

// holdFor(region, descriptor, generation, member): it is told of the block, and opens it when it has read that. False:
// the block is gone.
Napi::Value holdFor(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    auto region = RegionTable::shared().find(readUint(info[0]));
    const auto descriptor = static_cast<uint32_t>(readUint(info[1]));
    const auto member = info[3].As<Napi::Number>().Uint32Value();
    return Napi::Boolean::New(info.Env(), region && region->addHolder(descriptor, readUint(info[2]), member));
  });
}

// For a region whose maker has died: whether anyone still holds a block of it.
Napi::Value regionHeld(const Napi::CallbackInfo& info) {
  auto region = RegionTable::shared().find(readUint(info[0]));
  return Napi::Boolean::New(info.Env(), region && region->hasHolders());
}

// -> { count, bytes } of the shared tensors of all regions that some process holds
Napi::Value heldTensors(const Napi::CallbackInfo& info) {
  Region::HeldUse all;
  for (const auto& region : RegionTable::shared().all()) {
    const Region::HeldUse use = region->heldUse();
    all.tensors += use.tensors;
    all.bytes += use.bytes;
  }
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("count", Napi::Number::New(info.Env(), static_cast<double>(all.tensors)));
  result.Set("bytes", Napi::Number::New(info.Env(), static_cast<double>(all.bytes)));
  return result;
}

Napi::Value dropRegion(const Napi::CallbackInfo& info) {
  RegionTable::shared().drop(readUint(info[0]));
  return info.Env().Undefined();
}

// -> ids of those that exist, and that this process had no descriptor or no addresses for
Napi::Value refusedRegions(const Napi::CallbackInfo& info) {
  const std::vector<uint64_t> ids = RegionTable::shared().refused();
  Napi::Array list = Napi::Array::New(info.Env(), ids.size());
  for (uint32_t i = 0; i < ids.size(); ++i) list.Set(i, Napi::Number::New(info.Env(), static_cast<double>(ids[i])));
  return list;
}

Napi::Value sharedUse(const Napi::CallbackInfo& info) {
  SharedHeap::Use use = SharedHeap::shared().use();
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("regionBytes", Napi::Number::New(info.Env(), static_cast<double>(use.regionBytes)));
  result.Set("usedBytes", Napi::Number::New(info.Env(), static_cast<double>(use.usedBytes)));
  result.Set("blocks", Napi::Number::New(info.Env(), static_cast<double>(use.blocks)));
  return result;
}

Napi::Value trimShared(const Napi::CallbackInfo& info) {
  SharedHeap::shared().trim();
  return info.Env().Undefined();
}

}  // namespace

void defineShared(Napi::Env env, Napi::Object exports) {
  exports.Set("SharedHandle", SharedWrap::define(env));
  auto put = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  put("createPage", createPage);
  put("pageBuffer", pageBuffer);
  put("dropPage", dropPage);
  put("setMember", setMember);
  put("clearMember", clearMember);
  put("holdFor", holdFor);
  put("regionHeld", regionHeld);
  put("heldTensors", heldTensors);
  put("dropRegion", dropRegion);
  put("refusedRegions", refusedRegions);
  put("sharedUse", sharedUse);
  put("trimShared", trimShared);
}

}  // namespace switchyard::node
