// What is refused of a TensorFlow.js model's folder, by name, before anything of it is used.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { readTfjs } = require('../../../lib/text/readers/tfjs');
const { kFolder } = require('../../support/text/use-oracle');

const kLayer = 'module_apply_default/Encoder_en/KonaTransformer/Encode/TransformerStack/Layer_';
const original = JSON.parse(fs.readFileSync(path.join(kFolder, 'model.json'), 'utf8'));
const vocabulary = JSON.parse(fs.readFileSync(path.join(kFolder, 'vocab.json'), 'utf8'));
const folders = [];
afterAll(() => folders.forEach((folder) => fs.rmSync(folder, { recursive: true })));

/** The model's folder with some of its files replaced: by text, by bytes; null: left out. */
function folderWith(replaced) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-tfjs-'));
  folders.push(folder);
  for (const name of fs.readdirSync(kFolder))
    if (!(name in replaced)) fs.symlinkSync(path.join(kFolder, name), path.join(folder, name));
  for (const [name, content] of Object.entries(replaced))
    if (content !== null) fs.writeFileSync(path.join(folder, name), content);
  return folder;
}

/** model.json, changed by a function. */
function changed(change) {
  const model = structuredClone(original);
  change(model);
  return folderWith({ 'model.json': JSON.stringify(model) });
}
const nodeOf = (model, ending) => model.modelTopology.node.find(({ name }) => name.endsWith(ending));

const kLast = 'group1-shard7of7';
const cases = [
  ['no model.json', () => folderWith({ 'model.json': null }), 'ERR_NOT_FOUND', /there is no file .*model\.json/],
  ['model.json is not JSON', () => folderWith({ 'model.json': '{"a": ' }), 'ERR_INVALID_ARGUMENT', /is not JSON/],
  [
    'model.json is JSON of something else',
    () => folderWith({ 'model.json': 'null' }),
    'ERR_INVALID_ARGUMENT',
    /weightsManifest is undefined/,
  ],
  ['a shard is not there', () => folderWith({ [kLast]: null }), 'ERR_NOT_FOUND', /group1-shard7of7/],
  [
    'a shard is cut off',
    () => folderWith({ [kLast]: fs.readFileSync(path.join(kFolder, kLast)).subarray(0, 1000) }),
    'ERR_INVALID_ARGUMENT',
    /group1-shard1of7 to group1-shard7of7 .* have 25166824 bytes, but .* take 27903656: a file is cut off/,
  ],
  [
    'a shard is too long',
    () => folderWith({ [kLast]: Buffer.alloc(5 << 20) }),
    'ERR_INVALID_ARGUMENT',
    /have at least 30408704 bytes/,
  ],
  [
    'a shard outside of the folder',
    () => changed((model) => (model.weightsManifest[0].paths[0] = '../group1-shard1of7')),
    'ERR_INVALID_ARGUMENT',
    /the path .\.\.\/group1-shard1of7. of weightsManifest/,
  ],
  [
    'a weight of another dtype',
    () => changed((model) => (model.weightsManifest[0].weights[0].dtype = 'float16')),
    'ERR_UNSUPPORTED',
    /conv2\/Tensordot\/Reshape_1' is .float16./,
  ],
  [
    'a quantized weight',
    () => changed((model) => (model.weightsManifest[0].weights[0].quantization = { dtype: 'uint8' })),
    'ERR_UNSUPPORTED',
    /is quantized/,
  ],
  [
    'a shape that is none',
    () => changed((model) => (model.weightsManifest[0].weights[0].shape = [1536, -1])),
    'ERR_INVALID_ARGUMENT',
    /the shape of '.*conv2\/Tensordot\/Reshape_1'/,
  ],
  [
    'a weight that is missing',
    () => changed(({ weightsManifest: [{ weights }] }) => (weights[2].name = 'renamed')),
    'ERR_UNSUPPORTED',
    /weightsManifest has no weights for the node '.*Layer_1\/.*layer_norm_scale/,
  ],
  [
    'a weight twice',
    () => changed(({ weightsManifest: [{ weights }] }) => (weights[2].name = weights[3].name)),
    'ERR_INVALID_ARGUMENT',
    /twice/,
  ],
  [
    'two weights of a shape exchanged',
    () =>
      changed(({ modelTopology: { node } }) => {
        const add = node.find(({ name }) => name === `${kLayer}1/TransformerLayer/FFN/conv2/BiasAdd`);
        add.input[1] = add.input[1].replace('Layer_1', 'Layer_0');
      }),
    'ERR_UNSUPPORTED',
    /the part 'feed-forward part of the second layer' is computed otherwise/,
  ],
  [
    'another activation',
    () => changed((model) => (nodeOf(model, 'Layer_0/TransformerLayer/FFN/conv1/Relu').op = 'Elu')),
    'ERR_UNSUPPORTED',
    /the part 'feed-forward part of the first layer'/,
  ],
  [
    'an attribute that counts',
    () => changed((model) => (nodeOf(model, 'tanh_layer_0/MatMul').attr.transpose_b.b = true)),
    'ERR_UNSUPPORTED',
    /the part 'dense layer'/,
  ],
  [
    'a node more behind the last one',
    () =>
      changed(({ modelTopology: { node } }) =>
        node.push({ op: 'Neg', name: 'more', input: ['module_apply_default/Encoder_en/hidden_layers/l2_normalize'] }),
      ),
    'ERR_UNSUPPORTED',
    /it makes more of indices, values/,
  ],
  [
    'a circle',
    () =>
      changed((model) => {
        nodeOf(model, 'Layer_0/add').input[0] = `${kLayer}0/add`;
      }),
    'ERR_UNSUPPORTED',
    /depends on itself/,
  ],
  [
    'a vocabulary that is too long',
    () => folderWith({ 'vocab.json': JSON.stringify([...vocabulary, ['a', 1], ['b', 1], ['c', 1]]) }),
    'ERR_INVALID_ARGUMENT',
    /at most 8002/,
  ],
  [
    'an entry that is no piece',
    () => folderWith({ 'vocab.json': JSON.stringify(vocabulary.with(70, ['a', 'b'])) }),
    'ERR_INVALID_ARGUMENT',
    /entry 70 is/,
  ],
];

