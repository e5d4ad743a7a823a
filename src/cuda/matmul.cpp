// Row-major products through a column-major library: out read by columns is the transpose of out, so the operands swap
// places and each keeps its own transposition.
#include "matmul.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <limits>

namespace switchyard::cuda {
namespace {

constexpr size_t kMaxPlans = 64;
// of one call: some of the library's kernels count batches in a 16-bit grid dimension
constexpr uint32_t kMaxBatch = 32768;
constexpr uint32_t kMostCodes = 131072;  // whose products of 127 by 128 at most fit into int32 together
constexpr size_t kMiB = 1 << 20;
constexpr int kCandidates = 8;  // of the library's own order
constexpr uint32_t kUsesUntimed = 4;
constexpr double kTimingMs = 250;  // for all of a product's candidates
// ... and with what the stream had to do before them, since the lane does nothing else meanwhile
constexpr auto kPatience = std::chrono::seconds(5);

uint32_t alignmentOf(const void* pointer) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(pointer) | 256;
  return uint32_t(address & ~(address - 1));
}

cudaDataType_t typeOf(uint32_t format) {
  return format == kFormatFloat16 ? CUDA_R_16F : format == kFormatBfloat16 ? CUDA_R_16BF : CUDA_R_32F;
}
uint64_t bytesOf(uint32_t format) { return format == kFormatFloat32 ? 4 : 2; }

// What is kept is kept for: rows are as many as requests happen to have, and a file would know none of the next ones.
// Where an algorithm is for other numbers of rows alone, its check says so.
MatmulKey keptKey(MatmulKey key) {
  key[0] = std::bit_ceil(key[0]);
  return key;
}

bool isOfCodes(const Matmul& op) { return op.rowScales.buffer != nullptr; }

}  // namespace

MatmulLibrary::~MatmulLibrary() {
  plans_.clear();
  if (!support_.enter(*state_)) return;
  if (handle_) lt_->destroy(handle_);
  if (workspace_) support_.free(workspace_);
}

// Whether the library can be used; loads it and takes its workspace at the first call.
bool MatmulLibrary::prepare() {
  if (tried_) return handle_ != nullptr;
  lt_ = support_.library();
  if (lt_) {
    const size_t bytes = (traits_.major >= 9 ? 32 : 8) * kMiB;
    if (!workspace_) workspace_ = support_.allocate(*state_, bytes), workspaceBytes_ = bytes;
    checkBlas(lt_->create(&handle_), "cublasLtCreate");
    // What is possible depends on the workspace, too.
    store_ = support_.store(traits_.name + ", cuBLASLt " + std::to_string(lt_->version()) + ", " +
                            std::to_string(workspaceBytes_) + " bytes");
  }
  tried_ = true;
  return handle_ != nullptr;
}

// The library has a runtime of its own, whose errors ours doesn't keep; but a dead context shows on the stream.
void MatmulLibrary::checkStream(cudaStream_t stream, const char* what) {
  if (!stream) return;
  const cudaError_t status = cudaStreamQuery(stream);
  if (status != cudaErrorNotReady) state_->check(status, what);
}

void MatmulLibrary::checkBlas(cublasStatus_t status, const char* what, cudaStream_t stream) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  checkStream(stream, what);
  throw Error(status == CUBLAS_STATUS_ALLOC_FAILED ? Code::OutOfMemory : Code::Internal,
              std::string(what) + ": " + lt_->statusName(status));
}

// What the library does as we do: factors of one format, sums in float32, into float32 or that format; a bias of the
// output's format. Its other epilogues are not our activations: GELU is made of an approximate tanh, and of RELU it is
// not said what becomes of NaN. And codes of 8 bits by codes of 8 bits, into int32, where all is of whole fours.
bool MatmulLibrary::knows(const Matmul& op) {
  if (op.activation != kActivationNone || op.residual) return false;
  if (isOfCodes(op))
    return op.bits == 8 && !op.bias && op.k <= kMostCodes && (op.k | op.n | op.lda | op.ldb | op.ldOut) % 4 == 0 &&
           op.batch == 1;
  if (op.bits || op.formatA != op.formatB) return false;
  if (op.formatOut != kFormatFloat32 && op.formatOut != op.formatA) return false;
  return !op.bias || op.formatBias == op.formatOut;
}

