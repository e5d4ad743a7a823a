// A requested job's memory: where requested_jobs.cpp has placed it, and how its outputs come to where they have to go.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "input_copies.h"
#include "job.h"
#include "memory/lent_memory.h"
#include "memory/shared_memory.h"

namespace switchyard::node {

struct StagedJob {
  // Of an input that is not packed with the small ones: either of the two.
  struct Large {
    size_t input;
    std::shared_ptr<LentMemory> lent;
    std::shared_ptr<InputCopy> copy;
    size_t at = 0;                      // in the message: region and offset
    void place(double* numbers) const;  // writes them, where they are known
  };
  struct Output {
    std::byte* data = nullptr;    // in a region
    std::byte* target = nullptr;  // where it has to go in the end: `into` outside of shared memory
    uint64_t bytes = 0;
    bool into = false;
    bool own = false;                                        // a large one in a region: becomes the ArrayBuffer
    std::shared_ptr<SharedBlock> block;                      // of its own
    std::shared_ptr<LentMemory> lent;                        // in none: of this process
    size_t at = 0;                                           // in the message
    void place(double* numbers, const StagedJob& of) const;  // writes it, as far as it is known
  };
  std::vector<TensorSpec> specs;
  std::vector<Output> outputs;
  std::shared_ptr<SharedBlock> small;               // small inputs' copies, then small outputs
  size_t smallOutputs = 0;                          // where those begin
  std::vector<Large> large;                         // by input
  std::vector<std::shared_ptr<SharedBlock>> holds;  // shared tensors it uses
  std::vector<std::shared_ptr<const void>> held;    // memory of its targets, and of inputs that lie in regions
  bool written = false;                             // what has to be copied out of the regions was
  std::vector<double> message;                      // of one that was put off

  bool packs(const std::byte* memory) const {
    return small && memory >= small->data() && memory < small->data() + small->bytes;
  }
  struct Place {
    uint64_t region, offset;
  };
  // Of memory in a region; throws Closed where it is not there any more.
  Place placeOf(const std::byte* memory) const;
  // What was put off: inputs are copied, outputs get their places. Any thread, one at a time.
  void makeLarge(bool onLoop);
  // The places that were not known before.
  void completeMessage();
  // Bytes that writeOutputs() copies.
  uint64_t bytesToWrite(std::span<const double> places) const;
  // Outputs that an equal job has written elsewhere come to their places, and those with a target go there. Any thread.
  void writeOutputs(std::span<const double> places, bool onLoop);

 private:
  static std::shared_ptr<const void> sourceOf(const double* place, uint64_t bytes, const std::byte*& from);
};

}  // namespace switchyard::node
