// Thin: what an executor does is in src/cluster/executor.h, what an ask is in requested_jobs.h.
#include "cluster_wrap.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "background.h"
#include "call_reader.h"
#include "channel_wrap.h"
#include "cluster/body.h"
#include "cluster/executor.h"
#include "context_wrap.h"
#include "convert.h"
#include "nvml.h"
#include "program_wrap.h"
#include "requested_jobs.h"
#include "shared_records.h"
#include "shared_wrap.h"

namespace switchyard::node {
namespace {

constexpr int kGraceMs = 700, kGraceStepMs = 10;

// ---- new ExecutorHandle(fd, page's region, exitWhenGone): runs until stop()
class ExecutorWrap : public Napi::ObjectWrap<ExecutorWrap> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "ExecutorHandle",
                       {InstanceMethod<&ExecutorWrap::add>("add"), InstanceMethod<&ExecutorWrap::remove>("remove"),
                        InstanceMethod<&ExecutorWrap::limitResident>("limitResident"),
                        InstanceMethod<&ExecutorWrap::stop>("stop"), InstanceMethod<&ExecutorWrap::post>("post")});
  }
  explicit ExecutorWrap(const Napi::CallbackInfo& info) : ObjectWrap(info) {
    guarded(info.Env(), [&] {
      auto region = regionOf(info[1]);
      auto* page = reinterpret_cast<double*>(region->at(region->firstBlock(), cluster::kPageNumbers * sizeof(double)));
      const bool exitWhenGone = info[2].ToBoolean().Value();
      executor_ = std::make_shared<cluster::Executor>(
          info[0].As<Napi::Number>().Int32Value(), page, region, [exitWhenGone](const std::atomic<bool>& halting) {
            if (!exitWhenGone) return;
            // The event loop is told by its own channel and leaves in good order. One that is blocked does not: then
            // this ends it.
            for (int waited = 0; waited < kGraceMs; waited += kGraceStepMs) {
              if (halting) return;
              std::this_thread::sleep_for(std::chrono::milliseconds(kGraceStepMs));
            }
            ::kill(::getpid(), SIGKILL);
          });
      Environment::of(info.Env()).addExecutor(executor_);
      return info.Env().Undefined();
    });
  }

 private:
  Napi::Value add(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      if (!executor_) throw Error(Code::Closed, "the executor was stopped");
      executor_->add(info[0].As<Napi::Number>().Uint32Value(),
                     ContextWrap::Unwrap(info[1].As<Napi::Object>())->shared());
      return info.Env().Undefined();
    });
  }
  Napi::Value limitResident(const Napi::CallbackInfo& info) {
    const double bytes = info[1].As<Napi::Number>().DoubleValue();
    constexpr double kMost = 0x1p63;  // beyond which there is no limit
    const uint64_t most = bytes < kMost ? static_cast<uint64_t>(bytes) : ~uint64_t{0};
    if (executor_)
      executor_->limitResident(info[0].As<Napi::Number>().Uint32Value(), most,
                               info[2].As<Napi::Number>().DoubleValue());
    return info.Env().Undefined();
  }
  Napi::Value remove(const Napi::CallbackInfo& info) {
    if (executor_) executor_->remove(info[0].As<Napi::Number>().Uint32Value());
    return info.Env().Undefined();
  }
  Napi::Value stop(const Napi::CallbackInfo& info) {
    const std::chrono::milliseconds timeout(info[1].As<Napi::Number>().Int64Value());
    // What still runs refers to it when it ends, if it ever does: then it is never destroyed. Else its descriptors go
    // now, and not with this object.
    if (executor_ && !executor_->stop(info[0].ToBoolean().Value(), timeout))
      new std::shared_ptr<cluster::Executor>(executor_);
    executor_.reset();
    return info.Env().Undefined();
  }
  Napi::Value post(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&] {
      if (executor_) executor_->post(readDoubles(info.Env(), info[0]));
      return info.Env().Undefined();
    });
  }
  std::shared_ptr<cluster::Executor> executor_;
};

// ---- functions

const std::shared_ptr<cluster::Channel>& channelOf(const Napi::Value& value) {
  const auto& channel = ChannelWrap::Unwrap(value.As<Napi::Object>())->channel();
  if (!channel) throw Error(Code::Closed, "the connection to the coordinator is closed");
  return channel;
}

Napi::Value putOffValue(Napi::Env env, const RequestedJobs::PutOff& putOff) {
  return putOff.yes ? Napi::Number::New(env, static_cast<double>(putOff.copies)) : env.Undefined();
}

// ask(channel, a, b, c, d, into): a workload, described in the scratch array. Sent with the channel's next flush(),
// unless it is put off for longer work: then the bytes that are to be copied are returned, and stageRemote() and
// postRemote() are to follow.
Napi::Value ask(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    const double* call = environment.scratch();
    Job job;
    readWorkload(info, 1, call, job);
    readInputs(info, 1, call, job);
    job.prepare();
    readTargets(env, info[1 + kDirectInputs], call + kCallInto, job);
    auto code = job.program ? ProgramWrap::read(env, info[2])->place() : nullptr;
    const CallArrays arrays = arraysOf(info, 1, job);
    return putOffValue(env, environment.requested->ask(environment, *channelOf(info[0]), job, arrays, {},
                                                       call + kCallAsk, std::move(code)));
  });
}

