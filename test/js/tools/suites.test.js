// The test runner's own reading of reports: what it counts decides whether a build is green.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { run } = require('../../../tools/process');
const { readGtestXml, readJestReport, tally, judgeEnd, judgedRun } = require('../../../tools/runners');
const { steps } = require('../../../tools/suites');

function parse(xml) {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-')), 'report.xml');
  fs.writeFileSync(file, xml);
  return tally('native', 1, readGtestXml(file));
}

const kReport = `<?xml version="1.0"?>
<testsuites tests="3" failures="1" disabled="0" errors="0" time="0." name="AllTests"><testsuite name="a" tests="3">
<testcase name="good/&quot;x&quot;" value_param="vulkan:0" status="run" result="completed" classname="a" />
<testcase name="bad" status="run" result="completed" classname="a">
  <properties><property name="device" value="cpu:0"/></properties>
  <failure message="x.cpp:1&#x0A;1 &lt; 2" type=""><![CDATA[x.cpp:1]]></failure>
</testcase>
<testcase name="left" status="run" result="skipped" classname="a">
  <skipped message="x.cpp:2&#x0A;no CUDA device&#x0A;"><![CDATA[..]]></skipped>
</testcase>
</testsuite></testsuites>`;

test('cases that passed, failed and were skipped are told apart', () => {
  const suite = parse(kReport);
  expect(suite).toMatchObject({ passed: 1, failed: 1, skipped: 1 });
  expect(suite.failures).toEqual([{ name: 'a.bad', text: 'x.cpp:1\n1 < 2' }]);
  expect(suite.skips).toEqual([{ name: 'a.left', reason: 'no CUDA device' }]);
});

const kEnded = { code: 0, signal: null, output: '' };
const kPassed = [{ name: 'a.b', failures: [] }];

test.each([
  ['a good end', kPassed, {}, 0],
  ['a crash after the report', kPassed, { code: null, signal: 'SIGSEGV' }, 1],
  ['an exit code without a failed test', kPassed, { code: 3 }, 1],
  [
    'a runner that did not end',
    kPassed,
    { code: null, signal: 'SIGKILL', error: new Error('did not end within 1 s') },
    1,
  ],
  ['no test at all', [], {}, 1],
  ['only skipped tests', [{ name: 'a.b', skip: 'why', failures: [] }], {}, 1],
])('%s', (_, cases, end, failed) => {
  expect(judgeEnd(tally('native', 1, cases), { ...kEnded, ...end }).failed).toBe(failed);
});

test('an exit code with failed tests adds nothing', () => {
  const suite = tally('native', 1, [{ name: 'a.b', failures: ['x'] }]);
  expect(judgeEnd(suite, { ...kEnded, code: 1 }).failed).toBe(1);
});

