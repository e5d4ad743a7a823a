// The push constants of the matrix product shaders, read by C++ and GLSL alike (see params.h).
// out = alpha * op(a) op(b), and what `added` says. Strides in elements; one unit a tile,
// column tiles fastest, then row tiles, then the batch.
#ifndef SWITCHYARD_MATMUL_PARAMS_H
#define SWITCHYARD_MATMUL_PARAMS_H
#ifndef SWITCHYARD_GLSL
#include <cstdint>
namespace switchyard {
typedef uint32_t uint;
#endif

// MatmulParams.added: what is added to the product. No constant, so that fewer pipelines are made.
#define kAddedOut 1   // what is in out
#define kAddedMore 2  // what comes later, so neither bias, activation nor residual are due yet
#define kAddedBias 4
#define kAddedResidual 8
// MatmulParams.how: the activation (kActivation* + 1, or 0), and
#define kHowActivation 15
#define kHowInt8 64     // b is codes of 8 bits ...
#define kHowInt4 128    // ... or of 4, two a byte, the low one first
#define kHowGroups 256  // with a scale for each group, else for each row; groups may be of whole fours
#define kHowGroupsOfFours 512
#define kHowIntegers 1024  // a is codes of 8 bits, with a scale for each row

// The first ones are also specialization constants (spirv.h): the order matters to the shaders that ask for them.
struct MatmulParams {
  uint transposeA;
  uint transposeB;
  uint foursA;
  uint foursB;
  uint foursOut;  // rows of a, b and out begin at, and are, whole groups of four elements
  uint k;
  uint formats;  // two bits for each of the buffers of linear.glsl, the first lowest
  uint how;      // kHow* below
  uint m;
  uint n;
  uint batch;
  uint added;
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
  // Of linear_*.comp alone. Scales are [n, ldScales], one for `group` elements of k.
  uint ldResidual;
  uint offsetResidual;
  uint offsetBias;
  uint ldScales;
  uint offsetScales;
  uint offsetRowScales;
  uint group;
  uint firstK;  // of the whole product
};

#ifndef SWITCHYARD_GLSL
}  // namespace switchyard
#endif
#endif
