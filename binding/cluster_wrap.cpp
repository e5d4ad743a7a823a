// Thin: what a channel, an executor or a block of shared memory does is in src/.
#include "cluster_wrap.h"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <thread>

#include "background.h"
#include "cluster/body.h"
#include "context_wrap.h"
#include "convert.h"
#include "nvml.h"
#include "remote_job.h"

namespace switchyard::node {
namespace {

constexpr size_t kInboxNumbers = 32768;
constexpr int kGraceMs = 700, kGraceStepMs = 10;

uint64_t readUint(const Napi::Value& value) { return cluster::wholeOf(value.As<Napi::Number>().DoubleValue()); }

std::shared_ptr<Region> regionOf(const Napi::Value& id) {
  auto region = RegionTable::shared().find(readUint(id));
  if (!region) throw Error(Code::Closed, "that shared memory is gone");
  return region;
}

}  // namespace

// ---- channels

Napi::Function ChannelWrap::define(Napi::Env env) {
  return DefineClass(env, "ChannelHandle",
                     {InstanceMethod<&ChannelWrap::post>("post"), InstanceMethod<&ChannelWrap::flush>("flush"),
                      InstanceMethod<&ChannelWrap::close>("close"), InstanceMethod<&ChannelWrap::ref>("ref"),
                      InstanceMethod<&ChannelWrap::unref>("unref"), InstanceMethod<&ChannelWrap::unsent>("unsent")});
}

ChannelWrap::ChannelWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  Napi::Env env = info.Env();
  guarded(env, [&] {
    channel_ = std::make_shared<cluster::Channel>(info[0].As<Napi::Number>().Int32Value());
    onMessages_ = Napi::Persistent(info[1].As<Napi::Function>());
    poll_ = std::make_unique<LoopPoll>(env, channel_->fd(), [this](int events) { onEvents(events); });
    watch();
    return env.Undefined();
  });
}

ChannelWrap::~ChannelWrap() { end(); }

void ChannelWrap::end() {
  poll_.reset();
  onMessages_.Reset();
  channel_.reset();
}

void ChannelWrap::watch() {
  if (poll_) poll_->watch(UV_READABLE | (waitsToWrite_ ? UV_WRITABLE : 0));
}

void ChannelWrap::onEvents(int events) {
  std::shared_ptr<cluster::Channel> channel = channel_;  // JavaScript may close this one on the way
  if (events & UV_WRITABLE) afterPost();
  if (!(events & UV_READABLE)) return;
  received_.clear();
  const bool open = channel->read([this](std::span<const double> message) { received_.insert(received_.end(), message.begin(), message.end()); });
  deliver(open);
}

// In pieces of whole messages that fit the inbox; one that is larger gets an inbox of its own.
void ChannelWrap::deliver(bool open) {
  Napi::Env env = Env();
  Napi::ObjectReference keep = Napi::Persistent(Value());
  std::vector<double> received = std::move(received_);
  Environment& environment = Environment::of(env);
  size_t at = 0;
  while (at < received.size() && poll_) {
    Napi::HandleScope scope(env);
    size_t end = at + static_cast<size_t>(received[at]);
    while (end < received.size() && end + static_cast<size_t>(received[end]) - at <= kInboxNumbers) end += static_cast<size_t>(received[end]);
    if (environment.inbox.IsEmpty() || environment.inboxNumbers < end - at) {
      environment.inboxNumbers = std::max(kInboxNumbers, end - at);
      auto array = Napi::Float64Array::New(env, environment.inboxNumbers);
      environment.inboxData = array.Data();
      environment.inbox = Napi::Persistent(array.As<Napi::Object>());
    }
    std::copy(received.begin() + static_cast<ptrdiff_t>(at), received.begin() + static_cast<ptrdiff_t>(end), environment.inboxData);
    napi_value result, arguments[2] = {environment.inbox.Value(), Napi::Number::New(env, static_cast<double>(end - at))};
    if (napi_call_function(env, Value(), onMessages_.Value(), 2, arguments, &result) == napi_pending_exception)
      napi_get_and_clear_last_exception(env, &result);
    at = end;
  }
  if (!open && poll_) {
    poll_->stop();
    napi_value result, arguments[2] = {env.Null(), Napi::Number::New(env, -1)};
    Napi::Function onMessages = onMessages_.Value();
    if (napi_call_function(env, Value(), onMessages, 2, arguments, &result) == napi_pending_exception)
      napi_get_and_clear_last_exception(env, &result);
  }
  received.clear();
  received_ = std::move(received);
}

void ChannelWrap::afterPost() {
  if (!channel_) return;
  const bool waits = !channel_->flush();
  if (waits == waitsToWrite_) return;
  waitsToWrite_ = waits;
  watch();
}

