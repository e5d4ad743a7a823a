// Draws which words of a sentence a model looks at from which: the attention weights of one of its layers, on a real
// sentence of a licence.
//   npm run example:attention -- --licence MIT --layer 1
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { Command, InvalidArgumentError, Option } = require('commander');
const { readPassages } = require('./search-passages');

const kSentence = /copyright notice and this permission notice/i; // of the MIT licence
const size = { width: 1280, height: 900 };

/** The condition of the MIT licence and its like, or the first passage that there is. */
function sentenceOf(licence) {
  const { passages } = readPassages([licence]);
  const { text } = passages.find((passage) => kSentence.test(passage.text)) ?? passages[0];
  return text;
}

/** A token as a person reads it: SentencePiece marks where a word begins, WordPiece where it goes on. */
const readable = (label) => label.replaceAll('\u2581', ' ').replace(/^##/, '').trim() || '␣';

function makeScene({ labels, weights }, { title, head, theme }) {
  const words = labels.map(readable);
  return {
    type: 'render',
    scene: 'attention-heatmap',
    ...size,
    inputs: { weights },
    params: { title, head, theme, rowLabels: words, columnLabels: words },
  };
}

/** Draws on the context where it can, else on a device that draws. */
async function draw(gpu, ctx, scene) {
  if (ctx.device.features.graphics) return ctx.run(scene);
  const device = gpu.devices().find(({ features }) => features.graphics);
  if (!device) throw new Error('no device here can draw: `npx switchyard doctor` says what is missing');
  const drawing = await gpu.createContext({ device: device.id });
  try {
    return await drawing.run(scene);
  } finally {
    await drawing.close();
  }
}

async function main({ text: given, licence, model: source, layer, head, device, theme, out }) {
  const gpu = require('..');
  const ctx = await gpu.createContext({ device });
  try {
    const text = given ?? sentenceOf(licence);
    const model = await ctx.loadModel(source ?? gpu.defaultModel, { precision: 'float32' });
    const { attention } = await model.embed([text], { returnAttention: layer });
    const { labels, weights } = attention[0];
    const [heads, tokens] = weights.shape;
    const which = head < 0 ? `mean of ${heads} heads` : `head ${head}`;
    const title = `Who looks at whom: layer ${layer} of ${model.family}, ${which}`;
    const { outputs, timings } = await draw(gpu, ctx, makeScene(attention[0], { title, head, theme }));
    const png = await gpu.encodePNG(outputs.image);
    fs.mkdirSync(path.dirname(path.resolve(out)), { recursive: true });
    fs.writeFileSync(out, png);
    console.log(text);
    console.log(
      `${labels.length} tokens, ${tokens} x ${tokens} weights of ${heads} heads by ${model.family} on ${ctx.device.id}`,
    );
    console.log(
      `${path.relative('', out) || out}: ${size.width} x ${size.height}, ${Math.round(png.length / 1024)} KB, ` +
        `drawn in ${timings.total.toFixed(0)} ms`,
    );
    await model.close();
  } finally {
    await ctx.close();
  }
}

function wholeNumber(least) {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`a whole number of at least ${least} is needed.`);
    return value;
  };
}

const program = new Command('example:attention')
  .description('Draws the attention weights of a layer on a sentence of a licence, and writes them as a PNG file.')
  .option('--text <text>', 'the sentence (default: one of --licence)')
  .option('--licence <id>', 'whose sentence', 'MIT')
  .option('--model <model>', "a model's folder, or the package that holds one")
  .option('--layer <n>', 'which layer, from 0', wholeNumber(0), 1)
  .option('--head <n>', 'which head; -1: the mean of all', wholeNumber(-1), -1)
  .option('--device <device>', "where to compute: auto, cpu, vulkan, cuda, or one device such as 'vulkan:0'", 'auto')
  .option('--out <file>', 'the picture', path.join(__dirname, '..', 'build', 'attention.png'))
  .addOption(new Option('--theme <theme>', 'colours').choices(['dark', 'light']).default('dark'))
  .action(main)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));

program.parseAsync().catch((error) => {
  process.stderr.write(`example:attention: ${error.message}\n`);
  process.exitCode = 1;
});
