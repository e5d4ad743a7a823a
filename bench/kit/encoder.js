// Texts of 128 tokens through a model of MiniLM's shape with generated weights: node encoder.js cuda:0 1200 card|small.
// Prints { perSecond, tokenizedPerSecond, flops, texts, precision }; flops are those of a text's products.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const gpu = require('../..');
const { generatedModel, kMiniLM } = require('../text/generated-model');

const kTokens = 128;
const kSmall = { ...kMiniLM, layers: 2, vocabulary: 1000 };
const kAtOnce = 2;
const kSpecial = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/** Of a text: every layer's six products, its scores and what they weigh. */
function flopsOf({ layers, width, hidden }) {
  const products = 2 * kTokens * (4 * width * width + 2 * width * hidden);
  return layers * (products + 4 * kTokens * kTokens * width);
}

/** Calls of a second, with some always under way. */
async function rateOf(call, ms) {
  await call();
  const begin = performance.now();
  let done = 0;
  const keep = async () => {
    while (performance.now() - begin < ms || done < 2 * kAtOnce) {
      await call();
      ++done;
    }
  };
  await Promise.all(Array.from({ length: kAtOnce }, keep));
  return (done * 1000) / (performance.now() - begin);
}

/** The job that a call of embed() makes. */
async function jobOf(context, embed) {
  const { run } = context;
  let job;
  context.run = (workload, options) => {
    job = workload;
    return run.call(context, workload, options);
  };
  await embed();
  delete context.run;
  return job;
}

async function main() {
  const [device, ms, size] = process.argv.slice(2);
  const sizes = size === 'card' ? kMiniLM : kSmall,
    count = size === 'card' ? 256 : 8;
  const within = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-kit-'));
  try {
    const plain = Array.from({ length: sizes.vocabulary - kSpecial.length }, (_, i) => `w${i}`);
    const folder = generatedModel({ sizes, words: [...kSpecial, ...plain], within });
    const context = await gpu.createContext({ device });
    const model = await context.loadModel(folder, { precision: 'bfloat16' });
    // Special tokens stand before and behind.
    const textOf = (i) =>
      Array.from({ length: kTokens - 2 }, (_, j) => plain[(i * 31 + j * 7) % plain.length]).join(' ');
    // Other texts for each call: equal ones that are under way run once.
    const lists = [0, 1, 2].map((list) => Array.from({ length: count }, (_, i) => textOf(list * count + i)));
    let next = 0;
    const embed = () => model.embed(lists[next++ % lists.length]);
    const { tokens } = await embed();
    if (tokens.some((it) => it !== kTokens)) throw new Error(`a text has ${tokens[0]} tokens, not ${kTokens}`);
    const job = await jobOf(context, embed);
    const { offsets } = job.inputs;
    const jobTexts = (offsets.data ?? offsets).length - 1;
    const jobs = await rateOf(() => context.run(job), Number(ms));
    const calls = await rateOf(embed, Number(ms));
    const result = {
      perSecond: jobs * jobTexts,
      tokenizedPerSecond: calls * count,
      flops: flopsOf(sizes),
      texts: jobTexts,
      precision: model.precision,
    };
    await model.close();
    await context.close();
    console.log(JSON.stringify(result));
  } finally {
    fs.rmSync(within, { recursive: true, force: true });
  }
}

main().catch((error) => {
  console.error(error.stack);
  process.exitCode = 1;
});
