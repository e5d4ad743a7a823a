// What the processes of a cluster say to each other: float64 numbers, [length in numbers, type, ...].
// lib/cluster/wire/messages.js has the same places.
#pragma once
#include <cstddef>
#include <cstdint>

namespace switchyard::cluster {

enum class Type : int {
  Hello = 1,  // member -> coordinator, first on a socket: [key x4, slot or -1, role]
  Region,     // either way, with a descriptor: [region]
  Drop,       // either way: [region]
  Ask,        // client -> coordinator
  Result,     // coordinator -> client
  Assign,     // coordinator -> executor
  Done,       // executor -> coordinator
  Cancel,     // client -> coordinator -> executor: [number]
  Text,       // either way: [bytes, text...] (JSON)
  Bye = 11,   // coordinator -> executor: the end of the connection is meant
  Copied,     // client -> coordinator: [number] it has its copy of an equal job's outputs
};

constexpr size_t kLength = 0, kType = 1, kFirst = 2;

// A message's number as what it stands for: anything may have arrived. No such type, or number: 0.
constexpr Type typeOf(double number) {
  return number >= 1 && number < 256 ? static_cast<Type>(static_cast<int>(number)) : Type{};
}
constexpr uint64_t wholeOf(double number) {
  return number >= 0 && number <= 9007199254740992.0 ? static_cast<uint64_t>(number) : 0;
}

// A body says what is to be done, and on which memory: it is written by the client, carried unread by the coordinator,
// and read by the executor. [kind, workload or graph numbers..., inputs, outputs]
//   workload: 0, workload, params[kMaxParams], inputs, { input }, outputs, { output }
//   program: 2, id x8 (32 bits each), region, offset and bytes of the module (encodeModule), inputs, { input },
//     outputs, { output }
//   graph:    1, numbers of the description, description..., inputs, { input }, outputs, { output }
//   input:    present, dtype, rank, extents[rank], region, offset, sealed generation (0: may change after the job)
//   output:   region, offset, bytes
constexpr double kWorkloadBody = 0, kGraphBody = 1, kProgramBody = 2;
constexpr size_t kProgramIdNumbers = 8;

// Assign: context, when it was decided (ms), jobs, then for each: number, numbers of the body, body...
constexpr size_t kAssignContext = kFirst, kAssignDecided = kFirst + 1, kAssignCount = kFirst + 2,
                 kAssignJobs = kFirst + 3;

// Done: number, 0 or 1 + error code, batch size, switch, upload, compute, readback (ms), context, bytes of text,
// text... (of a failure: errorJson())
constexpr size_t kDoneNumber = kFirst, kDoneCode = kFirst + 1, kDoneBatch = kFirst + 2, kDoneSwitch = kFirst + 3,
                 kDoneUpload = kFirst + 4;
constexpr size_t kDoneCompute = kFirst + 5, kDoneReadback = kFirst + 6, kDoneContext = kFirst + 7,
                 kDoneTextBytes = kFirst + 8;
constexpr size_t kDoneText = kFirst + 9;

constexpr size_t kMaxMessage = size_t{8} << 20;  // numbers: more than any graph needs, less than would hurt

}  // namespace switchyard::cluster
