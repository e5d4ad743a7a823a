// Every family, against the same encoder in double precision: vectors and scores of models that are read from a folder.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../../..');
const { makeModel, writeModel, temporaryFolder, someTexts, Random } = require('../../support/text/models');
const { rounds } = require('../../support/rounds');
const { embed, logits, linear, normalized, cosine } = require('../../support/text/reference');

const kTexts = ['', 'the licence', ...someTexts(9), 'You may copy, use and sell the work without any warranty!'];
const kPrecise = 2e-5; // of numbers around 1, after layers of float32

let context, root;
let folders = 0;
const folderOf = (model, options) => writeModel(path.join(root, `${folders++}`), model, options);

/** In float32, which is compared with. */
const load = (folder, options) =>
  context.loadModel(folder, options === null ? options : { precision: 'float32', ...options });

beforeAll(async () => {
  root = temporaryFolder();
  context = await gpu.createContext({ device: 'cpu' });
});
afterAll(async () => {
  await context.close();
  fs.rmSync(root, { recursive: true });
});

/** The ids of each text, as the model's own tokenizer says: the tokenizers are tested elsewhere. */
async function idsOf(model, texts) {
  const { ids, offsets } = await model.tokenize(texts);
  return texts.map((_, i) => [...ids.subarray(offsets[i], offsets[i + 1])]);
}

function expectRows(embeddings, expected) {
  const [n, d] = embeddings.shape;
  expect([n, d]).toEqual([expected.length, expected[0].length]);
  const worst = expected.map((row, i) =>
    Math.max(...row.map((value, j) => Math.abs(value - embeddings.data[i * d + j]))),
  );
  expect(Math.max(...worst)).toBeLessThan(kPrecise);
}

async function expectEmbeddings(spec, options, wanted) {
  const model = await load(folderOf(spec, options));
  try {
    const { embeddings, tokens, truncated } = await model.embed(kTexts);
    const ids = await idsOf(model, kTexts);
    expect(tokens).toEqual(ids.map(({ length }) => length));
    expect(truncated).toEqual(ids.map(() => false));
    expectRows(embeddings, embed(spec, ids, wanted));
    return model;
  } finally {
    await model.close();
  }
}

/** Ids and types of pairs, put together from those of single texts, as the family's template says. */
async function pairsOf(model, { family }, query, documents) {
  const [first] = await idsOf(model, [query]);
  const seconds = await idsOf(model, documents);
  const isBert = family === 'bert' || family === 'distilbert';
  const ids = seconds.map(([, ...second]) => [...first, ...(isBert ? [] : [first.at(-1)]), ...second]);
  const types = ids.map((all) => all.map((_, i) => (isBert && i >= first.length ? 1 : 0)));
  return { ids, types };
}

const mean = { pooling: { pooling_mode_mean_tokens: true }, normalize: true };

describe.each(['bert', 'roberta', 'distilbert', 'mpnet'])('%s', (family) => {
  it('is the encoder in double precision', async () => {
    const model = await expectEmbeddings(makeModel(family), mean, { normalize: true });
    expect(model).toMatchObject({ kind: 'encoder', family, dimensions: 32, layers: 2, precision: 'float32' });
  });

  it('without modules.json has the mean of its tokens', async () => {
    await expectEmbeddings(makeModel(family, { seed: 2 }), {}, {});
  });

  it('is found under the prefix of a model with a head', async () => {
    await expectEmbeddings(makeModel(family, { prefix: `${family}.`, seed: 3 }), mean, { normalize: true });
  });

  it.each(['relu', 'silu', 'gelu_new'])('with %s', async (act) => {
    await expectEmbeddings(makeModel(family, { act, seed: 4 }), {}, {});
  });

  it('scores pairs as a cross-encoder, through sigmoid', async () => {
    const spec = makeModel(family, { head: true, positions: 64 });
    const model = await load(folderOf(spec));
    const query = 'may the author sell';
    const { ids, types } = await pairsOf(model, spec, query, kTexts);
    const expected = logits(spec, ids, types).map((x) => 1 / (1 + Math.exp(-x)));
    const ranked = await model.rerank(query, kTexts);
    expect(ranked.map(({ index }) => index).sort((a, b) => a - b)).toEqual(kTexts.map((_, i) => i));
    for (const [i, { index, score }] of ranked.entries()) {
      expect(Math.abs(score - expected[index])).toBeLessThan(kPrecise);
      if (i) expect(score).toBeLessThanOrEqual(ranked[i - 1].score);
    }
    expect(Math.max(...expected) - Math.min(...expected)).toBeGreaterThan(0.05); // they do differ
    await model.close();
  });
});

