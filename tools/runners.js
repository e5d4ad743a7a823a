// The test runners: how GoogleTest, Jest and other programs are run, what their reports say, and what is run again. A
// suite is { name, passed, failed, skipped, seconds, failures: [{ name, text }], skips: [{ name, reason }], unsteady:
// [{ name, text }] }, the last being what failed beside other work and passed by itself.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root, run, describeEnd } = require('./process');

const resultsFolder = path.join(root, 'build', 'test-results');
const kMinute = 60_000;
// More than so many failures are no accident of a busy machine.
const kMaxAgain = 4;

const isFull = () => process.env.SWITCHYARD_TEST_FULL === '1';
const mayRunAgain = () => process.env.SWITCHYARD_TEST_AGAIN === '1';

// Runs a suite's program with its output in build/test-results/<name>.log and a sign of life every 15 seconds.
async function runLogged(name, command, args, options) {
  fs.mkdirSync(resultsFolder, { recursive: true });
  const log = fs.openSync(path.join(resultsFolder, `${name}.log`), 'w');
  const started = Date.now();
  let last = '';
  const heartbeat = setInterval(() => {
    console.log(`  ${name}: ${Math.round((Date.now() - started) / 1000)} s, last: ${last.slice(0, 120)}`);
  }, 15_000);
  const onOutput = (text) => {
    last = text.trimEnd().split('\n').pop() || last;
  };
  try {
    const result = await run(command, args, { ...options, log, onOutput });
    return { ...result, seconds: (Date.now() - started) / 1000 };
  } finally {
    clearInterval(heartbeat);
    fs.closeSync(log);
  }
}

