// The default model against TensorFlow.js on its own graph: many texts, one text, and whether both give the same
// vectors.
'use strict';
const { defaultModel } = require('../..');
const { sentences } = require('./corpus');
const { contest, takeTurns, largestDifference } = require('./contest');
const { atLeast, below, ratioOf } = require('./targets');
const { round } = require('../stats');

const kTexts = 256;
const kTokens = { least: 8, most: 47 };
const kBatch = 32; // of tfjs: larger ones are slower there
const kShort = 'may I use this in a product that I sell?';
const kRatio = 'default model: 256 texts of 8 to 47 tokens over tfjs WebAssembly';
const kRate = 'default model: tokens a second';
const kOne = 'default model: one text';
const kDifference = "default model: largest difference of a number to tfjs's";

/** Sentences whose tokens are so many. */
async function chooseTexts(peer) {
  const candidates = sentences(1000, { seed: 5 });
  const { offsets } = await peer.call('tokenize', { texts: candidates });
  const right = candidates.filter((_, i) => {
    const count = offsets[i + 1] - offsets[i];
    return count >= kTokens.least && count <= kTokens.most;
  });
  if (right.length < kTexts) throw new Error(`${right.length} sentences have so many tokens, not ${kTexts}`);
  return right.slice(0, kTexts);
}

const defaultEncoder = (options) => ({
  name: 'default model',
  figures: [
    { name: kRatio, unit: 'times', ...atLeast(15) },
    { name: kRate, unit: 'tokens/s' },
    { name: kOne, unit: 'ms', ...below(2) },
    { name: kDifference, unit: '', ...below(1e-5) },
  ],
  take() {
    const entries = {
      switchyard: { library: 'switchyard', open: { precision: options.precision ?? 'float32' } },
      tfjs: { library: 'tfjs', open: { packageName: defaultModel } },
    };
    return contest(entries, async (opened) => {
      const { peer } = opened.switchyard;
      const texts = await chooseTexts(peer);
      const tokens = await peer.call('tokenize', { texts });
      const many = await takeTurns(opened, { switchyard: { texts }, tfjs: { tokens, batch: kBatch } }, options);
      const short = await peer.call('tokenize', { texts: [kShort] });
      const given = { switchyard: { texts: [kShort] }, tfjs: { tokens: short, batch: 1 } };
      const one = await takeTurns(opened, given, options);
      const rate = (ms) => (tokens.ids.length * 1000) / ms;
      return {
        figures: {
          [kRatio]: ratioOf(many.ms.switchyard, many.ms.tfjs, {
            what: `${tokens.ids.length} tokens by ${opened.switchyard.describe}`,
            describe: opened.tfjs.describe,
          }),
          [kRate]: { value: rate(many.ms.switchyard), detail: `tfjs: ${round(rate(many.ms.tfjs), 3)}` },
          [kOne]: { value: one.ms.switchyard, detail: `tfjs: ${round(one.ms.tfjs, 3)} ms` },
          [kDifference]: {
            value: largestDifference(many.rows.switchyard, many.rows.tfjs),
            detail: 'of vectors of length 1',
          },
        },
      };
    });
  },
});

module.exports = { defaultEncoder };
