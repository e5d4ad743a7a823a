// CONTRIBUTING.md's recipe for a workload, followed to the letter in a copy: built, tested natively, and run from
// JavaScript on each kind of device. Takes as long as the core takes to compile.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root, makeTree, run } = require('./tree');

jest.setTimeout(50 * 60_000);
const tree = path.join(root, 'build', 'recipes', 'workload');

const kScript = `
const gpu = require('.');
const input = Float32Array.from({ length: 1003 }, (_, i) => Math.sin(i) * 3);
input[7] = NaN;
const expected = Array.from(input, (x) => (x < -0.5 ? -0.5 : x > 1.5 ? 1.5 : x));
(async () => {
  const results = {};
  for (const device of gpu.devices()) {
    const ctx = await gpu.createContext({ device: device.id });
    const job = { type: 'clamp', inputs: { input }, params: { low: -0.5, high: 1.5 } };
    const { data } = (await ctx.run(job)).outputs.output;
    const refused = await ctx.run({ ...job, params: { low: 2, high: 1 } }).catch((error) => error.code);
    results[device.backend] = { right: expected.every((x, i) => Object.is(x, data[i])), refused };
    await ctx.close();
  }
  const manager = gpu.createGPUClusterManager({ contextTypes: ['cpu'], logLevel: 'error' });
  await manager.ready;
  const { data } = await manager.ops.clamp(input, { low: -0.5, high: 1.5 });
  results.ops = expected.every((x, i) => Object.is(x, data[i]));
  await manager.close();
  console.log(JSON.stringify(results));
})();
`;

beforeAll(() => {
  makeTree(tree, 'workload');
  run(tree, 'cmake', ['--preset', 'release', '-DSWITCHYARD_CUDA=off']);
  run(tree, 'cmake', ['--build', '--preset', 'release', '--target', 'switchyard_node', 'switchyard_tests']);
});

test('its cases pass on every device, the guarded and the emulated ones too', () => {
  const out = run(tree, path.join(tree, 'build/release/switchyard_tests'), ['--gtest_filter=*clamp*']);
  const passed = Number(/\[ {2}PASSED {2}\] (\d+) tests?/.exec(out)?.[1]);
  expect(passed).toBeGreaterThan(30);
  expect(out).toMatch(/vulkan/);
  expect(out).toMatch(/cpu/);
});

test('JavaScript runs it on the CPU and on Vulkan, alone and through the manager', () => {
  const results = JSON.parse(run(tree, process.execPath, ['-e', kScript]).trim().split('\n').pop());
  expect(results.cpu).toEqual({ right: true, refused: 'ERR_INVALID_ARGUMENT' });
  expect(results.vulkan).toEqual({ right: true, refused: 'ERR_INVALID_ARGUMENT' });
  expect(results.ops).toBe(true);
});

test('the command line has inputs for it', () => {
  const script = "console.log(require('./lib/cli/inputs').makeJob('clamp', [2, 3]).inputs.input.shape.join('x'))";
  expect(run(tree, process.execPath, ['-e', script])).toBe('2x3\n');
});

test('what is generated names it; types, lint and formats find nothing', () => {
  run(tree, process.execPath, ['tools/generate.js']);
  const file = path.join(tree, 'accepts-clamp.ts');
  fs.writeFileSync(
    file,
    "import gpu = require('.');\nexport const job: gpu.Workload = { type: 'clamp', inputs: { input: [1] } };\n",
  );
  run(tree, process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.', '--noEmit']);
  fs.rmSync(file);
  run(tree, process.execPath, ['tools/lint.js', 'prettier', 'clang-format', 'columns', 'includes', 'generated']);
});
