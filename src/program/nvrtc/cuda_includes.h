// What a CUDA source may include: the toolkit's headers, by names that are looked for in its folders alone.
#pragma once
#include <string>

namespace switchyard {

// Throws Error(Compile), with the line, for an include of a file outside them: by an absolute path, by one with "..",
// or by what a macro stands for. The contents of such a file would be in the compiler's log, and a change of it would
// go unseen: a program's id knows of the headers which toolkit they are of, and no more. `who`: "kernel "k"".
void checkCudaIncludes(const std::string& who, const std::string& source);

}  // namespace switchyard
