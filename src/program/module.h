// A compiled program before any device has seen it: SPIR-V or CUDA code, and what its source calls its parameters.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tensor.h"

namespace switchyard {

// 256 bits that name a program: the SHA-256 of its sources, options and compilers.
using ProgramId = std::array<uint8_t, 32>;
std::string hexOf(const ProgramId& id);

enum class ProgramKind : uint8_t { Kernel, Shader };  // one compute stage, or a vertex and a fragment stage

// A plain value of a parameter block, laid out as the shader says: columns x rows components of 32 bits, in an array or
// not.
struct ProgramParam {
  enum class Scalar : uint8_t { Float, Int, Uint, Bool };
  std::string name;  // of nested structs "light.color"
  Scalar scalar = Scalar::Float;
  uint32_t rows = 1;                           // components of a vector, or of a matrix's column
  uint32_t columns = 1;                        // of a matrix, else 1
  uint32_t elements = 0;                       // of an array, 0: it is none
  uint32_t offset = 0;                         // bytes from the start of the block
  uint32_t arrayStride = 0, matrixStride = 0;  // bytes; 0 where there is no array, no matrix
  bool operator==(const ProgramParam&) const = default;
};

// A storage buffer, or (Shader) a sampled image.
struct ProgramBinding {
  enum class Kind : uint8_t { Buffer, Image };
  // The type of its run-time array's elements or its only member; a vector's component. Other: structs, 16-bit
  // integers: any dtype will do.
  enum class Element : uint8_t {
#define DTYPE(identifier, name, bytes, kind, array, alias) identifier,
#include "dtypes.def"
#undef DTYPE
    Other
  };
  std::string name;  // what callers give it by
  Kind kind = Kind::Buffer;
  Element element = Element::Other;
  uint32_t set = 0, binding = 0;
  uint32_t elementBytes = 4;  // the stride of its run-time array, 0: it has none; CUDA alone: 0
  uint64_t minBytes = 0;      // what it must have at least: its fixed part, and one element
  bool readOnly = false, writeOnly = false;
  bool operator==(const ProgramBinding&) const = default;
};

constexpr const char* elementName(ProgramBinding::Element element) noexcept {
  return element == ProgramBinding::Element::Other ? "other" : kDTypes[static_cast<int>(element)].name;
}

// A vertex attribute: `rows` components of 32 bits at its location, a matrix takes `columns` locations.
struct ProgramAttribute {
  std::string name;
  ProgramParam::Scalar scalar = ProgramParam::Scalar::Float;
  uint32_t location = 0, rows = 4, columns = 1;
  bool operator==(const ProgramAttribute&) const = default;
};

// What a device must offer beyond Vulkan 1.2's minimum for the SPIR-V to run there.
struct ProgramNeeds {
  bool float16 = false, int8 = false, int16 = false;  // arithmetic: shaderFloat16, shaderInt8, shaderInt16
  // in storage buffers: storageBuffer8BitAccess, storageBuffer16BitAccess
  bool storage8 = false, storage16 = false;
  // uniformAndStorageBuffer8BitAccess, uniformAndStorageBuffer16BitAccess
  bool uniform8 = false, uniform16 = false;
  uint32_t subgroupOps = 0;  // VkSubgroupFeatureFlags
  bool operator==(const ProgramNeeds&) const = default;
};
ProgramNeeds operator|(const ProgramNeeds& a, const ProgramNeeds& b);  // what two stages need together

constexpr size_t kMaxProgramBindings = 16;
constexpr uint32_t kMaxParamBytes = 16384;  // of a uniform block; push constants: 128

// What a shader declares and does not use, by the names that callers give: it may be given, and may be left out.
struct UnusedNames {
  std::vector<std::string> attributes, buffers;
  std::vector<std::string> uniforms;  // parameters, which are in `params` where their block is used, and images
  bool operator==(const UnusedNames&) const = default;
};

struct ProgramInfo {
  ProgramKind kind = ProgramKind::Kernel;
  std::string name;
  std::vector<ProgramBinding> bindings;  // in the order of their numbers; CUDA: of the kernel's parameters
  std::vector<ProgramParam> params;      // of the one parameter block
  uint32_t paramBytes = 0;               // of the block, 0: there is none
  // the block is a uniform buffer at paramSet/paramBinding, not push constants
  bool paramsAreUniform = false;
  uint32_t paramSet = 0, paramBinding = 0;
  uint32_t sharedBytes = 0;                       // of a kernel's shared variables
  std::array<uint32_t, 3> groupSize = {1, 1, 1};  // CUDA alone, where its source demands none: 256, 1, 1
  std::vector<ProgramAttribute> attributes;       // Shader, in the order of their locations
  // Shader: written for WebGL: y points up, its depth was brought to Vulkan's by the translation
  bool flipY = false;
  bool wroteOutputs = true;  // Shader: the fragment stage writes a colour at location 0
  UnusedNames unused;        // Shader
  ProgramNeeds needs;
  bool operator==(const ProgramInfo&) const = default;
};

// A parameter of a CUDA kernel, in its order: a buffer (index into bindings) or a 32-bit value (index into params, and
// into CudaCode::values). The value stands at params[index].offset of the parameter block that callers fill.
struct CudaParam {
  bool isBuffer = true;
  uint32_t index = 0;
  bool operator==(const CudaParam&) const = default;
};
struct CudaCode {
  std::string entry;  // the mangled name
  // 0-terminated, as NVRTC gives it; empty: the code uses what only `arch` has, and there is the cubin alone
  std::vector<char> ptx;
  std::vector<char> cubin;                        // for `arch` alone; may be empty
  uint32_t arch = 0;                              // 75, 90, 120
  uint32_t sharedBytes = 0;                       // of dynamic shared memory, for each block
  std::array<uint32_t, 3> blockSize = {0, 0, 0};  // as the source demands it (__block_size__, reqntid), else 0
  std::vector<CudaParam> params;
  // info.params again, in their order, but with offsets into a packed array of 8 bytes each
  std::vector<ProgramParam> values;
  bool operator==(const CudaCode&) const = default;
};

struct ProgramModule {  // immutable once made
  ProgramId id{};
  ProgramInfo info;
  std::vector<uint32_t> compute, vertex, fragment;  // SPIR-V, validated. A kernel of CUDA alone has none
  std::string entry = "main";                       // the SPIR-V's entry point; a shader's two are both `main`
  CudaCode cuda;                                    // entry is empty: there is none
  bool forVulkan() const { return !compute.empty() || !vertex.empty(); }
  bool forCuda() const { return !cuda.entry.empty(); }
  uint64_t bytes() const {
    return sizeof *this + (compute.size() + vertex.size() + fragment.size()) * 4 + cuda.ptx.size() + cuda.cubin.size();
  }
  bool operator==(const ProgramModule&) const = default;
};
using ModulePtr = std::shared_ptr<const ProgramModule>;

// A module as bytes, for disks and other processes: magic, version, length, SHA-256, content.
std::vector<uint8_t> encodeModule(const ProgramModule& module);
// Throws Error(Internal) for what encodeModule() did not make: truncated, damaged, of another version, with counts that
// make no sense.
std::shared_ptr<ProgramModule> decodeModule(std::span<const uint8_t> bytes);
// Whether another version of encodeModule() has made it, as those of a cache that is older than this build.
bool isOfAnotherVersion(std::span<const uint8_t> bytes) noexcept;

}  // namespace switchyard
