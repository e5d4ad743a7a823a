// What goes wrong on a card costs the kit itself alone: crashes, hangs, lost devices, missing libraries.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawn, spawnSync } = require('node:child_process');
const { BenchProcess } = require('../../../bench/kit/bench-process');
const { runCommand } = require('../../../bench/kit/command');
const { chooseDevices, listDevices } = require('../../../bench/kit/devices');
const checks = require('../../../bench/kit/parts/checks');
const { readCases } = require('../../../bench/kit/parts/gtest');
const { Limits, resident } = require('../../../bench/kit/parts/native');
const { contexts } = require('../../../bench/kit/parts/processes');
const { Report } = require('../../../bench/kit/report');
const { rows } = require('../../../bench/kit/rows');
const { nativeProgram } = require('../../support/paths');

const root = path.resolve(__dirname, '../../..');
const bench = nativeProgram('switchyard_bench');
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-kit-'));
afterAll(() => fs.rmSync(folder, { recursive: true }));

/** A program of a shell's lines. */
function script(name, text) {
  const file = path.join(folder, name);
  fs.writeFileSync(file, `#!/bin/sh\n${text}`, { mode: 0o755 });
  return file;
}
const isGone = (pid) => !fs.existsSync(`/proc/${pid}/exe`) || !/\S/.test(fs.readFileSync(`/proc/${pid}/cmdline`));
async function untilGone(pid) {
  for (let i = 0; i < 200 && !isGone(pid); ++i) await new Promise((resolve) => setTimeout(resolve, 20));
  return isGone(pid);
}
const run = (command, args, options = {}) => runCommand(bench, command, args, { env: process.env, ...options });

