// What a module's own variables take: memory that no caller gives and no driver counts for us.
#pragma once
#include <cstdint>
#include <span>

namespace switchyard {

struct VariableBytes {
  uint64_t group = 0;  // Workgroup: once for each group
  // Arrays of Function and Private, with every function put where it is called. What holds no array is a register's.
  uint64_t arrays = 0;
  uint64_t largestArray = 0;  // of these variables
};
// For valid SPIR-V whose specialisation constants have been frozen. Sizes without padding; they stop counting at 2^40.
VariableBytes variableBytes(std::span<const uint32_t> words);

}  // namespace switchyard
