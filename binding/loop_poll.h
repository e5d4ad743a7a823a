// Watches a descriptor on the event loop of one environment.
#pragma once
#include <napi.h>
#include <uv.h>

#include <functional>

namespace switchyard::node {

// Belongs to the JavaScript thread. The callback runs with a handle scope and a callback scope; it may stop or destroy
// this object.
class LoopPoll {
 public:
  LoopPoll(Napi::Env env, int fd, std::function<void(int events)> onEvents);
  ~LoopPoll() { stop(); }
  LoopPoll(const LoopPoll&) = delete;
  LoopPoll& operator=(const LoopPoll&) = delete;

  void watch(int events);  // UV_READABLE, UV_WRITABLE
  void stop();             // idempotent; the descriptor may be closed afterwards
  void ref();              // keeps the process alive; not so at first
  void unref();

 private:
  struct State;
  State* state_;
};

}  // namespace switchyard::node