MatmulLibrary::Key MatmulLibrary::keyOf(const Matmul& op, const MatmulPointers& at) const {
  const uint64_t alignments =
      uint64_t(alignmentOf(at.a)) << 40 | uint64_t(alignmentOf(at.b)) << 20 | alignmentOf(at.out);
  const uint64_t formats = op.formatA | op.formatOut << 2 | uint32_t(isOfCodes(op)) << 4;
  return {op.m,
          op.n,
          op.k,
          op.lda,
          op.ldb,
          op.ldOut,
          formats << 3 | uint64_t(op.transposeA) << 2 | uint64_t(op.transposeB) << 1 | uint64_t(op.fast),
          op.batch,
          op.strideA,
          op.strideB,
          op.strideOut,
          alignments,
          op.bias ? alignmentOf(at.bias) : 0};
}

MatmulLibrary::Owned<cublasLtMatrixLayout_t> MatmulLibrary::layout(cudaDataType_t type, uint64_t rows, uint64_t columns,
                                                                   uint64_t ld, uint64_t stride, uint32_t batch) {
  cublasLtMatrixLayout_t made = nullptr;
  checkBlas(lt_->layoutCreate(&made, type, rows, columns, int64_t(ld)), "cublasLtMatrixLayoutCreate");
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

MatmulLibrary::Plan MatmulLibrary::makePlan(const Matmul& op, const MatmulPointers& at, const Key& key) {
  Plan plan{};
  plan.key = key;
  const bool codes = isOfCodes(op);
  // TF32 needs compute capability 8; before it, `fast` is what `high` is.
  const bool tf32 = op.fast && traits_.major >= 8 && op.formatA == kFormatFloat32;
  const cublasComputeType_t compute = codes  ? CUBLAS_COMPUTE_32I
                                      : tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32
                                             : CUBLAS_COMPUTE_32F;
  cublasLtMatmulDesc_t desc = nullptr;
  checkBlas(lt_->descCreate(&desc, compute, codes ? CUDA_R_32I : CUDA_R_32F), "cublasLtMatmulDescCreate");
  plan.desc = {desc, {lt_->descDestroy}};
  const cublasOperation_t first = op.transposeB ? CUBLAS_OP_T : CUBLAS_OP_N,
                          second = op.transposeA ? CUBLAS_OP_T : CUBLAS_OP_N;
  checkBlas(lt_->descSet(desc, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first), "transposeB");
  checkBlas(lt_->descSet(desc, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second), "transposeA");
  if (op.bias) {  // one for each of the result's rows, which are our columns
    const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
    checkBlas(lt_->descSet(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue), "the epilogue");
    setBias(plan, at);
  }
  // Each by columns: the rows of a layout are the row length as it is stored.
  const cudaDataType_t typeA = codes ? CUDA_R_8I : typeOf(op.formatA), typeOut = typeOf(op.formatOut);
  plan.first = layout(typeA, op.transposeB ? op.k : op.n, op.transposeB ? op.n : op.k, op.ldb, op.strideB, op.batch);
  plan.second = layout(typeA, op.transposeA ? op.m : op.k, op.transposeA ? op.k : op.m, op.lda, op.strideA, op.batch);
  plan.result = layout(codes ? CUDA_R_32I : typeOut, op.n, op.m, op.ldOut, op.strideOut, op.batch);
  chooseAlgorithm(plan);
  return plan;
}

// The choice of an algorithm looks at its alignment, a product at what it points to.
void MatmulLibrary::setBias(const Plan& plan, const MatmulPointers& at) {
  const void* const bias = at.bias;
  checkBlas(lt_->descSet(plan.desc.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias), "the bias");
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
  // Parts of a sum are added up as float32, also where the output is of half precision; the default allows that, too.
  const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
  set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignB);  // the library's first operand is b
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignA);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignOut);
  set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignOut);
  cublasLtMatmulHeuristicResult_t found[kCandidates] = {};
  int count = 0;
  const cublasStatus_t status = lt_->heuristic(handle_, plan.desc.get(), plan.first.get(), plan.second.get(),
                                               plan.result.get(), plan.result.get(), made, kCandidates, found, &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return;
  checkBlas(status, "cublasLtMatmulAlgoGetHeuristic");
  for (int i = 0; i < count; ++i)
    if (found[i].state == CUBLAS_STATUS_SUCCESS && found[i].workspaceSize <= workspaceBytes_)
      plan.candidates.push_back(found[i].algo);
  plan.possible = !plan.candidates.empty();
  if (!plan.possible) return;
  plan.proposed = plan.algorithm = plan.candidates.front();
  if (takeKept(plan) || plan.candidates.size() == 1) plan.candidates.clear();
}

