// A kernel's floating buffers in the formats that its params name: read as floats and written from them, alone or four
// neighbours at once. The format is the same for a whole launch, so its branches never part a warp.
#pragma once
#include "kernel.h"

namespace switchyard::SWITCHYARD_KERNEL_SPACE {

__device__ inline uint32_t formatAt(uint32_t formats, uint32_t buffer) { return formats >> 2 * buffer & 3; }
__device__ inline uint32_t bytesOf(uint32_t format) { return format == kFormatFloat32 ? 4 : 2; }

__device__ inline float widened(uint32_t bits, uint32_t format) {
  return format == kFormatFloat16 ? __half2float(__ushort_as_half(static_cast<unsigned short>(bits)))
                                  : __int_as_float(static_cast<int32_t>(bits << 16));
}
// Round to nearest even.
__device__ inline uint32_t narrowed(float value, uint32_t format) {
  if (format == kFormatFloat16) return __half_as_ushort(__float2half_rn(value));
  const uint32_t bits = static_cast<uint32_t>(__float_as_int(value));
  if (value != value) return bits >> 16 | 0x40u;
  return (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
}

struct alignas(8) WordPair {
  uint32_t low, high;
};

// A buffer from some place on.
class In {
 public:
  __device__ In(const void* data, uint32_t formats, uint32_t buffer)
      : data_(static_cast<const char*>(data)), format_(formatAt(formats, buffer)) {}
  __device__ In from(uint64_t first) const { return {data_ + first * bytesOf(format_), format_}; }
  // Whether four() may be called from here on.
  __device__ bool hasFours() const { return (reinterpret_cast<uintptr_t>(data_) & (4 * bytesOf(format_) - 1)) == 0; }
  __device__ float operator[](uint64_t i) const {
    if (format_ == kFormatFloat32) return reinterpret_cast<const float*>(data_)[i];
    return widened(reinterpret_cast<const unsigned short*>(data_)[i], format_);
  }
  __device__ float4 four(uint64_t quad) const {
    if (format_ == kFormatFloat32) return reinterpret_cast<const float4*>(data_)[quad];
    const WordPair pair = reinterpret_cast<const WordPair*>(data_)[quad];
    return make_float4(widened(pair.low & 0xFFFFu, format_), widened(pair.low >> 16, format_),
                       widened(pair.high & 0xFFFFu, format_), widened(pair.high >> 16, format_));
  }

 private:
  __device__ In(const char* data, uint32_t format) : data_(data), format_(format) {}
  const char* data_;
  uint32_t format_;
};

class Out {
 public:
  __device__ Out(void* data, uint32_t formats, uint32_t buffer)
      : data_(static_cast<char*>(data)), format_(formatAt(formats, buffer)) {}
  __device__ Out from(uint64_t first) const { return {data_ + first * bytesOf(format_), format_}; }
  __device__ bool hasFours() const { return (reinterpret_cast<uintptr_t>(data_) & (4 * bytesOf(format_) - 1)) == 0; }
  __device__ void put(uint64_t i, float value) const {
    if (format_ == kFormatFloat32)
      reinterpret_cast<float*>(data_)[i] = value;
    else
      reinterpret_cast<unsigned short*>(data_)[i] = static_cast<unsigned short>(narrowed(value, format_));
  }
  __device__ void putFour(uint64_t quad, float4 v) const {
    if (format_ == kFormatFloat32) {
      reinterpret_cast<float4*>(data_)[quad] = v;
    } else {
      WordPair pair;
      pair.low = narrowed(v.x, format_) | narrowed(v.y, format_) << 16;
      pair.high = narrowed(v.z, format_) | narrowed(v.w, format_) << 16;
      reinterpret_cast<WordPair*>(data_)[quad] = pair;
    }
  }

 private:
  __device__ Out(char* data, uint32_t format) : data_(data), format_(format) {}
  char* data_;
  uint32_t format_;
};

// The same of plain floats.
__device__ inline bool hasFours(const float* row) { return aligned16(row); }
__device__ inline bool hasFours(const In& row) { return row.hasFours(); }
__device__ inline bool hasFours(const Out& row) { return row.hasFours(); }
__device__ inline float4 fourOf(const float* row, uint64_t quad) { return reinterpret_cast<const float4*>(row)[quad]; }
__device__ inline float4 fourOf(const In& row, uint64_t quad) { return row.four(quad); }
__device__ inline void putOne(float* row, uint64_t i, float value) { row[i] = value; }
__device__ inline void putOne(const Out& row, uint64_t i, float value) { row.put(i, value); }
__device__ inline void putFour(float* row, uint64_t quad, float4 v) { reinterpret_cast<float4*>(row)[quad] = v; }
__device__ inline void putFour(const Out& row, uint64_t quad, float4 v) { row.putFour(quad, v); }

}  // namespace switchyard::SWITCHYARD_KERNEL_SPACE
