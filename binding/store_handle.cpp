#include "store_handle.h"

#include <cstring>
#include <utility>

#include "array_buffers.h"
#include "background.h"
#include "convert.h"
#include "held_memory.h"
#include "libuv_pool.h"

namespace switchyard::node {
namespace {

constexpr size_t kCopiedBytes = 64 << 10;

const int kTagAnchor = 0;  // the address makes it this very copy of the library
napi_type_tag typeTag() { return {0x535754455354524cull, reinterpret_cast<uint64_t>(&kTagAnchor)}; }
using External = Napi::External<std::shared_ptr<StoreHandle>>;

}  // namespace

DiskLane::DiskLane(std::function<bool()> more)
    : more_(std::move(more)), runner_(libuvPool().makeRunner(*this, false)) {}

DiskLane::~DiskLane() = default;

void DiskLane::post(Piece piece) {
  {
    std::lock_guard lock(mutex_);
    pieces_.push_back(std::move(piece));
  }
  runner_->wake();
}

DiskLane::Piece DiskLane::take() {
  std::lock_guard lock(mutex_);
  if (pieces_.empty()) return nullptr;
  Piece piece = std::move(pieces_.front());
  pieces_.pop_front();
  return piece;
}

bool DiskLane::drain(const Turn& turn) {
  for (;;) {
    if (Piece piece = take())
      piece();
    else if (!more_ || !more_())
      return false;
    if (turn.isOver()) return true;
  }
}

DiskLane& openingLane() {
  static auto* lane = new DiskLane;  // libuv's threads may come by while the process exits
  return *lane;
}

DiskLane& restoringLane() {
  static auto* lane = new DiskLane;  // as above
  return *lane;
}

StoreHandle::StoreHandle() : writer_([this] { return store_ && store_->work(); }) {}

std::shared_ptr<StoreHandle> StoreHandle::open(const std::string& path, store::Store::Options options) {
  std::shared_ptr<StoreHandle> handle(new StoreHandle);
  options.wantsWork = [lane = &handle->writer_] { lane->wake(); };
  handle->store_ = store::Store::open(path, std::move(options));
  return handle;
}

Napi::Value StoreOperation::result(Environment& environment) {
  if (error) std::rethrow_exception(error);
  return make ? make(environment) : Napi::Env(environment.env()).Undefined();
}

void runOnLane(Napi::Env env, uint64_t id, std::function<StoreOperation::Make()> work,
               const std::function<void(std::function<void()>)>& post) {
  Environment& environment = Environment::of(env);
  auto operation = std::make_shared<StoreOperation>(id);
  auto piece = [operation, shared = environment.shared(), work = std::move(work)] {
    try {
      operation->make = work();
    } catch (...) {
      operation->error = std::current_exception();
    }
    shared->operations.push(operation.get());
  };
  environment.operations.begin(operation, [&] { post(std::move(piece)); });
}

Napi::Value wrapStore(Napi::Env env, std::shared_ptr<StoreHandle> handle) {
  // A lane waits for what runs on it before it goes, so that is not for the event loop.
  auto external = External::New(
      env, new std::shared_ptr<StoreHandle>(std::move(handle)),
      [](Napi::Env, std::shared_ptr<StoreHandle>* held) { Background::shared().post([held] { delete held; }); });
  const napi_type_tag tag = typeTag();
  checkStatus(env, napi_type_tag_object(env, external, &tag));
  return external;
}

std::shared_ptr<StoreHandle> unwrapStore(const Napi::Value& value) {
  const napi_type_tag tag = typeTag();
  bool ours = false;
  if (value.IsExternal()) checkStatus(value.Env(), napi_check_object_type_tag(value.Env(), value, &tag, &ours));
  if (!ours) throw Error(Code::InvalidArgument, "that is no store of this copy of the addon");
  return *value.As<External>().Data();
}

void readWith(const Napi::CallbackInfo& info, std::function<StoreOperation::Make(StoreHandle&)> work) {
  // Not the handle's owner, which waits for the lane that runs this: JavaScript holds it until this has ended.
  StoreHandle* const held = unwrapStore(info[1]).get();
  runOnLane(
      info.Env(), readUint(info[0]), [held, work = std::move(work)] { return work(*held); },
      [&](std::function<void()> piece) { held->reader().post(std::move(piece)); });
}

void slowWith(const Napi::CallbackInfo& info, std::function<StoreOperation::Make(StoreHandle&)> work) {
  StoreHandle* const held = unwrapStore(info[1]).get();  // as above
  runOnLane(
      info.Env(), readUint(info[0]), [held, work = std::move(work)] { return work(*held); },
      [&](std::function<void()> piece) { held->slow().post(std::move(piece)); });
}

void changeWith(const Napi::CallbackInfo& info, std::function<StoreOperation::Make(StoreHandle&)> work) {
  StoreHandle* const held = unwrapStore(info[1]).get();  // as above
  runOnLane(
      info.Env(), readUint(info[0]), [held, work = std::move(work)] { return work(*held); },
      [&](std::function<void()> piece) { held->store().perform(std::move(piece)); });
}

namespace {

class WriteOperation final : public Operation {
 public:
  using Operation::Operation;
  Napi::Value result(Environment& environment) override {
    if (written.error) std::rethrow_exception(written.error);
    return make(environment.env(), written);
  }
  std::function<Napi::Value(Napi::Env, const store::Written&)> make;
  store::Written written;
};

}  // namespace

void beginWrite(Napi::Env env, uint64_t id, StoreHandle& handle, store::Write write,
                std::function<Napi::Value(Napi::Env, const store::Written&)> make) {
  Environment& environment = Environment::of(env);
  auto operation = std::make_shared<WriteOperation>(id);
  operation->make = std::move(make);
  write.done = [operation, shared = environment.shared()](const store::Written& written) {
    operation->written = written;
    shared->operations.push(operation.get());
  };
  environment.operations.begin(operation, [&] { handle.store().write(std::move(write)); });
}

namespace {

// Of a buffer that can be made smaller the memory goes at once then, whoever holds it.
bool canShrink(napi_env env, napi_value view) {
  napi_value buffer;
  checkStatus(env, napi_get_typedarray_info(env, view, nullptr, nullptr, nullptr, &buffer, nullptr));
  return Napi::Object(env, buffer).Get("resizable").ToBoolean();
}

}  // namespace

void holdBytes(napi_env env, const Napi::Value& value, store::Write& write) {
  const ByteRange range = readBytes(env, value);
  store::Bytes bytes{range.data, range.bytes};
  const bool isHeld = bytes.size() > kCopiedBytes && !canShrink(env, value);
  std::shared_ptr<const void> held = isHeld ? holdMemory(env, value) : nullptr;
  if (!held) {
    auto copy = std::make_shared<std::vector<std::byte>>(bytes.begin(), bytes.end());
    bytes = *copy;
    held = std::move(copy);
  }
  write.pieces.push_back(bytes);
  write.holds.push_back(std::move(held));
}

Napi::Value describeProblems(Napi::Env env, const std::vector<store::Problem>& problems) {
  Napi::Array list = Napi::Array::New(env, problems.size());
  for (uint32_t i = 0; i < problems.size(); ++i) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("file", problems[i].file);
    entry.Set("offset", number(env, problems[i].offset));
    entry.Set("what", problems[i].what);
    list.Set(i, entry);
  }
  return list;
}

Napi::Value describeValue(Environment& environment, store::Value value) {
  Napi::Env env(environment.env());
  Napi::Object result = Napi::Object::New(env);
  result.Set("offset", number(env, value.offset));
  result.Set("bytes", number(env, value.bytes));
  result.Set("buffer", Napi::Value(env, makeArrayBuffer(environment, std::move(value.block))));
  return result;
}

}  // namespace switchyard::node
