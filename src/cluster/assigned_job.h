// What the executor knows of the jobs it was given and of the contexts they run on. For executor*.cpp only.
#pragma once
#include <chrono>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cluster/body.h"
#include "context.h"
#include "join.h"

namespace switchyard::cluster {

// Milliseconds of the clock that every process of a machine shares.
inline double nowMs() {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Jobs that run as one.
struct JoinedLaunch {
  std::weak_ptr<JoinedJobs> joined;
  size_t wanted = 0;  // jobs of it that nobody has canceled; under the executor's mutex
};

// A job that the coordinator has assigned to this process.
struct AssignedJob {
  uint64_t number = 0;
  double decidedMs = 0, begunMs = 0;
  bool secondTry = false, canceled = false;
  size_t uploaded = 0;                   // inputs that were looked at, and brought to the device
  std::shared_ptr<JoinedLaunch> launch;  // null: it was not joined with others
  Job job;
  BodyMemory memory;
  std::vector<std::shared_ptr<void>> pins;  // page-locked for as long as it runs
};

// A context that the coordinator may assign jobs to, and what is kept on its device for them.
struct ServedContext {
  uint32_t index = 0;
  double* page = nullptr;  // of this context
  std::shared_ptr<Context> context;
  bool onCpu = false;
  struct Resident {
    SealedPlace key;
    std::shared_ptr<DeviceTensor> tensor;
    double usedMs = 0;  // when it was found or kept last
  };
  struct HashOfPlace {
    size_t operator()(const SealedPlace& place) const {
      return static_cast<size_t>((place.region ^ place.generation << 1) * 0x9E3779B97F4A7C15u ^ place.offset);
    }
  };
  // the latest used first, and where each of them is there; under the executor's mutex
  std::list<Resident> resident;
  std::unordered_map<SealedPlace, std::list<Resident>::iterator, HashOfPlace> places;
  // by region, null: it could not be; executor's thread only
  std::unordered_map<uint64_t, std::shared_ptr<void>> pinned;
  uint64_t residentBytes = 0;
  uint64_t mostResident = ~uint64_t{0};  // that may stay; half of the context's memory anyway

  // Under the executor's mutex, all of them. A tensor that is found was used now.
  std::shared_ptr<DeviceTensor> find(const SealedPlace& key);
  // Up to half of the context's memory, and to `mostResident`: the longest unused go.
  void keep(const SealedPlace& key, std::shared_ptr<DeviceTensor> tensor);
  std::list<Resident>::iterator drop(std::list<Resident>::iterator it);
  void dropAll();
};

}  // namespace switchyard::cluster
