// The only async pattern: something ends on a thread of the core, and is delivered on the JavaScript thread that asked
// for it.
#pragma once
#include <napi.h>
#include <uv.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "progress.h"

namespace switchyard::node {

class Environment;

// One thing that is under way: a job, or a context being opened or closed.
class Operation {
 public:
  explicit Operation(uint64_t id) : id(id) {}
  virtual ~Operation() = default;
  // On the JavaScript thread. Returns what the JavaScript side gets; throws switchyard::Error for a failure.
  virtual Napi::Value result(Environment& environment) = 0;
  virtual void cancel() {}
  virtual Progress::Told progress() const { return {}; }
  const uint64_t id;
};

// What is under way in one environment. All but push() belong to the JavaScript thread; push() to any. The loop is
// woken only when the list of finished ones goes from empty to not empty, and kept alive only while something is under
// way; while it looks for results by itself (expectSoon) nobody wakes it. It is woken by a uv_async_t of its own and
// outside of any lock. A thread-safe function of Node-API wakes it while it holds its mutex: the loop's thread, which
// often preempts the waking one on the spot, would run into that, sleep, and be woken again.
class OperationList {
 public:
  // `onDone(error, result)` is called for each one that has finished; its id is in the scratch array. The JavaScript
  // side may be loaded more than once over one addon, as test runners do: each has its own range of ids, those above
  // what is returned.
  // `resultId` is where each delivery puts its number.
  uint64_t start(Environment& environment, double* resultId, Napi::Function onDone);
  void begin(std::shared_ptr<Operation> operation);
  // The same, and `handOver` gives it to whoever ends it. What that throws is thrown on, and nothing is delivered.
  template <class HandOver>
  void begin(const std::shared_ptr<Operation>& operation, HandOver handOver) {
    begin(operation);
    try {
      handOver();
    } catch (...) {
      abandon(operation->id);
      throw;
    }
  }
  void push(Operation* finished);  // does nothing once the environment has ended
  void cancel(uint64_t id);
  Progress::Told progress(uint64_t id) const;  // nothing where it is not under way any more
  void abandon(uint64_t id);                   // it never started: nothing is delivered
  // One has gone to a device that may have it done sooner than this thread would fall asleep and be woken again: for a
  // moment the loop goes round and looks for it, beside whatever else comes.
  void expectSoon();
  // it keeps the loop alive no longer; delivered as ever if it ends while something else does
  void letGo(uint64_t id);
  void end();   // nothing is delivered any more
  void drop();  // after end(): lets go of what it holds of JavaScript's
  size_t size() const { return begun_.size(); }

 private:
  void drain();
  void erase(uint64_t id);
  void keepAlive();
  void look();
  void deliver(Environment& environment, Operation& operation);
  void close(napi_async_cleanup_hook_handle closed);
  uv_handle_t* handle() { return reinterpret_cast<uv_handle_t*>(wake_); }

  std::unordered_map<uint64_t, std::shared_ptr<Operation>> begun_;
  std::unordered_set<uint64_t> letGo_;  // of these
  bool alive_ = false;                  // the loop is
  Environment* environment_ = nullptr;
  napi_env env_ = nullptr;
  double* resultId_ = nullptr;
  std::vector<Napi::FunctionReference> onDone_;
  Napi::ObjectReference resource_;
  napi_async_context async_ = nullptr;
  std::vector<Operation*> draining_;
  uv_idle_t* looking_ = nullptr;  // as wake_
  bool mayLook_ = false;
  std::chrono::steady_clock::time_point lookUntil_;

  std::mutex mutex_;
  std::vector<Operation*> finished_;
  bool ended_ = false;
  bool looks_ = false;                    // the loop looks for them by itself
  std::atomic<bool> anyFinished_{false};  // what it sees then
  uv_async_t* wake_ = nullptr;            // as large as the libuv of this process has it; freed once it is closed
  std::atomic<uint32_t> waking_{0};       // threads between seeing !ended_ and having woken the loop
};

}  // namespace switchyard::node
