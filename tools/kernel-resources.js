// `npm run kernels:resources`: compiles each kernel for some architectures and writes what a thread and a block of it
// take to docs/kernel-resources.md. It needs nvcc, and some minutes; no card. node tools/kernel-resources.js
// [--archs 80,90] [file.cu ...]: of named architectures or files the table is printed and not written. Fails where a
// kernel spills.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { root, run, describeEnd } = require('./process');

const kTable = path.join(root, 'docs', 'kernel-resources.md');
const kShown = [80, 90, 100];
const kTried = [75, 120]; // compiled as well, lest a kernel spills there
const kWarp = 32;
// What a multiprocessor has, by compute capability (CUDA programming guide, "Technical Specifications per Compute
// Capability"). A block's shared memory takes 1 KiB more than it asks for.
const kMachines = {
  75: { threads: 1024, blocks: 16, shared: 64 << 10, reserved: 0 },
  80: { threads: 2048, blocks: 32, shared: 164 << 10, reserved: 1024 },
  86: { threads: 1536, blocks: 16, shared: 100 << 10, reserved: 1024 },
  89: { threads: 1536, blocks: 24, shared: 100 << 10, reserved: 1024 },
  90: { threads: 2048, blocks: 32, shared: 228 << 10, reserved: 1024 },
  100: { threads: 2048, blocks: 32, shared: 228 << 10, reserved: 1024 },
  120: { threads: 1536, blocks: 24, shared: 100 << 10, reserved: 1024 },
};
const kRegisters = 64 << 10; // of a multiprocessor, in four parts, given to warps by 256
const kParts = 4;

// Blocks of a kernel that a multiprocessor holds at once, and what keeps it from more.
function occupancy(arch, { threads, registers, shared }) {
  const machine = kMachines[arch];
  const warps = Math.ceil(threads / kWarp);
  const ofWarp = Math.ceil((registers * kWarp) / 256) * 256;
  const limits = {
    threads: Math.floor(machine.threads / kWarp / warps),
    blocks: machine.blocks,
    registers: Math.floor((Math.floor(kRegisters / kParts / ofWarp) * kParts) / warps),
    'shared memory': shared
      ? Math.floor(machine.shared / (Math.ceil(shared / 128) * 128 + machine.reserved))
      : Infinity,
  };
  const blocks = Math.min(...Object.values(limits));
  const limit = Object.keys(limits).find((name) => limits[name] === blocks);
  return { blocks, fraction: (blocks * warps * kWarp) / machine.threads, limit };
}

// What `ptxas -v` says -> [{ symbol, arch, registers, shared, stack, spills }]. Functions that a kernel calls have
// properties of their own behind it: what they spill is the kernel's, too.
function readAssembler(text) {
  const entries = [];
  let entry;
  for (const line of text.split('\n')) {
    const begin = /Compiling entry function '([\w$]+)' for 'sm_(\d+)/.exec(line);
    if (begin) {
      entry = { symbol: begin[1], arch: Number(begin[2]), registers: 0, shared: 0, stack: 0, spills: 0 };
      entries.push(entry);
    }
    if (!entry) continue;
    const frame = /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/.exec(line);
    if (frame) {
      entry.stack += Number(frame[1]);
      entry.spills += Number(frame[2]) + Number(frame[3]);
    }
    const used = /Used (\d+) registers/.exec(line);
    if (!used) continue;
    entry.registers = Number(used[1]);
    entry.shared = Number(/(\d+) bytes smem/.exec(line)?.[1] ?? 0);
  }
  return entries;
}

// PTX -> the threads of a block of each entry.
function readThreads(ptx) {
  const found = [...ptx.matchAll(/\.entry ([\w$]+)\([^)]*\)\s*\.maxntid (\d+)/g)];
  return new Map(found.map(([, symbol, threads]) => [symbol, Number(threads)]));
}

