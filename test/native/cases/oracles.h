// What each workload must give: naive, in double precision. The functions read a problem's inputs and parameters and
// set the outputs to expect.
#pragma once
#include "../conformance.h"

namespace switchyard::test {

void expectBinary(Problem& p, const std::string& op);
void expectScale(Problem& p);
struct Activated {
  double value, error;  // what it is, and what float32 may be off by
};
Activated activated(const std::string& kind, double x);
void expectActivation(Problem& p, const std::string& kind);
void expectReduce(Problem& p);
void expectNormalize(Problem& p);
void expectSoftmax(Problem& p);
void expectLayerNorm(Problem& p);
HostTensor withResidual(const Problem& p, size_t residual);
void expectRmsNorm(Problem& p);
void expectRope(Problem& p);
void expectPool(Problem& p);

struct Product {
  Shape a, b;
  bool transposeA = false, transposeB = false;
  double alpha = 1;
  bool fast = false, whole = false;
};

void expectMatmul(Problem& p, const Product& how);

int codeAt(const HostTensor& codes, size_t row, size_t column, uint64_t d, int bits);  // of quantize's
void expectLinear(Problem& p, bool whole = false);  // whole: small whole numbers, whose sums have no error

struct Attention {
  uint64_t h, s, t, d, e;
  bool mask = false, causal = false, weights = false;
  double scale = kNaN;  // not given
  double range = 1;
};

void setAttentionParams(Problem& p, const Attention& how);
void expectAttention(Problem& p, const Attention& how);

// What one query sees, by the scores of the keys and how far off those may be: its row of the output, and its weights.
void expectAttentionRow(const std::vector<double>& scores, const std::vector<double>& errors, const HostTensor& value,
                        size_t valueFrom, uint64_t e, Expected& output, size_t outFrom, Expected* weights,
                        size_t weightsFrom);

void expectTopK(Problem& p);
// exact: whole numbers, whose scores have no error. made: the float32 rows that a rounded base was made of, by which
// its bound is judged.
void expectSearch(Problem& p, bool exact, const HostTensor* made = nullptr);
void roundBase(Problem& p, const HostTensor& rows, DType dtype);  // inputs base and scales
HostTensor maskOf(uint64_t n, const std::function<bool(uint64_t)>& allows);
void expectQuantize(Problem& p, bool exact = false);
void expectDequantize(Problem& p, uint64_t d, int bits);
void expectPcaFit(Problem& p, bool unique);  // unique: the components themselves must match
void expectTransform(Problem& p);

struct Links {
  std::vector<std::vector<std::pair<int, double>>> out;  // targets and weights of each node
};

void setInputs(Problem& p, const Links& links, bool weighted, DType t);
void expectPagerank(Problem& p, Links links);
void expectTimeline(Problem& p);

// Problems of one workload over all magnitudes that float32 has: tiny and huge rows, denormals, far offsets.
struct MagnitudeCases {
  const char* workload;
  void (*make)(Problem&, Random&);
};
extern const std::vector<MagnitudeCases> kMagnitudeCases;
extern const std::vector<MagnitudeCases> kSearchCases;  // in the same way, searches of every kind

}  // namespace switchyard::test
