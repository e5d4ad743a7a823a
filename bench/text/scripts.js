// The figures that scripts of their own take, which can be run alone: tokenizers, and what precisions lose.
'use strict';
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { kPrecisions } = require('../../lib/text/precision');
const { round } = require('../stats');
const { atLeast } = require('./targets');

const kAnswerBytes = 2 ** 24;

/** What a script prints with --json. */
function run(script, ...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(__dirname, script), '--json', ...args], {
    encoding: 'utf8',
    maxBuffer: kAnswerBytes,
  });
  if (status !== 0) throw new Error(`${script} ended with ${status}: ${stderr.trim().split('\n').pop()}`);
  return JSON.parse(stdout);
}

const kRust = "tokenizer, one thread, slowest kind over the Rust original's speed";
const kScript = "tokenizer, one thread, slowest kind over the JavaScript library's speed";

const tokenizers = () => ({
  name: 'tokenizer',
  figures: [
    { name: kRust, unit: 'times', ...atLeast(3) },
    { name: kScript, unit: 'times', ...atLeast(20) },
  ],
  async take() {
    const kinds = Object.entries(run('tokenizer.js').megabytesASecond);
    const least = (/** @type {string} */ key) => Math.min(...kinds.map(([, figures]) => figures[key]));
    const detail = kinds
      .map(
        ([name, { ours, rust, javascript }]) => `${name} ${round(ours, 3)}, ${round(rust, 3)}, ${round(javascript, 3)}`,
      )
      .join('; ');
    return {
      figures: {
        [kRust]: { value: least('againstRust'), detail: `MB a second, ours, Rust, JavaScript: ${detail}` },
        [kScript]: { value: least('againstJavascript') },
      },
    };
  },
});

const kCosines = Object.keys(kPrecisions);
const nameOf = (precision) => `default model, ${precision}: smallest cosine, mean subtracted`;
const kTop = 'default model, int8: top 10 of 10,000 passages shared with float32';

const precisions = ({ quick }) => ({
  name: 'precision',
  figures: [
    ...kCosines.map((precision) => ({ name: nameOf(precision), unit: '', ...atLeast(kPrecisions[precision].bound) })),
    { name: kTop, unit: '%', ...atLeast(95) },
  ],
  async take() {
    const sizes = quick ? ['--sentences', '100', '--passages', '1000'] : [];
    const { figures, sentences, passages } = run('precision.js', ...sizes);
    const detail = (precision) =>
      precision === 'float32' ? 'to double precision' : `to float32, ${sentences} sentences of licences`;
    return {
      figures: {
        ...Object.fromEntries(
          kCosines.map((precision) => [
            nameOf(precision),
            { value: figures[precision].cosine, detail: detail(precision) },
          ]),
        ),
        [kTop]: { value: 100 * figures.int8.sharedTop10, detail: `200 questions, ${passages} passages` },
      },
    };
  },
});

const generatedNameOf = (precision) => `generated weights, ${precision}: smallest cosine, mean subtracted`;

const generatedPrecisions = ({ quick }) => ({
  name: 'precision of generated weights',
  figures: kCosines.map((precision) => ({
    name: generatedNameOf(precision),
    unit: '',
    ...atLeast(kPrecisions[precision].bound),
  })),
  async take() {
    const { figures, sentences, pairs } = run('generated-precision.js', ...(quick ? ['--sentences', '100'] : []));
    const detail = (precision) =>
      precision === 'float32'
        ? 'to double precision'
        : `to float32, ${sentences} sentences of licences, the mean cosine of two is ${round(pairs, 3)}`;
    return {
      figures: Object.fromEntries(
        kCosines.map((precision) => [
          generatedNameOf(precision),
          { value: figures[precision].cosine, detail: detail(precision) },
        ]),
      ),
    };
  },
});

module.exports = { tokenizers, precisions, generatedPrecisions };
