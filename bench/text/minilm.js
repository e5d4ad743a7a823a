// An encoder of MiniLM's shape against ONNX Runtime on the same weights: many texts, one short text, and whether both
// give the same vectors.
'use strict';
const fs = require('node:fs');
const { sentences } = require('./corpus');
const { contest, takeTurns, smallestCosine, threads } = require('./contest');
const { generatedModel, kMiniLM } = require('./generated-model');
const { atLeast, ratioOf } = require('./targets');

const kTexts = 256;
const kFewTexts = 32; // to see that it works
const kBatch = 32; // of ONNX Runtime, padded to its longest
const kShortTokens = 16;
const kAgree = 1 - 1e-6;

const hasTiles = () => /\bamx_bf16\b/.test(fs.readFileSync('/proc/cpuinfo', 'utf8'));

/** The two forms of attention that ONNX Runtime may have: the quicker one counts. */
const rivals = (int8) => ({
  onnxruntime: { library: 'onnxruntime', open: { folder: generatedModel(), int8 } },
  'onnxruntime, fused': { library: 'onnxruntime', open: { folder: generatedModel(), int8, fused: true } },
});
const entriesOf = (precision, int8) => ({
  switchyard: { library: 'switchyard', open: { source: generatedModel(), precision } },
  ...rivals(int8),
});

/** A text that has so many tokens, from the words of the corpus. */
async function textOfTokens(peer, count) {
  const candidates = sentences(2000, { seed: 3 });
  const { offsets } = await peer.call('tokenize', { texts: candidates });
  const at = candidates.findIndex((_, i) => offsets[i + 1] - offsets[i] === count);
  if (at < 0) throw new Error(`no sentence has ${count} tokens`);
  return candidates[at];
}

/** Both on the same texts: { ours, other, name, cosine, tokens }. */
async function against(opened, texts, options) {
  const tokens = await opened.switchyard.peer.call('tokenize', { texts });
  const others = Object.keys(opened).filter((name) => name !== 'switchyard');
  const prepare = Object.fromEntries(others.map((name) => [name, { tokens, batch: kBatch }]));
  const { ms, rows } = await takeTurns(opened, { switchyard: { texts }, ...prepare }, options);
  const name = others.reduce((best, it) => (ms[it] < ms[best] ? it : best));
  return {
    ours: ms.switchyard,
    other: ms[name],
    describe: `${opened[name].describe}${name.includes('fused') ? ', attention fused' : ''}`,
    cosine: smallestCosine(rows.switchyard, rows[others[0]], kMiniLM.width),
    count: tokens.ids.length,
  };
}

const label = ({ count }, texts) =>
  `${texts.length} texts, ${count} tokens, ${threads} threads, the other padded by batches of ${kBatch}`;

const float32 = (options) => ({
  name: 'MiniLM shape, float32',
  figures: [
    { name: 'MiniLM shape, float32: 256 texts over onnxruntime', unit: 'times', ...atLeast(1.5) },
    { name: 'MiniLM shape, float32: one text of 16 tokens over onnxruntime', unit: 'times', ...atLeast(1) },
    { name: "MiniLM shape, float32: smallest cosine to onnxruntime's", unit: '', ...atLeast(kAgree) },
  ],
  take: () =>
    contest(entriesOf('float32', false), async (opened) => {
      const texts = sentences(options.quick ? kFewTexts : kTexts);
      const many = await against(opened, texts, options);
      const short = await textOfTokens(opened.switchyard.peer, kShortTokens);
      const one = await against(opened, [short], options);
      return {
        figures: {
          'MiniLM shape, float32: 256 texts over onnxruntime': ratioOf(many.ours, many.other, {
            what: label(many, texts),
            describe: many.describe,
          }),
          'MiniLM shape, float32: one text of 16 tokens over onnxruntime': ratioOf(one.ours, one.other, {
            what: `"${short}"`,
            describe: one.describe,
          }),
          "MiniLM shape, float32: smallest cosine to onnxruntime's": {
            value: Math.min(many.cosine, one.cosine),
            detail: `1 - ${(1 - Math.min(many.cosine, one.cosine)).toExponential(1)}, ${texts.length + 1} texts`,
          },
        },
      };
    }),
});

const kInt8 = 'MiniLM shape, int8: 256 texts over onnxruntime';
const int8 = (options) => ({
  name: 'MiniLM shape, int8',
  figures: [{ name: kInt8, unit: 'times', ...atLeast(1.3) }],
  take: () =>
    contest(entriesOf('int8', true), async (opened) => {
      const texts = sentences(options.quick ? kFewTexts : kTexts);
      const many = await against(opened, texts, options);
      const what = `${label(many, texts)}; smallest cosine between the two ${many.cosine.toFixed(4)}`;
      return { figures: { [kInt8]: ratioOf(many.ours, many.other, { what, describe: many.describe }) } };
    }),
});

const kHalf = "MiniLM shape, bfloat16: 256 texts over onnxruntime's float32";
const bfloat16 = (options) => ({
  name: 'MiniLM shape, bfloat16',
  figures: [{ name: kHalf, unit: 'times', ...(hasTiles() ? atLeast(4) : {}) }],
  take: () =>
    contest(entriesOf('bfloat16', false), async (opened) => {
      const texts = sentences(options.quick ? kFewTexts : kTexts);
      const many = await against(opened, texts, options);
      const what = `${label(many, texts)}${hasTiles() ? '' : '; no target: this processor has no AMX'}`;
      return { figures: { [kHalf]: ratioOf(many.ours, many.other, { what, describe: many.describe }) } };
    }),
});

module.exports = { float32, int8, bfloat16 };
