// The GPU kit: its rows are those of docs/gpu.md and cover every workload, its report is whole at any time, and its
// builder sees what would not load on an older Linux.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn } = require('node:child_process');
const Ajv = require('ajv');
const { native } = require('../../../lib/addon');
const { cases, kWithoutCase, wordsOf } = require('../../../bench/kit/cases');
const { BenchProcess } = require('../../../bench/kit/bench-process');
const { candidates, findLibraries, environmentWith } = require('../../../bench/kit/libraries');
const { markdown, Report, schema } = require('../../../bench/kit/report');
const { rows } = require('../../../bench/kit/rows');
const { isNewer, neededLibraries, neededVersions, replaceVersion, tooNew } = require('../../../tools/gpu-kit/elf');
const { closureOf } = require('../../../tools/gpu-kit/packages');
const { nativeProgram } = require('../../support/paths');

const root = path.resolve(__dirname, '../../..');
const temporary = () => fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-kit-'));
const isValid = new Ajv({ allowUnionTypes: true }).compile(schema);

describe('the rows', () => {
  test('are of one name each, the same for a card and elsewhere', () => {
    const names = rows(true).map((row) => row.name);
    expect(new Set(names).size).toBe(names.length);
    expect(rows(false).map((row) => row.name)).toEqual(names);
  });

  test('are those of docs/gpu.md, in that order', () => {
    const page = fs.readFileSync(path.join(root, 'docs', 'gpu.md'), 'utf8');
    const table = page.slice(page.indexOf('<!-- generated: gpu -->'));
    const onPage = [...table.matchAll(/^\| ([^|]+) \|/gm)]
      .map(([, name]) => name)
      .filter((name) => !/^(row|---)$/.test(name));
    expect(onPage).toEqual(rows(true).map((row) => row.name));
  });

  test('have an estimate with its reason, or none on purpose', () => {
    for (const { name, expect: share, binds, why } of rows(true)) {
      if (share !== null && !(share > 0 && share <= 1)) throw new Error(`${name} is foretold as ${share}`);
      if (!why || (share !== null && share < 1 && !binds)) throw new Error(`${name} has no reason`);
    }
  });

  test('every workload has a case, or a reason for which it has none', () => {
    const covered = new Set(cases(true).map((one) => one.type));
    const all = native.workloads().map((it) => it.type);
    expect(all.filter((type) => !covered.has(type) && !kWithoutCase[type])).toEqual([]);
    expect(Object.keys(kWithoutCase).filter((type) => covered.has(type) || !all.includes(type))).toEqual([]);
  });

  test('cases name inputs and parameters that their workload has', () => {
    const known = new Map(native.workloads().map((it) => [it.type, it]));
    for (const { name, type, inputs, params = {} } of cases(true)) {
      const { inputs: has, params: takes } = known.get(type);
      const wrong = Object.keys(inputs).filter((it) => !has.some((input) => input.name === it));
      wrong.push(...Object.keys(params).filter((it) => !takes.some((param) => param.name === it)));
      const missing = has.filter((it) => !it.optional && !inputs[it.name]).map((it) => it.name);
      expect([name, wrong, missing]).toEqual([name, [], []]);
    }
  });
});

describe('the bench process', () => {
  const begin = (device) => new BenchProcess(nativeProgram('switchyard_bench'), device, process.env);

  test('answers in order, tells what is wrong, and goes on after it has died', async () => {
    const bench = begin('cpu:0');
    try {
      const one = cases(false).find((it) => it.name === 'add');
      const { ms, outputBytes } = await bench.ask(`resident 0.01 ${wordsOf(one)}`, 20_000);
      expect(ms).toBeGreaterThan(0);
      expect(outputBytes).toBe(4 << 18);
      await expect(bench.ask('resident 0.01 add a=float32:4:uniform', 20_000)).rejects.toThrow(/input 'b' is missing/);
      await expect(bench.ask('resident 0.01 adds', 20_000)).rejects.toThrow(/no workload adds/);
      await expect(bench.ask('juggle', 20_000)).rejects.toThrow(/no command is called juggle/);
      process.kill(bench.pid, 'SIGKILL');
      await expect(bench.ask('memory', 20_000)).rejects.toThrow(/SIGKILL/);
      expect((await bench.ask('memory', 20_000)).residentBytes).toBeGreaterThan(1e6);
      await expect(bench.ask('spin 5 add a=float32:4:uniform b=float32:4:uniform', 50)).rejects.toThrow(/no answer/);
      expect((await bench.ask('context', 20_000)).contexts).toBe(1);
    } finally {
      bench.kill();
    }
  });

  test('a device that is not there is an error', async () => {
    const bench = begin('cuda:77');
    await expect(bench.ask('memory', 20_000)).rejects.toThrow(/cuda:77/);
    bench.kill();
  });
});

