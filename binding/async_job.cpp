// Delivery: one wake-up of the loop brings everything that has finished until then.
#include "async_job.h"

#include <string>
#include <thread>
#include <utility>

#include "convert.h"
#include "environment.h"

namespace switchyard::node {
namespace {

constexpr int kIdBits = 40;  // of each loading of the JavaScript side; with 13 bits for their number a double holds it

}  // namespace

uint64_t PendingList::start(Environment& environment, Napi::Function onDone) {
  Napi::Env env = onDone.Env();
  onDone_.push_back(Napi::Persistent(onDone));
  const uint64_t firstId = (onDone_.size() - 1) << kIdBits;
  if (wake_) return firstId;
  environment_ = &environment;
  resource_ = Napi::Persistent(Napi::Object::New(env));
  checkStatus(env, napi_async_init(env, resource_.Value(), Napi::String::New(env, "switchyard"), &async_));
  uv_loop_t* loop = nullptr;
  checkStatus(env, napi_get_uv_event_loop(env, &loop));
  wake_ = static_cast<uv_async_t*>(operator new(uv_handle_size(UV_ASYNC)));
  if (int failed =
          uv_async_init(loop, wake_, [](uv_async_t* wake) { static_cast<PendingList*>(wake->data)->drain(); })) {
    operator delete(wake_);
    wake_ = nullptr;
    throw Error(Code::Internal, std::string("the event loop gave no wake-up handle: ") + uv_strerror(failed));
  }
  wake_->data = this;
  uv_unref(handle());
  auto close = [](napi_async_cleanup_hook_handle closed, void* self) {
    static_cast<PendingList*>(self)->close(closed);
  };
  checkStatus(env, napi_add_async_cleanup_hook(env, close, this, nullptr));
  return firstId;
}

void PendingList::close(napi_async_cleanup_hook_handle closed) {
  end();
  while (waking_.load(std::memory_order_acquire)) std::this_thread::yield();
  wake_->data = closed;
  uv_close(handle(), [](uv_handle_t* wake) {
    napi_remove_async_cleanup_hook(static_cast<napi_async_cleanup_hook_handle>(wake->data));
    operator delete(wake);
  });
  wake_ = nullptr;
}

void PendingList::begin(std::shared_ptr<Pending> pending) {
  uint64_t id = pending->id;
  pending_.emplace(id, std::move(pending));
  keepAlive();
}

void PendingList::erase(uint64_t id) {
  pending_.erase(id);
  letGo_.erase(id);
}

void PendingList::keepAlive() {
  const bool wanted = pending_.size() > letGo_.size();
  if (wanted == alive_ || !wake_) return;
  alive_ = wanted;
  if (wanted)
    uv_ref(handle());
  else
    uv_unref(handle());
}

void PendingList::letGo(uint64_t id) {
  if (pending_.contains(id)) letGo_.insert(id);
  keepAlive();
}

void PendingList::push(Pending* finished) {
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    finished_.push_back(finished);
    if (finished_.size() > 1) return;
    waking_.fetch_add(1, std::memory_order_relaxed);
  }
  uv_async_send(wake_);
  waking_.fetch_sub(1, std::memory_order_release);
}

void PendingList::cancel(uint64_t id) {
  auto found = pending_.find(id);
  if (found == pending_.end()) return;
  std::shared_ptr<Pending> keep = found->second;
  keep->cancel();
}

void PendingList::abandon(uint64_t id) {
  erase(id);
  keepAlive();
}

void PendingList::end() {
  std::lock_guard lock(mutex_);
  ended_ = true;
  finished_.clear();
}

void PendingList::drop() {
  pending_.clear();
  onDone_.clear();
  resource_.Reset();
  if (async_) napi_async_destroy(environment_->env(), std::exchange(async_, nullptr));
}

// Called by libuv, so nothing may be thrown.
void PendingList::drain() {
  std::vector<Pending*> batch = std::move(draining_);
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    std::swap(batch, finished_);
  }
  napi_env env = environment_->env();
  napi_handle_scope handles = nullptr;
  napi_callback_scope callback = nullptr;
  const bool mayRun = napi_open_handle_scope(env, &handles) == napi_ok &&
                      napi_open_callback_scope(env, resource_.Value(), async_, &callback) == napi_ok;
  for (Pending* finished : batch) {
    auto found = pending_.find(finished->id);
    std::shared_ptr<Pending> pending = std::move(found->second);
    erase(finished->id);
    if (!mayRun) continue;
    try {
      deliver(*environment_, *pending);
    } catch (...) {
      // Not even an error object could be made: this environment may not run JavaScript any more, and nobody waits in
      // it.
    }
  }
  batch.clear();
  draining_ = std::move(batch);
  keepAlive();
  if (callback) napi_close_callback_scope(env, callback);  // runs what was waiting for the promises
  if (handles) napi_close_handle_scope(env, handles);
}

void PendingList::deliver(Environment& environment, Pending& pending) {
  Napi::Env env(environment.env());
  Napi::HandleScope scope(env);
  napi_value arguments[2] = {env.Null(), env.Undefined()};
  try {
    arguments[1] = pending.result(environment);
  } catch (...) {
    arguments[0] = errorValue(env, std::current_exception());
  }
  environment.scratch()[kResultId] = static_cast<double>(pending.id);
  // A failing call can only mean that the environment may not run JavaScript any more.
  napi_value ignored;
  if (napi_call_function(env, env.Undefined(), onDone_[pending.id >> kIdBits].Value(), 2, arguments, &ignored) ==
      napi_pending_exception)
    napi_get_and_clear_last_exception(env, &ignored);
}

}  // namespace switchyard::node