// post(numbers, length, region id or 0): sent with the next flush().
Napi::Value ChannelWrap::post(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    if (!channel_) return Napi::Boolean::New(env, false);
    std::span<const double> numbers = readDoubles(env, info[0]);
    const size_t length = readUint(info[1]);
    if (length > numbers.size()) throw Error(Code::Internal, "a message is longer than its array");
    const uint64_t id = info.Length() > 2 ? readUint(info[2]) : 0;
    auto region = id ? RegionTable::shared().find(id) : nullptr;
    if (id && !region) return Napi::Boolean::New(env, false);
    channel_->post(numbers.first(length), std::move(region));
    return Napi::Boolean::New(env, true);
  });
}

Napi::Value ChannelWrap::flush(const Napi::CallbackInfo& info) {
  afterPost();
  return info.Env().Undefined();
}

Napi::Value ChannelWrap::close(const Napi::CallbackInfo& info) {
  if (channel_) channel_->flush();
  end();
  return info.Env().Undefined();
}

Napi::Value ChannelWrap::ref(const Napi::CallbackInfo& info) {
  if (poll_) poll_->ref();
  return info.Env().Undefined();
}

Napi::Value ChannelWrap::unref(const Napi::CallbackInfo& info) {
  if (poll_) poll_->unref();
  return info.Env().Undefined();
}

Napi::Value ChannelWrap::unsent(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), channel_ ? static_cast<double>(channel_->unsentBytes()) : 0);
}

namespace {

// ---- new ListenerHandle(onConnection): onConnection(fd, pid); name, close()
class ListenerWrap : public Napi::ObjectWrap<ListenerWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "ListenerHandle", {InstanceAccessor<&ListenerWrap::name>("name"), InstanceMethod<&ListenerWrap::close>("close")});
  }
  explicit ListenerWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    Napi::Env env = info.Env();
    guarded(env, [&] {
      listener_ = std::make_unique<cluster::Listener>();
      onConnection_ = Napi::Persistent(info[0].As<Napi::Function>());
      poll_ = std::make_unique<LoopPoll>(env, listener_->fd(), [this](int) { onReadable(); });
      poll_->watch(UV_READABLE);
      return env.Undefined();
    });
  }
  ~ListenerWrap() override { end(); }

 private:
  void end() {
    poll_.reset();
    listener_.reset();
    onConnection_.Reset();
  }
  void onReadable() {
    Napi::Env env = Env();
    int pid = 0;
    const int fd = listener_->accept(&pid);
    if (fd < 0) return;
    napi_value result, arguments[2] = {Napi::Number::New(env, fd), Napi::Number::New(env, pid)};
    const napi_status status = napi_call_function(env, Value(), onConnection_.Value(), 2, arguments, &result);
    if (status == napi_pending_exception) napi_get_and_clear_last_exception(env, &result);  // it may own the descriptor already
    else if (status != napi_ok) ::close(fd);
  }
  Napi::Value name(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), listener_ ? listener_->name() : ""); }
  Napi::Value close(const Napi::CallbackInfo& info) {
    end();
    return info.Env().Undefined();
  }
  std::unique_ptr<cluster::Listener> listener_;
  std::unique_ptr<LoopPoll> poll_;
  Napi::FunctionReference onConnection_;
};

// ---- new ExecutorHandle(fd, page's region, exitWhenGone): runs until stop()
class ExecutorWrap : public Napi::ObjectWrap<ExecutorWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "ExecutorHandle", {InstanceMethod<&ExecutorWrap::add>("add"), InstanceMethod<&ExecutorWrap::remove>("remove"),
                                               InstanceMethod<&ExecutorWrap::stop>("stop"), InstanceMethod<&ExecutorWrap::post>("post")});
  }
  explicit ExecutorWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guarded(info.Env(), [&] {
      auto region = regionOf(info[1]);
      auto* page = reinterpret_cast<double*>(region->at(region->firstBlock(), cluster::kPageNumbers * sizeof(double)));
      const bool exitWhenGone = info[2].ToBoolean().Value();
      executor_ = std::make_shared<cluster::Executor>(info[0].As<Napi::Number>().Int32Value(), page, region, [exitWhenGone](const std::atomic<bool>& halting) {
        if (!exitWhenGone) return;
        // The event loop is told by its own channel and leaves in good order. One that is blocked does not: then this ends it.
        for (int waited = 0; waited < kGraceMs; waited += kGraceStepMs) {
          if (halting) return;
          std::this_thread::sleep_for(std::chrono::milliseconds(kGraceStepMs));
        }
        ::kill(::getpid(), SIGKILL);
      });
      Environment::of(info.Env()).addExecutor(executor_);
      return info.Env().Undefined();
    });
  }

 private:
  Napi::Value add(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      executor_->add(info[0].As<Napi::Number>().Uint32Value(), ContextWrap::Unwrap(info[1].As<Napi::Object>())->shared());
      return info.Env().Undefined();
    });
  }
  Napi::Value remove(const Napi::CallbackInfo& info) {
    if (executor_) executor_->remove(info[0].As<Napi::Number>().Uint32Value());
    return info.Env().Undefined();
  }
  Napi::Value stop(const Napi::CallbackInfo& info) {
    if (executor_) executor_->stop(info[0].ToBoolean().Value());
    return info.Env().Undefined();
  }
  Napi::Value post(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      if (executor_) executor_->post(readDoubles(info.Env(), info[0]));
      return info.Env().Undefined();
    });
  }
  std::shared_ptr<cluster::Executor> executor_;
};

