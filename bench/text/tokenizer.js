// How many MB of English text a second are taken apart on one thread: ours beside the Rust original and the JavaScript
// library, in one run. `node bench/text/tokenizer.js [--json]`, after the build.
//
// The texts are those of the SPDX licences, cut into paragraphs. Each library is given all of them at once, in its way
// of taking many; ids are read back from each. What is reported is the best of several rounds, which take turns.
'use strict';
const { spawnSync } = require('node:child_process');
const { parseArgs } = require('node:util');

const kRounds = 5;
const kFirstBytes = 3e6; // of the texts: the JavaScript library takes a second for them
const { values: options } = parseArgs({ options: { json: { type: 'boolean', default: false } } });

/** One thread each: the lanes have one less than libuv's pool, the Rust original takes rayon's. */
const kOneThread = { UV_THREADPOOL_SIZE: '2', RAYON_NUM_THREADS: '1', TOKENIZERS_PARALLELISM: 'false' };

function paragraphs() {
  const { licenceTexts } = require('../../test/support/text-corpus');
  const texts = [];
  let bytes = 0;
  for (const text of licenceTexts()) {
    for (const paragraph of text.split(/\n{2,}/)) {
      if (!paragraph.trim()) continue;
      texts.push(paragraph);
      if ((bytes += Buffer.byteLength(paragraph)) > kFirstBytes) return { texts, bytes };
    }
  }
  return { texts, bytes };
}

/** Milliseconds of one run. */
async function timed(run) {
  const from = performance.now();
  await run();
  return performance.now() - from;
}

async function measure(file, { texts, bytes }) {
  const { Tokenizer } = require('../../lib/text/tokenizer');
  const { rust, jsTokenizer } = require('../../test/support/tokenizer-references');
  const ours = await Tokenizer.load({ json: JSON.stringify(file) });
  const theirs = rust.Tokenizer.fromString(JSON.stringify(file));
  const script = jsTokenizer(file);
  const runs = {
    ours: () => ours.encode(texts),
    rust: async () => (await theirs.encodeBatch(texts)).map((encoding) => encoding.getIds()),
    javascript: () => texts.map((text) => script.encode(text).ids),
  };
  const best = { ours: Infinity, rust: Infinity, javascript: Infinity };
  for (let round = 0; round < kRounds; ++round) {
    for (const name of Object.keys(runs)) {
      if (name === 'javascript' && round > 1) continue; // a second each
      best[name] = Math.min(best[name], await timed(runs[name]));
    }
  }
  ours.close();
  const speed = (name) => bytes / best[name] / 1000;
  return {
    ours: speed('ours'),
    rust: speed('rust'),
    javascript: speed('javascript'),
    againstRust: best.rust / best.ours,
    againstJavascript: best.javascript / best.ours,
  };
}

async function main() {
  const files = require('../../test/support/tokenizer-files');
  const texts = paragraphs();
  const results = {
    'WordPiece (bert-base-uncased)': await measure(files.bertFile(), texts),
    'byte-level BPE (GPT-2)': await measure(files.gpt2File(), texts),
    'Unigram (8,000 pieces)': await measure(files.unigramFile(), texts),
  };
  if (options.json) {
    console.log(JSON.stringify({ bytes: texts.bytes, texts: texts.texts.length, megabytesASecond: results }, null, 2));
    return;
  }
  console.log(`${texts.texts.length} paragraphs, ${(texts.bytes / 1e6).toFixed(1)} MB; MB a second on one thread`);
  for (const [name, result] of Object.entries(results)) {
    const numbers = ['ours', 'rust', 'javascript'].map((key) => `${key} ${result[key].toFixed(1)}`);
    console.log(
      `${name.padEnd(30)} ${numbers.join(', ')}; ${result.againstRust.toFixed(1)}x of Rust, ` +
        `${result.againstJavascript.toFixed(1)}x of JavaScript`,
    );
  }
}

if (Object.entries(kOneThread).some(([name, value]) => process.env[name] !== value)) {
  const child = spawnSync(process.execPath, process.argv.slice(1), {
    env: { ...process.env, ...kOneThread },
    stdio: 'inherit',
  });
  process.exitCode = child.status ?? 1;
} else {
  void main();
}
