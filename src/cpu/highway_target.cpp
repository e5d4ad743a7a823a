#include "cpu/highway_target.h"

#include "cpu/simd.h"
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/highway_target.cpp"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace switchyard::cpu::HWY_NAMESPACE {
namespace {

int64_t thisTarget() { return HWY_TARGET; }

}  // namespace
}  // namespace switchyard::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace switchyard::cpu {
HWY_EXPORT(thisTarget);
int64_t highwayTarget() noexcept { return HWY_DYNAMIC_DISPATCH(thisTarget)(); }
}  // namespace switchyard::cpu
#endif
