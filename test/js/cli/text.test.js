// The commands on text: embed, rerank, tokenize, with the default model.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const gpu = require('../../..');
const { printJsonLine } = require('../../../lib/cli/texts');
const { cliProgram } = require('../../support/paths');
const { makeModel, tokenizerOf, writeModel } = require('../../support/text/models');

const kQuestion = 'may I use this in a product that I sell?';
const kTexts = ['Commercial use is permitted.', 'The weather was bad all week.', 'You may sell copies of it.'];
// What is fastest, and is taken unless something is said, differs from machine to machine.
const kExact = ['--precision', 'float32'];

function cli(args, { input, env = {} } = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [cliProgram, ...args, '--device', 'cpu'], {
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
  });
  return { status, stdout, stderr };
}

function json(args, options) {
  const { status, stdout, stderr } = cli([...args, '--json'], options);
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

let folder;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-cli-text-'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** What the library gives for the same texts. */
async function expected(texts) {
  const context = await gpu.createContext({ device: 'cpu' });
  const model = await context.loadModel(gpu.defaultModel, { precision: 'float32' });
  const { embeddings, tokens } = await model.embed(texts);
  await model.close();
  await context.close();
  return { embeddings, tokens };
}

describe('embed', () => {
  test('gives the vectors that the library gives, as JSON', async () => {
    const { model, embeddings, tokens, truncated } = json(['embed', ...kTexts, ...kExact]);
    const own = await expected(kTexts);
    const [, d] = own.embeddings.shape;
    expect(model).toMatchObject({ source: gpu.defaultModel, dimensions: d, kind: 'encoder', device: 'cpu:0' });
    expect(embeddings.map((row) => row.length)).toEqual([d, d, d]);
    // Nine digits are all that a float32 has.
    expect(embeddings.flat().map(Math.fround)).toEqual(Array.from(own.embeddings.data));
    expect({ tokens, truncated }).toEqual({ tokens: own.tokens, truncated: [false, false, false] });
  });

  test('prints a line a text', async () => {
    const { status, stdout, stderr } = cli(['embed', ...kTexts, ...kExact]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const [head, ...lines] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/512 dimensions, .*on cpu:0$/);
    const { embeddings, tokens } = await expected(kTexts);
    expect(lines.length).toBe(3);
    lines.forEach((line, i) => {
      expect(line).toContain(`${tokens[i]} tokens  ${kTexts[i]}`);
      expect(line.trim().split(/\s+/)[0]).toBe(embeddings.data[i * 512].toFixed(4));
    });
  });

  test('takes a line of a file, or of standard input, as a text, an empty one too', () => {
    const file = path.join(folder, 'lines.txt');
    fs.writeFileSync(file, `${kTexts[0]}\r\n\n${kTexts[1]}\n`);
    const fromFile = json(['embed', '--file', file]);
    expect(fromFile.tokens.length).toBe(3);
    expect(fromFile.embeddings[0]).toEqual(json(['embed', kTexts[0]]).embeddings[0]);
    expect(json(['embed', '--file', '-'], { input: fs.readFileSync(file, 'utf8') }).embeddings).toEqual(
      fromFile.embeddings,
    );
  });

  test('measures nothing: it takes what was measured before, else float32', async () => {
    const cache = path.join(folder, 'cache');
    const env = { SHADER_CACHE_DIR: cache };
    expect(json(['embed', 'a'], { env }).model.precision).toBe('float32');
    const files = () => (fs.existsSync(cache) ? fs.readdirSync(cache, { recursive: true }) : []);
    expect(files().filter((name) => name.startsWith('text'))).toEqual([]);
    const before = process.env.SHADER_CACHE_DIR;
    process.env.SHADER_CACHE_DIR = cache;
    const model = await gpu.loadModel(gpu.defaultModel);
    if (before === undefined) delete process.env.SHADER_CACHE_DIR;
    else process.env.SHADER_CACHE_DIR = before;
    expect(files().filter((name) => name.startsWith('text')).length).toBeGreaterThan(1);
    expect(json(['embed', 'a'], { env }).model.precision).toBe(model.precision);
    await model.close();
  });

  test('says where a text was cut', () => {
    const long = 'permission '.repeat(400);
    expect(json(['embed', long]).truncated).toEqual([true]);
    expect(cli(['embed', long]).stdout).toMatch(/128 tokens, cut/);
  });
});

describe('rerank', () => {
  test('puts the best first, by the cosine of an encoder, which it says', () => {
    const { by, results } = json(['rerank', kQuestion, ...kTexts]);
    expect(by).toBe('cosine');
    expect(results.map(({ index, text }) => text === kTexts[index])).toEqual([true, true, true]);
    expect(results.at(-1).text).toBe(kTexts[1]);
    expect(results.map(({ score }) => score)).toEqual(results.map(({ score }) => score).sort((a, b) => b - a));
    const { stdout } = cli(['rerank', kQuestion, ...kTexts, '--top', '1']);
    expect(stdout).toContain('cosine of the vectors');
    expect(stdout).toContain(results[0].text);
    expect(stdout).not.toContain(kTexts[1]);
  });
});

describe('tokenize', () => {
  test('shows the tokens with their places in the text', () => {
    const text = 'Permission, naïvely 😀 granted';
    const [{ ids, tokens, spans }] = json(['tokenize', text]).texts;
    expect(ids.length).toBeGreaterThan(4);
    expect(tokens.length).toBe(ids.length);
    spans.forEach(([start, end], i) => {
      if (end > start) expect(tokens[i]).toBe(text.slice(start, end));
    });
    const { stdout } = cli(['tokenize', text]);
    expect(stdout).toContain(`${ids.length} tokens  ${text}`);
    ids.forEach((id) => expect(stdout).toContain(` ${id}`));
  });
});

describe('tokenize of a model with special tokens', () => {
  test('shows what they are called, and reads no weights', () => {
    const spec = makeModel('bert');
    const model = writeModel(path.join(folder, 'bert'), { ...spec, tokenizer: tokenizerOf(spec) });
    fs.rmSync(path.join(model, 'model.safetensors'));
    const { model: about, texts } = json(['tokenize', 'a copy', '', '--model', model]);
    expect(about).toMatchObject({ source: model, family: 'bert', kind: 'encoder', maxLength: 24 });
    expect(texts.map(({ tokens }) => tokens)).toEqual([
      ['[CLS]', 'a', 'copy', '[SEP]'],
      ['[CLS]', '[SEP]'],
    ]);
    expect(cli(['tokenize', 'a copy', '--model', model]).stdout).toMatch(
      /"\[CLS\]" 2 {2}"a" \d+ {2}"copy" \d+ {2}"\[SEP\]" 3/,
    );
  });
});

describe('printJsonLine', () => {
  test('writes what JSON.stringify() does, item by item', () => {
    const written = [];
    const write = jest.spyOn(process.stdout, 'write').mockImplementation((text) => void written.push(text));
    printJsonLine({ model: { a: [1] }, rows: [[1, 2], [3]].values(), none: [].values(), text: 'x' });
    write.mockRestore();
    expect(written.join('')).toBe('{"model":{"a":[1]},"rows":[[1,2],[3]],"none":[],"text":"x"}\n');
    expect(written.length).toBeGreaterThan(5);
  });
});

describe('what can not be right', () => {
  test.each([
    ['no model', () => {}, /has no config.json/],
    [
      'a damaged one',
      (at) => fs.truncateSync(path.join(writeModel(at, makeModel('bert')), 'model.safetensors'), 500),
      /cut off/,
    ],
  ])('a model that can not be used ends with 1: %s', (name, make, message) => {
    const model = path.join(folder, name);
    fs.mkdirSync(model);
    make(model);
    for (const command of ['embed', 'rerank']) {
      const { status, stderr } = cli([command, 'a', 'b', '--model', model]);
      expect(stderr).toMatch(message);
      expect(status).toBe(1);
    }
    expect(cli(['tokenize', 'a', '--model', path.join(folder, 'nowhere')]).status).toBe(1);
  });

  test.each([
    [['embed'], 2, /give texts/],
    [['rerank'], 2, /give a query/],
    [['rerank', 'query'], 2, /the texts that it is to find/],
    [['tokenize'], 2, /give texts/],
    [['embed', 'a', '--file', 'b'], 2, /leave out 'a'/],
    [['embed', '--file', '/no/such/lines.txt'], 1, /no such file/],
    [['embed', 'a', '--model', '/no/such/model'], 1, /no\/such\/model/],
    [['embed', 'a', '--precision', 'float8'], 2, /float8/],
    [['embed', 'a', '--model', 'https://huggingface.co/x'], 2, /nothing is downloaded/],
    [['rerank', 'a', 'b', '--top', '0'], 2, /whole number/],
  ])('%j ends with %i', (args, code, message) => {
    const { status, stdout, stderr } = cli(args);
    expect({ status, stdout }).toEqual({ status: code, stdout: '' });
    expect(stderr).toMatch(message);
  });

  test('a package that is not installed: what installs it', () => {
    // A copy without the packages beside it.
    const bare = path.join(folder, 'bare');
    fs.mkdirSync(bare);
    const code = `
      const Module = require('node:module');
      const resolve = Module._resolveFilename;
      Module._resolveFilename = function (request, ...rest) {
        if (request.startsWith(${JSON.stringify(gpu.defaultModel)})) {
          throw Object.assign(new Error('not there'), { code: 'MODULE_NOT_FOUND' });
        }
        return resolve.call(this, request, ...rest);
      };`;
    const hook = path.join(bare, 'hook.js');
    fs.writeFileSync(hook, code);
    const { status, stderr } = cli(['embed', 'a'], { env: { NODE_OPTIONS: `--require ${hook}` } });
    expect(status).toBe(1);
    expect(stderr).toContain(`npm install ${gpu.defaultModel}`);
  });

  test.each(['embed', 'rerank', 'tokenize'])('%s --help', (command) => {
    const { status, stdout } = spawnSync(process.execPath, [cliProgram, command, '--help'], { encoding: 'utf8' });
    expect(status).toBe(0);
    for (const option of ['--model', '--file', '--device', '--json', 'Exit codes']) expect(stdout).toContain(option);
  });
});
