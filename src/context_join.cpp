// Small neighbours that differ in their elements alone are one launch: on a device it costs more than what it computes.
#include "context.h"
#include "join.h"
#include "running.h"

namespace switchyard {

// The jobs, each that does the work of several in the place of these.
std::vector<Context::JobPtr> Context::join(std::span<const JobPtr> jobs) {
  std::vector<JobPtr> launches;
  launches.reserve(jobs.size());
  for (size_t first = 0, next; first < jobs.size(); first = next) {
    next = first + 1;
    while (next < jobs.size() && !jobs[next]->stop && joinsExactly(*jobs[first], *jobs[next])) ++next;
    const auto parts = jobs.subspan(first, next - first);
    for (const JobPtr& part : parts) {
      if (parts.size() == 1) break;
      part->into.resize(part->outputSpecs.size());
      for (size_t i = 0; i < part->into.size(); ++i) part->into[i].bytes = part->outputSpecs[i].bytes();
    }
    std::shared_ptr<JoinedJobs> joined = jobs[first]->stop ? nullptr : JoinedJobs::make(parts);
    if (!joined) {
      launches.insert(launches.end(), parts.begin(), parts.end());
      continue;
    }
    joined->job.joined_ = joined.get();
    joined->job.begun = [raw = joined.get()] {
      for (const JobPtr& part : raw->parts()) {
        part->started_ = raw->job.started_;
        if (part->begun) part->begun();
      }
    };
    launches.emplace_back(joined, &joined->job);
  }
  return launches;
}

// Its memory goes first: with the last of the parts this context may.
void Context::settleJoined(const JobPtr& job, std::exception_ptr error) {
  JoinedJobs& joined = *job->joined_;
  try {
    if (!error) joined.finish();
  } catch (...) {
    error = std::current_exception();
  }
  job->running_.reset();
  for (const JobPtr& part : joined.parts()) {
    part->timings = job->timings;
    settle(part, error);
  }
}

}  // namespace switchyard
