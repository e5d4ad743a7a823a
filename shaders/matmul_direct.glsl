// The matrix product for software drivers: a group is one subgroup, a thread holds kTileRows x 4 of out in registers,
// and nothing that is multiplied goes through shared memory. A load costs these drivers a turn for every lane, whatever
// its width, so all are vec4, and lanes load different parts of a, which broadcasts then share.
#define kRows 16
#define W gl_WorkGroupSize.x
const uint kSlots = (kRows + W - 1u) / W;  // vec4s of a that a lane loads in a step

// Quad q of the kRows x 4 piece of a at (row, k): four k of row q, or, where a is transposed, four rows of k + q /
// (kRows / 4).
vec4 quadA(uint from, uint row, uint k, uint q) {
  if (kTransposeA == 0u) {
    const uint at = from + min(row + q, p.m - 1u) * p.lda;
    if (kFoursA != 0u) return takeA4((at + k) / 4u);
    vec4 x;
    [[unroll]] for (uint i = 0; i < 4u; ++i) x[i] = takeA(at + min(k + i, p.k - 1u));
    return x;
  }
  const uint at = from + min(k + q / (kRows / 4u), p.k - 1u) * p.lda, r = row + q % (kRows / 4u) * 4u;
  if (kFoursA != 0u) return takeA4((at + min(r, p.m - 4u)) / 4u);
  vec4 x;
  [[unroll]] for (uint i = 0; i < 4u; ++i) x[i] = takeA(at + min(r + i, p.m - 1u));
  return x;
}

// b at (k + i, column .. column + 3).
vec4 rowB(uint from, uint k, uint column) {
  const uint at = from + min(k, p.k - 1u) * p.ldb;
  if (kFoursB != 0u) return takeB4((at + min(column, p.n - 4u)) / 4u);
  vec4 x;
  [[unroll]] for (uint i = 0; i < 4u; ++i) x[i] = takeB(at + min(column + i, p.n - 1u));
  return x;
}
// b at (k .. k + 3, column), where b is transposed.
vec4 columnB(uint from, uint k, uint column) {
  const uint at = from + min(column, p.n - 1u) * p.ldb;
  if (kFoursB != 0u) return scaled(takeB4((at + k) / 4u), column, k);
  vec4 x;
  [[unroll]] for (uint i = 0; i < 4u; ++i) x[i] = takeB(at + min(k + i, p.k - 1u));
  return scaled(x, column, k);
}

// Which rows of a and which of a lane's columns of b are not finite throughout, a bit each. The rows are shared out as
// they are to be multiplied.
uvec2 notFinite(uint fromA, uint fromB, uint row, uint column) {
  const uint lane = gl_SubgroupInvocationID;
  uvec4 overA[4], overB = uvec4(0u);
  [[unroll]] for (uint s = 0; s < 4u; ++s) overA[s] = uvec4(0u);
  for (uint k = 0; k < p.k; k += 4u) {
    [[unroll]] for (uint s = 0; s < 4u; ++s)
      if (s < kSlots) overA[s] |= overflowIfNotFinite(quadA(fromA, row, k, min(s * W + lane, kRows - 1u)));
    [[unroll]] for (uint i = 0; i < 4u; ++i) {
      if (kTransposeB == 0u) overB |= overflowIfNotFinite(rowB(fromB, k + i, column));
      else overB[i] |= anySign(overflowIfNotFinite(columnB(fromB, k, column + i)));
    }
  }
  uint rows = 0u;
  [[unroll]] for (uint s = 0; s < 4u; ++s) {
    const uint quad = min(s * W + lane, kRows - 1u);
    if (s >= kSlots) continue;
    rows |= kTransposeA == 0u ? min(signs(overA[s]), 1u) << quad : signs(overA[s]) << (quad % (kRows / 4u) * 4u);
  }
  return uvec2(subgroupOr(rows), signs(overB));
}

shared vec4 stage[kRows * 32u];  // a lane's own rows: nobody waits for anybody

