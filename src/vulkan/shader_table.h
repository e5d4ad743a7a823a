// The SPIR-V that the build embeds, by kernel. A kernel of kernels.def without its shader does not link.
#pragma once
#include <cstdint>
#include <span>

#include "device.h"

namespace switchyard::vulkan {

// By what it is guessed how long a launch takes (queue_pieces.cpp): the bytes that it is given, or the steps that its
// parameters name.
enum class Guess : uint8_t { Bytes, Matmul, Search, Attention };

struct Shader {
  const char* name;
  std::span<const uint32_t> words;  // empty for kernels of the CPU alone
  uint32_t buffers, outputs, paramBytes;
  bool countsItems;
  Guess guess = Guess::Bytes;
};
const Shader& shaderOf(Kernel kernel);

// Shaders that no kernel names. The one for search_scan and search_scores of rows that their loops are too short for:
const Shader& searchLongShader();
const Shader& searchDirectShader();  // ... and for search_scores on software drivers, kSearchDirectQueries a group
constexpr uint32_t kSearchDirectQueries = 16;
const Shader& loopProbeShader();  // of the self-test in loops.h
// The matrix products that Queue::matmul chooses from, from LinearDirect on for what is not float32 alone.
enum class MatmulShader : uint32_t { Naive, Direct, Tiled, LinearDirect, LinearTiled, LinearDot, kCount };
const Shader& shaderOf(MatmulShader shader);

}  // namespace switchyard::vulkan
