// How the blocks of emulated launches are run: one after the other, or several in flight, as a seed has it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace switchyard::cuda_shim {

// From the next launch on. Without a seed each block runs to its end before the next one begins, the threads of every
// other one from the last to the first. With one, a few blocks are in flight, begun in any order, and it is drawn which
// thread of which block goes on, at barriers, shuffles and atomic operations, and where the build watches what kernels
// read and write (watchesAccesses()) before any of these. Then a launch also fails at once where a block touches what
// another one writes, other than by atomic operations: CUDA promises no order between blocks, so whatever the outcome
// was, it was luck. Likewise where threads of a block do so with no barrier in between. Launches repeat: by the seed
// and the count of launches since it was set.
void interleaveBlocks(std::optional<uint64_t> seed);
bool watchesAccesses();

// Kernels that ran with several blocks in flight since the process began, or since forgetInFlight(): for each the most
// at once.
std::map<std::string, unsigned> mostInFlight();
void forgetInFlight();

// Ends what this object's life spans.
class Interleaved {
 public:
  explicit Interleaved(uint64_t seed) { interleaveBlocks(seed); }
  ~Interleaved() { interleaveBlocks(std::nullopt); }
  Interleaved(const Interleaved&) = delete;
  Interleaved& operator=(const Interleaved&) = delete;
};

}  // namespace switchyard::cuda_shim
