// Jobs of one graph over packed sequences as one: the sequences of one lie behind those of the other. Each gets what it
// gets by itself but for rounding: a matrix product may go over more rows in other tiles.
#pragma once
#include <span>
#include <vector>

#include "job.h"

namespace switchyard {

// What becomes of an input where jobs are joined.
struct JoinedInput {
  bool concatenated = false;
  Shape shape{};           // of the joined one
  bool isOffsets = false;  // each job's behind the last one's
};

// As joinKey() and sharedBytes() of join.h, for graphs.
uint64_t packedJoinKey(const Job& job, std::span<const uint64_t> identities);
uint64_t packedSharedBytes(const Job& job);
// Tokens.
uint64_t packedRows(const Job& job);
// How the inputs of such jobs become those of one; empty: they don't fit together.
std::vector<JoinedInput> joinPacked(std::span<const std::shared_ptr<Job>> jobs);

}  // namespace switchyard
