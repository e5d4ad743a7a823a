// The places are those of the message (src/cluster/messages.def).
#include "staged_job.h"

#include "cluster/message.h"

namespace switchyard::node {

using namespace cluster;

void StagedJob::Large::place(double* numbers) const {
  if (lent) {
    numbers[0] = static_cast<double>(kLentRegion);
    numbers[1] = static_cast<double>(lent->number);
  } else if (copy->ready()) {
    numbers[0] = static_cast<double>(copy->block()->region->id);
    numbers[1] = static_cast<double>(copy->block()->offset);
  }
}

void StagedJob::Output::place(double* numbers, const StagedJob& of) const {
  numbers[kOutputBytes] = static_cast<double>(bytes);
  if (lent) {
    numbers[kOutputRegion] = static_cast<double>(kLentRegion);
    numbers[kOutputOffset] = static_cast<double>(lent->number);
  } else if (data) {
    const Place place = of.placeOf(data);
    numbers[kOutputRegion] = static_cast<double>(place.region);
    numbers[kOutputOffset] = static_cast<double>(place.offset);
  }
}

void StagedJob::completeMessage() {
  for (const Large& each : large) each.place(message.data() + each.at);
  for (const Output& output : outputs) output.place(message.data() + output.at, *this);
}

StagedJob::Place StagedJob::placeOf(const std::byte* memory) const {
  if (packs(memory)) return {small->region->id, static_cast<uint64_t>(memory - small->region->data())};
  const auto place = RegionTable::shared().locate(memory);
  if (!place.region) throw Error(Code::Closed, "shared memory that a job names is gone");
  return {place.region->id, place.offset};
}

void StagedJob::makeLarge(bool onLoop) {
  for (const Large& each : large)
    if (each.copy) each.copy->make(onLoop);
  for (Output& output : outputs) {
    if (!output.own || output.block) continue;
    output.block = SharedHeap::shared().allocate(output.bytes);
    output.data = output.block->data();
  }
}

uint64_t StagedJob::bytesToWrite(std::span<const double> places) const {
  uint64_t bytes = 0;
  for (const Output& output : outputs) {
    if (output.target) bytes += output.bytes;
    if (!places.empty()) bytes += output.bytes;
  }
  return bytes;
}

// Where an equal job has put an output, and what keeps it there.
std::shared_ptr<const void> StagedJob::sourceOf(const double* place, uint64_t bytes, const std::byte*& from) {
  const uint64_t region = wholeOf(place[kOutputRegion]), offset = wholeOf(place[kOutputOffset]);
  if (region != kLentRegion) {
    auto found = RegionTable::shared().require(region);
    if (!found) throw Error(Code::WorkerLost, "the process that ran an equal job has gone");
    from = found->at(offset, bytes);
    return found;
  }
  auto lent = LentTable::shared().find(offset);
  auto made = lent ? lent->made() : nullptr;
  if (!lent || lent->bytes != bytes || (!lent->data && !made))
    throw Error(Code::Internal, "the outputs of an equal job are gone");
  from = lent->data ? lent->data : made->data;
  if (made) return made;
  return lent;
}

void StagedJob::writeOutputs(std::span<const double> places, bool onLoop) {
  if (!places.empty() && places.size() != kOutputNumbers * outputs.size())
    throw Error(Code::Internal, "an equal job has other outputs");
  for (size_t i = 0; i < outputs.size(); ++i) {
    Output& output = outputs[i];
    if (!output.bytes) continue;
    if (!places.empty()) {
      const double* place = places.data() + kOutputNumbers * i;
      if (place[kOutputBytes] != static_cast<double>(output.bytes))
        throw Error(Code::Internal, "an equal job has other outputs");
      const std::byte* from = nullptr;
      const auto keep = sourceOf(place, output.bytes, from);
      std::byte* to = output.lent ? output.lent->data : output.data;
      if (!to) {
        auto made = HostPool::shared().acquire(output.bytes);
        to = made->data;
        output.lent->give(std::move(made));
      }
      copyBytes(to, from, output.bytes, onLoop);
    }
    if (output.target) copyBytes(output.target, output.data, output.bytes, onLoop);
  }
  written = true;
}

}  // namespace switchyard::node
