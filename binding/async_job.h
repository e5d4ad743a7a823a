// The only async pattern: something ends on a thread of the core, and is delivered on the JavaScript thread that asked for it.
#pragma once
#include <napi.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace switchyard::node {

class Environment;

// One thing that is under way: a job, or a context being opened or closed.
class Pending {
 public:
  explicit Pending(uint64_t id) : id(id) {}
  virtual ~Pending() = default;
  // On the JavaScript thread. Returns what the JavaScript side gets; throws switchyard::Error for a failure.
  virtual Napi::Value result(Environment& environment) = 0;
  virtual void cancel() {}
  const uint64_t id;
};

// The pending things of one environment. begin(), finish(), cancel() and drop() belong to the JavaScript thread; push() to any.
// The loop is woken only when the list of finished ones goes from empty to not empty, and kept alive only while something is pending.
class PendingList {
 public:
  // `onDone(error, result)` is called for each one that has finished; its id is in the scratch array.
  void start(Environment& environment, Napi::Function onDone);
  void begin(std::shared_ptr<Pending> pending);
  void push(Pending* finished);  // does nothing once the environment has ended
  void cancel(uint64_t id);
  void abandon(uint64_t id);     // it never started: nothing is delivered
  void end();                    // nothing is delivered any more
  void drop() { pending_.clear(); }
  size_t size() const { return pending_.size(); }

 private:
  static void onWake(napi_env env, napi_value onDone, void* self, void* data);
  void deliver(Environment& environment, Pending& pending, napi_value onDone);

  std::unordered_map<uint64_t, std::shared_ptr<Pending>> pending_;
  Environment* environment_ = nullptr;
  napi_threadsafe_function wake_ = nullptr;
  std::vector<Pending*> draining_;

  std::mutex mutex_;
  std::vector<Pending*> finished_;
  bool ended_ = false;
};

}  // namespace switchyard::node
