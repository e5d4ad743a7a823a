// The kernels are compiled as for the thread sanitizer (CMakeLists.txt), but its library isn't there: these are the
// functions of it that they call. Builds with a sanitizer have no use for that.
#include "hooks.h"

#include "blocks.h"

namespace switchyard::cuda_shim {

#ifdef SWITCHYARD_SHIM_WATCHES
bool watchesAccesses() { return true; }
#else
bool watchesAccesses() { return false; }
#endif

}  // namespace switchyard::cuda_shim

#ifdef SWITCHYARD_SHIM_WATCHES
using switchyard::cuda_shim::Access;
using switchyard::cuda_shim::onAccess;

#define SIZE(n)                                                                               \
  void __tsan_read##n(void* at) { onAccess(at, n, Access::Read); }                            \
  void __tsan_write##n(void* at) { onAccess(at, n, Access::Write); }                          \
  void __tsan_unaligned_read##n(void* at) { onAccess(at, n, Access::Read); }                  \
  void __tsan_unaligned_write##n(void* at) { onAccess(at, n, Access::Write); }                \
  void __tsan_volatile_read##n(void* at) { onAccess(at, n, Access::VolatileRead); }           \
  void __tsan_volatile_write##n(void* at) { onAccess(at, n, Access::VolatileWrite); }         \
  void __tsan_unaligned_volatile_read##n(void* at) { onAccess(at, n, Access::VolatileRead); } \
  void __tsan_unaligned_volatile_write##n(void* at) { onAccess(at, n, Access::VolatileWrite); }

extern "C" {
SIZE(1)
SIZE(2)
SIZE(4)
SIZE(8)
SIZE(16)
void __tsan_read_range(void* at, unsigned long bytes) { onAccess(at, bytes, Access::Read); }
void __tsan_write_range(void* at, unsigned long bytes) { onAccess(at, bytes, Access::Write); }
// Of the guards of static variables.
unsigned char __tsan_atomic8_load(const volatile unsigned char* at, int) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); }
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_init() {}
}
#endif
