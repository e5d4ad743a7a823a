// The table of what kernels take: how it is read from what the assembler says, and that it has every kernel.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { inRoot } = require('../../support/paths');
const {
  occupancy,
  readAssembler,
  readThreads,
  readArguments,
  plainName,
  tableOf,
  hashOfKernels,
  kTable,
} = require('../../../tools/kernel-resources');

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

test("what a function spills that a kernel calls is the kernel's", () => {
  const said = `${kSaid}ptxas info    : Function properties for _Zhelper
    16 bytes stack frame, 8 bytes spill stores, 8 bytes spill loads
ptxas info    : Function properties for _Zother
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
`;
  expect(readAssembler(said)[1]).toMatchObject({ symbol: '_Ztwo', stack: 40, spills: 48 });
});

test('a kernel without bounds does not get those of the next', () => {
  const ptx = '.entry _Zone(\n.param .u64 a\n)\n{\n}\n.entry _Ztwo(\n.param .u64 a\n)\n.maxntid 256, 1, 1\n{';
  expect([...readThreads(ptx)]).toEqual([['_Ztwo', 256]]);
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
  ['void switchyard::cuda::scan<(switchyard::cuda::Kind)1, 2u>(void (*)(int))', 'scan<(Kind)1, 2>'],
  ['switchyard::cuda::(anonymous namespace)::fillKernel(float*)', 'fillKernel'],
  ['_Zone', '_Zone'],
])('%s is called %s', (demangled, name) => {
  expect(plainName(demangled)).toBe(name);
});

test('two kernels of one name are refused', () => {
  const entry = { file: 'a', name: 'b', arch: 80, threads: 32, registers: 8, shared: 0 };
  expect(tableOf([entry, { ...entry, arch: 90 }], [80, 90])).toContain('| `b` |');
  expect(() => tableOf([entry, entry], [80])).toThrow('two kernels are called a b');
});

test('only the whole is written to the page', () => {
  expect(readArguments([])).toEqual({ archs: [80, 90, 100, 75, 120], files: [], isWhole: true });
  expect(readArguments(['--archs', '80,90'])).toEqual({ archs: [80, 90], files: [], isWhole: false });
  expect(readArguments(['a.cu'])).toMatchObject({ files: ['a.cu'], isWhole: false });
  for (const wrong of [['--archs'], ['a.cu', '--archs'], ['--archs', '81'], ['--arch', '80']])
    expect(() => readArguments(wrong)).toThrow();
});

test('the hash is that of code, whatever its comments', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kernels-'));
  const hashOf = (text) => {
    fs.writeFileSync(path.join(folder, 'a.cu'), text);
    return hashOfKernels(folder);
  };
  try {
    const hash = hashOf('// one\nint  x;\n');
    expect(hashOf('int x; // two\n')).not.toBe(hashOf('int y;\n'));
    expect(hashOf('// two\nint x;\n')).toBe(hash);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
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
    missing.push(
      ...kernels.filter((name) => !new RegExp(`\\| ${file.replace('.cu', '')} \\| \`${name}\\b`).test(table)),
    );
  }
  expect(missing).toEqual([]); // run `npm run kernels:resources`
  expect(table).toContain(`of kernels ${hashOfKernels()}`); // else too
});
