// The handle outlives its owner until libuv has closed it.
#include "loop_poll.h"

#include <memory>
#include <string>
#include <utility>

#include "convert.h"
#include "system_failure.h"

namespace switchyard::node {

struct LoopPoll::State {
  uv_poll_t poll{};
  napi_env env = nullptr;
  napi_async_context async = nullptr;
  napi_ref resource = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
  std::shared_ptr<std::function<void(int)>> onEvents;
  bool closing = false, closed = false;
  bool abandoned = false;  // its owner has gone

  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(&poll); }

  void close() {
    if (closing) return;
    closing = true;
    onEvents = nullptr;
    uv_poll_stop(&poll);
    if (async) napi_async_destroy(env, async);
    if (resource) napi_delete_reference(env, resource);
    uv_close(handle(), [](uv_handle_t* closed) {
      auto* state = static_cast<State*>(closed->data);
      if (state->hook) napi_remove_async_cleanup_hook(state->hook);
      state->closed = true;
      if (state->abandoned) delete state;
    });
  }
};

LoopPoll::LoopPoll(Napi::Env env, int fd, std::function<void(int)> onEvents) : state_(new State) {
  state_->env = env;
  state_->onEvents = std::make_shared<std::function<void(int)>>(std::move(onEvents));
  uv_loop_t* loop = nullptr;
  checkStatus(env, napi_get_uv_event_loop(env, &loop));
  if (int failed = uv_poll_init(loop, &state_->poll, fd)) {
    delete state_;
    throw systemError("the event loop can't watch a socket", -failed);  // libuv's errors are errno's, negated
  }
  state_->poll.data = state_;
  uv_unref(state_->handle());
  try {
    Napi::Object resource = Napi::Object::New(env);
    checkStatus(env, napi_async_init(env, resource, Napi::String::New(env, "switchyard"), &state_->async));
    checkStatus(env, napi_create_reference(env, resource, 1, &state_->resource));
    checkStatus(env, napi_add_async_cleanup_hook(
                         env,
                         [](napi_async_cleanup_hook_handle hook, void* data) {
                           auto* state = static_cast<State*>(data);
                           state->hook = hook;
                           state->close();
                         },
                         state_, &state_->hook));
  } catch (...) {
    stop();  // libuv has the handle already
    throw;
  }
}

void LoopPoll::watch(int events) {
  if (!state_ || state_->closing) return;
  uv_poll_start(&state_->poll, events, [](uv_poll_t* poll, int status, int events) {
    auto* state = static_cast<State*>(poll->data);
    if (state->closing) return;
    napi_env env = state->env;
    napi_handle_scope handles = nullptr;
    napi_callback_scope callback = nullptr;
    napi_value resource = nullptr;
    if (napi_open_handle_scope(env, &handles) != napi_ok) return;
    std::shared_ptr<std::function<void(int)>> call = state->onEvents;  // it may stop this poll
    if (napi_get_reference_value(env, state->resource, &resource) == napi_ok &&
        napi_open_callback_scope(env, resource, state->async, &callback) == napi_ok) {
      try {
        (*call)(status < 0 ? UV_READABLE : events);
      } catch (...) {
        // The environment may not run JavaScript any more.
      }
      napi_value ignored;
      bool pending = false;
      if (napi_is_exception_pending(env, &pending) == napi_ok && pending)
        napi_get_and_clear_last_exception(env, &ignored);
      napi_close_callback_scope(env, callback);
    }
    napi_close_handle_scope(env, handles);
  });
}

void LoopPoll::stop() {
  if (!state_) return;
  State* state = std::exchange(state_, nullptr);
  if (state->closed) {
    delete state;
    return;
  }
  state->abandoned = true;
  state->close();
}

void LoopPoll::ref() {
  if (state_ && !state_->closing) uv_ref(state_->handle());
}

void LoopPoll::unref() {
  if (state_ && !state_->closing) uv_unref(state_->handle());
}

}  // namespace switchyard::node
