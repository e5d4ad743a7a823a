// A store, and the lanes on libuv's threads that work for it: one for all writing, a few for reading.
#pragma once
#include <napi.h>

#include <array>
#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>

#include "environment.h"
#include "lane_runner.h"
#include "store/store.h"

namespace switchyard::node {

// What is posted runs in order, on one thread at a time; where there is nothing `more` runs, until it says that there
// is no more.
class DiskLane final : public Lane {
 public:
  using Piece = std::function<void()>;  // must not throw
  explicit DiskLane(std::function<bool()> more = nullptr);
  ~DiskLane() override;  // waits for what runs
  void post(Piece piece);
  void wake() noexcept { runner_->wake(); }
  bool drain(const Turn& turn) override;
  void rest() override {}

 private:
  Piece take();
  const std::function<bool()> more_;
  std::mutex mutex_;
  std::deque<Piece> pieces_;
  std::unique_ptr<LaneRunner> runner_;  // the last, so that it goes first
};

class StoreHandle {
 public:
  static std::shared_ptr<StoreHandle> open(const std::string& path, store::Store::Options options);
  store::Store& store() { return *store_; }
  DiskLane& reader() { return readers_[next_++ % readers_.size()]; }
  DiskLane& slow() { return slow_; }  // for what reads for minutes: nobody else waits behind it

 private:
  StoreHandle();
  std::shared_ptr<store::Store> store_;
  std::atomic<size_t> next_{0};
  std::array<DiskLane, 2> readers_;
  DiskLane slow_;
  DiskLane writer_;
};

// For what has no store yet, and for copies of what is none of ours. Never destroyed.
DiskLane& openingLane();
DiskLane& restoringLane();

// What ends on such a lane: `work` runs there, and what it returns makes the result, on the JavaScript thread.
class StoreOperation final : public Operation {
 public:
  using Operation::Operation;
  using Make = std::function<Napi::Value(Environment&)>;
  Napi::Value result(Environment& environment) override;
  Make make;
  std::exception_ptr error;
};

// Begins an operation of that number; `post` hands what it gets, which must run once, to a lane.
void runOnLane(Napi::Env env, uint64_t id, std::function<StoreOperation::Make()> work,
               const std::function<void(std::function<void()>)>& post);

Napi::Value wrapStore(Napi::Env env, std::shared_ptr<StoreHandle> handle);
std::shared_ptr<StoreHandle> unwrapStore(const Napi::Value& value);

// Work for one of the lanes that read, for the slow one, and for the one that writes, between writes.
void slowWith(const Napi::CallbackInfo& info, std::function<StoreOperation::Make(StoreHandle&)> work);
void readWith(const Napi::CallbackInfo& info, std::function<StoreOperation::Make(StoreHandle&)> work);
void changeWith(const Napi::CallbackInfo& info, std::function<StoreOperation::Make(StoreHandle&)> work);

// writes[id, handle, ...]: the operation of a write, whose `done` settles it with what `make` makes.
void beginWrite(Napi::Env env, uint64_t id, StoreHandle& handle, store::Write write,
                std::function<Napi::Value(Napi::Env, const store::Written&)> make);
// Bytes that stay as they are: small ones are copied, large ones held.
void holdBytes(napi_env env, const Napi::Value& value, store::Write& write);

inline Napi::Value number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }
Napi::Value describeProblems(Napi::Env env, const std::vector<store::Problem>& problems);
// { buffer, offset, bytes }
Napi::Value describeValue(Environment& environment, store::Value value);

}  // namespace switchyard::node