// switchyard::cuda::softmaxKernel<32u, 2u>(void const*, ...) -> softmaxKernel<32, 2>. Brackets stand in names, too:
// (anonymous namespace)::, and (Kind)1 in lists of template arguments.
function plainName(demangled) {
  let end = demangled.length;
  if (demangled.endsWith(')')) {
    let depth = 0;
    do {
      end -= 1;
      depth += { ')': 1, '(': -1 }[demangled[end]] ?? 0;
    } while (depth && end);
  }
  return demangled
    .slice(0, end)
    .replace(/^void /, '')
    .replaceAll('(anonymous namespace)::', '')
    .replaceAll('switchyard::cuda::', '')
    .replace(/\b(\d+)u\b/g, '$1');
}

async function output(command, args) {
  const result = await run(command, args, { timeoutMs: 9 * 60_000 });
  if (result.error) throw result.error;
  if (result.code !== 0) throw new Error(`${command} ${describeEnd(result.code, result.signal)}\n${result.output}`);
  return result.output;
}

async function compile(file, archs, folder) {
  const keep = path.join(folder, path.basename(file, '.cu'));
  fs.mkdirSync(keep);
  const targets = archs.flatMap((arch) => ['-gencode', `arch=compute_${arch},code=sm_${arch}`]);
  const flags = [
    '-std=c++17',
    '-O3',
    '-I',
    'src',
    '-I',
    'kernels',
    '-I',
    '.',
    '-Xptxas',
    '-v',
    '--keep',
    '--keep-dir',
    keep,
  ];
  const said = await output(nvcc(), [...flags, ...targets, '-fatbin', '-o', path.join(keep, 'out.fatbin'), file]);
  const threads = new Map();
  for (const name of fs.readdirSync(keep).filter((one) => one.endsWith('.ptx')))
    for (const [symbol, count] of readThreads(fs.readFileSync(path.join(keep, name), 'utf8')))
      threads.set(symbol, count);
  const entries = readAssembler(said);
  if (!entries.length) throw new Error(`${file}: nvcc named no kernel\n${said}`);
  const names = await output(
    'c++filt',
    entries.map((entry) => entry.symbol),
  );
  names
    .trim()
    .split('\n')
    .forEach((name, i) => {
      entries[i].name = plainName(name);
      entries[i].threads = threads.get(entries[i].symbol);
      if (!entries[i].threads) throw new Error(`${file}: ${entries[i].name} has no __launch_bounds__`);
    });
  return entries;
}

function nvcc() {
  const known = '/usr/local/cuda/bin/nvcc';
  return fs.existsSync(known) ? known : 'nvcc';
}

function cell(entry) {
  if (!entry) return '';
  const { fraction, limit } = occupancy(entry.arch, entry);
  const parts = [`${entry.registers}, ${Math.round(100 * fraction)}%${fraction < 1 ? ` (${limit})` : ''}`];
  if (entry.spills) parts.push(`**${entry.spills} B spilled**`);
  else if (entry.stack) parts.push(`${entry.stack} B local`);
  return parts.join(', ');
}

// One row for each kernel: [{ file, name, threads, shared, ofArch: Map }].
function rowsOf(entries) {
  const rows = new Map();
  for (const entry of entries) {
    const key = `${entry.file} ${entry.name}`;
    if (!rows.has(key)) rows.set(key, { ...entry, ofArch: new Map() });
    if (rows.get(key).ofArch.has(entry.arch)) throw new Error(`two kernels are called ${key}, on sm_${entry.arch}`);
    rows.get(key).ofArch.set(entry.arch, entry);
  }
  return [...rows.values()].sort((a, b) => a.file.localeCompare(b.file) || a.threads - b.threads);
}

function tableOf(entries, archs) {
  const head = ['file', 'kernel', 'threads', 'shared', ...archs.map((arch) => `sm_${arch}`)];
  const lines = rowsOf(entries).map((row) => [
    row.file,
    `\`${row.name}\``,
    row.threads,
    row.shared,
    ...archs.map((arch) => cell(row.ofArch.get(arch))),
  ]);
  return [head, head.map(() => '---'), ...lines].map((line) => `| ${line.join(' | ')} |`).join('\n');
}

