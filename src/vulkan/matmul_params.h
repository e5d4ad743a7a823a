// The push constants of the matrix product shaders, read by C++ and GLSL alike (see params.h).
// out = alpha * op(a) op(b), or that added to out where `accumulate` is set. Strides in elements; one unit a tile,
// column tiles fastest, then row tiles, then the batch.
#ifndef SWITCHYARD_MATMUL_PARAMS_H
#define SWITCHYARD_MATMUL_PARAMS_H
#ifndef SWITCHYARD_GLSL
#include <cstdint>
namespace switchyard {
typedef uint32_t uint;
#endif

// The first ones are also specialization constants (spirv.h): the order matters to the shaders that ask for them.
struct MatmulParams {
  uint transposeA;
  uint transposeB;
  uint foursA;
  uint foursB;
  uint foursOut;  // rows of a, b and out begin at, and are, whole groups of four elements
  uint k;
  uint m;
  uint n;
  uint batch;
  uint accumulate;
  uint lda;
  uint ldb;
  uint ldOut;
  uint strideA;
  uint strideB;
  uint strideOut;
  uint offsetA;
  uint offsetB;
  uint offsetOut;  // of the first element in its view (views begin at aligned offsets)
  float alpha;
};

#ifndef SWITCHYARD_GLSL
}  // namespace switchyard
#endif
#endif