// ---- SharedHandle.create(bytes) / SharedHandle.open(region, descriptor, generation)
class SharedWrap : public Napi::ObjectWrap<SharedWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "SharedHandle", {InstanceMethod<&SharedWrap::buffer>("buffer"), InstanceMethod<&SharedWrap::release>("release"),
                                             InstanceMethod<&SharedWrap::seal>("seal"), InstanceMethod<&SharedWrap::sealed>("sealed"),
                                             InstanceMethod<&SharedWrap::place>("place")});
  }
  // (bytes) or (region, descriptor, generation, ms to wait for the region)
  explicit SharedWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guarded(info.Env(), [&] {
      if (info.Length() == 1) {
        bytes_ = readUint(info[0]);
        block_ = SharedHeap::shared().allocateShared(std::max<uint64_t>(bytes_, 1));
        std::memset(block_->data(), 0, block_->bytes);
      } else {
        auto region = RegionTable::shared().wait(readUint(info[0]), std::chrono::milliseconds(readUint(info[3])));
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
        if (environment.copyOutputs) throw Error(Code::Unsupported, "this runtime allows no shared memory in JavaScript (Electron)");
        Napi::Value made(env, makeSharedArrayBuffer(environment, open(), bytes_));
        if (environment.copyOutputs) throw Error(Code::Unsupported, "this runtime allows no shared memory in JavaScript (Electron)");
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

// ---- functions

Napi::Value connect(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] { return Napi::Number::New(info.Env(), cluster::Channel::connect(info[0].As<Napi::String>().Utf8Value())); });
}

Napi::Value makePair(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    auto [a, b] = cluster::Channel::makePair();
    Napi::Array pair = Napi::Array::New(info.Env(), 2);
    pair.Set(0u, Napi::Number::New(info.Env(), a));
    pair.Set(1u, Napi::Number::New(info.Env(), b));
    return pair;
  });
}

Napi::Value closeDescriptor(const Napi::CallbackInfo& info) {
  ::close(info[0].As<Napi::Number>().Int32Value());
  return info.Env().Undefined();
}

// createPage() -> region id; pageBuffer(region) -> ArrayBuffer over the page
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
    napi_status status = napi_create_external_arraybuffer(env, region->at(region->firstBlock(), cluster::kPageNumbers * sizeof(double)),
                                                          cluster::kPageNumbers * sizeof(double), release, held, &buffer);
    if (status == napi_no_external_buffers_allowed) {
      delete held;
      throw Error(Code::Unsupported, "this runtime allows no shared memory in JavaScript (Electron)");
    }
    checkStatus(env, status);
    return Napi::Value(env, buffer);
  });
}

Napi::Value setMember(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    SharedHeap::shared().setMember(info[0].As<Napi::Number>().Uint32Value());
    return info.Env().Undefined();
  });
}

Napi::Value clearMember(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    for (const auto& region : RegionTable::shared().all()) region->clearMember(info[0].As<Napi::Number>().Uint32Value());
    return info.Env().Undefined();
  });
}

// For a region whose maker has died: whether anyone still holds a block of it.
Napi::Value regionHeld(const Napi::CallbackInfo& info) {
  auto region = RegionTable::shared().find(readUint(info[0]));
  return Napi::Boolean::New(info.Env(), region && region->hasHolders());
}

