// rope: pairs of elements turned by the position of their token.
#include "halves.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

constexpr uint32_t kThreads = 256;

struct Turn {
  float cosine, sine;
};

// Of the position times a fraction of a whole turn: integers leave what is past a quarter of it, series do the rest, so
// that far positions lose nothing.
__device__ inline Turn turnBy(int32_t position, const uint32_t* turn) {
  const uint32_t far = position < 0 ? 0u - uint32_t(position) : uint32_t(position);
  const uint32_t fraction = far * turn[1] + uint32_t(uint64_t(far) * turn[0] >> 32);
  const uint32_t quarter = (fraction + 0x20000000u) >> 30;
  const float a = float(int32_t(fraction - (quarter << 30))) * 1.4629180792671596e-09f;  // 2 pi / 2^32
  const float z = a * a;
  const float s = a + a * z * ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f);
  const float c =
      1.0f - 0.5f * z + z * z * ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f);
  const float x = quarter & 1 ? -s : c, y = quarter & 1 ? c : s;
  const bool back = (quarter & 2) != 0;
  return {back ? -x : x, (position < 0) != back ? -y : y};
}

__global__ void __launch_bounds__(kThreads)
    ropeKernel(const void* input, const int32_t* positions, const uint32_t* turns, void* out, RopeParams p) {
  const uint32_t half = p.d / 2, items = half / p.together;
  const uint64_t head = linearThread() / items;
  if (head >= uint64_t(p.tokens) * p.h) return;
  const uint32_t pair = uint32_t(linearThread() % items) * p.together;
  const In x = In(input, p.formats, 0).from(head * p.d);
  const Out y = Out(out, p.formats, 3).from(head * p.d);
  const int32_t position = positions[head / p.h];
  for (uint32_t i = pair; i < pair + p.together; ++i) {
    const uint32_t a = p.interleaved ? 2 * i : i, b = p.interleaved ? a + 1 : a + half;
    const Turn by = turnBy(position, turns + 2 * i);
    const float left = x[a], right = x[b];
    y.put(a, left * by.cosine - right * by.sine);
    y.put(b, right * by.cosine + left * by.sine);
  }
}

SWITCHYARD_KERNEL(rope, ropeKernel, kThreads, kThreads)

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
