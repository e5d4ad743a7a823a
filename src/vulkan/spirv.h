// What a compute shader says of itself: its bindings, push constants and group size, read from its SPIR-V.
#pragma once
#include <cstdint>
#include <span>

namespace switchyard::vulkan {

// Specialization constants our shaders may have, by id. The shader's defaults are what it wants; the host sets:
constexpr uint32_t kSpecGroupSize = 0;       // the group's x: one subgroup on software drivers
constexpr uint32_t kSpecItemsPerThread = 1;  // Items kernels: 1 where the count is not a multiple of the default
constexpr uint32_t kSpecTileRows = 2;        // matrix products: the rows of out that one group does (only read)
constexpr uint32_t kSpecTileColumns = 3;     // ... and the columns (only read)
constexpr uint32_t kSpecThreadColumns = 4;   // ... or the columns that one thread does (only read)
constexpr uint32_t kSpecWord = 8;            // 8 + w: word w of the launch's parameters
constexpr uint32_t kSpecMultipleOf4 = 16;    // 16 + w: 1 where word w of the parameters is a multiple of 4
constexpr uint32_t kSpecWords = 8;           // w is below this
constexpr uint32_t kSpecCount = 24;

struct ShaderInfo {
  uint32_t bindings = 0;   // storage buffers at set 0, bindings 0 .. n-1
  uint32_t pushBytes = 0;  // size of the push constant block
  uint32_t groupSize[3] = {1, 1, 1};
  bool has[kSpecCount] = {};        // which of the constants above there are
  uint32_t value[kSpecCount] = {};  // and their defaults
};

// Throws Error(Compile) for what is not a compute shader of this form.
ShaderInfo reflect(std::span<const uint32_t> words);

}  // namespace switchyard::vulkan
