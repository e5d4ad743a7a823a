#include "fake_cublaslt.h"
#ifdef SWITCHYARD_HAVE_CUDA
#include <cstring>

#include "half.h"

namespace switchyard::test {
namespace {

struct Layout {
  cudaDataType type;
  uint64_t rows, columns;
  int64_t ld;
  int32_t batch = 1;
  int64_t stride = 0;
};
struct Description {
  cublasComputeType_t compute;
  cudaDataType scale;
  cublasOperation_t first = CUBLAS_OP_N, second = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};
struct Preference {
  std::map<int, uint64_t> values;
};

FakeCublasLt fake;

template <class T>
cublasStatus_t take(T& to, const void* from, size_t bytes) {
  if (bytes != sizeof(T)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&to, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}
template <class To, class From>
To* as(From* from) {
  return reinterpret_cast<To*>(from);
}
template <class To, class From>
const To& read(const From* from) {
  return *reinterpret_cast<const To*>(from);
}

double elementOf(const void* data, cudaDataType type, int64_t at) {
  const auto half_ = [&] { return static_cast<const uint16_t*>(data)[at]; };
  switch (type) {
    case CUDA_R_16F: return fromHalf(half_());
    case CUDA_R_16BF: return fromBfloat(half_());
    case CUDA_R_8I: return static_cast<const int8_t*>(data)[at];
    default: return static_cast<const float*>(data)[at];
  }
}
void put(void* data, cudaDataType type, int64_t at, double value) {
  switch (type) {
    case CUDA_R_16F: static_cast<uint16_t*>(data)[at] = toHalf(value); break;
    case CUDA_R_16BF: static_cast<uint16_t*>(data)[at] = toBfloat(value); break;
    case CUDA_R_32I: static_cast<int32_t*>(data)[at] = static_cast<int32_t>(value); break;
    default: static_cast<float*>(data)[at] = static_cast<float>(value);
  }
}

// The requirements of regular IMMA kernels ("cublasLtMatmul": compute type 32I).
bool suitsCodes(const Description& d, const Layout& a, const Layout& b, const Layout& out) {
  return d.first == CUBLAS_OP_T && d.second == CUBLAS_OP_N && d.scale == CUDA_R_32I && out.type == CUDA_R_32I &&
         a.type == CUDA_R_8I && b.type == CUDA_R_8I && a.ld % 4 == 0 && b.ld % 4 == 0 && out.ld % 4 == 0 &&
         a.rows % 4 == 0 && out.rows % 4 == 0;
}

cublasStatus_t create(cublasLtHandle_t* handle) {
  ++fake.handles;
  *handle = as<std::remove_pointer_t<cublasLtHandle_t>>(new int);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t destroy(cublasLtHandle_t handle) {
  --fake.handles;
  delete as<int>(handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t matmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha, const void* A,
                      cublasLtMatrixLayout_t aLayout, const void* B, cublasLtMatrixLayout_t bLayout, const void* beta,
                      const void* C, cublasLtMatrixLayout_t, void* D, cublasLtMatrixLayout_t dLayout,
                      const cublasLtMatmulAlgo_t* algorithm, void* workspace, size_t workspaceBytes, cudaStream_t) {
  const auto& d = read<Description>(desc);
  const auto &a = read<Layout>(aLayout), &b = read<Layout>(bLayout), &out = read<Layout>(dLayout);
  if (!algorithm || !workspace || workspaceBytes < fake.workspace || C != D) return CUBLAS_STATUS_INVALID_VALUE;
  if (fake.failing.contains(algorithm->data[0])) return CUBLAS_STATUS_NOT_SUPPORTED;
  fake.runs.push_back(algorithm->data[0]);
  fake.compute = d.compute;
  const bool codes = d.compute == CUBLAS_COMPUTE_32I;
  if (codes && !suitsCodes(d, a, b, out)) return CUBLAS_STATUS_NOT_SUPPORTED;
  const double by = codes ? *static_cast<const int32_t*>(alpha) : double{*static_cast<const float*>(alpha)};
  const double add = codes ? *static_cast<const int32_t*>(beta) : double{*static_cast<const float*>(beta)};
  if (add != 0) return CUBLAS_STATUS_INVALID_VALUE;  // what is in the output does not count
  const uint64_t k = d.first == CUBLAS_OP_N ? a.columns : a.rows;
  if (k != (d.second == CUBLAS_OP_N ? b.rows : b.columns)) return CUBLAS_STATUS_INVALID_VALUE;
  if (out.rows != (d.first == CUBLAS_OP_N ? a.rows : a.columns)) return CUBLAS_STATUS_INVALID_VALUE;
  if (out.columns != (d.second == CUBLAS_OP_N ? b.columns : b.rows)) return CUBLAS_STATUS_INVALID_VALUE;
  for (int64_t batch = 0; batch < out.batch; ++batch)
    for (uint64_t row = 0; row < out.rows; ++row)
      for (uint64_t column = 0; column < out.columns; ++column) {
        double sum = 0;
        for (uint64_t i = 0; i < k; ++i) {
          const uint64_t atA = d.first == CUBLAS_OP_N ? row + i * a.ld : i + row * a.ld;
          const uint64_t atB = d.second == CUBLAS_OP_N ? i + column * b.ld : column + i * b.ld;
          sum += elementOf(A, a.type, batch * a.stride + int64_t(atA)) *
                 elementOf(B, b.type, batch * b.stride + int64_t(atB));
        }
        sum *= by;
        if (d.epilogue == CUBLASLT_EPILOGUE_BIAS) sum += elementOf(d.bias, out.type, int64_t(row));
        put(D, out.type, batch * out.stride + int64_t(row + column * out.ld), sum);
      }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t heuristic(cublasLtHandle_t, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t a,
                         cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t out,
                         cublasLtMatmulPreference_t preference, int wanted, cublasLtMatmulHeuristicResult_t* found,
                         int* count) {
  ++fake.heuristics;
  *count = 0;
  const auto& d = read<Description>(desc);
  if (d.compute == CUBLAS_COMPUTE_32I && !suitsCodes(d, read<Layout>(a), read<Layout>(b), read<Layout>(out)))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  const auto& limits = read<Preference>(preference).values;
  if (limits.at(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) < fake.workspace) return CUBLAS_STATUS_NOT_SUPPORTED;
  for (const uint64_t id : fake.proposals) {
    if (*count == wanted) break;
    found[*count] = {};
    found[*count].algo.data[0] = id;
    found[*count].workspaceSize = fake.workspace;
    found[*count].state = CUBLAS_STATUS_SUCCESS;
    ++*count;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t descCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute, cudaDataType_t scale) {
  ++fake.descriptors;
  *desc = as<std::remove_pointer_t<cublasLtMatmulDesc_t>>(new Description{compute, scale});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t descDestroy(cublasLtMatmulDesc_t desc) {
  --fake.descriptors;
  delete as<Description>(desc);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t descSet(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t what, const void* from, size_t bytes) {
  auto& d = *as<Description>(desc);
  switch (what) {
    case CUBLASLT_MATMUL_DESC_TRANSA: return take(d.first, from, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB: return take(d.second, from, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE: return take(d.epilogue, from, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER: return take(d.bias, from, bytes);
    default: return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t layoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, uint64_t rows, uint64_t columns,
                            int64_t ld) {
  if (ld < int64_t(rows)) return CUBLAS_STATUS_INVALID_VALUE;
  ++fake.descriptors;
  *layout = as<std::remove_pointer_t<cublasLtMatrixLayout_t>>(new Layout{type, rows, columns, ld});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t layoutDestroy(cublasLtMatrixLayout_t layout) {
  --fake.descriptors;
  delete as<Layout>(layout);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t layoutSet(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t what, const void* from,
                         size_t bytes) {
  auto& l = *as<Layout>(layout);
  if (what == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT) return take(l.batch, from, bytes);
  if (what == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET) return take(l.stride, from, bytes);
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t preferenceCreate(cublasLtMatmulPreference_t* preference) {
  ++fake.descriptors;
  *preference = as<std::remove_pointer_t<cublasLtMatmulPreference_t>>(new Preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t preferenceDestroy(cublasLtMatmulPreference_t preference) {
  --fake.descriptors;
  delete as<Preference>(preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t preferenceSet(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t what,
                             const void* from, size_t bytes) {
  uint64_t value = 0;
  if (bytes > sizeof value) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&value, from, bytes);
  as<Preference>(preference)->values[what] = value;
  return CUBLAS_STATUS_SUCCESS;
}

const char* statusName(cublasStatus_t) { return "a status"; }

cublasStatus_t algorithmCheck(cublasLtHandle_t, cublasLtMatmulDesc_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, const cublasLtMatmulAlgo_t* algorithm,
                              cublasLtMatmulHeuristicResult_t* result) {
  ++fake.checks;
  result->workspaceSize = fake.workspace;
  return fake.unknown.contains(algorithm->data[0]) ? CUBLAS_STATUS_NOT_SUPPORTED : CUBLAS_STATUS_SUCCESS;
}
size_t version() { return 130000; }

}  // namespace

FakeCublasLt& FakeCublasLt::state() { return fake; }

const cuda::CublasLt* FakeCublasLt::table() {
  static const cuda::CublasLt lt = [] {
    cuda::CublasLt all{};
    all.create = create, all.destroy = destroy, all.matmul = matmul, all.heuristic = heuristic;
    all.descCreate = descCreate, all.descDestroy = descDestroy, all.descSet = descSet;
    all.layoutCreate = layoutCreate, all.layoutDestroy = layoutDestroy, all.layoutSet = layoutSet;
    all.preferenceCreate = preferenceCreate, all.preferenceDestroy = preferenceDestroy;
    all.preferenceSet = preferenceSet, all.statusName = statusName, all.algorithmCheck = algorithmCheck;
    all.version = version;
    return all;
  }();
  return &lt;
}

}  // namespace switchyard::test
#endif
