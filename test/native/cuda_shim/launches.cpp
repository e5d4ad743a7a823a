// The kernels that were chosen at least once.
#include "launches.h"

#include <map>
#include <mutex>

#include "../../../kernels/registry.h"
#include "cuda_shim.h"

namespace switchyard::cuda_shim {
namespace {

struct Noted {
  void (*call)(const void*, void**) = nullptr;
  std::vector<size_t> argumentBytes;
};
std::mutex mutex;

std::map<const void*, Noted>& noted() {
  static auto* const all = new std::map<const void*, Noted>;
  return *all;
}

}  // namespace

void noteKernel(const void* function, void (*call)(const void*, void**), std::initializer_list<size_t> argumentBytes) {
  const std::lock_guard lock(mutex);
  noted()[function] = {call, argumentBytes};
}

const std::vector<size_t>* argumentsOf(const void* function) {
  const std::lock_guard lock(mutex);
  const auto found = noted().find(function);
  return found == noted().end() ? nullptr : &found->second.argumentBytes;
}

void runLaunch(const void* function, unsigned threads, unsigned gridX, unsigned gridY, void** arguments) {
  CudaVariant variant{function, nullptr, threads, 1};
  {
    const std::lock_guard lock(mutex);
    variant.call = noted().at(function).call;
  }
  runKernel(variant, gridX, gridY, arguments, "of the runtime");
}

}  // namespace switchyard::cuda_shim
