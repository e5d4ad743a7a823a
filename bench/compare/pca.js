// The second half of PCA for the libraries that have no eigensolver: ml-matrix's symmetric EVD over their covariance.
'use strict';
const { EigenvalueDecomposition, Matrix } = require('ml-matrix');

// covariance: flat [d, d]. Components by falling variance, the largest-magnitude entry of each positive.
function principalComponents(covariance, mean, d, count) {
  const rows = Array.from({ length: d }, (_, i) => Array.from(covariance.subarray(i * d, (i + 1) * d)));
  const solved = new EigenvalueDecomposition(new Matrix(rows), { assumeSymmetric: true });
  const values = solved.realEigenvalues,
    vectors = solved.eigenvectorMatrix;
  const order = values
    .map((_, i) => i)
    .sort((a, b) => values[b] - values[a])
    .slice(0, count);
  return {
    mean,
    components: flatten(
      order.map((column) => vectors.getColumn(column)),
      d,
    ),
    explainedVariance: Float32Array.from(order, (i) => values[i]),
  };
}

// Rows to a flat array, with the sign convention.
function flatten(rows, d) {
  const flat = new Float32Array(rows.length * d);
  rows.forEach((row, r) => {
    let largest = 0;
    for (let i = 1; i < d; i++) if (Math.abs(row[i]) > Math.abs(row[largest])) largest = i;
    const sign = row[largest] < 0 ? -1 : 1;
    for (let i = 0; i < d; i++) flat[r * d + i] = sign * row[i];
  });
  return flat;
}

module.exports = { principalComponents, flatten };