describe('a command', () => {
  test('says how it ended and what it has said', async () => {
    const talk = script('talk', 'echo out; echo err >&2; exit 3');
    expect(await run(talk, [])).toMatchObject({ code: 3, output: 'out\n', errors: 'err\n', isLate: false, hung: '' });
    expect(await run(path.join(folder, 'nothing'), [])).toMatchObject({ code: 127 });
    expect(await runCommand(path.join(folder, 'nothing'), 'true', [], { env: {} })).toMatchObject({ code: -1 });
  });

  test('ends at its limit, when it says nothing any more, and when all time is up', async () => {
    const chatty = script('chatty', 'while :; do echo x; sleep 0.05; done');
    expect(await run(chatty, [], { limitMs: 400 })).toMatchObject({
      isLate: false,
      hung: expect.stringMatching(/after 0 s/),
    });
    const quiet = await run('sleep', ['100'], { quietMs: 300 });
    expect(quiet).toMatchObject({ signal: 'SIGKILL', hung: expect.stringMatching(/without a word/) });
    const late = await run(chatty, [], { deadline: performance.now() + 300, quietMs: 5000 });
    expect(late).toMatchObject({ isLate: true, hung: '' });
  });

  test('takes along what it has started, and does not wait for what it can not end', async () => {
    const away = script('away', 'setsid sleep 30 &\nsleep 30 &\necho $!\nwait');
    const begun = performance.now();
    const { output, hung } = await run(away, [], { limitMs: 500 });
    expect(hung).not.toBe('');
    expect(performance.now() - begun).toBeLessThan(10_000);
    await expect(untilGone(Number(output))).resolves.toBe(true);
  });

  test('ends with the process that has started it, however that ends', async () => {
    const parent = spawn(process.execPath, [
      '-e',
      `require(${JSON.stringify(path.join(root, 'bench/kit/command'))})
        .spawnWith(${JSON.stringify(bench)}, 'sleep', ['100'], { stdio: 'ignore' })
        .on('spawn', function () { console.log(this.pid); });`,
    ]);
    const pid = await new Promise((resolve) => {
      parent.stdout.once('data', (text) => resolve(Number(text)));
    });
    // It has become sleep by then, or will.
    for (let i = 0; i < 200 && !/^sleep/.test(fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8')); ++i)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isGone(pid)).toBe(false);
    parent.kill('SIGKILL');
    await expect(untilGone(pid)).resolves.toBe(true);
  });
});

describe('the bench process', () => {
  test('whose device is lost is replaced', async () => {
    const one = new BenchProcess(bench, 'cpu:0', process.env);
    try {
      await one.ask('memory', 20_000);
      const { pid } = one;
      await expect(one.ask('lose', 20_000)).rejects.toThrow(/given up/);
      expect((await one.ask('memory', 20_000)).residentBytes).toBeGreaterThan(1e6);
      expect(one.pid).not.toBe(pid);
      await expect(untilGone(pid)).resolves.toBe(true);
    } finally {
      one.kill();
    }
  });

  test('may print what is no answer', async () => {
    const noisy = script(
      'noisy',
      `echo 'a driver says hello'; echo '{"to":0,"ready":"x"}'
      while read number rest; do echo stray; echo '{"to":77,"ms":1}'; echo "{\\"to\\":$number,\\"ms\\":$number}"; done`,
    );
    const one = new BenchProcess(noisy, 'cpu:0', process.env);
    try {
      for (const ms of [1, 2, 3]) expect(await one.ask('x', 20_000)).toMatchObject({ ms });
    } finally {
      one.kill();
    }
  });
});

describe('conformance', () => {
  const kRows = (name) => rows(true).filter((row) => row.name === name);
  const name = 'conformance, one case in eight';
  const cases = (body) =>
    script(
      'cases',
      `for last; do :; done
      echo "[==========] Running 5 tests from 1 test suite."
      i=0
      for name in one two three four five; do
        i=$((i + 1))
        echo "[ RUN      ] c.$name"
        if [ $i -le $last ]; then echo "[  SKIPPED ] c.$name (0 ms)"; continue; fi
        case $name in ${body} esac
        echo "[       OK ] c.$name (1 ms)"
      done`,
    );
  const begin = (tests) => {
    const report = new Report(path.join(folder, 'report'), { minutes: 1, machine: {}, kit: {} });
    report.plan('cuda:0', rows(true));
    const row = () => report.content.rows.find((it) => it.name === name);
    const state = { report, device: 'cuda:0', rows: kRows(name), memory: {}, folder, paths: { tests }, quietMs: 400 };
    const command = (program, args, { env, ...limits }) =>
      run(program, args, { env: { ...process.env, ...env }, ...limits });
    return { row, state: { ...state, command, isOver: () => false } };
  };

  test('goes on in a new process after a crash, a hang and a lost device', async () => {
    const tests = cases(`two) kill -SEGV $$ ;; three) sleep 100 ;;
      four) echo 'is lost'; echo "[  FAILED  ] c.$name (1 ms)"; exit 1 ;;`);
    const { row, state } = begin(tests);
    await checks.conformance(state);
    expect(row()).toMatchObject({ state: 'failed', value: 2, limit: 5, reason: '3 of 5 failed' });
    expect(row().detail).toMatch(/c\.two: ended by SIGSEGV/);
    expect(row().detail).toMatch(/c\.three: it was ended after .* without a word/);
    expect(row().detail).toMatch(/c\.four: is lost/);
  });

  test('is given up where nothing goes on', async () => {
    const { row, state } = begin(script('none', 'echo no device >&2; exit 2'));
    await checks.conformance(state);
    expect(row()).toMatchObject({ state: 'failed', value: 0, limit: 1 });
    expect(row().detail).toMatch(/given up after 1 processes, 1 cases were not run; exited with 2: no device/);
    const empty = begin(script('empty', 'echo "[==========] Running 0 tests from 0 test suites."'));
    await checks.conformance(empty.state);
    expect(empty.row()).toMatchObject({ state: 'failed', reason: 'no case was run' });
    const hangs = begin(cases('*) sleep 100 ;;'));
    await checks.conformance(hangs.state);
    expect(hangs.row()).toMatchObject({ state: 'failed', limit: 5 });
    expect(hangs.row().detail).toMatch(/c\.two: .* given up after 2 processes, 3 cases were not run/);
  });

  test('with a failure is under way until its end', async () => {
    const rest = 'conformance, the other cases';
    const { state } = begin(cases(`two) echo wrong; echo "[  FAILED  ] c.$name (1 ms)"; continue ;;`));
    const { report } = state;
    const row = () => report.content.rows.find((it) => it.name === rest);
    let turns = 0;
    const part = { ...state, rows: kRows(rest), isOver: () => ++turns > 2 };
    await checks['conformance-rest'](part);
    expect(row()).toMatchObject({ state: 'not reached', value: 8, limit: 10, reason: 'under way; 2 failed so far' });
    await checks['conformance-rest']({ ...part, isLast: true, isOver: () => false });
    expect(row()).toMatchObject({ state: 'failed', value: 28, limit: 35, reason: '7 of 35 failed' });
    await checks['conformance-rest']({ ...part, memory: {}, isLast: true, isOver: () => ++turns > 5 });
    expect(row().state).toBe('failed');
    expect(row().reason).toMatch(/and \d parts are left/);
  });

  test('leaves out cases that an earlier process has run', () => {
    const args = ['--device', 'cpu:0', '--skip-first', '2', '--gtest_filter=conformance.slice/*'];
    const { stdout } = spawnSync(nativeProgram('switchyard_tests'), args, { encoding: 'utf8' });
    const { count, passed, failures } = readCases(stdout);
    expect(failures).toEqual([]);
    expect(count).toBeGreaterThan(2);
    expect(passed).toBe(count - 2);
  });
});

describe('devices', () => {
  test('are listed without Vulkan where its driver crashes', async () => {
    const crashes = script(
      'crashes',
      `[ "$VK_DRIVER_FILES" = /dev/null ] || kill -SEGV $$
      echo '{"devices":[{"id":"cuda:0"}],"problems":[{"backend":"vulkan","reason":"none"}]}'`,
    );
    const { found, env } = await listDevices(run, crashes, { ...process.env });
    expect(found.devices).toEqual([{ id: 'cuda:0' }]);
    expect(found.problems).toHaveLength(1);
    expect(found.problems[0].detail).toMatch(/SIGSEGV/);
    expect(env.VK_DRIVER_FILES).toBe('/dev/null');
    await expect(listDevices(run, script('silent', 'exit 1'), process.env)).rejects.toThrow(/lists no devices/);
  });

  test("of NVIDIA's that CUDA does not reach are told beside a card of Vulkan's", () => {
    const vulkan = { id: 'vulkan:0', type: 'discrete' };
    const problems = [{ backend: 'cuda', reason: 'the driver is too old', detail: '470' }];
    const listed = ['name, driver_version', 'NVIDIA A100, 470.1'];
    expect(chooseDevices(undefined, { devices: [vulkan], problems }, listed)).toEqual({
      devices: ['vulkan:0'],
      lacking: { 'cuda:0': 'nvidia-smi lists NVIDIA A100, but the driver is too old: 470' },
    });
    expect(chooseDevices(undefined, { devices: [vulkan], problems }, [])).toEqual({
      devices: ['vulkan:0'],
      lacking: {},
    });
  });
});

describe('limits', () => {
  const begin = (ask, more = {}) => {
    const report = new Report(path.join(folder, 'limits'), { minutes: 1, machine: {}, kit: {} });
    const device = more.device ?? 'cuda:0';
    report.plan(device, rows(true));
    const one = { report, device, isCard: true, seconds: 0.1, isOver: () => false, ask, ...more };
    one.limits = new Limits(one);
    const row = (name) => report.content.rows.find((it) => it.name === name);
    return { one, row };
  };
  const kept = ['matmul, bfloat16', 'attention, bfloat16', 'attention, bfloat16, causal', 'add'];
  const chosen = rows(true).filter((row) => kept.includes(row.name));
  const sizes = Object.fromEntries(
    chosen.map(({ case: one }) => [
      one.name,
      one.outputs.reduce((sum, it) => sum + require('../../../bench/kit/cases').bytesOf(it), 0),
    ]),
  );
  const answers = (library) => {
    const asked = [];
    const next = chosen.map((row) => row.name);
    const ask = async (words) => {
      asked.push(words.split(' ').slice(0, 2).join(' '));
      if (words.startsWith('resident')) return { ms: 2, median: 2, runs: 5, outputBytes: sizes[next.shift()] };
      if (words.startsWith('copy')) throw new Error('the copy went wrong');
      return library();
    };
    return { ask, asked };
  };

  test('that fail leave the figure, and fail once', async () => {
    const { ask, asked } = answers(() => {
      throw new Error('the library went wrong');
    });
    const { one, row } = begin(ask);
    await resident({ ...one, rows: chosen });
    for (const name of kept)
      expect(row(name)).toMatchObject({ state: 'measured', value: 2, limit: null, fraction: null });
    expect(row('add').detail).toMatch(/no limit: the copy went wrong/);
    expect(row('attention, bfloat16').detail).toMatch(/no limit: the library went wrong/);
    // Of both attentions it is the same one.
    expect(asked.filter((it) => it === 'library bfloat16')).toHaveLength(2);
  });

  test.each([
    [{ absent: 1 }, /no cuBLASLt here/],
    [{ absent: 1, refused: 1 }, /names no algorithm/],
  ])('are none where the library says %j', async (answer, why) => {
    const { ask } = answers(async () => answer);
    const { one, row } = begin(ask, { device: 'vulkan:0' });
    await resident({ ...one, rows: chosen });
    expect(row('matmul, bfloat16')).toMatchObject({ state: 'measured', value: 2, limit: null, fraction: null });
    expect(row('matmul, bfloat16').detail).toMatch(why);
    expect(row('matmul, bfloat16').detail).toMatch(/by the host's clock/);
    expect(row('attention, bfloat16').detail).toMatch(why);
  });

  test('of a switch is the same job without one, and memory of a card is not read from the host', async () => {
    const { one, row } = begin(async () => ({ sameUs: 20, turnsUs: 25 }), { device: 'vulkan:0' });
    const some = rows(true).filter((it) => /^(memory of|switch between contexts)/.test(it.name));
    await contexts({ ...one, rows: some });
    expect(row('switch between contexts of a process')).toMatchObject({ value: 25, limit: 20, fraction: 0.8 });
    expect(row('memory of a process').state).toBe('skipped');
    expect(row('memory of a context').state).toBe('skipped');
  });
});