describe('the report', () => {
  const read = (folder) => JSON.parse(fs.readFileSync(path.join(folder, 'gpu-report.json'), 'utf8'));
  const begin = () => {
    const folder = temporary();
    const about = { minutes: 5, machine: { cpu: 'a|b', cores: 2 }, kit: { version: '1', commit: 'c', archs: '90' } };
    const report = new Report(folder, about);
    report.plan('cuda:0', rows(true));
    return { folder, report };
  };
  const requireValid = (content) => {
    if (!isValid(content)) throw new Error(JSON.stringify(isValid.errors));
  };

  test('is whole and valid from the beginning, whatever comes after', () => {
    const { folder, report } = begin();
    requireValid(read(folder));
    expect(read(folder)).toMatchObject({ state: 'running' });
    const early = new Report(folder, { minutes: 1, machine: {}, kit: {} });
    expect(read(folder)).toMatchObject({ state: 'running', minutes: 1, rows: [] });
    early.problem({ backend: 'vulkan', reason: 'it crashed' });
    early.end('failed');
    requireValid(read(folder));
    expect(read(folder)).toMatchObject({ state: 'failed', problems: [{ backend: 'vulkan', reason: 'it crashed' }] });
    report.write();
    expect(read(folder).rows.map((row) => row.name)).toEqual(rows(true).map((row) => row.name));
    report.measured('cuda:0', 'add', { value: 2, limit: 1, fraction: 0.5, detail: 'x' });
    report.skipped('cuda:0', 'scale', 'not here');
    report.failed('cuda:0', 'softmax', 'went wrong', { value: 3 });
    report.progress('cuda:0', 'conformance, the other cases', { value: 10, limit: 10, fraction: 1 });
    requireValid(read(folder));
    const row = (name) => read(folder).rows.find((it) => it.name === name);
    expect(row('add')).toMatchObject({ state: 'measured', value: 2, limit: 1, fraction: 0.5, unit: 'ms' });
    expect(row('scale')).toMatchObject({ state: 'skipped', value: null, reason: 'not here' });
    expect(row('softmax')).toMatchObject({ state: 'failed', value: 3, reason: 'went wrong' });
    expect(row('conformance, the other cases')).toMatchObject({ state: 'not reached', value: 10 });
    report.end('out of time');
    requireValid(read(folder));
    expect(read(folder).state).toBe('out of time');
    expect(fs.readdirSync(folder).sort()).toEqual(['gpu-report.json', 'gpu-report.md']);
  });

  test('has one line a figure: value, limit, fraction, and what was expected', () => {
    const { folder, report } = begin();
    report.measured('cuda:0', 'add', { value: 0.2512345, limit: 0.2, fraction: 0.796 });
    report.failed('cuda:0', 'scale', 'two\nlines | and a bar');
    const page = fs.readFileSync(path.join(folder, 'gpu-report.md'), 'utf8');
    expect(page).toBe(markdown(read(folder)));
    expect(page).toContain('| add | 0.2512 ms | 0.2 (copy) | 80% | 95% | |');
    expect(page).toContain('| scale | failed | - | - | 95% | failed; two lines \\| and a bar |');
    expect(page.split('\n').filter((line) => /^\| (?!what|---)/.test(line))).toHaveLength(rows(true).length);
  });

  test('takes no figure that is none, and no row that is not planned', () => {
    const { report } = begin();
    expect(() => report.measured('cuda:0', 'add', { value: NaN })).toThrow(/'add' of cuda:0 is NaN/);
    expect(() => report.measured('cuda:0', 'ad', { value: 1 })).toThrow(/no row 'ad'/);
    expect(() => report.measured('vulkan:0', 'add', { value: 1 })).toThrow(/no row 'add' of vulkan:0/);
  });

  test('its schema refuses what is not said in it', () => {
    const { folder } = begin();
    const content = read(folder);
    expect(isValid({ ...content, more: 1 })).toBe(false);
    expect(isValid({ ...content, rows: [{ ...content.rows[0], value: 'much' }] })).toBe(false);
    expect(isValid({ ...content, state: 'done' })).toBe(false);
  });
});

