// A vertex and a fragment stage as one program.
#pragma once
#include <string>

#include "program/spirv/reflect.h"

namespace switchyard {

// What callers give the two stages together. Throws Error(Compile) where they do not fit each other, or write no
// colour.
ProgramInfo linkStages(const std::string& name, const StageReflection& vertex, const StageReflection& fragment);

}  // namespace switchyard
