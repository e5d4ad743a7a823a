// The functions of NVRTC that are used, from the library that is found.
#pragma once
#include <cstddef>

namespace switchyard {

struct NvrtcLibrary {
  using Program = void*;
  int major = 0, minor = 0;
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

}  // namespace switchyard
