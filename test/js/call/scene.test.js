// Scenes as users write them and as built-in workloads take them; and what a server takes and refuses.
'use strict';
const { specs } = require('../../../lib/call/encode');
const { sceneWorkload, publicType, sceneNames } = require('../../../lib/call/scene');
const { readWorkload } = require('../../../lib/exchange/workload');
const { sendPicture, wantsPicture } = require('../../../lib/service/answer');

const spec = {
  type: 'render/testing',
  index: 99,
  inputs: [
    { name: 'weights', optional: false },
    { name: 'text', optional: true },
  ],
  inputNames: new Set(['weights', 'text']),
  params: [],
  paramNames: new Set(['width', 'height', 'time', 'zoom']),
  texts: ['title', 'labels'],
  outputs: ['image'],
  outputNames: new Set(['image']),
};
beforeAll(() => {
  specs.set(spec.type, spec);
});
afterAll(() => {
  specs.delete(spec.type);
});

const weights = new Float32Array(4);
const scene = (fields) => ({ type: 'render', scene: 'testing', width: 64, height: 32, inputs: { weights }, ...fields });
const textOf = (workload) => Buffer.from(workload.inputs.text).toString();

test('width, height and time become params, texts an input', () => {
  expect(sceneWorkload(scene({ time: 0.5, id: 'mine', params: { zoom: 2 } }))).toEqual({
    type: 'render/testing',
    inputs: { weights },
    params: { width: 64, height: 32, time: 0.5, zoom: 2 },
    id: 'mine',
  });
  expect(textOf(sceneWorkload(scene({ params: { labels: ['a', 'b', 'ü'], title: 'Über' } })))).toBe(
    'Über\x1ea\x1fb\x1fü',
  );
  expect(textOf(sceneWorkload(scene({ params: { labels: ['a\x1fb', 'c\nd'] } })))).toBe('\x1ea b\x1fc d');
  expect(publicType('render/testing')).toBe('render');
  expect(sceneNames()).toContain('testing');
});

test.each([
  [{ scene: 'testin' }, 'ERR_UNKNOWN_WORKLOAD', /unknown scene 'testin' \(did you mean 'testing'\?\)/],
  [{ scene: 5 }, 'ERR_INVALID_ARGUMENT', /scene is 5, but must be a string/],
  [{ shader: {} }, 'ERR_INVALID_ARGUMENT', /both a scene and a shader/],
  [{ widht: 5 }, 'ERR_INVALID_ARGUMENT', /unknown key of a scene 'testing' 'widht' \(did you mean 'width'\?\)/],
  [{ params: { zom: 2 } }, 'ERR_INVALID_ARGUMENT', /unknown parameter 'zom' \(did you mean 'zoom'\?\)/],
  [{ params: { width: 2 } }, 'ERR_INVALID_ARGUMENT', /width stands both in the workload and in its params/],
  [{ params: { labels: ['a', 5] } }, 'ERR_INVALID_ARGUMENT', /'labels', entry 1, is 5, but must be a string/],
  [{ params: { title: 5 } }, 'ERR_INVALID_ARGUMENT', /'title' is 5, but must be a string or an array of strings/],
  [{ params: { labels: ['x'.repeat(2 ** 20 + 1)] } }, 'ERR_INVALID_ARGUMENT', /its texts take \d+ bytes/],
  [{ params: 'x' }, 'ERR_INVALID_ARGUMENT', /params is 'x'/],
  [
    { inputs: { weights, text: new Uint8Array(1) } },
    'ERR_INVALID_ARGUMENT',
    /texts are given as params: title, labels/,
  ],
])('%j is refused', (fields, code, message) => {
  expect(() => sceneWorkload(scene(fields))).toThrow(
    expect.objectContaining({ code, message: expect.stringMatching(message) }),
  );
});

test('a server takes scenes', () => {
  const { workload } = readWorkload(
    scene({
      inputs: {
        weights: [
          [1, 2],
          [3, 4],
        ],
      },
      time: 1,
      params: { labels: ['a'] },
    }),
    undefined,
  );
  expect(workload).toMatchObject({
    type: 'render',
    scene: 'testing',
    width: 64,
    height: 32,
    time: 1,
    params: { labels: ['a'] },
  });
  expect(workload.inputs.weights.shape).toEqual([2, 2]);
});

test.each([
  [{ type: 'kernel', kernel: { glsl: '' } }],
  [{ type: 'render', shader: { vertex: '', fragment: '' } }],
  [{ type: 'kernel' }],
])('a server takes no code: %j', (body) => {
  expect(() => readWorkload(body, undefined)).toThrow(
    expect.objectContaining({ code: 'ERR_UNSUPPORTED', message: expect.stringMatching(/don't come by HTTP/) }),
  );
});

test('a picture goes out as PNG where the client says so', async () => {
  const image = { data: new Uint8Array(16).fill(200), shape: [2, 2, 4], dtype: 'uint8' };
  const result = { outputs: { image } };
  expect(wantsPicture('image/png,*/*', result)).toBe(true);
  expect(wantsPicture('application/json', result)).toBe(false);
  expect(wantsPicture('image/png', { outputs: { output: image } })).toBe(false);
  // What a graph calls so need not be one.
  expect(
    wantsPicture('application/json, image/png', {
      outputs: { image: { data: new Float32Array(4), shape: [2, 2], dtype: 'float32' } },
    }),
  ).toBe(false);
  const reply = { type: jest.fn(() => reply), header: jest.fn(() => reply), send: jest.fn(() => reply) };
  await sendPicture(reply, { reads: (reading) => reading, start() {} }, result);
  expect(reply.type).toHaveBeenCalledWith('image/png');
  expect(reply.send.mock.calls[0][0].subarray(1, 4).toString()).toBe('PNG');
});
