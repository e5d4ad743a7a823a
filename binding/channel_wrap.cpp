// Thin: what a channel does is in src/cluster/channel.h. Here it meets the event loop.
#include "channel_wrap.h"

#include <unistd.h>

#include <algorithm>

#include "convert.h"
#include "memory/shared_memory.h"

namespace switchyard::node {
namespace {

constexpr size_t kInboxNumbers = 32768;

}  // namespace

Napi::Function ChannelWrap::define(Napi::Env env) {
  return DefineClass(env, "ChannelHandle",
                     {InstanceMethod<&ChannelWrap::post>("post"), InstanceMethod<&ChannelWrap::flush>("flush"),
                      InstanceMethod<&ChannelWrap::close>("close"), InstanceMethod<&ChannelWrap::ref>("ref"),
                      InstanceMethod<&ChannelWrap::unref>("unref"), InstanceMethod<&ChannelWrap::unsent>("unsent"),
                      InstanceMethod<&ChannelWrap::lend>("lend")});
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
  const bool open = channel->read(
      [this](std::span<const double> message) { received_.insert(received_.end(), message.begin(), message.end()); });
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
    while (end < received.size() && end + static_cast<size_t>(received[end]) - at <= kInboxNumbers)
      end += static_cast<size_t>(received[end]);
    if (environment.inbox.IsEmpty() || environment.inboxNumbers < end - at) {
      environment.inboxNumbers = std::max(kInboxNumbers, end - at);
      auto array = Napi::Float64Array::New(env, environment.inboxNumbers);
      environment.inboxData = array.Data();
      environment.inbox = Napi::Persistent(array.As<Napi::Object>());
    }
    std::copy(received.begin() + static_cast<ptrdiff_t>(at), received.begin() + static_cast<ptrdiff_t>(end),
              environment.inboxData);
    napi_value result,
        arguments[2] = {environment.inbox.Value(), Napi::Number::New(env, static_cast<double>(end - at))};
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

// lend(lends): whether jobs that are asked for over it run in this process
Napi::Value ChannelWrap::lend(const Napi::CallbackInfo& info) {
  if (channel_) channel_->lends = info[0].ToBoolean().Value();
  if (channel_ && !channel_->lends) SharedHeap::shared().expectJobs();
  return info.Env().Undefined();
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
    return DefineClass(env, "ListenerHandle",
                       {InstanceAccessor<&ListenerWrap::name>("name"), InstanceMethod<&ListenerWrap::close>("close")});
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
    // it may own the descriptor already
    if (status == napi_pending_exception)
      napi_get_and_clear_last_exception(env, &result);
    else if (status != napi_ok)
      ::close(fd);
  }
  Napi::Value name(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), listener_ ? listener_->name() : "");
  }
  Napi::Value close(const Napi::CallbackInfo& info) {
    end();
    return info.Env().Undefined();
  }
  std::unique_ptr<cluster::Listener> listener_;
  std::unique_ptr<LoopPoll> poll_;
  Napi::FunctionReference onConnection_;
};

Napi::Value connect(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    return Napi::Number::New(info.Env(), cluster::Channel::connect(info[0].As<Napi::String>().Utf8Value()));
  });
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

}  // namespace

void defineChannels(Napi::Env env, Napi::Object exports) {
  exports.Set("ChannelHandle", ChannelWrap::define(env));
  exports.Set("ListenerHandle", ListenerWrap::define(env));
  auto put = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  put("connect", connect);
  put("makePair", makePair);
  put("closeDescriptor", closeDescriptor);
}

}  // namespace switchyard::node