// Whether the fastest is known from before, and the library still has it so.
bool MatmulLibrary::takeKept(Plan& plan) {
  const auto kept = store_->find(keptKey(plan.key));
  if (!kept) return false;
  cublasLtMatmulHeuristicResult_t result{};
  const cublasStatus_t status = lt_->algorithmCheck(handle_, plan.desc.get(), plan.first.get(), plan.second.get(),
                                                    plan.result.get(), plan.result.get(), &*kept, &result);
  if (status != CUBLAS_STATUS_SUCCESS || result.workspaceSize > workspaceBytes_) return false;
  plan.algorithm = *kept;
  return true;
}

// The product is made again and again where it goes anyway. Times that say nothing of all are tried again later.
void MatmulLibrary::timeCandidates(Plan& plan, const Matmul& op, const MatmulPointers& at, cudaStream_t stream) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  const auto time = [&](size_t candidate, uint32_t runs) {
    try {
      return support_.milliseconds(*state_, stream, deadline, [&] {
        for (uint32_t i = 0; i < runs; ++i)
          checkBlas(run(plan, plan.candidates[candidate], op, at, stream), "cublasLtMatmul", stream);
      }) / runs;
    } catch (const Error&) {  // what the heuristic proposes may still be refused
      if (state_->lost()) throw;
      return std::numeric_limits<double>::infinity();
    }
  };
  const std::optional<Fastest> fastest = fastestOf(plan.candidates.size(), kTimingMs, time);
  if (!fastest) {
    plan.uses = 0;
    return;
  }
  plan.algorithm = plan.candidates[fastest->candidate];
  plan.candidates.clear();
  // One that was alone, as it took all the time there is, has won nothing.
  if (fastest->timed > 1) store_->keep(keptKey(plan.key), plan.algorithm);
}

MatmulLibrary::Plan& MatmulLibrary::planFor(const Matmul& op, const MatmulPointers& at) {
  const Key key = keyOf(op, at);
  const auto known = std::find_if(plans_.begin(), plans_.end(), [&](const Plan& plan) { return plan.key == key; });
  if (known != plans_.end()) {
    plans_.splice(plans_.begin(), plans_, known);
  } else {
    plans_.push_front(makePlan(op, at, key));
    if (plans_.size() > kMaxPlans) plans_.pop_back();
  }
  return plans_.front();
}

