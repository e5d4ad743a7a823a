// The table of methods: what stands in it, its schemas, GET /openapi.json, and that nothing is loaded for it.
'use strict';
const { execFileSync } = require('node:child_process');
const path = require('node:path');
const { kMethods, methods, kRemedies } = require('../../../lib/rpc');
const { kDoorCodes } = require('../../../lib/rpc/errors');
const { checkOf, checkParams } = require('../../../lib/rpc/validate');
const { codes } = require('../../../lib/addon');
const { describe: openApi } = require('../../../lib/service/openapi');
const { kEndpoints } = require('../../../lib/service/endpoints');

const kRoot = path.join(__dirname, '../../..');

test('the methods are those that were promised', () =>
  expect(kMethods.map(({ name }) => name).sort()).toEqual(
    `processEmbeddings embed rerank memory_remember memory_recall memory_forget index_create index_add index_upsert
     index_remove index_search index_stats store_put store_get store_delete store_list executeWorkload listWorkloads
     listDevices getMetrics health listKept cleanup subscribe`
      .split(/\s+/)
      .sort(),
  ));

test.each(kMethods.map((method) => [method.name, method]))('%s has schemas that are strict, and words', (_, method) => {
  for (const schema of [method.params, method.result]) {
    expect(schema.type).toBe('object');
    expect(checkOf(schema)).toBeInstanceOf(Function);
  }
  expect(method.params.additionalProperties).toBe(false);
  expect(method.description).toMatch(/\.$/);
  expect(['read', 'write', 'admin']).toContain(method.scope);
  for (const place of method.tensors ?? []) expect(method.params.properties).toHaveProperty(place.split('.')[0]);
  // Whatever there is of a field is said.
  const fields = Object.entries(method.params.properties).filter(([name]) => name !== 'job' && name !== 'options');
  for (const [name, { description }] of fields) expect([name, description]).toEqual([name, expect.any(String)]);
});

test('they are looked up in a map, so a name of JavaScript is none', () => {
  expect(methods).toBeInstanceOf(Map);
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) expect(methods.has(name)).toBe(false);
});

test('every error has a number of its own and what helps', () => {
  const names = [...codes.keys(), ...Object.keys(kDoorCodes)];
  expect(Object.keys(kRemedies).sort()).toEqual(names.sort());
  const numbers = [...[...codes.values()].map(({ rpcCode }) => rpcCode), ...Object.values(kDoorCodes)];
  expect(new Set(numbers).size).toBe(numbers.length);
});

test('the table is read without the addon, the cluster or the validator', () => {
  const script = `
    const { kMethods, Dispatcher } = require('./lib/rpc');
    new Dispatcher(() => { throw new Error('not yet'); });
    const loaded = Object.keys(require.cache).map((file) => file.slice(process.cwd().length + 1));
    console.log(JSON.stringify({ count: kMethods.length, loaded }));`;
  const said = execFileSync(process.execPath, ['-e', script], { cwd: kRoot, encoding: 'utf8' });
  const { count, loaded } = JSON.parse(said);
  expect(count).toBe(kMethods.length);
  expect(
    loaded.filter(
      (file) =>
        !/^lib\/(rpc|core)\//.test(file) &&
        !/pino|sonic|atomic-sleep|real-require|thread-stream|on-exit|safe-stable|quick-format|process-warning/.test(
          file,
        ),
    ),
  ).toEqual([]);
  expect(loaded.join()).not.toMatch(/ajv|\.node|lib\/(addon|call|cluster|exchange)/);
});

describe('what is wrong is said in words', () => {
  const check = (name, params) => () => checkParams(methods.get(name).params, params, 'params');
  test.each([
    ['embed', {}, 'texts is missing', 'texts'],
    ['embed', { texts: 'a' }, "texts is 'a', but must be an array", 'texts'],
    ['embed', { texts: ['a', null] }, 'texts[1] is null, but must be a string', 'texts[1]'],
    ['embed', { texts: [], txts: 1 }, "unknown field 'txts' of params (did you mean 'texts'?)", 'txts'],
    [
      'embed',
      { texts: [], dtype: 'int8' },
      "dtype is 'int8', but must be one of 'float32', 'float16', 'bfloat16'",
      'dtype',
    ],
    ['embed', { texts: [], job: { timeout: 0 } }, 'job.timeout is 0, but must be more than 0', 'job.timeout'],
    [
      'embed',
      { texts: [], model: '../x' },
      "model is '../x', but must be made of letters, digits, '.', '_' and '-'",
      'model',
    ],
    ['store_list', { limit: 1e9 }, 'limit is 1000000000, but must be at most 10000', 'limit'],
    ['memory_remember', { documents: [] }, 'documents is [], but must have at least 1 entries', 'documents'],
    [
      'memory_remember',
      { documents: [{ text: 'a', txt: 'b' }] },
      "unknown field 'txt' of documents[0] (did you mean 'text'?)",
      'documents[0].txt',
    ],
    [
      'processEmbeddings',
      { options: { quantization: 5 } },
      'options.quantization is 5, but must be one of true, false, 8, 4',
      'options.quantization',
    ],
    [
      'subscribe',
      { events: ['metrics', 'metrics'] },
      "events is ['metrics', 'metrics'], but must have no entry twice",
      'events',
    ],
  ])('%s %j', (name, params, message, argument) =>
    expect(check(name, params)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message, argument })),
  );
});

test('GET /openapi.json: all methods, and every reference leads somewhere', () => {
  const described = openApi(kEndpoints);
  expect(described.openapi).toBe('3.1.0');
  const text = JSON.stringify(described);
  for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
    expect(described.components.schemas).toHaveProperty([name]);
  for (const { name } of kMethods) expect(described.components.schemas[`${name}.request`]).toBeDefined();
  for (const { path: at, method, isPart } of kEndpoints) {
    const listed = described.paths[at.replace(/<(\w+)>/g, '{$1}')];
    if (isPart) expect(listed).toBeUndefined();
    else expect(listed).toHaveProperty(method.toLowerCase());
  }
  const { Ajv2020 } = require('ajv/dist/2020');
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  for (const schema of Object.values(described.components.schemas))
    expect(ajv.compile(schema)).toBeInstanceOf(Function);
});