describe('a run', () => {
  const script = path.join(root, 'bench', 'kit', 'main.js');
  const begin = (...args) => {
    const folder = temporary();
    const child = spawn(process.execPath, [script, '--device', 'cpu:0', '--out', folder, ...args]);
    let errors = '';
    child.stderr.on('data', (text) => {
      errors += text;
    });
    const ended = new Promise((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal, errors }));
    });
    const read = () => JSON.parse(fs.readFileSync(path.join(folder, 'gpu-report.json'), 'utf8'));
    return { child, ended, read };
  };
  const measured = (report) => report.rows.filter((row) => row.state === 'measured');
  const untilMeasured = async (run) => {
    for (;;) {
      try {
        if (measured(run.read()).length > 2) return;
      } catch {
        // not begun
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };

  // A process that has ended is seen until somebody has waited for it.
  const isGone = (pid) => !fs.existsSync(`/proc/${pid}/exe`) || !/\S/.test(fs.readFileSync(`/proc/${pid}/cmdline`));
  const allGone = async (pids) => {
    for (let i = 0; i < 200 && !pids.every(isGone); ++i) await new Promise((resolve) => setTimeout(resolve, 20));
    return pids.every(isGone);
  };

  test('takes the parts that are asked for, and ends with 0', async () => {
    const run = begin('--only', 'devices', '--only', 'transfers');
    expect(await run.ended).toMatchObject({ code: 0 });
    const report = run.read();
    if (!isValid(report)) throw new Error(JSON.stringify(isValid.errors));
    expect(report.state).toBe('complete');
    expect(new Set(report.rows.map((row) => row.part))).toEqual(new Set(['devices', 'transfers']));
    expect(measured(report).map((row) => row.name)).toEqual([
      'devices',
      'transfer, up',
      'transfer, down',
      'transfer, both',
    ]);
  });

  test('that is killed leaves what it has measured', async () => {
    const run = begin('--only', 'resident');
    await untilMeasured(run);
    const { pid } = run.child;
    const begun = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
    run.child.kill('SIGKILL');
    expect(await run.ended).toMatchObject({ signal: 'SIGKILL' });
    await expect(allGone(begun)).resolves.toBe(true);
    const report = run.read();
    if (!isValid(report)) throw new Error(JSON.stringify(isValid.errors));
    expect(report.state).toBe('running');
    expect(measured(report).length).toBeGreaterThan(2);
  });

  test('that is told to end says so, and ends what it has begun', async () => {
    const run = begin('--only', 'resident');
    await untilMeasured(run);
    const { pid } = run.child;
    const begun = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
    expect(begun).not.toEqual([]);
    run.child.kill('SIGTERM');
    expect(await run.ended).toMatchObject({ code: 143 });
    expect(run.read().state).toBe('interrupted');
    await expect(allGone(begun)).resolves.toBe(true);
  });

  test('whose time is up says what it has not reached', async () => {
    const run = begin('--only', 'resident', '--minutes', '0.02');
    expect(await run.ended).toMatchObject({ code: 3 });
    const report = run.read();
    expect(report.state).toBe('out of time');
    const states = new Set(report.rows.map((row) => row.state));
    expect(states).toContain('not reached');
    expect(states).not.toContain('failed');
  });

  test('that finds no such device says so in its report', async () => {
    const run = begin('--device', 'cuda:98');
    expect(await run.ended).toMatchObject({ code: 2 });
    const report = run.read();
    if (!isValid(report)) throw new Error(JSON.stringify(isValid.errors));
    expect(report.state).toBe('failed');
    expect(report.problems.at(-1).reason).toMatch(/there is no cuda:98 here, but .*cpu:0/);
  });

  test.each([
    [['--minutes', 'some'], /--minutes is a number/],
    [['--only', 'all'], /no part is called all/],
  ])('%j is refused', async (args, message) => {
    const { code, errors } = await begin(...args).ended;
    expect(errors).toMatch(message);
    expect(code).toBe(2);
  });
});