// askGraph(channel, description, arrays, into)
Napi::Value askGraph(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    const GraphCall call = readGraph(readDoubles(env, info[1]));
    Job job;
    const CallArrays arrays(info, 2, false, 3);
    prepareGraph(env, arrays, call, job);
    std::vector<double> numbers = cluster::encodeGraph(job.plan->graph);
    return putOffValue(env, environment.requested->ask(environment, *channelOf(info[0]), job, arrays, numbers,
                                                       environment.scratch() + kCallAsk));
  });
}

// stageRemote(operation, id): what was put off of a job; delivered when it is done
Napi::Value stageRemote(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Environment& environment = Environment::of(info.Env());
    environment.requested->stage(environment, readUint(info[0]), readUint(info[1]));
    return info.Env().Undefined();
  });
}

// postRemote(channel, id): its message, after that. Sent with the channel's next flush().
Napi::Value postRemote(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    Environment::of(info.Env()).requested->post(*channelOf(info[0]), readUint(info[1]));
    return info.Env().Undefined();
  });
}

std::span<const double> readPlaces(const Napi::CallbackInfo& info, size_t at) {
  return info.Length() > at ? readDoubles(info.Env(), info[at]) : std::span<const double>();
}

// takeRemote(id, places) -> its outputs, or null: copyRemote() is to come first, and this again when that is delivered
Napi::Value takeRemote(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    return environment.requested->take(environment, readUint(info[0]), readPlaces(info, 1));
  });
}

// copyRemote(operation, id, places): off the event loop, after the regions that are still on their way have come
Napi::Value copyRemote(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    environment.requested->copy(environment, readUint(info[0]), readUint(info[1]), readPlaces(info, 2));
    return env.Undefined();
  });
}

// abandonRemote(): nothing more is heard of the jobs that are under way
Napi::Value abandonRemote(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).requested->abandon();
  return info.Env().Undefined();
}

// copyCounts() -> [bytes, bytes that the event loop waited for]: see input_copies.h
Napi::Value copyCountsNow(const Napi::CallbackInfo& info) {
  Napi::Array counts = Napi::Array::New(info.Env(), 2);
  counts.Set(0u, Napi::Number::New(info.Env(), static_cast<double>(copyCounts().bytes)));
  counts.Set(1u, Napi::Number::New(info.Env(), static_cast<double>(copyCounts().onLoop)));
  return counts;
}

Napi::Value dropRemote(const Napi::CallbackInfo& info) {
  Environment::of(info.Env()).requested->drop(readUint(info[0]));
  return info.Env().Undefined();
}

// What NVML says of a card may take a while to come: off the event loop.
class CardOperation : public Operation {
 public:
  using Operation::Operation;
  Napi::Value result(Environment& environment) override {
    Napi::Env env(environment.env());
    if (!use) return env.Null();
    Napi::Object result = Napi::Object::New(env);
    result.Set("utilization", Napi::Number::New(env, use->utilization));
    result.Set("usedBytes", Napi::Number::New(env, static_cast<double>(use->usedBytes)));
    result.Set("totalBytes", Napi::Number::New(env, static_cast<double>(use->totalBytes)));
    result.Set("temperature", Napi::Number::New(env, use->temperature));
    return result;
  }
  std::optional<CardUse> use;
};

// readCard(id, uuid): delivered as { utilization, usedBytes, totalBytes, temperature } or null
Napi::Value readCardUse(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  return guarded(env, [&] {
    Environment& environment = Environment::of(env);
    auto operation = std::make_shared<CardOperation>(readUint(info[0]));
    environment.operations.begin(operation);
    Background::shared().post(
        [operation, shared = environment.shared(), uuid = info[1].As<Napi::String>().Utf8Value()] {
          operation->use = readCard(uuid);
          shared->operations.push(operation.get());
        });
    return env.Undefined();
  });
}

Napi::Value announce(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&] {
    announceRegions(*channelOf(info[0]));
    return info.Env().Undefined();
  });
}

}  // namespace

void defineCluster(Napi::Env env, Napi::Object exports) {
  recordHeap();
  Environment::of(env).requested = std::make_shared<RequestedJobs>();
  defineChannels(env, exports);
  defineShared(env, exports);
  exports.Set("ExecutorHandle", ExecutorWrap::define(env));
  auto put = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    exports.Set(name, Napi::Function::New(env, function, name));
  };
  put("ask", ask);
  put("askGraph", askGraph);
  put("takeRemote", takeRemote);
  put("stageRemote", stageRemote);
  put("postRemote", postRemote);
  put("copyRemote", copyRemote);
  put("abandonRemote", abandonRemote);
  put("copyCounts", copyCountsNow);
  put("dropRemote", dropRemote);
  put("announce", announce);
  put("readCard", readCardUse);
}

}  // namespace switchyard::node
