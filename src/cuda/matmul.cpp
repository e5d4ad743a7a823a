// Row-major products through a column-major library: out read by columns is the transpose of out, so the operands swap
// places and each keeps its own transposition.
#include "matmul.h"

#include <algorithm>

namespace switchyard::cuda {
namespace {

constexpr size_t kMaxPlans = 64;
// of one call: some of the library's kernels count batches in a 16-bit grid dimension
constexpr uint32_t kMaxBatch = 32768;
constexpr size_t kMiB = 1 << 20;

uint32_t alignmentOf(const void* pointer) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(pointer) | 256;
  return uint32_t(address & ~(address - 1));
}

}  // namespace

MatmulLibrary::~MatmulLibrary() {
  plans_.clear();
  if (state_->lost() || cudaSetDevice(state_->ordinal) != cudaSuccess) return;
  if (handle_) lt_->destroy(handle_);
  if (workspace_) cudaFree(workspace_);
}

// Whether the library can be used; loads it and takes its workspace at the first call.
bool MatmulLibrary::prepare() {
  if (tried_) return handle_ != nullptr;
  lt_ = CublasLt::get();
  if (lt_) {
    const size_t bytes = (traits_.major >= 9 ? 32 : 8) * kMiB;
    if (!workspace_) {
      state_->check(cudaMalloc(&workspace_, bytes), "cuBLASLt's workspace");
      workspaceBytes_ = bytes;
    }
    checkBlas(lt_->create(&handle_), "cublasLtCreate");
  }
  tried_ = true;
  return handle_ != nullptr;
}

void MatmulLibrary::checkBlas(cublasStatus_t status, const char* what, cudaStream_t stream) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  // The library has a runtime of its own, whose errors ours doesn't keep; but a dead context shows on the stream.
  if (stream) {
    const cudaError_t streamStatus = cudaStreamQuery(stream);
    if (streamStatus != cudaErrorNotReady) state_->check(streamStatus, what);
  }
  throw Error(status == CUBLAS_STATUS_ALLOC_FAILED ? Code::OutOfMemory : Code::Internal,
              std::string(what) + ": " + lt_->statusName(status));
}

MatmulLibrary::Key MatmulLibrary::keyOf(const Matmul& op, const MatmulPointers& at) const {
  const uint64_t alignments =
      uint64_t(alignmentOf(at.a)) << 40 | uint64_t(alignmentOf(at.b)) << 20 | alignmentOf(at.out);
  return {op.m,
          op.n,
          op.k,
          op.lda,
          op.ldb,
          op.ldOut,
          uint64_t(op.transposeA) << 2 | uint64_t(op.transposeB) << 1 | uint64_t(op.fast),
          op.batch,
          op.strideA,
          op.strideB,
          op.strideOut,
          alignments,
          0};
}

MatmulLibrary::Owned<cublasLtMatrixLayout_t> MatmulLibrary::layout(uint64_t rows, uint64_t columns, uint64_t ld,
                                                                   uint64_t stride, uint32_t batch) {
  cublasLtMatrixLayout_t made = nullptr;
  checkBlas(lt_->layoutCreate(&made, CUDA_R_32F, rows, columns, int64_t(ld)), "cublasLtMatrixLayoutCreate");
  Owned<cublasLtMatrixLayout_t> owned(made, {lt_->layoutDestroy});
  if (batch > 1) {
    const int32_t count = int32_t(batch);
    const int64_t offset = int64_t(stride);
    checkBlas(lt_->layoutSet(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count), "the batch count");
    checkBlas(lt_->layoutSet(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &offset, sizeof offset),
              "the batch stride");
  }
  return owned;
}

