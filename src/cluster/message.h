// Messages in numbers: messages.def says what is where, and here is what a job's body says.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>

#include "layout.h"
#include "workload.h"

namespace switchyard::cluster {

#include "layout_places.h"
#include "cluster/messages.def"

constexpr LayoutRow kMessageRows[] = {
#include "layout_rows.h"
#include "cluster/messages.def"
};
static_assert(kLength == 0, "whoever reads messages finds the next by it");

// A message's number as what it stands for: anything may have arrived. No such type, or number: 0.
constexpr int typeOf(double number) { return number >= 1 && number < 256 ? static_cast<int>(number) : 0; }
constexpr uint64_t wholeOf(double number) {
  return number >= 0 && number <= 9007199254740992.0 ? static_cast<uint64_t>(number) : 0;
}

// A message that says one number.
inline std::array<double, kNumberedNumbers> numbered(int type, uint64_t number) {
  std::array<double, kNumberedNumbers> message{};
  message[kLength] = kNumberedNumbers;
  message[kType] = type;
  message[kNumberedNumber] = static_cast<double>(number);
  return message;
}

// A body says what is to be done, and on which memory: it is written by the client, carried by the coordinator, which
// knows where the outputs are and reads nothing else, and read by the executor.
//   workload: 0, workload, params[kMaxParams], inputs, { input }, outputs, { output }
//   graph:    1, numbers of the description, description..., inputs, { input }, outputs, { output }
//   program:  2, id x8 (32 bits each), region, offset and bytes of the module (encodeModule), inputs, { input },
//     outputs, { output }
//   input:    present, dtype, rank, extents[rank], region, offset, sealed generation (0: may change after the job)
//   output:   see messages.def
// Where the message never leaves its process, the region may be kLentRegion and the offset the number of lent memory
// (memory/lent_memory.h).
constexpr double kWorkloadBody = 0, kGraphBody = 1, kProgramBody = 2;
constexpr size_t kProgramIdNumbers = 8;
constexpr uint64_t kLentRegion = uint64_t{1} << 53;  // one more than any region's id

}  // namespace switchyard::cluster
