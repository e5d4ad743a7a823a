// Highway, cut down to the targets worth their build time. To be included before any other Highway header.
#pragma once
// AVX-512 and AVX2, and what every x86-64 has. The levels between serve no processor that these kernels would be fast
// on.
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