const kEntities = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
  '&amp;': '&',
  '&#x0A;': '\n',
  '&#x0D;': '\r',
};
function unescapeXml(text) {
  return text.replace(/&(?:lt|gt|quot|apos|amp|#x0[AD]);/g, (entity) => kEntities[entity]);
}

function skipMessage(status, body, attribute) {
  if (status === 'notrun') return 'disabled in its source';
  const tag = /<skipped\b[^>]*>/.exec(body);
  return tag ? attribute(tag[0], 'message') : undefined;
}

// GoogleTest's XML report -> one entry a test case.
function readGtestXml(file) {
  const xml = fs.readFileSync(file, 'utf8');
  const attribute = (text, name) => unescapeXml(new RegExp(`\\b${name}="([^"]*)"`).exec(text)?.[1] ?? '');
  return [...xml.matchAll(/<testcase\b([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g)].map(([, head, body = '']) => ({
    name: `${attribute(head, 'classname')}.${attribute(head, 'name')}`,
    skip: skipMessage(attribute(head, 'status'), body, attribute),
    failures: [...body.matchAll(/<failure\b[^>]*>/g)].map(([tag]) => attribute(tag, 'message')),
  }));
}

function tally(name, seconds, cases) {
  const suite = { name, seconds, passed: 0, failed: 0, skipped: 0, failures: [], skips: [], unsteady: [] };
  for (const one of cases) {
    if (one.failures.length) {
      suite.failed += 1;
      suite.failures.push({ name: one.name, text: one.failures.join('\n') });
    } else if (one.skip !== undefined) {
      suite.skipped += 1;
      suite.skips.push({
        name: one.name,
        reason:
          one.skip
            .split('\n')
            .map((line) => line.trim())
            .filter(Boolean)
            .pop() || 'no reason given',
      });
    } else {
      suite.passed += 1;
    }
  }
  return suite;
}

// What a runner's end says beyond its report: a crash, a time-out or an empty run is one more failure.
function judgeEnd(suite, result) {
  const fail = (text) => {
    suite.failed += 1;
    suite.failures.push({
      name: `${suite.name}: the run`,
      text: `${text}\n${result.output.split('\n').slice(-50).join('\n')}`,
    });
  };
  if (result.error) fail(result.error.message);
  else if (result.signal) fail(`the runner ${describeEnd(result.code, result.signal)}`);
  else if (result.code !== 0 && suite.failed === 0)
    fail(`the runner ${describeEnd(result.code, result.signal)} with no failed test`);
  if (suite.passed + suite.failed === 0) fail('no test ran');
  return suite;
}

// What failed is run once more by itself, in the quick list, whose suites share a machine: what passes then met other
// work, not a fault. It is named at the end. Lists that run one suite at a time take no second answer. `first` and what
// `runAgain(failed)` resolves to are { cases, result }. A runner that ended early and many failures stand as they are.
async function again(first, runAgain) {
  const { cases, result } = first;
  const failed = cases.filter((one) => one.failures.length);
  const early = result.error || result.signal;
  if (!mayRunAgain() || early || !failed.length || failed.length > kMaxAgain) return { ...first, unsteady: [] };
  const second = await runAgain(failed);
  // A file of tests is run again as a whole, and may not have come to its tests before.
  const key = (one) => one.file ?? one.name;
  const answers = new Map();
  for (const one of second.cases) answers.set(key(one), [...(answers.get(key(one)) ?? []), one]);
  const retried = new Set(failed.map(key).filter((name) => answers.has(name)));
  const answered = [
    ...cases.filter((one) => !retried.has(key(one))),
    ...[...retried].flatMap((name) => answers.get(name)),
  ];
  const passed = failed.filter((one) => answers.get(key(one))?.every(({ failures }) => !failures.length));
  return {
    cases: answered,
    result: { ...second.result, output: `${result.output}\n${second.result.output}` },
    unsteady: passed.map((one) => ({ name: one.name, text: one.failures.join('\n') })),
  };
}

// A run, and what failed in it run again, as a suite: { suite, output }.
async function judgedRun(name, first, runAgain) {
  const started = Date.now();
  const { cases, result, unsteady } = await again(first, runAgain);
  const suite = { ...tally(name, first.result.seconds + (Date.now() - started) / 1000, cases), unsteady };
  return { suite: judgeEnd(suite, result), output: result.output };
}

// The native tests of one build. options: { preset, filter, env, timeoutMs, extra, aside (of process.js) }.
async function gtestRun(name, { preset = 'release', filter, env = {}, timeoutMs = 30 * kMinute, extra = [], aside }) {
  const report = path.join(resultsFolder, `${name}.xml`);
  fs.rmSync(report, { force: true });
  const args = [`--gtest_output=xml:${report}`, ...(filter ? [`--gtest_filter=${filter}`] : []), ...extra];
  const program = path.join(root, 'build', preset, 'switchyard_tests');
  const result = await runLogged(name, program, args, { env, timeoutMs, aside });
  return { cases: fs.existsSync(report) ? readGtestXml(report) : [], result };
}

async function runGtest(name, options) {
  return judgedRun(name, await gtestRun(name, options), (failed) => {
    // A '-' or ':' of a name would mean something in a filter.
    const filter = failed.map((one) => one.name.replace(/[-:]/g, '?')).join(':');
    return gtestRun(`${name}-again`, { ...options, filter, aside: false });
  });
}

// Jest. Its own report is read, so that a crash of the runner is no success.
async function jestRun(name, extra, timeoutMs) {
  const report = path.join(resultsFolder, `${name}.json`);
  fs.rmSync(report, { force: true });
  const script = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const args = [script, '--ci', '--json', `--outputFile=${report}`, ...extra];
  const result = await runLogged(name, process.execPath, args, { timeoutMs });
  return { cases: fs.existsSync(report) ? readJestReport(JSON.parse(fs.readFileSync(report, 'utf8'))) : [], result };
}

// Jest's report -> one entry a test, and one for each file that did not even load.
function readJestReport({ testResults }) {
  const cases = [];
  for (const file of testResults) {
    const where = path.relative(root, file.name);
    for (const one of file.assertionResults) {
      const skipped = ['pending', 'todo', 'skipped', 'disabled'].includes(one.status);
      cases.push({
        file: where,
        name: `${where}: ${one.fullName}`,
        skip: skipped ? skipReason(one) : undefined,
        failures: one.status === 'failed' ? [one.failureMessages.join('\n')] : [],
      });
    }
    if (file.status === 'failed' && !file.assertionResults.some((one) => one.status === 'failed')) {
      cases.push({ file: where, name: where, failures: [file.message || 'the file failed'] });
    }
  }
  return cases;
}

async function runJest(name, extra, timeoutMs = 30 * kMinute) {
  return judgedRun(name, await jestRun(name, extra, timeoutMs), (failed) => {
    const files = [...new Set(failed.map((one) => one.file))];
    return jestRun(`${name}-again`, ['--runInBand', '--runTestsByPath', ...files], timeoutMs);
  });
}

// Jest knows no reasons: the title carries one, as in "... (SKIPPED: no CUDA device)".
function skipReason(one) {
  if (one.status === 'todo') return 'not written yet';
  return /SKIPPED:? ([^)]*)/.exec(one.fullName)?.[1] ?? 'skipped by the test itself; see its title';
}

module.exports = {
  kMinute,
  isFull,
  runLogged,
  readGtestXml,
  readJestReport,
  tally,
  judgeEnd,
  judgedRun,
  runGtest,
  runJest,
};
