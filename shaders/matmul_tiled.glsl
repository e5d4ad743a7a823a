// The matrix product for cards: a 64 x 64 tile a group through shared memory, 4 x 4 of it in the registers of a thread,
// of which COLUMN(j) are the columns.
#define kTile 64u
#define kDepth 16u
shared float left[kDepth][kTile + 1u];  // a column more: both ways of filling it meet different banks
shared float right[kDepth][kTile + 1u];
shared uint anyLost;
shared bool finiteA[kTile], finiteB[kTile];  // whether rows of a and columns of b are finite throughout

// Unrolled as rescued() is.
bool isFiniteFactor(uint lane, const Tile t) {
  const bool isA = lane < kTile;
  const uint at = isA ? t.row + lane : t.column + lane - kTile;
  if (at >= (isA ? p.m : p.n)) return true;
  uint over = 0u;
  for (uint first = 0; first < p.k; first += kRescueTurns)
    [[unroll]] for (uint i = 0; i < kRescueTurns; ++i) {
      const uint k = min(first + i, p.k - 1u);
      const float x = isA ? factorA(t.batch, at, k) : factorB(t.batch, k, at);
      over |= (floatBitsToUint(x) & kInfBits) + 0x00800000u;
    }
  return over >> 31u == 0u;
}

void main() {
  const Tile t = tileOf(kTileRows, kTileColumns);
  if (!t.real) return;
  const uint lane = gl_LocalInvocationID.x, x = lane % 16u, y = lane / 16u;
  const uint fromA = p.offsetA + t.batch * p.strideA, fromB = p.offsetB + t.batch * p.strideB;
  float sum[4][4], total[4][4];
  [[unroll]] for (uint i = 0; i < 4u; ++i)
    [[unroll]] for (uint j = 0; j < 4u; ++j) sum[i][j] = total[i][j] = 0.0;
  if (lane == 0u) anyLost = 0u;
  barrier();
  for (uint k0 = 0; k0 < p.k; k0 += kDepth) {
    if (k0 % kSumBlock == 0u)
      [[unroll]] for (uint i = 0; i < 16u; ++i) {
        total[i / 4u][i % 4u] += sum[i / 4u][i % 4u];
        sum[i / 4u][i % 4u] = 0.0;
      }
    [[unroll]] for (uint i = 0; i < 4u; ++i) {  // neighbours load neighbours, whichever way the operand lies
      const uint at = i * 256u + lane;
      const uint ka = kTransposeA != 0u ? at / kTile : at % kDepth, row = kTransposeA != 0u ? at % kTile : at / kDepth;
      float v = 0.0;
      if (k0 + ka < p.k && t.row + row < p.m)
        v = takeA(fromA + (kTransposeA != 0u ? (k0 + ka) * p.lda + t.row + row : (t.row + row) * p.lda + k0 + ka));
      left[ka][row] = v;
      const uint kb = kTransposeB != 0u ? at % kDepth : at / kTile,
                 column = kTransposeB != 0u ? at / kDepth : at % kTile;
      v = 0.0;
      if (k0 + kb < p.k && t.column + column < p.n)
        v = scaledOne(takeB(fromB + (kTransposeB != 0u ? (t.column + column) * p.ldb + k0 + kb
                                                       : (k0 + kb) * p.ldb + t.column + column)),
                      t.column + column, k0 + kb);
      right[kb][column] = v;
    }
    barrier();
    [[unroll]] for (uint k = 0; k < kDepth; ++k) {
      float l[4], r[4];
      [[unroll]] for (uint i = 0; i < 4u; ++i) {
        l[i] = left[k][y + 16u * i];
        r[i] = right[k][COLUMN(i)];
      }
      [[unroll]] for (uint i = 0; i < 4u; ++i)
        [[unroll]] for (uint j = 0; j < 4u; ++j) sum[i][j] += l[i] * r[j];
    }
    barrier();
  }
  [[unroll]] for (uint i = 0; i < 16u; ++i) sum[i / 4u][i % 4u] += total[i / 4u][i % 4u];
#ifdef SY_LINEAR
  const vec4 scale = columnScales(t.column + COLUMN(0u));
  [[unroll]] for (uint i = 0; i < 16u; ++i) sum[i / 4u][i % 4u] *= scale[i % 4u];
#endif
  bool finite = true;
  [[unroll]] for (uint i = 0; i < 4u; ++i)
    [[unroll]] for (uint j = 0; j < 4u; ++j) finite = finite && isFinite(sum[i][j]);
  if (!finite) anyLost = 1u;
  barrier();
  const bool look = anyLost != 0u;
  if (look) {
    if (lane < 2u * kTile) {
      const bool own = isFiniteFactor(lane, t);
      if (lane < kTile) finiteA[lane] = own;
      else finiteB[lane - kTile] = own;
    }
    barrier();
  }
  uint lost = 0u;  // a bit for each sum that overflowed
#ifdef SY_LINEAR
  [[unroll]] for (uint i = 0; i < 4u; ++i)
    [[unroll]] for (uint j = 0; j < 4u; ++j) {
      const bool finiteFactors = !look || (finiteA[y + 16u * i] && finiteB[COLUMN(j)]);
      const bool inside = t.row + y + 16u * i < p.m && t.column + COLUMN(j) < p.n;
      if (!isFinite(sum[i][j]) && finiteFactors && inside) lost |= 1u << (4u * i + j);
      sum[i][j] *= p.alpha;
    }
  for (; lost != 0u; lost &= lost - 1u) {
    const uint which = uint(findLSB(lost));
    const float again = rescued(t.batch, t.row + y + 16u * (which / 4u), t.column + COLUMN(which % 4u));
    [[unroll]] for (uint i = 0; i < 16u; ++i) if (i == which) sum[i / 4u][i % 4u] = again;
  }
  const uint column = t.column + COLUMN(0u);
  [[unroll]] for (uint i = 0; i < 4u; ++i) {
    const uint row = t.row + y + 16u * i;
    if (row < p.m && column < p.n) finish(t.batch, row, column, vec4(sum[i][0], sum[i][1], sum[i][2], sum[i][3]));
  }
#else
  [[unroll]] for (uint i = 0; i < 4u; ++i)
    [[unroll]] for (uint j = 0; j < 4u; ++j) {
      const uint row = t.row + y + 16u * i, column = t.column + COLUMN(j);
      const bool finiteFactors = !look || (finiteA[y + 16u * i] && finiteB[COLUMN(j)]);
      if (row < p.m && column < p.n && !store(t.batch, row, column, sum[i][j], finiteFactors))
        lost |= 1u << (4u * i + j);
    }
  for (; lost != 0u; lost &= lost - 1u) {
    const uint which = uint(findLSB(lost));
    const uint row = t.row + y + 16u * (which / 4u), column = t.column + COLUMN(which % 4u);
    put(t.batch, row, column, rescued(t.batch, row, column));
  }
#endif
}
