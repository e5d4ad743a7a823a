#include <set>

#include "program/webgl/webgl.h"
#include "program/webgl/webgl_stage.h"

namespace switchyard {
namespace {

// Words of GLSL 450 for Vulkan that GLSL ES 1.00 leaves to users, and 3.00 has, too.
const std::set<std::string> kWordsOf300 = {"layout", "centroid", "flat",   "smooth", "case",   "default", "switch",
                                           "uint",   "uvec2",    "uvec3",  "uvec4",  "mat2x2", "mat2x3",  "mat2x4",
                                           "mat3x2", "mat3x3",   "mat3x4", "mat4x2", "mat4x3", "mat4x4"};

// Words of GLSL 450 for Vulkan that neither has. Some are reserved in ES, too: then it does no harm.
const std::set<std::string> kWordsOf450 = [] {
  std::set<std::string> words = {"active",
                                 "asm",
                                 "atomic_uint",
                                 "buffer",
                                 "cast",
                                 "class",
                                 "coherent",
                                 "common",
                                 "devicecoherent",
                                 "double",
                                 "enum",
                                 "extern",
                                 "external",
                                 "filter",
                                 "fixed",
                                 "fvec2",
                                 "fvec3",
                                 "fvec4",
                                 "goto",
                                 "half",
                                 "hvec2",
                                 "hvec3",
                                 "hvec4",
                                 "dvec2",
                                 "dvec3",
                                 "dvec4",
                                 "inline",
                                 "input",
                                 "interface",
                                 "long",
                                 "namespace",
                                 "noinline",
                                 "nonprivate",
                                 "noperspective",
                                 "output",
                                 "partition",
                                 "patch",
                                 "pervertexEXT",
                                 "pervertexNV",
                                 "precise",
                                 "public",
                                 "queuefamilycoherent",
                                 "readonly",
                                 "resource",
                                 "restrict",
                                 "sample",
                                 "sampler",
                                 "sampler3DRect",
                                 "samplerShadow",
                                 "shadercallcoherent",
                                 "shared",
                                 "short",
                                 "sizeof",
                                 "static",
                                 "subgroupcoherent",
                                 "subroutine",
                                 "superp",
                                 "template",
                                 "this",
                                 "typedef",
                                 "union",
                                 "unsigned",
                                 "using",
                                 "volatile",
                                 "workgroupcoherent",
                                 "writeonly",
                                 "subpassInput",
                                 "subpassInputMS",
                                 "isubpassInput",
                                 "isubpassInputMS",
                                 "usubpassInput",
                                 "usubpassInputMS",
                                 "sampler1DShadow",
                                 "sampler1DArrayShadow",
                                 "sampler2DRectShadow",
                                 "samplerCubeArrayShadow"};
  for (int columns = 2; columns <= 4; columns++) {
    words.insert("dmat" + std::to_string(columns));
    for (int rows = 2; rows <= 4; rows++) words.insert("dmat" + std::to_string(columns) + 'x' + std::to_string(rows));
  }
  for (const char* scalar : {"", "i", "u"})
    for (const char* kind : {"image", "texture", "sampler"})
      for (const char* shape :
           {"1D", "1DArray", "2DMS", "2DMSArray", "2DRect", "Buffer", "CubeArray", "2D", "2DArray", "3D", "Cube"}) {
        // Samplers that ES has in a version are not a user's to name, and refused as what they are.
        const std::string name = shape;
        if (std::string(kind) == "sampler" && (name == "2D" || name == "2DArray" || name == "3D" || name == "Cube"))
          continue;
        words.insert(std::string(scalar) + kind + name);
      }
  return words;
}();

// Functions of GLSL 450 that GLSL ES 1.00 leaves to users, and 3.00 has, too.
const std::set<std::string> kFunctionsOf300 = {"sinh",
                                               "cosh",
                                               "tanh",
                                               "asinh",
                                               "acosh",
                                               "atanh",
                                               "trunc",
                                               "round",
                                               "roundEven",
                                               "isnan",
                                               "isinf",
                                               "modf",
                                               "floatBitsToInt",
                                               "floatBitsToUint",
                                               "intBitsToFloat",
                                               "uintBitsToFloat",
                                               "packSnorm2x16",
                                               "unpackSnorm2x16",
                                               "packUnorm2x16",
                                               "unpackUnorm2x16",
                                               "packHalf2x16",
                                               "unpackHalf2x16",
                                               "outerProduct",
                                               "transpose",
                                               "determinant",
                                               "inverse",
                                               "textureSize",
                                               "texture",
                                               "textureProj",
                                               "textureLod",
                                               "textureOffset",
                                               "texelFetch",
                                               "texelFetchOffset",
                                               "textureProjOffset",
                                               "textureLodOffset",
                                               "textureProjLod",
                                               "textureProjLodOffset",
                                               "textureGrad",
                                               "textureGradOffset",
                                               "textureProjGrad",
                                               "textureProjGradOffset"};

const std::set<std::string> kFunctionsOf450 = {"fma",
                                               "frexp",
                                               "ldexp",
                                               "packUnorm4x8",
                                               "packSnorm4x8",
                                               "unpackUnorm4x8",
                                               "unpackSnorm4x8",
                                               "packDouble2x32",
                                               "unpackDouble2x32",
                                               "uaddCarry",
                                               "usubBorrow",
                                               "umulExtended",
                                               "imulExtended",
                                               "bitfieldExtract",
                                               "bitfieldInsert",
                                               "bitfieldReverse",
                                               "bitCount",
                                               "findLSB",
                                               "findMSB",
                                               "textureQueryLod",
                                               "textureQueryLevels",
                                               "textureSamples",
                                               "textureGather",
                                               "textureGatherOffset",
                                               "textureGatherOffsets",
                                               "imageSize",
                                               "imageSamples",
                                               "imageLoad",
                                               "imageStore",
                                               "atomicAdd",
                                               "atomicMin",
                                               "atomicMax",
                                               "atomicAnd",
                                               "atomicOr",
                                               "atomicXor",
                                               "atomicExchange",
                                               "atomicCompSwap",
                                               "dFdxFine",
                                               "dFdyFine",
                                               "dFdxCoarse",
                                               "dFdyCoarse",
                                               "fwidthFine",
                                               "fwidthCoarse",
                                               "interpolateAtCentroid",
                                               "interpolateAtSample",
                                               "interpolateAtOffset",
                                               "noise1",
                                               "noise2",
                                               "noise3",
                                               "noise4",
                                               "EmitVertex",
                                               "EndPrimitive",
                                               "barrier",
                                               "memoryBarrier",
                                               "groupMemoryBarrier",
                                               "subpassLoad",
                                               "allInvocations",
                                               "anyInvocation",
                                               "allInvocationsEqual",
                                               "ftransform",
                                               "shadow1D",
                                               "shadow2D"};

const std::map<std::string, std::string> kOtherNames100 = {{"texture2D", "texture"},
                                                           {"texture2DProj", "textureProj"},
                                                           {"texture2DLod", "textureLod"},
                                                           {"texture2DLodEXT", "textureLod"},
                                                           {"texture2DProjLod", "textureProjLod"},
                                                           {"texture2DProjLodEXT", "textureProjLod"},
                                                           {"texture2DGradEXT", "textureGrad"},
                                                           {"texture2DProjGradEXT", "textureProjGrad"},
                                                           {"gl_FragColor", "sy_FragColor"},
                                                           {"gl_FragDepthEXT", "gl_FragDepth"}};

// Constants are WebGL's, whatever the device that compiles has.
const std::map<std::string, std::string> kOtherNames = {{"gl_FragCoord", "sy_FragCoord"},
                                                        {"dFdy", "sy_dFdy"},
                                                        {"smoothstep", "sy_smoothstep"},
                                                        {"gl_VertexID", "gl_VertexIndex"},
                                                        {"gl_InstanceID", "gl_InstanceIndex"},
                                                        {"gl_DepthRange", "sy_DepthRange"},
                                                        {"gl_DepthRangeParameters", "sy_DepthRangeParameters"},
                                                        {"gl_MaxVertexAttribs", "16"},
                                                        {"gl_MaxVertexUniformVectors", "1024"},
                                                        {"gl_MaxFragmentUniformVectors", "1024"},
                                                        {"gl_MaxVaryingVectors", "31"},
                                                        {"gl_MaxVertexOutputVectors", "31"},
                                                        {"gl_MaxFragmentInputVectors", "31"},
                                                        {"gl_MaxVertexTextureImageUnits", "16"},
                                                        {"gl_MaxCombinedTextureImageUnits", "16"},
                                                        {"gl_MaxTextureImageUnits", "16"},
                                                        {"gl_MaxDrawBuffers", "1"},
                                                        {"gl_MinProgramTexelOffset", "(-8)"},
                                                        {"gl_MaxProgramTexelOffset", "7"}};

bool isTaken(const std::string& name, int version) {
  if (name == "main" || name == "SyUniforms" || name.starts_with("sy_") || kWordsOf450.contains(name) ||
      kFunctionsOf450.contains(name))
    return true;
  return version == 100 && (kWordsOf300.contains(name) || kFunctionsOf300.contains(name));
}

bool isNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

std::string vulkanName(const std::string& name, int version) {
  if (version == 100)
    if (const auto found = kOtherNames100.find(name); found != kOtherNames100.end()) return found->second;
  if (const auto found = kOtherNames.find(name); found != kOtherNames.end()) return found->second;
  return isTaken(name, version) ? kTakenPrefix + name : name;
}

uint32_t locationsOf(const std::string& type) {
  static const std::map<std::string, uint32_t> kLocations = [] {
    std::map<std::string, uint32_t> locations;
    for (const char* scalar : {"float", "int", "uint", "bool"}) locations[scalar] = 1;
    for (const char* vector : {"vec", "ivec", "uvec", "bvec"})
      for (int rows = 2; rows <= 4; rows++) locations[vector + std::to_string(rows)] = 1;
    for (uint32_t columns = 2; columns <= 4; columns++) {
      locations["mat" + std::to_string(columns)] = columns;
      for (int rows = 2; rows <= 4; rows++)
        locations["mat" + std::to_string(columns) + 'x' + std::to_string(rows)] = columns;
    }
    return locations;
  }();
  const auto found = kLocations.find(type);
  return found == kLocations.end() ? 0 : found->second;
}

std::string webglName(const std::string& text) {
  static const std::string kUnused = "sy_unused_", kTaken = kTakenPrefix;
  std::string names;
  for (size_t at = 0; at < text.size();) {
    if (at == 0 || !isNameCharacter(text[at - 1])) {
      if (text.compare(at, kUnused.size(), kUnused) == 0) at += kUnused.size();
      if (text.compare(at, kTaken.size(), kTaken) == 0) at += kTaken.size();
    }
    if (at < text.size()) names += text[at++];
  }
  return names;
}

}  // namespace switchyard
