// main() of kernels that make each element of `put` by itself: four neighbours a thread, or where the count is no
// multiple of 4 one, of halves two. Needs kItemsPerThread, kFormats, p.count, and `make1(i)` and `make4(quad)`.
#define ELEMENTS_MAIN(place)                                              \
  void main() {                                                           \
    const uint item = itemIndex();                                        \
    if (kItemsPerThread == 4u) {                                          \
      if (4u * item < p.count) put4(item, make4(item));                   \
    } else if (isFloat(place)) {                                          \
      if (item < p.count) put1(item, make1(item));                        \
    } else if (2u * item < p.count) {                                     \
      const float low = make1(2u * item);                                 \
      put2(item, vec2(low, 2u * item + 1u < p.count ? make1(2u * item + 1u) : 0.0)); \
    }                                                                     \
  }
