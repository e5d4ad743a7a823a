// A cross-encoder of MiniLM's shape against ONNX Runtime on the same weights: a query and 100 documents, each pair of
// 128 tokens.
'use strict';
const { sentences } = require('./corpus');
const { contest, takeTurns, largestDifference, threads } = require('./contest');
const { generatedModel } = require('./generated-model');
const { atLeast, below, ratioOf } = require('./targets');

const kDocuments = 100;
const kFewDocuments = 8; // to see that it works
const kTokens = 128;
const kBatch = 32;
const kQuery = 'may I use this in a product that I sell?';
const kRatio = 'cross-encoder of MiniLM shape: 100 documents of 128 tokens over onnxruntime';
const kDifference = "cross-encoder of MiniLM shape: largest difference of a score to onnxruntime's";

/** Documents of more tokens than fit: each pair is cut to 128. */
function documents(count) {
  const parts = sentences(8 * count, { accept: (text) => text.length > 60 });
  return Array.from({ length: count }, (_, i) => parts.slice(8 * i, 8 * i + 8).join(' '));
}

const reranker = (options) => ({
  name: 'cross-encoder',
  figures: [
    { name: kRatio, unit: 'times', ...atLeast(1.5) },
    { name: kDifference, unit: '', ...below(1e-5) },
  ],
  take() {
    const folder = generatedModel({ isCrossEncoder: true });
    const other = { library: 'onnxruntime', open: { folder, isCrossEncoder: true } };
    const entries = {
      switchyard: { library: 'switchyard', open: { source: folder, precision: 'float32', maxLength: kTokens } },
      onnxruntime: other,
      'onnxruntime, fused': { ...other, open: { ...other.open, fused: true } },
    };
    return contest(entries, async (opened) => {
      const texts = documents(options.quick ? kFewDocuments : kDocuments);
      const tokens = await opened.switchyard.peer.call('tokenizePairs', { query: kQuery, texts, length: kTokens });
      if (tokens.ids.length !== texts.length * kTokens)
        throw new Error(`the pairs have ${tokens.ids.length} tokens, not ${texts.length * kTokens}`);
      const rival = { tokens, batch: kBatch };
      const { ms, rows } = await takeTurns(
        opened,
        { switchyard: { texts, query: kQuery }, onnxruntime: rival, 'onnxruntime, fused': rival },
        options,
      );
      const name = ms.onnxruntime < ms['onnxruntime, fused'] ? 'onnxruntime' : 'onnxruntime, fused';
      return {
        figures: {
          [kRatio]: ratioOf(ms.switchyard, ms[name], {
            what: `${texts.length} pairs, ${threads} threads`,
            describe: `${opened[name].describe}${name.includes('fused') ? ', attention fused' : ''}`,
          }),
          [kDifference]: { value: largestDifference(rows.switchyard, rows.onnxruntime) },
        },
      };
    });
  },
});

module.exports = { reranker };
