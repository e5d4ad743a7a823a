// The search for clauses by their meaning, from end to end: the same passages on each device, and again from the cache.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const sharp = require('sharp');
const gpu = require('../../..');
const { fillBase } = require('../../../examples/search-base');
const { readPassages, passagesOf } = require('../../../examples/search-passages');
const { inRoot } = require('../../support/paths');
const { rounds } = require('../../support/rounds');

const kQuestion = 'may I use this in a product that I sell?';
// The long ones have hundreds of passages.
const kLicences = ['BSD-3-Clause', 'CC-BY-NC-4.0', 'MIT', 'Zlib', ...rounds([], ['Apache-2.0', 'MPL-2.0'])];
const backends = [...new Set(gpu.devices().map(({ backend }) => backend))];
const canDraw = gpu.devices().some(({ features }) => features.graphics);

let folder;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-search-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** Each device has a cache of its own, so that it makes its own vectors. */
function run(args, cache) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [inRoot('examples/search.js'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, SHADER_CACHE_DIR: path.join(folder, cache) },
  });
  return { status, stdout, stderr };
}

function search(device, cache = device) {
  const out = path.join(folder, `${device}.png`);
  const { status, stdout, stderr } = run(
    [kQuestion, '--device', device, '--licences', kLicences.join(','), '--out', out, '--json'],
    cache,
  );
  expect({ status, stderr: status ? stderr : '' }).toEqual({ status: 0, stderr: '' });
  return { ...JSON.parse(stdout), out, stderr };
}

describe('passages', () => {
  const { licences, passages } = readPassages();

  test('of all licences: each once, none too long for a model', () => {
    expect(licences.length).toBeGreaterThan(700);
    expect(passages.length).toBeGreaterThan(8000);
    expect(new Set(passages.map(({ text }) => text)).size).toBe(passages.length);
    for (const { text, owners } of passages) {
      expect(owners.length).toBe(new Set(owners).size);
      expect(text).toBe(text.trim());
      expect(text.split(' ').length).toBeLessThan(90);
    }
  });

  test('whole sentences, without numbers of clauses and capitals', () => {
    expect(passagesOf('2. Grant of Copyright License. Each Contributor grants You a license to use the Work.')).toEqual(
      ['Grant of Copyright License. Each Contributor grants You a license to use the Work.'],
    );
    expect(passagesOf('THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED.')).toEqual([
      'The software is provided "as is", without warranty of any kind, express or implied.',
    ]);
    expect(passagesOf('Too short.')).toEqual([]);
  });

  test('a licence that there is not is told', () => {
    expect(() => readPassages(['MIT', 'NIT'])).toThrow("'NIT' is no licence");
  });
});

describe('the search', () => {
  let onCpu;
  beforeAll(() => {
    onCpu = search('cpu');
  }, 120_000);

  test('finds what answers the question, the best first', () => {
    const scores = onCpu.found.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(onCpu.found.map(({ text }) => text).join(' ')).toMatch(/commercial/i);
    for (const { owners } of onCpu.found) for (const id of owners) expect(kLicences).toContain(id);
    expect(onCpu).toMatchObject({ question: kQuestion, device: 'cpu:0', licences: kLicences.length });
  });

  test('says what ran where and for how long', () => {
    for (const name of ['vectors of the passages', 'vector of the question', 'search'])
      expect(onCpu.steps.find((step) => step.name.startsWith(name)).where).toMatch(/cpu/);
    for (const { ms } of onCpu.steps) expect(ms).toBeGreaterThan(0);
    expect(onCpu.stderr).toMatch(/embedding \d+ passages: 100%/);
  });

  for (const backend of backends.filter((it) => it !== 'cpu'))
    test(`finds the same passages on ${backend}`, () => {
      const other = search(backend);
      expect(other.device).toMatch(backend);
      expect(other.found.map(({ text }) => text)).toEqual(onCpu.found.map(({ text }) => text));
      other.found.forEach(({ score }, i) => expect(score).toBeCloseTo(onCpu.found[i].score, 4));
    }, 300_000);

  test('has the vectors from the cache the second time, and makes them anew where the file is damaged', () => {
    const vectors = (result) => result.steps.find(({ name }) => name === 'vectors of the passages');
    const again = search('cpu');
    expect(vectors(again).where).toBe('the cache, made on cpu:0');
    expect(again.stderr).toBe('');
    expect(again.found).toEqual(onCpu.found);
    const examples = path.join(folder, 'cpu', 'examples');
    const [file] = fs.readdirSync(examples);
    const bytes = fs.readFileSync(path.join(examples, file));
    bytes[bytes.length - 5] ^= 1;
    fs.writeFileSync(path.join(examples, file), bytes);
    const mended = search('cpu');
    expect(vectors(mended).where).toBe('cpu:0');
    // Other texts may go together this time, and products of few rows add in another order.
    expect(mended.found.map(({ text }) => text)).toEqual(onCpu.found.map(({ text }) => text));
    mended.found.forEach(({ score }, i) => expect(score).toBeCloseTo(onCpu.found[i].score, 6));
  }, 180_000);

  (canDraw ? test : test.skip)('draws the neighbourhood', async () => {
    const { data, info } = await sharp(onCpu.out).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([1280, 720]);
    let drawn = 0;
    for (let i = 0; i < data.length; i += info.channels)
      if (Math.abs(data[i] - data[0]) + Math.abs(data[i + 1] - data[1]) + Math.abs(data[i + 2] - data[2]) > 60) ++drawn;
    expect(drawn).toBeGreaterThan(0.01 * 1280 * 720);
  });

  test('prints tables for a person', () => {
    const { status, stdout } = run(['--device', 'cpu', '--licences', 'MIT', '--no-picture', kQuestion], 'cpu');
    expect(status).toBe(0);
    for (const part of [kQuestion, 'MIT', 'score', 'where', 'search']) expect(stdout).toContain(part);
    expect(stdout).not.toContain('.png');
  });

  test('wrong usage and what is not there', () => {
    expect(run(['...'], 'cpu').status).toBe(2);
    expect(run(['--bogus'], 'cpu').status).toBe(2);
    expect(run(['--device', 'abacus'], 'cpu').status).toBe(2);
    const { status, stderr } = run(['--licences', 'NIT', 'a question'], 'cpu');
    expect({ status, stderr }).toEqual({ status: 1, stderr: "example:search: 'NIT' is no licence of the SPDX list\n" });
  });
});

test('vectors that can not be kept are used all the same, which is said', async () => {
  const file = path.join(folder, 'no-folder');
  fs.writeFileSync(file, '');
  const before = process.env.SHADER_CACHE_DIR;
  process.env.SHADER_CACHE_DIR = file;
  try {
    const model = {
      digest: 'd',
      precision: 'float32',
      dimensions: 2,
      embed: async (texts) => ({ embeddings: { data: new Float32Array(2 * texts.length).fill(1) } }),
    };
    const said = [];
    const vectors = new Float32Array(6);
    const options = { device: 'cpu:0', jobOptions: {}, say: (text) => said.push(text) };
    expect(await fillBase(model, ['a', 'b', 'c'], vectors, options)).toBeUndefined();
    expect([...vectors]).toEqual([1, 1, 1, 1, 1, 1]);
    expect(said.join('\n')).toMatch(/can't be kept for the next time/);
  } finally {
    if (before === undefined) delete process.env.SHADER_CACHE_DIR;
    else process.env.SHADER_CACHE_DIR = before;
  }
});