test.each(cases)('%s', async (_, makeFolder, code, message) => {
  await expect(readTfjs(makeFolder())).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test('a constant of another value changes the part that it is in', async () => {
  // The epsilon of norms and the scale of scores stand in the shards, as weights do.
  const { weights } = original.weightsManifest[0];
  let at = 0;
  for (const { name, shape } of weights) {
    if (name === `${kLayer}1/TransformerLayer/MultiheadAttention/mul/y`) break;
    at += 4 * shape.reduce((product, extent) => product * extent, 1);
  }
  const number = 1 + Math.floor(at / (4 << 20));
  const shard = `group1-shard${number}of7`;
  const bytes = Buffer.from(fs.readFileSync(path.join(kFolder, shard)));
  const place = at - (number - 1) * (4 << 20);
  expect(bytes.readFloatLE(place)).toBeCloseTo(1 / Math.sqrt(128), 6);
  bytes.writeFloatLE(1, place);
  await expect(readTfjs(folderWith({ [shard]: bytes }))).rejects.toMatchObject({
    code: 'ERR_UNSUPPORTED',
    message: expect.stringMatching(/the part 'attention of the second layer'/),
  });
});

test('other weights are another model, read as the same graph', async () => {
  const bytes = Buffer.from(fs.readFileSync(path.join(kFolder, kLast)));
  bytes.writeFloatLE(0.5, 4000);
  const [one, other] = await Promise.all([readTfjs(kFolder), readTfjs(folderWith({ [kLast]: bytes }))]);
  expect(other.digest).not.toBe(one.digest);
  expect([...other.tensors.keys()]).toEqual([...one.tensors.keys()]);
});

test('it tells how far it is, and ends when nobody wants it any more', async () => {
  const told = [];
  await readTfjs(kFolder, { onBytes: (loaded, total) => told.push({ loaded, total }) });
  expect(told.at(-1)).toEqual({ loaded: 27903656, total: 27903656 });
  expect(told.every(({ loaded }, i) => i === 0 || loaded > told[i - 1].loaded)).toBe(true);
  const controller = new AbortController();
  const reading = readTfjs(kFolder, { signal: controller.signal, onBytes: () => controller.abort() });
  await expect(reading).rejects.toMatchObject({ code: 'ERR_CANCELED' });
});
