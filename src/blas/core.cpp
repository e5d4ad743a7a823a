// Which of its kernels OpenBLAS takes: those for the features that the processor has. By itself it goes by the number
// of the model, and takes the ones of 2004 (Prescott's, a quarter of the speed) where that is newer than the library.
// It asks for OPENBLAS_CORETYPE when it is loaded, so the linker's --wrap sends that question here.
#include <cstdlib>
#include <cstring>

extern "C" {
char* __real_getenv(const char* name);
char* __wrap_getenv(const char* name);
}

namespace {

// Names of OpenBLAS's own, of which Debian's 0.3.21 has the kernels. Null: its own choice is the best there is.
const char* coreOfFeatures() {
#if defined(__x86_64__)
  __builtin_cpu_init();  // this runs in the library's constructor, maybe ahead of the one that does it
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  if (avx512) return "SkylakeX";
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "Haswell";
#endif
  return nullptr;
}

}  // namespace

char* __wrap_getenv(const char* name) {
  char* const given = __real_getenv(name);
  if (given || std::strcmp(name, "OPENBLAS_CORETYPE") != 0) return given;
  return const_cast<char*>(coreOfFeatures());
}
