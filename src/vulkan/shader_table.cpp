// Names every embedded shader through kernels.def, so that a missing one is a link error.
#include "vulkan/shader_table.h"

#include "params.h"
#include "vulkan/matmul_params.h"

// shaders.cmake generates a definition of these two for every shaders/<name>.comp.
#define SY_DECLARE_All(name)            \
  namespace switchyard::vulkan::spirv { \
  extern const uint32_t name[];         \
  extern const size_t name##Words;      \
  }
#define SY_DECLARE_Gpu(name) SY_DECLARE_All(name)
#define SY_DECLARE_Cpu(name)
#define KERNEL(name, unit, buffers, outputs, params, where) SY_DECLARE_##where(name)
#include "kernels.def"
#undef KERNEL
SY_DECLARE_All(matmul_naive) SY_DECLARE_All(matmul_direct) SY_DECLARE_All(matmul_tiled) SY_DECLARE_All(linear_direct)
    SY_DECLARE_All(linear_tiled) SY_DECLARE_All(linear_dot) SY_DECLARE_All(search_direct) SY_DECLARE_All(search_long)
        SY_DECLARE_All(loop_probe)

            namespace switchyard::vulkan {
  namespace {

  constexpr bool Items = true, Groups = false;

  constexpr Guess guessOf(Kernel kernel) {
    if (kernel == Kernel::fused_attention) return Guess::Attention;
    const bool isSearch =
        kernel == Kernel::search_scan || kernel == Kernel::search_scores || kernel == Kernel::search_listed;
    return isSearch ? Guess::Search : Guess::Bytes;
  }

  }  // namespace

#define SY_WORDS_All(name) std::span<const uint32_t>(spirv::name, spirv::name##Words)
#define SY_WORDS_Gpu(name) SY_WORDS_All(name)
#define SY_WORDS_Cpu(name) std::span<const uint32_t>()

  const Shader& shaderOf(Kernel kernel) {
    static const Shader table[] = {
#define KERNEL(name, unit, buffers, outputs, params, where) \
  {#name, SY_WORDS_##where(name), buffers, outputs, sizeof(params), unit, guessOf(Kernel::name)},
#include "kernels.def"
#undef KERNEL
    };
    return table[size_t(kernel)];
  }

  const Shader& searchLongShader() {
    static const Shader shader{"search_long", SY_WORDS_All(search_long), 5, 1, sizeof(SearchParams), Groups,
                               Guess::Search};
    return shader;
  }

  const Shader& searchDirectShader() {
    static const Shader shader{"search_direct", SY_WORDS_All(search_direct), 5, 1, sizeof(SearchParams), Groups,
                               Guess::Search};
    return shader;
  }

  const Shader& loopProbeShader() {
    static const Shader shader{"loop_probe", SY_WORDS_All(loop_probe), 1, 1, sizeof(uint32_t), Groups};
    return shader;
  }

  const Shader& shaderOf(MatmulShader shader) {
    static const Shader table[] = {
        {"matmul_naive", SY_WORDS_All(matmul_naive), 3, 1, sizeof(MatmulParams), Groups, Guess::Matmul},
        {"matmul_direct", SY_WORDS_All(matmul_direct), 3, 1, sizeof(MatmulParams), Groups, Guess::Matmul},
        {"matmul_tiled", SY_WORDS_All(matmul_tiled), 3, 1, sizeof(MatmulParams), Groups, Guess::Matmul},
        {"linear_direct", SY_WORDS_All(linear_direct), 7, 1, sizeof(MatmulParams), Groups, Guess::Matmul},
        {"linear_tiled", SY_WORDS_All(linear_tiled), 7, 1, sizeof(MatmulParams), Groups, Guess::Matmul},
        {"linear_dot", SY_WORDS_All(linear_dot), 7, 1, sizeof(MatmulParams), Groups, Guess::Matmul},
    };
    return table[size_t(shader)];
  }

}  // namespace switchyard::vulkan
