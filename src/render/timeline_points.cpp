// Timelines are small beside pictures, so the host reads all of one: ranges, categories and names depend on every
// point.
#include "render/timeline_points.h"

#include <cmath>

#include "render/half.h"
#include "render/scale.h"
#include "workload.h"

namespace switchyard::render {
namespace {

constexpr double kMaxCategory = 1 << 24;

TimelinePoint pointOf(const Workload& workload, const float row[4], uint64_t index) {
  static constexpr const char* kNames[] = {"timestamp", "weight", "relevance", "category"};
  for (int i = 0; i < 4; ++i)
    if (!std::isfinite(row[i]))
      refuse(workload,
             "'timeline' holds " + numberText(row[i], 6) + " at index " +
                 std::to_string(index * 4 + static_cast<uint64_t>(i)) + " (row " + std::to_string(index) + ", " +
                 kNames[i] + ")",
             "inputs.timeline");
  if (row[3] < 0 || row[3] > kMaxCategory || row[3] != std::floor(row[3]))
    refuse(workload,
           "'timeline' holds the category " + numberText(row[3], 6) + " in row " + std::to_string(index) +
               ", but categories are whole numbers from 0 on",
           "inputs.timeline");
  return {row[0], row[1], row[2], static_cast<uint32_t>(row[3])};
}

}  // namespace

Task readTimeline(Recorder& recorder, const Workload& workload, const Value& timeline,
                  std::vector<TimelinePoint>& points) {
  const uint64_t rows = timeline.spec.shape[0];
  if (rows == 0) co_return;
  const std::byte* bytes = timeline.host;
  if (!bytes) {
    const std::span<std::byte> host = recorder.hostMemory<std::byte>(timeline.spec.bytes());
    recorder.download(host, timeline.view);
    co_await recorder.sync();
    bytes = host.data();
  }
  const bool half = isHalf(timeline.spec.dtype);
  points.reserve(rows);
  for (uint64_t i = 0; i < rows; ++i) {
    float row[4];
    for (uint64_t j = 0; j < 4; ++j)
      row[j] = half ? widened(reinterpret_cast<const uint16_t*>(bytes)[i * 4 + j], timeline.spec.dtype)
                    : reinterpret_cast<const float*>(bytes)[i * 4 + j];
    points.push_back(pointOf(workload, row, i));
  }
}

}  // namespace switchyard::render
