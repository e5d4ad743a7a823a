#include "program/glsl/stage.h"

#include <cctype>

namespace switchyard {

std::string describeStage(const std::string& name, Stage stage) {
  if (stage == Stage::Compute) return "kernel \"" + name + "\"";
  return std::string("the ") + (stage == Stage::Vertex ? "vertex" : "fragment") + " stage of shader \"" + name + "\"";
}

std::string logNameOf(const std::string& name) {
  std::string file = name;
  for (char& c : file)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-' && c != '.') c = '_';
  return file;
}

}  // namespace switchyard
