// A member's status page: status.def says what is where.
#pragma once
#include <atomic>
#include <cstddef>

#include "layout.h"

namespace switchyard::cluster {

#include "layout_places.h"
#include "cluster/status.def"

constexpr LayoutRow kStatusRows[] = {
#include "layout_rows.h"
#include "cluster/status.def"
};

constexpr size_t kLineNumbers = 64 / sizeof(double);  // of a cache line
static_assert(kContextRemotePending % kLineNumbers == 0 && kContextNumbers % kLineNumbers == 0);
static_assert(kPageExecutorBeat % kLineNumbers == 0 && kPageMetrics % kLineNumbers == 0);

// Another process reads while these are written.
inline void store(double* page, size_t at, double value) {
  std::atomic_ref(page[at]).store(value, std::memory_order_relaxed);
}
inline double load(const double* page, size_t at) {
  return std::atomic_ref(const_cast<double&>(page[at])).load(std::memory_order_relaxed);
}

}  // namespace switchyard::cluster