// Row by row in a loop, so that what follows a product is there once and not sixteen times: where it is, drivers keep
// sums in memory from the first on, and the whole product takes three times as long.
void finishAll(const Tile t, uint column, uint lane, vec4 sum[kRows], uvec2 bad) {
  uvec2 lost = uvec2(0u);  // a bit for each sum that overflowed
  [[unroll]] for (uint r = 0; r < kRows; ++r) {
    stage[r * W + lane] = p.alpha * sum[r];
    [[unroll]] for (uint i = 0; i < 4u; ++i)
      if (!isFinite(sum[r][i]) && ((bad.x >> r | bad.y >> i) & 1u) == 0u && t.row + r < p.m && column + i < p.n)
        lost[r / 8u] |= 1u << (r % 8u * 4u + i);
  }
  [[unroll]] for (uint part = 0; part < 2u; ++part)
    for (uint bits = lost[part]; bits != 0u; bits &= bits - 1u) {
      const uint which = uint(findLSB(bits)), r = part * 8u + which / 4u;
      stage[r * W + lane][which % 4u] = rescued(t.batch, t.row + r, column + which % 4u);
    }
  for (uint r = 0; r < kRows; ++r)
    if (t.row + r < p.m && column < p.n) finish(t.batch, t.row + r, column, stage[r * W + lane]);
}

void main() {
  const Tile t = tileOf(kTileRows, kThreadColumns * W);
  if (!t.real) return;
  const uint lane = gl_SubgroupInvocationID, column = t.column + 4u * lane;
  const uint fromA = p.offsetA + t.batch * p.strideA, fromB = p.offsetB + t.batch * p.strideB;
  vec4 sum[kRows], total[kRows];
  [[unroll]] for (uint i = 0; i < kRows; ++i) sum[i] = total[i] = vec4(0.0);
  for (uint first = 0; first < p.k; first += kSumBlock) {
    for (uint k = first; k < min(first + kSumBlock, p.k); k += 4u) {
      vec4 quads[4];
      [[unroll]] for (uint s = 0; s < 4u; ++s)
        if (s < kSlots) quads[s] = quadA(fromA, t.row, k, min(s * W + lane, kRows - 1u));
      vec4 right[4];
      [[unroll]] for (uint i = 0; i < 4u; ++i)
        right[i] = kTransposeB == 0u ? rowB(fromB, k + i, column) : columnB(fromB, k, column + i);
      [[unroll]] for (uint i = 0; i < 4u; ++i) {
        vec4 b = kTransposeB == 0u ? right[i] : vec4(right[0][i], right[1][i], right[2][i], right[3][i]);
        const bool real = kFoursK != 0u || k + i < p.k;
        if (!real) b = vec4(0.0);
        [[unroll]] for (uint r = 0; r < kRows; ++r) {
          const uint quad = kTransposeA == 0u ? r : i * (kRows / 4u) + r / 4u, part = kTransposeA == 0u ? i : r % 4u;
          const float a = subgroupBroadcast(quads[quad / W][part], quad % W);
          sum[r] += (real ? a : 0.0) * b;
        }
      }
    }
    [[unroll]] for (uint r = 0; r < kRows; ++r) {
      total[r] += sum[r];
      sum[r] = vec4(0.0);
    }
  }
  [[unroll]] for (uint r = 0; r < kRows; ++r) sum[r] = total[r];
#ifdef SY_LINEAR
  const vec4 scale = columnScales(column);
  [[unroll]] for (uint r = 0; r < kRows; ++r) sum[r] *= scale;
#endif
  uvec4 over = uvec4(0u);
  [[unroll]] for (uint r = 0; r < kRows; ++r) over |= overflowIfNotFinite(sum[r]);
  uvec2 bad = uvec2(0u);  // a bit for each row of a and column of b that is not finite
  if (subgroupOr(signs(over)) != 0u) bad = notFinite(fromA, fromB, t.row, column);
  finishAll(t, column, lane, sum, bad);
}
