// model.safetensors: damaged, lying, not fitting, or shorter than it was: each an error that names tensor and file, and
// none that takes the process down.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const gpu = require('../../..');
const { FileStamps } = require('../../../lib/text/digest');
const { makeModel, writeModel, temporaryFolder } = require('../../support/text/models');
const { writeSafetensors } = require('../../support/text/safetensors');

const kName = 'encoder.layer.0.attention.self.query.weight';
const spec = makeModel('bert');
const { [kName]: query, ...others } = spec.tensors;

let context, root;
let folders = 0;
const folderOf = (model = spec, options = {}) => writeModel(path.join(root, `${folders++}`), model, options);
const fileOf = (folder) => path.join(folder, 'model.safetensors');

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

function expectRefused(folder, code, message) {
  return expect(load(folder)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
}

test('cut off', async () => {
  const folder = folderOf();
  const file = fileOf(folder);
  fs.truncateSync(file, fs.statSync(file).size - 100);
  await expectRefused(folder, 'ERR_INVALID_ARGUMENT', /model.safetensors' has tensor '.*it is cut off/);
  fs.truncateSync(file, 40);
  await expectRefused(folder, 'ERR_INVALID_ARGUMENT', /says that its header has \d+ bytes, but only 32 follow/);
  fs.truncateSync(file, 0);
  await expectRefused(folder, 'ERR_INVALID_ARGUMENT', /has 0 bytes/);
});

test.each([
  [(entry) => (entry.shape = [64, 32]), /'encoder.layer.0.attention.self.query.weight'.* not those of as many bytes/],
  [(entry) => (entry.data_offsets = [0, 4096]), /they overlap|a hole between them/],
  [(entry) => (entry.data_offsets = [2 ** 30, 2 ** 30 + 4096]), /only \d+ bytes follow the header/],
  [(entry) => (entry.data_offsets = [4096, 0]), /not those of as many bytes/],
  [(entry) => (entry.dtype = 'F31'), /of dtype 'F31', which is not known/],
  [(entry) => (entry.shape = [-1, 32]), /shape is no array of whole numbers/],
  [(entry) => (entry.shape = [2 ** 40, 2 ** 40]), /not those of as many bytes/],
  [(entry) => delete entry.dtype, /without dtype/],
])('with a header that lies: %p', async (change, message) => {
  const folder = folderOf(spec, { change: (header) => (change(header[kName]), header) });
  await expectRefused(folder, 'ERR_INVALID_ARGUMENT', message);
});

test('without a tensor, or with one that is not known', async () => {
  await expectRefused(folderOf({ ...spec, tensors: others }), 'ERR_INVALID_ARGUMENT', `has no tensor '${kName}'`);
  const more = { ...spec.tensors, 'encoder.layer.0.lora.weight': query };
  await expectRefused(
    folderOf({ ...spec, tensors: more }),
    'ERR_UNSUPPORTED',
    /a tensor 'encoder.layer.0.lora.weight'/,
  );
});

test('with tensors that no result depends on', async () => {
  const ids = { shape: [1, 24], data: Array.from({ length: 24 }, (_, i) => i), dtype: 'I64' };
  const tensors = { ...spec.tensors, 'embeddings.position_ids': ids, 'pooler.dense.weight': query };
  const model = await load(folderOf({ ...spec, tensors }));
  await model.close();
});

test('whose shapes do not fit the config', async () => {
  const folder = folderOf({ ...spec, config: { ...spec.config, vocab_size: 99 } });
  const message = /has shape \[\d+, 32\], but config.json says that it has \[99, 32\]/;
  await expectRefused(folder, 'ERR_INVALID_ARGUMENT', message);
});

test('of a dtype that is not taken', async () => {
  const folder = folderOf();
  const bias = { shape: [32], data: new Array(32).fill(0), dtype: 'I64' };
  writeSafetensors(fileOf(folder), { ...spec.tensors, 'embeddings.LayerNorm.bias': bias });
  await expectRefused(folder, 'ERR_UNSUPPORTED', /is I64, but weights are taken as F32, F16 or BF16/);
});

test('in shards of which one is missing, or names another folder', async () => {
  const folder = folderOf(spec, { shards: 2 });
  fs.rmSync(path.join(folder, 'model-00002-of-00002.safetensors'));
  await expectRefused(folder, 'ERR_NOT_FOUND', /there is no file '.*model-00002-of-00002.safetensors'/);
  const index = path.join(folder, 'model.safetensors.index.json');
  fs.writeFileSync(index, JSON.stringify({ weight_map: { [kName]: '../secret.safetensors' } }));
  await expectRefused(folder, 'ERR_INVALID_ARGUMENT', /leads out of the model's folder/);
});

test('that becomes shorter while it is loaded ends in an error, not in SIGBUS', async () => {
  const folder = folderOf(makeModel('bert', { width: 384, heads: 12, layers: 2, hidden: 1536 }));
  const loading = load(folder, {
    onProgress: ({ step, loaded, total }) => {
      if (step === 'digest' && loaded === total) fs.truncateSync(fileOf(folder), 1 << 20);
    },
  });
  await expect(loading).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(/model.safetensors' was changed while the model was loaded/),
  });
});

test('that becomes shorter between its digest and its tensors ends in an error, too', async () => {
  const folder = folderOf(makeModel('bert', { width: 384, heads: 12, layers: 2, hidden: 1536 }));
  const { check } = FileStamps.prototype;
  const cut = jest.spyOn(FileStamps.prototype, 'check').mockImplementationOnce(async function (files) {
    await check.call(this, files);
    fs.truncateSync(fileOf(folder), 1 << 20);
  });
  await expect(load(folder)).rejects.toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(/ends before tensor '.*' does: it has become shorter since it was opened/),
  });
  cut.mockRestore();
});

test('that becomes shorter once it is loaded changes nothing', async () => {
  const folder = folderOf();
  const model = await load(folder);
  const { embeddings: before } = await model.embed('the copy');
  fs.truncateSync(fileOf(folder), 0);
  const { embeddings: after } = await model.embed('the copy');
  expect(after.data).toEqual(before.data);
  await model.close();
});
