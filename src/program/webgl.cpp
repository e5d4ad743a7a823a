#include "program/webgl.h"

#include "error.h"

namespace switchyard {

ShaderDialect dialectOf(const std::string& source) {
  const size_t version = source.find("#version");
  if (version == std::string::npos) return source.find("@vertex") != std::string::npos || source.find("@fragment") != std::string::npos ? ShaderDialect::Wgsl : ShaderDialect::Es100;
  return source.substr(version, 32).find("300 es") != std::string::npos ? ShaderDialect::Es300 : ShaderDialect::Vulkan;
}

TranslatedShader translateWebgl(const std::string&, const std::string&) {
  throw Error(Code::Unsupported, "WebGL sources are not supported yet");
}

}  // namespace switchyard
