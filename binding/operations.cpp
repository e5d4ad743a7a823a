// Delivery: one wake-up of the loop brings everything that has finished until then.
#include "operations.h"

#include <cstdlib>
#include <string>
#include <thread>
#include <utility>

#include "convert.h"
#include "system_failure.h"

namespace switchyard::node {
namespace {

// Falling asleep and being woken by another core takes 15 to 60 us, as long as the smallest jobs on a device.
constexpr std::chrono::microseconds kLook{100};
// For bench/guard, which counts instructions and can't have the turns of the loop among them.
const bool kLooks = !std::getenv("SWITCHYARD_NO_LOOK");
constexpr int kIdBits = 40;  // of each loading of the JavaScript side; with 13 bits for their number a double holds it

// Electron waits for the loop's descriptors in a thread of its own, which would not learn that the loop is not to
// sleep.
bool isElectron(Napi::Env env) {
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return false;
  const Napi::Value versions = process.As<Napi::Object>().Get("versions");
  return versions.IsObject() && versions.As<Napi::Object>().Has("electron");
}

}  // namespace

uint64_t OperationList::start(Environment& environment, double* resultId, Napi::Function onDone) {
  Napi::Env env = onDone.Env();
  onDone_.push_back(Napi::Persistent(onDone));
  const uint64_t firstId = (onDone_.size() - 1) << kIdBits;
  if (wake_) return firstId;
  environment_ = &environment;
  env_ = env;
  mayLook_ = kLooks && !isElectron(env);
  resultId_ = resultId;
  resource_ = Napi::Persistent(Napi::Object::New(env));
  checkStatus(env, napi_async_init(env, resource_.Value(), Napi::String::New(env, "switchyard"), &async_));
  uv_loop_t* loop = nullptr;
  checkStatus(env, napi_get_uv_event_loop(env, &loop));
  wake_ = static_cast<uv_async_t*>(operator new(uv_handle_size(UV_ASYNC)));
  if (int failed =
          uv_async_init(loop, wake_, [](uv_async_t* wake) { static_cast<OperationList*>(wake->data)->drain(); })) {
    operator delete(wake_);
    wake_ = nullptr;
    throw systemError("the event loop gave no wake-up handle", -failed);  // libuv's errors are errno's, negated
  }
  wake_->data = this;
  uv_unref(handle());
  looking_ = static_cast<uv_idle_t*>(operator new(uv_handle_size(UV_IDLE)));
  uv_idle_init(loop, looking_);  // which can't fail
  looking_->data = this;
  uv_unref(reinterpret_cast<uv_handle_t*>(looking_));
  auto close = [](napi_async_cleanup_hook_handle closed, void* self) {
    static_cast<OperationList*>(self)->close(closed);
  };
  checkStatus(env, napi_add_async_cleanup_hook(env, close, this, nullptr));
  return firstId;
}

void OperationList::close(napi_async_cleanup_hook_handle closed) {
  end();
  while (waking_.load(std::memory_order_acquire)) std::this_thread::yield();
  uv_close(reinterpret_cast<uv_handle_t*>(looking_), [](uv_handle_t* looking) { operator delete(looking); });
  looking_ = nullptr;
  wake_->data = closed;
  uv_close(handle(), [](uv_handle_t* wake) {
    napi_remove_async_cleanup_hook(static_cast<napi_async_cleanup_hook_handle>(wake->data));
    operator delete(wake);
  });
  wake_ = nullptr;
}

void OperationList::begin(std::shared_ptr<Operation> operation) {
  uint64_t id = operation->id;
  begun_.emplace(id, std::move(operation));
  keepAlive();
}

void OperationList::erase(uint64_t id) {
  begun_.erase(id);
  letGo_.erase(id);
}

void OperationList::keepAlive() {
  const bool wanted = begun_.size() > letGo_.size();
  if (wanted == alive_ || !wake_) return;
  alive_ = wanted;
  if (wanted)
    uv_ref(handle());
  else
    uv_unref(handle());
}

void OperationList::letGo(uint64_t id) {
  if (begun_.contains(id)) letGo_.insert(id);
  keepAlive();
}

void OperationList::push(Operation* finished) {
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    finished_.push_back(finished);
    anyFinished_.store(true, std::memory_order_release);
    if (finished_.size() > 1 || looks_) return;
    waking_.fetch_add(1, std::memory_order_relaxed);
  }
  uv_async_send(wake_);
  waking_.fetch_sub(1, std::memory_order_release);
}

