// switchyard-compiler: compiles what the process that has started it asks for, and nothing else. It opens no device.
#include <string_view>

#include "program/compile/compile_server.h"

int main(int count, char** arguments) {
  using switchyard::CompilerKind;
  const std::string_view kind = count > 1 ? arguments[1] : "";
  return switchyard::serveCompiler(switchyard::kCompilerSocket, kind == "cuda"   ? CompilerKind::Cuda
                                                                : kind == "warm" ? CompilerKind::Warm
                                                                                 : CompilerKind::Glsl);
}
