// What clients of other services ask for: OpenAI's own client, and requests as Cohere's and Jina's send them.
'use strict';
const { OpenAI } = require('openai');
const gpu = require('../../..');
const { startDoors, request, temporaryFolder } = require('../../support/rpc-service');

const kTexts = ['Commercial use is permitted.', 'The weather was bad all week.'];
const kQuestion = 'may I sell this?';
const folder = temporaryFolder();
let cluster;
let model;
let doors;
let openai;

beforeAll(async () => {
  cluster = gpu.createGPUClusterManager({ contextTypes: ['cpu'], contextsPerWorker: 1 });
  await cluster.ready;
  model = await cluster.loadModel(gpu.defaultModel, { precision: 'float32' });
  const manager = {
    ready: Promise.resolve(),
    contexts: () => [],
    health: async () => ({ status: 'ok', workers: [], contexts: [], queue: {}, draining: false }),
    loadModel: (source, options) => cluster.loadModel(source, { ...options, precision: 'float32' }),
  };
  doors = await startDoors({ memoryDir: folder, authToken: 'a-token-of-the-test' }, manager);
  openai = new OpenAI({ apiKey: 'a-token-of-the-test', baseURL: `http://127.0.0.1:${doors.port}/v1`, maxRetries: 0 });
});
afterAll(async () => {
  await doors.app.close();
  await model.close();
  await cluster.close();
});

const post = (path, body) =>
  request(doors.port, path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', authorization: 'Bearer a-token-of-the-test' },
  });

describe("OpenAI's client", () => {
  test.each(['float', 'base64', undefined])('gets the vectors of the model, as %s', async (format) => {
    const { embeddings, tokens } = await model.embed(kTexts);
    const answer = await openai.embeddings.create({ model: 'default', input: kTexts, encoding_format: format });
    const rows = answer.data.map(({ embedding }) =>
      typeof embedding === 'string'
        ? new Float32Array(new Uint8Array(Buffer.from(embedding, 'base64')).buffer)
        : embedding,
    );
    expect(rows.flatMap((row) => Array.from(row, Math.fround))).toEqual(Array.from(embeddings.data));
    const total = tokens[0] + tokens[1];
    expect(answer).toMatchObject({
      object: 'list',
      model: gpu.defaultModel.split('/').at(-1),
      usage: { prompt_tokens: total, total_tokens: total },
      data: [{ object: 'embedding', index: 0 }, { index: 1 }],
    });
  });

  test('gets as many dimensions as it wants, of one text', async () => {
    const { embeddings } = await model.embed([kTexts[0]], { dimensions: 64 });
    const { data } = await openai.embeddings.create({ model: answerName(), input: kTexts[0], dimensions: 64 });
    expect(Array.from(data[0].embedding, Math.fround)).toEqual(Array.from(embeddings.data));
  });

  test.each([
    ['no text', { input: [] }, 400, 'ERR_INVALID_ARGUMENT', 'input', /input has no text/],
    ['tokens', { input: [[1, 2]] }, 501, 'ERR_UNSUPPORTED', 'input', /send texts/],
    ['a number among texts', { input: ['a', null] }, 400, 'ERR_INVALID_ARGUMENT', 'input[1]', /must be a text/],
    ['a model that is not there', { input: 'a', model: 'other' }, 404, 'ERR_NOT_FOUND', 'model', /'other'/],
    [
      'another format',
      { input: 'a', encoding_format: 'int8' },
      400,
      'ERR_INVALID_ARGUMENT',
      'encoding_format',
      /base64/,
    ],
  ])('reads what is wrong with %s', async (_, fields, status, code, param, message) => {
    const asked = openai.embeddings.create({ model: 'default', ...fields });
    await expect(asked).rejects.toMatchObject({ status, code, param, message: expect.stringMatching(message) });
    await expect(asked).rejects.toMatchObject({ type: expect.stringMatching(/_error$/) });
  });

  test('reads that its key is none', async () => {
    const other = new OpenAI({ apiKey: 'another', baseURL: openai.baseURL, maxRetries: 0 });
    await expect(other.embeddings.create({ model: 'default', input: 'a' })).rejects.toMatchObject({
      status: 401,
      code: 'ERR_UNAUTHORIZED',
    });
  });
});

function answerName() {
  return gpu.defaultModel.split('/').at(-1);
}

describe('POST /v1/rerank', () => {
  /** By the cosine of the vectors, computed here. */
  async function expected(documents) {
    const { embeddings } = await model.embed([kQuestion, ...documents], { normalize: true });
    const [, d] = embeddings.shape;
    const row = (i) => embeddings.data.subarray(i * d, (i + 1) * d);
    const scores = documents.map((_, i) => row(i + 1).reduce((sum, value, j) => sum + value * row(0)[j], 0));
    return scores.map((score, index) => ({ index, score })).sort((a, b) => b.score - a.score);
  }

  test('puts texts and objects with texts in order', async () => {
    const ranked = await expected(kTexts);
    for (const documents of [kTexts, kTexts.map((text) => ({ text }))]) {
      const { status, json } = await post('/v1/rerank', { model: 'default', query: kQuestion, documents });
      expect(status).toBe(200);
      expect(json.results.map(({ index }) => index)).toEqual(ranked.map(({ index }) => index));
      json.results.forEach((result, i) => expect(result.relevance_score).toBeCloseTo(ranked[i].score, 5));
      expect(json).toMatchObject({ id: expect.any(String), usage: { total_tokens: expect.any(Number) } });
    }
  });

  test('gives the best so many, with their texts', async () => {
    const body = { query: kQuestion, documents: kTexts, top_n: 1, return_documents: true };
    const { json } = await post('/v1/rerank', body);
    expect(json.results).toMatchObject([{ index: 0, document: { text: kTexts[0] } }]);
  });

  test.each([
    ['no documents', { query: 'a', documents: [] }, 'documents'],
    ['a document that is none', { query: 'a', documents: ['b', { title: 'c' }] }, 'documents[1]'],
    ['an unknown field', { query: 'a', documents: ['b'], topn: 1 }, 'topn'],
  ])('refuses %s', async (_, body, param) => {
    const { status, json } = await post('/v1/rerank', body);
    expect({ status, json }).toMatchObject({
      status: 400,
      json: { error: { type: 'invalid_request_error', param, code: 'ERR_INVALID_ARGUMENT' } },
    });
  });
});
