// What options of createGPUClusterManager() decide: which devices its contexts are on, and what reaches its workers.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { inRoot } = require('../../support/paths');
const { describe: describeCall, setPrecision, leavePrecision } = require('../../../lib/call');

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-settings-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** The devices of a manager's contexts, or why it has none. */
function contextsOf(options, env = {}) {
  const script = `
    const gpu = require(${JSON.stringify(inRoot('lib'))});
    const manager = gpu.createGPUClusterManager(${JSON.stringify(options)});
    manager.ready
      .then(
        () => manager.contexts().map(({ device }) => device),
        ({ code, message }) => ({ code, message }),
      )
      .then(async (said) => {
        console.log(JSON.stringify(said));
        await manager.close();
      });`;
  const file = path.join(folder, 'app.js');
  fs.writeFileSync(file, script);
  const child = spawnSync(process.execPath, [file], { encoding: 'utf8', env: { ...process.env, ...env } });
  return { ...child, said: JSON.parse(child.stdout) };
}

test('devices limits what a manager may use', () => {
  expect(contextsOf({ devices: ['cpu:0'] }).said).toEqual(['cpu:0', 'cpu:0']);
  expect(contextsOf({}, { GPU_DEVICES: 'cpu' }).said).toEqual(['cpu:0', 'cpu:0']);
});

test('in its workers, too', () => {
  expect(contextsOf({ workers: 2, devices: ['cpu:0'], contextsPerWorker: 1 }).said).toEqual(['cpu:0', 'cpu:0']);
});

test.each([
  ['gpu', { gpu: false }],
  ['vulkan and cuda', { vulkan: false, cuda: false }],
])('%s may be turned off in code', (_, options) => {
  expect(contextsOf(options).said).toEqual(['cpu:0', 'cpu:0']);
});

test('devices that are not there are told, and why nothing could be opened', () => {
  const { said, stderr } = contextsOf({ devices: ['cuda:77', 'vulkan:77'] });
  expect(said).toEqual({
    code: 'ERR_UNSUPPORTED',
    message:
      'no context could be opened in this process: devices allows cuda:77, vulkan:77 alone ' +
      '(`npx switchyard devices` lists what is here)',
  });
  expect(JSON.parse(stderr.split('\n')[0])).toMatchObject({ level: 'warn', missing: ['cuda:77', 'vulkan:77'] });
});

test('precision is that of matrix products whose call names none', () => {
  const a = { data: new Float32Array(4), shape: [2, 2] };
  const numbers = (params) => {
    const call = describeCall({ type: 'matmul', inputs: { a, b: a }, params });
    const [, , , precision] = call.identity().numbers;
    call.clear();
    return precision;
  };
  expect([undefined, {}, { precision: 'high' }, { precision: 'fast' }].map(numbers)).toEqual([NaN, NaN, 0, 1]);
  const manager = {};
  setPrecision('fast', manager);
  setPrecision('high'); // a context beside it
  expect([undefined, {}, { precision: 'high' }].map(numbers)).toEqual([1, 1, 0]);
  leavePrecision(manager);
  expect(numbers({})).toBeNaN();
});
