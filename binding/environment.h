// What one JavaScript environment (the main thread, or a worker thread) has of this addon.
#pragma once
#include <napi.h>
#include <pthread.h>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "operations.h"
#include "context.h"
#include "call_layout.h"
#include "graph_plans.h"

namespace switchyard::cluster {
class Executor;
}

namespace switchyard::node {

// Held by the environment's instance data and by the background thread while it works for it.
class Environment {
 public:
  static std::shared_ptr<Environment> create(Napi::Env env);
  static Environment& of(Napi::Env env);
  explicit Environment(napi_env env) : env_(env), thread_(pthread_self()) {}

  napi_env env() const { return env_; }
  double* scratch() const { return scratch_; }
  bool onItsThread() const { return pthread_equal(pthread_self(), thread_); }
  std::shared_ptr<Environment> shared() const { return self_.lock(); }

  uint64_t start(Napi::Function onDone);  // see OperationList; makes the scratch array
  Napi::Object scratchArray() const { return scratchArray_.Value(); }
  void add(const std::shared_ptr<Context>& context);
  // Opening a device costs tens of milliseconds: one that was used stays open until this environment ends or it is
  // lost.
  void keep(const std::shared_ptr<Device>& device);
  void addExecutor(const std::shared_ptr<cluster::Executor>& executor);
  // Stops what runs and waits for it: nothing of this environment's memory is in use after it. False: something has not
  // stopped by then.
  bool shutdownContexts(std::chrono::steady_clock::time_point until);

  OperationList operations;
  Napi::FunctionReference contextClass, deviceTensorClass, programClass, tokenizerClass;
  std::shared_ptr<class RequestedJobs> requested;
  GraphPlans graphPlans;
  Napi::ObjectReference inbox;  // a Float64Array in which channels hand over what has come
  double* inboxData = nullptr;
  size_t inboxNumbers = 0;
  bool copyOutputs = false;                    // the runtime forbids external ArrayBuffers
  const class Operation* inlineJob = nullptr;  // JavaScript thread: the job that runs right now inside a call

 private:
  void end();
  const napi_env env_;
  const pthread_t thread_;
  std::weak_ptr<Environment> self_;
  double* scratch_ = nullptr;
  Napi::ObjectReference scratchArray_;
  std::mutex mutex_;
  std::vector<std::weak_ptr<Context>> contexts_;
  std::vector<std::weak_ptr<cluster::Executor>> executors_;
  std::set<std::shared_ptr<Device>> devices_;
  bool ended_ = false;
};

// Before the process goes: stops every context of every environment, and waits a while for the background threads.
// Where something does not stop, a kernel that never ends for example, it ends the process at once: destructors would
// wait for it, or free what it uses.
void shutdownEverything(int exitCode);
// The same for one environment, at the process's 'exit' event; `isLeaving`: after it, when nothing else comes.
void shutdownAtExit(Environment& environment, int exitCode, bool isLeaving);
// Has shutdownEverything() called by exit(), ahead of the destructors of the libraries that opening this device has
// loaded.
void guardExit(const std::string& deviceId);

}  // namespace switchyard::node