describe('what failed is run again', () => {
  const passed = (name, file) => ({ name, file, failures: [] });
  const failed = (name, file) => ({ name, file, failures: ['wrong'] });
  const ended = (cases, end) => ({ cases, result: { ...kEnded, code: 1, seconds: 1, ...end } });
  const kAgain = 'SWITCHYARD_TEST_AGAIN';
  const was = process.env[kAgain];
  let asked;
  const judged = async (first, second) => {
    asked = undefined;
    return (await judgedRun('js', first, async (list) => ((asked = list.map((one) => one.name)), second))).suite;
  };
  beforeEach(() => (process.env[kAgain] = '1'));
  afterAll(() => {
    if (was === undefined) delete process.env[kAgain];
    else process.env[kAgain] = was;
  });

  test('and named, where it passes by itself', async () => {
    const first = ended([passed('a'), failed('b'), passed('c')]);
    const suite = await judged(first, ended([passed('b')], { code: 0 }));
    expect(asked).toEqual(['b']);
    expect(suite).toMatchObject({ passed: 3, failed: 0, failures: [], unsteady: [{ name: 'b', text: 'wrong' }] });
  });

  test('and has failed, where it fails again, has no answer or its runner crashes', async () => {
    const first = ended([passed('a'), failed('b')]);
    expect(await judged(first, ended([failed('b')]))).toMatchObject({ passed: 1, failed: 1, unsteady: [] });
    expect(await judged(first, ended([]))).toMatchObject({ passed: 1, failed: 1, unsteady: [] });
    const crash = ended([], { code: null, signal: 'SIGSEGV' });
    expect(await judged(first, crash)).toMatchObject({ passed: 1, failed: 2, unsteady: [] });
  });

  test('with the rest of its file', async () => {
    const first = ended([passed('x: 1', 'x'), failed('x: 2', 'x'), failed('y', 'y'), passed('z: 1', 'z')]);
    const again = ended([passed('x: 1', 'x'), passed('x: 2', 'x'), passed('y: 1', 'y'), failed('y: 2', 'y')]);
    expect(await judged(first, again)).toMatchObject({
      ...{ passed: 4, failed: 1, failures: [{ name: 'y: 2' }], unsteady: [{ name: 'x: 2' }] },
    });
  });

  test('but not after an early end, nor where much failed, nor in other lists', async () => {
    const second = ended([passed('a')], { code: 0 });
    const crash = ended([failed('a')], { code: null, signal: 'SIGABRT' });
    expect(await judged(crash, second)).toMatchObject({ failed: 2, unsteady: [] });
    expect(await judged(ended(['a', 'b', 'c', 'd', 'e'].map((name) => failed(name))), second)).toMatchObject({
      failed: 5,
    });
    delete process.env[kAgain];
    expect(await judged(ended([failed('a')]), second)).toMatchObject({ failed: 1, unsteady: [] });
    expect(asked).toBeUndefined();
  });
});

test("Jest's report has its files' tests, and files that did not load", () => {
  const name = path.resolve('test', 'js', 'a.test.js');
  const of = (status) => ({ status, fullName: `t (SKIPPED: no card)`, failureMessages: ['wrong'] });
  const cases = readJestReport({
    testResults: [
      { name, status: 'failed', assertionResults: [of('passed'), of('failed'), of('pending')] },
      { name, status: 'failed', assertionResults: [], message: 'not a module' },
    ],
  });
  expect(cases.map(({ failures }) => failures)).toEqual([[], ['wrong'], [], ['not a module']]);
  expect(cases[2].skip).toBe('no card');
  expect(cases.map(({ file }) => file)).toEqual(Array(4).fill(path.join('test', 'js', 'a.test.js')));
});

describe('a suite in steps', () => {
  const step = (name, failures) => async () => ({ suite: tally(name, 2, [{ name, failures }]), output: `${name}\n` });
  const begun = [];
  const suite = steps('all', {
    aside: [step('one', [])],
    alone: [step('two', ['wrong']), step('three', [])],
    finish: (whole, output) => ({ ...whole, output }),
    whole: async (extra) => (begun.push(extra), { suite: tally('all', 1, kPassed), output: '' }),
  });

  test('has what each of them has', async () => {
    expect(await suite([])).toMatchObject({
      ...{ name: 'all', passed: 2, failed: 1, seconds: 6, output: 'one\n\ntwo\n\nthree\n' },
      failures: [{ name: 'two', text: 'wrong' }],
    });
    expect(begun).toEqual([]);
  });

  test('is one run where arguments are given', async () => {
    expect(await suite(['--x'])).toMatchObject({ passed: 1, failed: 0 });
    expect(begun).toEqual([['--x']]);
  });
});

test.each([
  [true, os.constants.priority.PRIORITY_LOW],
  [false, os.getPriority()],
])('a command that is aside: %s', async (aside, priority) => {
  const script = "setTimeout(() => console.log(require('node:os').getPriority()), 200)";
  const { output } = await run(process.execPath, ['-e', script], { aside });
  expect(Number(output)).toBe(priority);
});
