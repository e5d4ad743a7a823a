// What the code of a shader really uses, of all that it declares.
#pragma once
#include <cstdint>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "program/module.h"

namespace switchyard {

struct StageUse {
  std::set<uint32_t> locations;                       // of inputs, the first of each
  std::set<uint32_t> bindings;                        // of images and buffers, the uniform block among them
  std::set<uint32_t> readOutputs;                     // locations of outputs that the stage itself reads
  std::vector<std::pair<uint32_t, uint32_t>> params;  // ranges of bytes of the one block: from, up to
};
// Of valid, optimised words: what is left there counts. Never too little.
StageUse useOf(std::span<const uint32_t> words);

// Attributes, images and buffers that no stage uses leave their lists, and their names go to `unused`, as those of such
// parameters do, which stay in theirs.
void noteUnused(ProgramInfo& info, const StageUse& vertex, const StageUse& fragment);

}  // namespace switchyard