cublasStatus_t MatmulLibrary::run(const Plan& plan, const cublasLtMatmulAlgo_t& algorithm, const Matmul& op,
                                  const MatmulPointers& at, cudaStream_t stream) {
  // Of codes the scale is an integer, too: alpha is left to who reads the sums.
  const float beta = 0.0f;
  const int32_t one = 1, none = 0;
  const void *alpha = &op.alpha, *add = &beta;
  if (isOfCodes(op)) alpha = &one, add = &none;
  return lt_->matmul(handle_, plan.desc.get(), alpha, at.b, plan.first.get(), at.a, plan.second.get(), add, at.out,
                     plan.result.get(), at.out, plan.result.get(), &algorithm, workspace_, workspaceBytes_, stream);
}

// Whether another algorithm may do better, or our own kernel: either makes the whole output.
bool MatmulLibrary::isRefused(cublasStatus_t status, cudaStream_t stream) {
  if (status == CUBLAS_STATUS_ALLOC_FAILED) checkBlas(status, "cublasLtMatmul", stream);
  if (status != CUBLAS_STATUS_SUCCESS) checkStream(stream, "cublasLtMatmul");
  return status != CUBLAS_STATUS_SUCCESS;
}

// By what was chosen; where the library refuses it after all, by what it thinks best. False: by neither.
bool MatmulLibrary::runChosen(Plan& plan, const Matmul& op, const MatmulPointers& at, cudaStream_t stream) {
  if (!isRefused(run(plan, plan.algorithm, op, at, stream), stream)) return true;
  store_->forget(keptKey(plan.key), plan.algorithm);
  if (std::memcmp(&plan.algorithm, &plan.proposed, sizeof plan.proposed) != 0) {
    plan.algorithm = plan.proposed;
    if (!isRefused(run(plan, plan.algorithm, op, at, stream), stream)) return true;
  }
  plan.possible = false;
  return false;
}

bool MatmulLibrary::multiplyChunk(const Matmul& op, const MatmulPointers& at, cudaStream_t stream, bool mayWait) {
  Plan& plan = planFor(op, at);
  if (!plan.possible) return false;
  if (op.bias) setBias(plan, at);
  // A shape that comes once or twice is not worth it.
  if (!plan.candidates.empty() && ++plan.uses >= kUsesUntimed) {
    if (!mayWait) throw MustWait();
    timeCandidates(plan, op, at, stream);
  }
  return runChosen(plan, op, at, stream);
}

Matmul MatmulLibrary::chunkOf(const Matmul& op, uint32_t from) {
  Matmul chunk = op;
  chunk.batch = std::min(kMaxBatch, op.batch - from);
  return chunk;
}

MatmulPointers MatmulLibrary::chunkAt(const Matmul& op, const MatmulPointers& at, uint32_t from) {
  MatmulPointers chunk = at;
  chunk.a += from * op.strideA * bytesOf(op.formatA), chunk.b += from * op.strideB * bytesOf(op.formatB);
  chunk.out += from * op.strideOut * bytesOf(op.formatOut);
  return chunk;
}

bool MatmulLibrary::isReady(const Matmul& op, const MatmulPointers& at) const {
  if (!knows(op)) return true;
  if (!tried_) return false;
  for (uint32_t from = 0; handle_ && from < op.batch; from += kMaxBatch) {
    const Key key = keyOf(chunkOf(op, from), chunkAt(op, at, from));
    const auto known = std::find_if(plans_.begin(), plans_.end(), [&](const Plan& plan) { return plan.key == key; });
    if (known == plans_.end()) return false;
    if (!known->possible) break;
  }
  return true;
}

bool MatmulLibrary::multiply(const Matmul& op, const MatmulPointers& at, cudaStream_t stream, bool mayWait) {
  if (!knows(op) || !prepare()) return false;
  for (uint32_t done = 0; done < op.batch; done += kMaxBatch) {
    if (multiplyChunk(chunkOf(op, done), chunkAt(op, at, done), stream, mayWait)) continue;
    if (done == 0) return false;
    throw Error(Code::Internal, "cuBLASLt multiplied one part of a batch and refused another");
  }
  return true;
}

}  // namespace switchyard::cuda