Napi::Value dropRegion(const Napi::CallbackInfo& info) {
  RegionTable::shared().drop(readUint(info[0]));
  return info.Env().Undefined();
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

const std::shared_ptr<cluster::Channel>& channelOf(const Napi::Value& value) {
  const auto& channel = ChannelWrap::Unwrap(value.As<Napi::Object>())->channel();
  if (!channel) throw Error(Code::Closed, "the connection to the coordinator is closed");
  return channel;
}

// ask(channel, a, b, c, d, into): a workload, described in the scratch array. Sent with the channel's next flush().
Napi::Value ask(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    const double* call = environment.scratch();
    auto job = std::make_unique<Job>();
    auto table = allWorkloads();
    if (!(call[kCallWorkload] >= 0 && call[kCallWorkload] < static_cast<double>(table.size())))
      throw Error(Code::UnknownWorkload, "there is no workload of that number");
    job->workload = table[static_cast<size_t>(call[kCallWorkload])];
    std::copy_n(call + kCallParams, kMaxParams, job->params.begin());
    job->inputs.resize(job->workload->info.inputs.size());
    for (size_t i = 0; i < job->inputs.size(); ++i) job->inputs[i] = readTensor(env, info[1 + i], call + kCallInputs + i * kSlotSize);
    job->prepare();
    readTargets(env, info[1 + kMaxTensors], call + kCallInto, *job);
    environment.remote->ask(environment, *channelOf(info[0]), std::move(job), {}, call + kCallAsk);
    return env.Undefined();
  });
}

// askGraph(channel, description, arrays, into)
Napi::Value askGraph(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    std::span<const double> description = readDoubles(env, info[1]);
    GraphCall call = readGraph(description);
    auto job = std::make_unique<Job>();
    job->kind = Job::Kind::Graph;
    job->graph = std::move(call.graph);
    auto arrays = info[2].As<Napi::Array>();
    for (size_t i = 0; i < job->graph->inputCount; ++i)
      job->inputs.push_back(readTensor(env, arrays.Get(static_cast<uint32_t>(i)), call.inputSlots + i * kSlotSize));
    job->prepare();
    readTargets(env, info[3], call.intoSlots, *job);
    std::vector<double> numbers = cluster::encodeGraph(*job->graph);
    environment.remote->ask(environment, *channelOf(info[0]), std::move(job), numbers, environment.scratch() + kCallAsk);
    return env.Undefined();
  });
}

Napi::Value takeRemote(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    if (info.Length() > 1) return environment.remote->takeFrom(environment, readUint(info[0]), readDoubles(env, info[1]));
    return environment.remote->take(environment, readUint(info[0]));
  });
}

Napi::Value dropRemote(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).remote->drop(readUint(info[0]));
  return info.Env().Undefined();
}

// What NVML says of a card may take a while to come: off the event loop.
class PendingCard : public Pending {
 public:
  using Pending::Pending;
  Napi::Value result(Environment& environment) override {
    Napi::Env env(environment.env());
    if (!use) return env.Null();
    Napi::Object result = Napi::Object::New(env);
    result.Set("utilization", Napi::Number::New(env, use->utilization));
    result.Set("usedBytes", Napi::Number::New(env, static_cast<double>(use->usedBytes)));
    result.Set("totalBytes", Napi::Number::New(env, static_cast<double>(use->totalBytes)));
    return result;
  }
  std::optional<CardUse> use;
};

// readCard(id, uuid): delivered as { utilization, usedBytes, totalBytes } or null
Napi::Value readCardUse(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    auto pending = std::make_shared<PendingCard>(readUint(info[0]));
    environment.pending.begin(pending);
    Background::shared().post([pending, shared = environment.shared(), uuid = info[1].As<Napi::String>().Utf8Value()] {
      pending->use = readCard(uuid);
      shared->pending.push(pending.get());
    });
    return env.Undefined();
  });
}

Napi::Value announce(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Environment::of(info.Env()).remote->announce(*channelOf(info[0]));
    return info.Env().Undefined();
  });
}

}  // namespace

void defineCluster(Napi::Env env, Napi::Object exports) {
  recordHeap();
  Environment::of(env).remote = std::make_shared<RemoteJobs>();
  exports.Set("ChannelHandle", ChannelWrap::define(env));
  exports.Set("ListenerHandle", ListenerWrap::define(env));
  exports.Set("ExecutorHandle", ExecutorWrap::define(env));
  exports.Set("SharedHandle", SharedWrap::define(env));
  auto put = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) { exports.Set(name, Napi::Function::New(env, function, name)); };
  put("connect", connect);
  put("makePair", makePair);
  put("closeDescriptor", closeDescriptor);
  put("createPage", createPage);
  put("pageBuffer", pageBuffer);
  put("setMember", setMember);
  put("clearMember", clearMember);
  put("regionHeld", regionHeld);
  put("dropRegion", dropRegion);
  put("sharedUse", sharedUse);
  put("trimShared", trimShared);
  put("ask", ask);
  put("askGraph", askGraph);
  put("takeRemote", takeRemote);
  put("dropRemote", dropRemote);
  put("announce", announce);
  put("readCard", readCardUse);
}

}  // namespace switchyard::node