void OperationList::expectSoon() {
  if (!looking_ || !mayLook_) return;
  lookUntil_ = std::chrono::steady_clock::now() + kLook;
  if (uv_is_active(reinterpret_cast<uv_handle_t*>(looking_))) return;
  {
    std::lock_guard lock(mutex_);
    looks_ = true;
  }
  uv_idle_start(looking_, [](uv_idle_t* looking) { static_cast<OperationList*>(looking->data)->look(); });
}

// Once a turn of the loop, which does not sleep meanwhile.
void OperationList::look() {
  if (anyFinished_.load(std::memory_order_acquire)) {
    drain();
  } else if (!begun_.empty() && std::chrono::steady_clock::now() < lookUntil_) {
    std::this_thread::yield();
  } else {
    uv_idle_stop(looking_);
    std::unique_lock lock(mutex_);
    looks_ = false;
    if (finished_.empty()) return;
    lock.unlock();
    drain();
  }
}

void OperationList::cancel(uint64_t id) {
  auto found = begun_.find(id);
  if (found == begun_.end()) return;
  std::shared_ptr<Operation> keep = found->second;
  keep->cancel();
}

Progress::Told OperationList::progress(uint64_t id) const {
  auto found = begun_.find(id);
  return found == begun_.end() ? Progress::Told{} : found->second->progress();
}

void OperationList::abandon(uint64_t id) {
  erase(id);
  keepAlive();
}

void OperationList::end() {
  std::lock_guard lock(mutex_);
  ended_ = true;
  finished_.clear();
}

void OperationList::drop() {
  begun_.clear();
  onDone_.clear();
  resource_.Reset();
  if (async_) napi_async_destroy(env_, std::exchange(async_, nullptr));
}

// Called by libuv, so nothing may be thrown.
void OperationList::drain() {
  std::vector<Operation*> batch = std::move(draining_);
  {
    std::lock_guard lock(mutex_);
    if (ended_) return;
    std::swap(batch, finished_);
    anyFinished_.store(false, std::memory_order_relaxed);
  }
  napi_env env = env_;
  napi_handle_scope handles = nullptr;
  napi_callback_scope callback = nullptr;
  const bool mayRun = napi_open_handle_scope(env, &handles) == napi_ok &&
                      napi_open_callback_scope(env, resource_.Value(), async_, &callback) == napi_ok;
  for (Operation* finished : batch) {
    auto found = begun_.find(finished->id);
    std::shared_ptr<Operation> operation = std::move(found->second);
    erase(finished->id);
    if (!mayRun) continue;
    try {
      deliver(*environment_, *operation);
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

void OperationList::deliver(Environment& environment, Operation& operation) {
  Napi::Env env(env_);
  Napi::HandleScope scope(env);
  napi_value arguments[2] = {env.Null(), env.Undefined()};
  try {
    arguments[1] = operation.result(environment);
  } catch (...) {
    arguments[0] = errorValue(env, std::current_exception());
  }
  *resultId_ = static_cast<double>(operation.id);
  // A failing call can only mean that the environment may not run JavaScript any more.
  napi_value ignored;
  if (napi_call_function(env, env.Undefined(), onDone_[operation.id >> kIdBits].Value(), 2, arguments, &ignored) ==
      napi_pending_exception)
    napi_get_and_clear_last_exception(env, &ignored);
}

}  // namespace switchyard::node
