// The functions of NVRTC that are used, from the library that is found.
#pragma once
#include <cstddef>
#include <string>

namespace switchyard {

struct NvrtcLibrary {
  using Program = void*;
  int major = 0, minor = 0;
  std::string path;  // of the file it was loaded from
  const char* (*getErrorString)(int) = nullptr;
  int (*version)(int*, int*) = nullptr;
  int (*createProgram)(Program*, const char* source, const char* name, int headers, const char* const* texts,
                       const char* const* names) = nullptr;
  int (*destroyProgram)(Program*) = nullptr;
  int (*compileProgram)(Program, int options, const char* const* texts) = nullptr;
  int (*getProgramLogSize)(Program, size_t*) = nullptr;
  int (*getProgramLog)(Program, char*) = nullptr;
  int (*getPtxSize)(Program, size_t*) = nullptr;
  int (*getPtx)(Program, char*) = nullptr;
  int (*getCubinSize)(Program, size_t*) = nullptr;
  int (*getCubin)(Program, char*) = nullptr;
};

// Null where there is none. Looked for once, and never unloaded.
const NvrtcLibrary* nvrtcLibrary();
// What it compiles with lies in a second library, which it opens by its plain name: where the loader does not look
// there, as below a Python wheel's folder, that fails, and elsewhere it may meet that of another version. One that is
// loaded already is what such a name means, so it is loaded from NVRTC's own folder before NVRTC asks for it.
void loadBuiltins(const NvrtcLibrary& library);

}  // namespace switchyard
