#include "vulkan/matmul_naive.h"

#include "vulkan/queue.h"

namespace switchyard::vulkan {

void matmulNaive(Queue& queue, const Matmul& op) { dynamic_cast<GpuQueue&>(queue).matmulWith(MatmulShader::Naive, op); }

}  // namespace switchyard::vulkan