MatmulLibrary::Plan MatmulLibrary::makePlan(const Matmul& op, const Key& key) {
  Plan plan{};
  plan.key = key;
  // TF32 needs compute capability 8; before it, `fast` is what `high` is.
  const bool tf32 = op.fast && traits_.major >= 8;
  cublasLtMatmulDesc_t desc = nullptr;
  checkBlas(lt_->descCreate(&desc, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
            "cublasLtMatmulDescCreate");
  plan.desc = {desc, {lt_->descDestroy}};
  const cublasOperation_t first = op.transposeB ? CUBLAS_OP_T : CUBLAS_OP_N,
                          second = op.transposeA ? CUBLAS_OP_T : CUBLAS_OP_N;
  checkBlas(lt_->descSet(desc, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first), "transposeB");
  checkBlas(lt_->descSet(desc, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second), "transposeA");
  // Each by columns: the rows of a layout are the row length as it is stored.
  plan.first = layout(op.transposeB ? op.k : op.n, op.transposeB ? op.n : op.k, op.ldb, op.strideB, op.batch);
  plan.second = layout(op.transposeA ? op.m : op.k, op.transposeA ? op.k : op.m, op.lda, op.strideA, op.batch);
  plan.result = layout(op.n, op.m, op.ldOut, op.strideOut, op.batch);
  chooseAlgorithm(plan);
  return plan;
}

void MatmulLibrary::chooseAlgorithm(Plan& plan) {
  cublasLtMatmulPreference_t made = nullptr;
  checkBlas(lt_->preferenceCreate(&made), "cublasLtMatmulPreferenceCreate");
  const Owned<cublasLtMatmulPreference_t> preference(made, {lt_->preferenceDestroy});
  const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    checkBlas(lt_->preferenceSet(made, attribute, &value, sizeof value), "cublasLtMatmulPreferenceSetAttribute");
  };
  const uint64_t alignments = plan.key[11], bytes = workspaceBytes_;
  const uint32_t alignA = uint32_t(alignments >> 40), alignB = uint32_t(alignments >> 20 & 0xFFFFF),
                 alignOut = uint32_t(alignments & 0xFFFFF);
  set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, bytes);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignB);  // the library's first operand is b
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignA);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignOut);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignOut);
  cublasLtMatmulHeuristicResult_t found{};
  int count = 0;
  const cublasStatus_t status = lt_->heuristic(handle_, plan.desc.get(), plan.first.get(), plan.second.get(),
                                               plan.result.get(), plan.result.get(), made, 1, &found, &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return;
  checkBlas(status, "cublasLtMatmulAlgoGetHeuristic");
  plan.possible = count > 0 && found.state == CUBLAS_STATUS_SUCCESS;
  plan.algorithm = found.algo;
}

const MatmulLibrary::Plan& MatmulLibrary::planFor(const Matmul& op, const MatmulPointers& at) {
  const Key key = keyOf(op, at);
  const auto known = std::find_if(plans_.begin(), plans_.end(), [&](const Plan& plan) { return plan.key == key; });
  if (known != plans_.end()) {
    plans_.splice(plans_.begin(), plans_, known);
  } else {
    plans_.push_front(makePlan(op, key));
    if (plans_.size() > kMaxPlans) plans_.pop_back();
  }
  return plans_.front();
}

bool MatmulLibrary::multiplyChunk(const Matmul& op, const MatmulPointers& at, cudaStream_t stream) {
  const Plan& plan = planFor(op, at);
  if (!plan.possible) return false;
  const float beta = 0.0f;
  checkBlas(
      lt_->matmul(handle_, plan.desc.get(), &op.alpha, at.b, plan.first.get(), at.a, plan.second.get(), &beta, at.out,
                  plan.result.get(), at.out, plan.result.get(), &plan.algorithm, workspace_, workspaceBytes_, stream),
      "cublasLtMatmul", stream);
  return true;
}

bool MatmulLibrary::multiply(const Matmul& op, const MatmulPointers& at, cudaStream_t stream) {
  if (!prepare()) return false;
  for (uint32_t done = 0; done < op.batch; done += kMaxBatch) {
    Matmul chunk = op;
    chunk.batch = std::min(kMaxBatch, op.batch - done);
    const MatmulPointers from{at.a + done * op.strideA, at.b + done * op.strideB, at.out + done * op.strideOut};
    if (multiplyChunk(chunk, from, stream)) continue;
    if (done == 0) return false;
    throw Error(Code::Internal, "cuBLASLt multiplied one part of a batch and refused another");
  }
  return true;
}

}  // namespace switchyard::cuda
