// The rows of a timeline as the host sees them.
#pragma once
#include <vector>

#include "recorder.h"

namespace switchyard::render {

constexpr uint64_t kMaxTimelinePoints = 1'000'000;

struct TimelinePoint {
  double time = 0, weight = 0, relevance = 0;
  uint32_t category = 0;
};

// Reads `timeline` [n, 4] where it came from, or back from the device, which is then waited for. Refuses what is not
// finite, and categories that are no whole numbers from 0 on, naming the first.
Task readTimeline(Recorder& recorder, const Workload& workload, const Value& timeline,
                  std::vector<TimelinePoint>& points);

}  // namespace switchyard::render