// What kernels/ is, but for comments and blanks: whether the page is of these kernels.
function hashOfKernels(folder = path.join(root, 'kernels')) {
  const hash = crypto.createHash('sha256');
  for (const file of fs.readdirSync(folder).sort()) {
    const source = fs.readFileSync(path.join(folder, file), 'utf8');
    hash.update(`${file}\n${source.replace(/\/\/.*$/gm, '').replace(/\s+/g, ' ')}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

function page(entries, archs, version, hash) {
  const tried = kTried.map((arch) => `sm_${arch}`).join(' or ');
  return `# What the CUDA kernels take

Written by \`npm run kernels:resources\`, by ${version}, of kernels ${hash}.

For each kernel: the threads of a block, the bytes of shared memory that it has by itself, and for each architecture the
registers of a thread, the share of a multiprocessor's threads that are in flight at once with that, and in brackets
what keeps it from more. Spilled are registers that had to go to memory; local is memory of a thread whose places are
chosen at run time. No kernel may spill, on these or on ${tried}: the command fails then.

${tableOf(entries, archs)}
`;
}

// -> { archs, files, isWhole }: whether it is the page that is asked for.
function readArguments(args) {
  const files = [];
  let archs;
  for (let i = 0; i < args.length; ++i) {
    if (args[i] === '--archs') archs = (args[++i] ?? '').split(',').map(Number);
    else if (args[i].startsWith('-')) throw new Error(`unknown option ${args[i]}`);
    else files.push(args[i]);
  }
  for (const arch of archs ?? [])
    if (!kMachines[arch])
      throw new Error(`--archs takes some of ${Object.keys(kMachines).join()}, with commas between them`);
  return { archs: archs ?? [...kShown, ...kTried], files, isWhole: !archs && !files.length };
}

// Of all files; the first error once no compiler writes to `folder` any more.
async function compileAll(files, archs, folder) {
  const entries = [];
  const waiting = [...files];
  const work = async () => {
    for (let file = waiting.shift(); file; file = waiting.shift()) {
      const found = await compile(file, archs, folder);
      entries.push(...found.map((entry) => ({ ...entry, file: path.basename(file, '.cu') })));
      process.stderr.write(`${path.basename(file)}: ${found.length / archs.length} kernels\n`);
    }
  };
  const stopping = () =>
    work().catch((error) => {
      waiting.length = 0;
      throw error;
    });
  const ends = await Promise.allSettled(Array.from({ length: Math.min(os.availableParallelism(), 8) }, stopping));
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed) throw failed.reason;
  return entries;
}

async function main(args) {
  const { archs, files, isWhole } = readArguments(args);
  const all = fs.readdirSync(path.join(root, 'kernels')).filter((file) => file.endsWith('.cu'));
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kernel-resources-'));
  const hash = hashOfKernels();
  let entries;
  try {
    entries = await compileAll(files.length ? files : all.map((file) => path.join('kernels', file)), archs, folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
  const version = /release [\d.]+, (V[\d.]+)/.exec(await output(nvcc(), ['--version']))?.[1] ?? 'of an unknown version';
  if (isWhole) fs.writeFileSync(kTable, page(entries, kShown, `nvcc ${version}`, hash));
  else console.log(tableOf(entries, archs));
  const spilling = entries.filter((entry) => entry.spills);
  for (const { file, name, arch, spills } of spilling)
    console.error(`${file}: ${name} spills ${spills} B on sm_${arch}`);
  if (spilling.length) process.exitCode = 1;
}

if (require.main === module)
  main(process.argv.slice(2)).catch((error) => {
    console.error(error.message);
    process.exitCode = 1;
  });

module.exports = {
  occupancy,
  readAssembler,
  readThreads,
  readArguments,
  plainName,
  tableOf,
  hashOfKernels,
  kTable,
};