describe('the published shape of MiniLM-L6', () => {
  const spec = makeModel('bert', { width: 384, layers: 6, heads: 12, hidden: 1536, positions: 512 });
  const texts = kTexts.slice(3, rounds(6, 9));

  it('is within 1e-6 of the cosine in double precision, and its sentences differ', async () => {
    const model = await load(folderOf(spec, mean));
    const { embeddings } = await model.embed(texts);
    const expected = embed(spec, await idsOf(model, texts), { normalize: true });
    const center = expected.reduce((a, b) => a.map((x, i) => x + b[i])).map((x) => x / texts.length);
    const rest = (row) => Float64Array.from(row, (x, i) => x - center[i]);
    for (const [i, row] of expected.entries()) {
      const own = embeddings.data.subarray(i * 384, (i + 1) * 384);
      expect(1 - cosine(rest(own), rest(row))).toBeLessThan(1e-6);
      if (i) expect(cosine(rest(row), rest(expected[0]))).toBeLessThan(0.9);
    }
    await model.close();
  }, 120_000);
});

describe('what comes behind the encoder', () => {
  it.each([
    ['cls', { pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }],
    ['max', { pooling_mode_max_tokens: true, pooling_mode_mean_tokens: false }],
    ['lasttoken', { pooling_mode_lasttoken: true, pooling_mode_mean_tokens: false }],
    ['cls', { pooling_mode: 'cls', word_embedding_dimension: undefined, embedding_dimension: 32 }],
  ])('the pooling %s', async (pooling, config) => {
    await expectEmbeddings(makeModel('bert'), { pooling: config }, { pooling });
  });

  it('several poolings one behind the other, in the order of sentence-transformers', async () => {
    const spec = makeModel('bert');
    const flags = { pooling_mode_mean_tokens: true, pooling_mode_max_tokens: true, pooling_mode_cls_token: true };
    const model = await load(folderOf(spec, { pooling: flags }));
    const ids = await idsOf(model, kTexts);
    const parts = ['cls', 'max', 'mean'].map((pooling) => embed(spec, ids, { pooling }));
    const { embeddings } = await model.embed(kTexts);
    expectRows(
      embeddings,
      ids.map((_, i) => Float64Array.from(parts.flatMap((rows) => [...rows[i]]))),
    );
    expect(model.dimensions).toBe(96);
    await model.close();
  });

  it('dense layers with weights of their own', async () => {
    const spec = makeModel('bert');
    const random = new Random(5);
    const tensors = { 'linear.weight': random.tensor([12, 32], 0.2), 'linear.bias': random.tensor([12], 0.2) };
    const activation = 'torch.nn.modules.activation.Tanh';
    const config = { in_features: 32, out_features: 12, bias: true, activation_function: activation };
    const model = await load(folderOf(spec, { ...mean, dense: [{ config, tensors }] }));
    const pooled = embed(spec, await idsOf(model, kTexts));
    const { embeddings } = await model.embed(kTexts);
    expectRows(
      embeddings,
      pooled.map((row) => normalized(linear(tensors, 'linear', row).map(Math.tanh))),
    );
    await model.close();
  });
});

describe('files', () => {
  it('in shards, by their index', async () => {
    await expectEmbeddings(makeModel('bert'), { ...mean, shards: 3 }, { normalize: true });
  });

  it.each(['F16', 'BF16'])('of %s are computed with as they are', async (dtype) => {
    await expectEmbeddings(makeModel('bert', { dtype }), mean, { normalize: true });
  });

  it('a file: URL names a folder, too', async () => {
    const folder = folderOf(makeModel('bert'), mean);
    const model = await load(new URL(`file://${folder}`));
    const other = await load(`file://${folder}`);
    expect(other.digest).toBe(model.digest);
    expect(model.digest).toMatch(/^[0-9a-f]{64}$/);
    await Promise.all([model.close(), other.close()]);
  });
});
