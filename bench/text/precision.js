// What the default model loses in each precision, and what that costs a search: `node bench/text/precision.js
// [--device cpu] [--sentences 1000] [--passages 10000] [--json]`, after the build. Cosines are the smallest ones to
// float32, with the mean subtracted; float32's own is to double precision, over a tenth of the sentences.
'use strict';
const path = require('node:path');
const { parseArgs } = require('node:util');
const licenses = require('spdx-license-list/full');
const gpu = require('../..');
const { smallestCosine } = require('../../lib/text/auto-precision');
const { kPrecisions } = require('../../lib/text/precision');
const { readTfjs } = require('../../lib/text/readers/tfjs');
const { prepare, packAs, embed } = require('../../test/support/text/run-model');
const { NaiveTokenizer, kFolder } = require('../../test/support/text/use-oracle');
const reference = require('../../test/support/text/use-reference');
const { now, median, round } = require('../stats');

const kBatch = 256;
const kRuns = 5;

/** Different sentences of licences, in an order that mixes those of one licence among others. */
function sentencesOf(least, most) {
  const all = Object.values(licenses).flatMap(({ licenseText }) =>
    licenseText.split(/(?<=[.;:])\s+|\n\s*\n/).map((text) => text.replace(/\s+/g, ' ').trim()),
  );
  const different = [...new Set(all.filter((text) => text.length >= least && text.length <= most))];
  // A step that has no divisor in common with their number visits each once.
  const step = 7919;
  return different.map((_, i) => different[(i * step) % different.length]);
}

/** Rows of all texts, in batches. */
async function embedAll(model, packed, idLists, context) {
  const rows = new Float32Array(idLists.length * 512);
  for (let at = 0; at < idLists.length; at += kBatch) {
    const { data } = await embed(model, packed, idLists.slice(at, at + kBatch), context);
    rows.set(data, at * 512);
  }
  return rows;
}

/** Which share of the best ten passages of each question is the same. */
async function sharedTop(base, expected, questions, context) {
  const search = async (rows) => {
    const count = questions.length;
    const queries = gpu.tensor(
      Float32Array.from({ length: count * 512 }, (_, i) => rows[questions[i >> 9] * 512 + (i % 512)]),
      [count, 512],
    );
    const inputs = { queries, base: gpu.tensor(rows, [rows.length / 512, 512]) };
    const { outputs } = await context.run({ type: 'similarity-search', inputs, params: { k: 11 } });
    // Without the question itself.
    return questions.map((self, i) =>
      Array.from(outputs.indices.data.subarray(i * 11, (i + 1) * 11))
        .filter((index) => index !== self)
        .slice(0, 10),
    );
  };
  const [ours, theirs] = [await search(base), await search(expected)];
  const shared = ours.map((list, i) => list.filter((index) => theirs[i].includes(index)).length / 10);
  return shared.reduce((sum, share) => sum + share, 0) / shared.length;
}

/** Median ms of a text of 16 tokens, and tokens a second of 256 texts. */
async function speedOf(model, packed, idLists, context) {
  const one = [idLists.find((ids) => ids.length >= 16).slice(0, 16)];
  const many = idLists.slice(0, kBatch);
  const times = async (lists, runs) => {
    const samples = [];
    for (let i = 0; i < runs; ++i) {
      const start = now();
      await embed(model, packed, lists, context);
      samples.push(now() - start);
    }
    return median(samples);
  };
  await times(one, 10);
  const tokens = many.reduce((sum, ids) => sum + Math.min(ids.length, model.maxLength), 0);
  return { oneMs: await times(one, 50), tokensPerSecond: (1000 * tokens) / (await times(many, kRuns)) };
}

async function main() {
  const { values } = parseArgs({
    options: {
      device: { type: 'string', default: 'cpu' },
      sentences: { type: 'string', default: '1000' },
      passages: { type: 'string', default: '10000' },
      json: { type: 'boolean', default: false },
    },
  });
  const count = Number(values.sentences),
    passageCount = Number(values.passages);
  const tokenizer = new NaiveTokenizer();
  const texts = sentencesOf(20, 600);
  const idLists = texts.slice(0, Math.max(count, passageCount)).map((text) => tokenizer.encode(text));
  const context = await gpu.createContext({ device: values.device });
  const model = prepare(await readTfjs(kFolder), context);
  const figures = {};
  let expected;
  for (const precision of Object.keys(kPrecisions)) {
    const packed = await packAs(model, precision, context);
    const rows = await embedAll(model, packed, idLists, context);
    expected ??= rows;
    const isFirst = expected === rows;
    const compared = isFirst ? Math.ceil(count / 10) : count;
    const exact = isFirst
      ? Float32Array.from(
          idLists.slice(0, compared).flatMap((ids) => Array.from(reference.embed(packed.tensors, ids.slice(0, 128)))),
        )
      : expected.subarray(0, compared * 512);
    const questions = Array.from({ length: 200 }, (_, i) => i * Math.floor(passageCount / 200));
    figures[precision] = {
      cosine: smallestCosine(rows.subarray(0, compared * 512), exact, 512),
      bound: kPrecisions[precision].bound,
      sharedTop10: await sharedTop(
        rows.subarray(0, passageCount * 512),
        expected.subarray(0, passageCount * 512),
        questions,
        context,
      ),
      weightsMB: [...packed.tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0) / 2 ** 20,
      ...(await speedOf(model, packed, idLists, context)),
    };
  }
  const tokens = idLists.reduce((sum, ids) => sum + ids.length, 0) / idLists.length;
  await context.close();
  if (values.json) {
    console.log(
      JSON.stringify({
        bench: path.basename(__filename, '.js'),
        device: values.device,
        sentences: count,
        passages: passageCount,
        tokens,
        figures,
      }),
    );
    return;
  }
  console.log(`${values.device}: ${count} sentences, ${passageCount} passages, ${round(tokens, 3)} tokens each`);
  console.table(
    Object.fromEntries(
      Object.entries(figures).map(([precision, figure]) => [
        precision,
        Object.fromEntries(Object.entries(figure).map(([name, value]) => [name, round(value, 7)])),
      ]),
    ),
  );
}

main();
