// The table of what kernels take: how it is read from what the assembler says, and that it has every kernel.
'use strict';
const fs = require('node:fs');
const { inRoot } = require('../../support/paths');
const { occupancy, readAssembler, readThreads, plainName, tableOf, kTable } = require('../../../tools/kernel-resources');

const kSaid = `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Zone' for 'sm_80'
ptxas info    : Function properties for _Zone
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 64 registers, used 1 barriers, 1024 bytes smem, 400 bytes cmem[0]
ptxas info    : Compiling entry function '_Ztwo' for 'sm_90'
ptxas info    : Function properties for _Ztwo
    24 bytes stack frame, 20 bytes spill stores, 12 bytes spill loads
ptxas info    : Used 80 registers, used 0 barriers, 24 bytes cumulative stack size
`;

test('what the assembler says of each kernel is read', () => {
  expect(readAssembler(kSaid)).toEqual([
    { symbol: '_Zone', arch: 80, registers: 64, shared: 1024, stack: 0, spills: 0 },
    { symbol: '_Ztwo', arch: 90, registers: 80, shared: 0, stack: 24, spills: 32 },
  ]);
});

test('the threads of a block are read from PTX', () => {
  const ptx = '.visible .entry _Zone(\n\t.param .u64 a,\n\t.param .b32 b\n)\n.maxntid 256, 1, 1\n.minnctapersm 4\n{';
  expect([...readThreads(ptx)]).toEqual([['_Zone', 256]]);
});

test('names are those of the source', () => {
  expect(plainName('void switchyard::cuda::softmaxKernel<32u, 2u>(void const*, SoftmaxParams)')).toBe(
    'softmaxKernel<32, 2>',
  );
});

test.each([
  [80, { threads: 256, registers: 32, shared: 0 }, { blocks: 8, fraction: 1, limit: 'threads' }],
  [80, { threads: 256, registers: 64, shared: 0 }, { blocks: 4, fraction: 0.5, limit: 'registers' }],
  [80, { threads: 64, registers: 16, shared: 0 }, { blocks: 32, fraction: 1, limit: 'threads' }],
  [80, { threads: 32, registers: 16, shared: 0 }, { blocks: 32, fraction: 0.5, limit: 'blocks' }],
  [80, { threads: 256, registers: 32, shared: 48 << 10 }, { blocks: 3, fraction: 0.375, limit: 'shared memory' }],
  [90, { threads: 256, registers: 32, shared: 48 << 10 }, { blocks: 4, fraction: 0.5, limit: 'shared memory' }],
  [90, { threads: 256, registers: 65, shared: 0 }, { blocks: 3, fraction: 0.375, limit: 'registers' }],
])('occupancy on sm_%i of %j', (arch, kernel, expected) => {
  expect(occupancy(arch, kernel)).toEqual(expected);
});

test('a kernel that spills stands out', () => {
  const entries = readAssembler(kSaid).map((one) => ({ ...one, file: 'a', name: one.symbol, threads: 256 }));
  expect(tableOf(entries, [80, 90])).toContain('**32 B spilled**');
});

test('the table has every kernel, on three architectures, and none that spills', () => {
  const table = fs.readFileSync(kTable, 'utf8');
  expect(table).toContain('| sm_80 | sm_90 | sm_100 |');
  expect(table).not.toContain('spilled**');
  const missing = [];
  for (const file of fs.readdirSync(inRoot('kernels')).filter((name) => name.endsWith('.cu'))) {
    const source = fs.readFileSync(inRoot('kernels', file), 'utf8');
    const kernels = [...source.matchAll(/__global__[^;{]*?\s(\w+Kernel)\(/g)].map(([, name]) => name);
    expect(kernels.length).toBeGreaterThan(0);
    missing.push(...kernels.filter((name) => !new RegExp(`\\| ${file.replace('.cu', '')} \\| \`${name}\\b`).test(table)));
  }
  expect(missing).toEqual([]); // run `npm run kernels:resources`
});