test("NVIDIA's libraries are found where Python's packages have them", () => {
  const home = temporary(),
    of = (name) => path.join(home, 'lib/python3.12/site-packages/nvidia', name, 'lib');
  for (const [folder, library] of [
    [of('cublas'), 'libcublasLt.so.13'],
    [of('cu13'), 'libnvrtc.so.13'],
    [of('old'), 'libnvrtc.so.12'],
  ]) {
    fs.mkdirSync(folder, { recursive: true });
    fs.writeFileSync(path.join(folder, library), '');
  }
  const python = path.join(home, 'python3');
  fs.writeFileSync(python, `#!/bin/sh\necho '["", "${home}/lib/python3.12/site-packages"]'\n`, { mode: 0o755 });
  expect(candidates({ PATH: `${home}:/bin` })).toContain(path.join(home, 'lib/python3.12/site-packages/nvidia/*/lib'));
  expect(findLibraries({ PATH: '/nowhere', SWITCHYARD_KIT_LIBRARIES: `/x:${of('cu13')}` }).found).toMatchObject({
    'libnvrtc.so.13': of('cu13'),
  });
  const { found, missing } = findLibraries({ VIRTUAL_ENV: home, LD_LIBRARY_PATH: of('cublas') });
  expect(found['libcublasLt.so.13']).toBe(of('cublas'));
  expect(missing).not.toContain('libnvrtc.so.13');
  const env = environmentWith({ LD_LIBRARY_PATH: '/a', PATH: '/b' }, ['/c', '/a', '/c']);
  expect(env).toEqual({ LD_LIBRARY_PATH: '/a:/c', PATH: '/b' });
  const named = environmentWith({ LD_LIBRARY_PATH: '/a', SWITCHYARD_KIT_LIBRARIES: '/n' }, ['/c']);
  expect(named.LD_LIBRARY_PATH).toBe('/n:/a:/c');
});

describe('what a file asks of its libraries', () => {
  const node = fs.readFileSync(process.execPath);

  test('is read from it', () => {
    expect(neededLibraries(node)).toContain('libc.so.6');
    expect(neededVersions(node).some((it) => it.library === 'libc.so.6' && it.name === 'GLIBC_2.2.5')).toBe(true);
    expect(neededVersions(Buffer.from('#!/bin/sh\n'.repeat(10)))).toBe(null);
    expect(neededLibraries(Buffer.from('not one'))).toEqual([]);
  });

  test('is too new, or asked for by an older name', () => {
    const copy = path.join(temporary(), 'node');
    fs.copyFileSync(process.execPath, copy);
    expect(tooNew(copy, [3, 0])).toEqual([]);
    const versions = tooNew(copy, [2, 2]);
    expect(versions.length).toBeGreaterThan(0);
    const one = versions[0].split(' ')[1];
    expect(replaceVersion(copy, one)).toBe(true);
    expect(tooNew(copy, [2, 2])).not.toContain(versions[0]);
    expect(replaceVersion(copy, 'GLIBC_99.1')).toBe(false);
    expect(isNewer('GLIBC_ABI_DT_RELR', [2, 35])).toBe(true);
    expect(isNewer('GLIBC_ABI_DT_RELR', [2, 36])).toBe(false);
    fs.rmSync(path.dirname(copy), { recursive: true });
  });
});

test('the packages of the kit are those that are asked for and what they need', () => {
  const folders = closureOf(root, ['pino']);
  expect(folders).toEqual(expect.arrayContaining(['node_modules/pino', 'node_modules/sonic-boom']));
  expect(folders).not.toContain('node_modules/fastify');
  expect(() => closureOf(root, ['no-such-package'])).toThrow(/no-such-package/);
});
