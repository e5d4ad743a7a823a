// Connections between the processes of a cluster as JavaScript objects.
#pragma once
#include <napi.h>

#include <memory>
#include <vector>

#include "cluster/channel.h"
#include "environment.h"
#include "loop_poll.h"

namespace switchyard::node {

// new ChannelHandle(fd, onMessages): onMessages(numbers) has written so many numbers of whole messages to `inbox`; -1:
// the other side has gone.
class ChannelWrap : public Napi::ObjectWrap<ChannelWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ChannelWrap(const Napi::CallbackInfo& info);
  ~ChannelWrap() override;
  const std::shared_ptr<cluster::Channel>& channel() const { return channel_; }
  void afterPost();

 private:
  Napi::Value post(const Napi::CallbackInfo& info);
  Napi::Value lend(const Napi::CallbackInfo& info);
  Napi::Value flush(const Napi::CallbackInfo& info);
  Napi::Value close(const Napi::CallbackInfo& info);
  Napi::Value ref(const Napi::CallbackInfo& info);
  Napi::Value unref(const Napi::CallbackInfo& info);
  Napi::Value unsent(const Napi::CallbackInfo& info);
  void onEvents(int events);
  void deliver(bool open);
  void watch();
  void end();

  std::shared_ptr<cluster::Channel> channel_;
  std::unique_ptr<LoopPoll> poll_;
  Napi::FunctionReference onMessages_;
  std::vector<double> received_;  // whole messages
  bool waitsToWrite_ = false;
};

// Adds ChannelHandle, ListenerHandle and the functions that make connections.
void defineChannels(Napi::Env env, Napi::Object exports);

}  // namespace switchyard::node
