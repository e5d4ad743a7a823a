// Delivery: one wake-up of the loop brings everything that has finished until then.
#include "async_job.h"

#include "convert.h"
#include "environment.h"

namespace switchyard::node {

void PendingList::start(Environment& environment, Napi::Function onDone) {
  environment_ = &environment;
  Napi::Env env = onDone.Env();
  checkStatus(env, napi_create_threadsafe_function(env, onDone, nullptr, Napi::String::New(env, "switchyard"), 0, 1, nullptr, nullptr,
                                                   this, onWake, &wake_));
  checkStatus(env, napi_unref_threadsafe_function(env, wake_));
}

void PendingList::begin(std::shared_ptr<Pending> pending) {
  uint64_t id = pending->id;
  if (pending_.empty()) napi_ref_threadsafe_function(environment_->env(), wake_);
  pending_.emplace(id, std::move(pending));
}

void PendingList::push(Pending* finished) {
  std::lock_guard lock(mutex_);
  if (ended_) return;
  bool wake = finished_.empty();
  finished_.push_back(finished);
  // Inside the lock: end() lets the function go under it.
  if (wake) napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking);
}

void PendingList::cancel(uint64_t id) {
  auto found = pending_.find(id);
  if (found == pending_.end()) return;
  std::shared_ptr<Pending> keep = found->second;
  keep->cancel();
}

void PendingList::abandon(uint64_t id) {
  pending_.erase(id);
  if (pending_.empty()) napi_unref_threadsafe_function(environment_->env(), wake_);
}

void PendingList::end() {
  std::lock_guard lock(mutex_);
  if (ended_) return;
  ended_ = true;
  finished_.clear();
  if (wake_) napi_release_threadsafe_function(wake_, napi_tsfn_abort);
}

void PendingList::onWake(napi_env env, napi_value onDone, void* self, void*) {
  if (!env) return;  // the environment is being torn down
  auto& list = *static_cast<PendingList*>(self);
  std::vector<Pending*> batch = std::move(list.draining_);
  {
    std::lock_guard lock(list.mutex_);
    std::swap(batch, list.finished_);
  }
  for (Pending* finished : batch) {
    auto found = list.pending_.find(finished->id);
    std::shared_ptr<Pending> pending = std::move(found->second);
    list.pending_.erase(found);
    list.deliver(*list.environment_, *pending, onDone);
  }
  batch.clear();
  list.draining_ = std::move(batch);
  if (list.pending_.empty()) napi_unref_threadsafe_function(env, list.wake_);
}

void PendingList::deliver(Environment& environment, Pending& pending, napi_value onDone) {
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
  if (napi_call_function(env, env.Undefined(), onDone, 2, arguments, &ignored) == napi_pending_exception)
    napi_get_and_clear_last_exception(env, &ignored);
}

}  // namespace switchyard::node
