// The test suites: how each is run and what its report says. A suite resolves to
// { name, passed, failed, skipped, seconds, failures: [{ name, text }], skips: [{ name, reason }] }.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root, run, describeEnd } = require('./process');
const { setup } = require('./setup');

const resultsFolder = path.join(root, 'build', 'test-results');
const kMinute = 60_000;

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
  const suite = { name, seconds, passed: 0, failed: 0, skipped: 0, failures: [], skips: [] };
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

const isFull = () => process.env.SWITCHYARD_TEST_FULL === '1';

// The native tests of one build. options: { preset, filter, env, timeoutMs, extra, aside (of process.js) }.
async function gtest(name, { preset = 'release', filter, env = {}, timeoutMs = 30 * kMinute, extra = [], aside }) {
  const report = path.join(resultsFolder, `${name}.xml`);
  fs.rmSync(report, { force: true });
  const args = [`--gtest_output=xml:${report}`, ...(filter ? [`--gtest_filter=${filter}`] : []), ...extra];
  const program = path.join(root, 'build', preset, 'switchyard_tests');
  const result = await runLogged(name, program, args, { env, timeoutMs, aside });
  const cases = fs.existsSync(report) ? readGtestXml(report) : [];
  return { suite: tally(name, result.seconds, cases), result };
}

async function judged(name, options) {
  const { suite, result } = await gtest(name, options);
  return { suite: judgeEnd(suite, result), output: result.output };
}

// Parts of one suite, of which some ran side by side, as one.
function together(name, parts, seconds = parts.reduce((total, part) => total + part.seconds, 0)) {
  const sum = (key) => parts.reduce((total, part) => total + part[key], 0);
  const all = (key) => parts.flatMap((part) => part[key]);
  return {
    ...{ name, seconds },
    ...{ passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') },
    ...{ failures: all('failures'), skips: all('skips') },
  };
}

// The conformance cases: every second one beside the others. They are many, and measure nothing.
async function conformance(name, { share, aside, ...options }) {
  const started = Date.now();
  const parts = await Promise.all(
    [0, 1].map((part) => {
      const extra = ['--part', String(part), '--parts', '2', '--share', String(share)];
      // Each small case of the emulated card with several blocks in flight, too; in the quick list one of eight.
      if (isFull()) extra.push('--interleave-every', '1');
      return judged(`${name}-${part}`, { ...options, extra, aside });
    }),
  );
  const output = parts.map((part) => part.output).join('\n');
  const all = parts.map(({ suite }) => suite);
  return { suite: together(name, all, (Date.now() - started) / 1000), output };
}

// A suite in steps, of which those that are `aside` may run beside what measures time. A step resolves to
// { suite, output }; `finish` sees the whole. With arguments for the runner, `whole` runs instead.
function steps(name, { aside = [], alone, finish = (suite) => suite, whole }) {
  const join = (results) => {
    const suites = results.map(({ suite }) => suite);
    return finish(together(name, suites), results.map(({ output }) => output).join('\n'));
  };
  return Object.assign(
    async (extra) => {
      if (extra.length) {
        const { suite, output } = await whole(extra);
        return finish(suite, output);
      }
      const results = [];
      for (const step of [...aside, ...alone]) results.push(await step());
      return join(results);
    },
    { aside, alone, join },
  );
}

// In the quick list each case runs on some of the devices, and each device has some of the cases.
const native = steps('native', {
  aside: [(aside) => conformance('native', { filter: 'conformance.*', share: isFull() ? 1 : 6, aside })],
  alone: [() => judged('native-rest', { filter: '-conformance.*' })],
  whole: (extra) => judged('native', { extra }),
});

// Users' programs and pictures on two Vulkan drivers in one process, compared with each other: Mesa's, and SwiftShader
// of Chromium. And tensors that are moved from one to the other.
async function drivers(extra) {
  const folder = '/usr/share/vulkan/icd.d';
  const mesa = fs.existsSync(folder) ? fs.readdirSync(folder).filter((file) => file.startsWith('lvp_icd')) : [];
  const files = [...mesa.map((file) => path.join(folder, file)), '/usr/lib/chromium/vk_swiftshader_icd.json'].filter(
    (file) => fs.existsSync(file),
  );
  if (files.length < 2) {
    const reason = "Mesa's software driver or Chromium's SwiftShader is not installed";
    return {
      name: 'drivers',
      seconds: 0,
      passed: 0,
      failed: 0,
      skipped: 1,
      failures: [],
      skips: [{ name: 'drivers', reason }],
    };
  }
  const { suite, result } = await gtest('drivers', {
    filter: '*KernelsOn*:*PicturesOn*:*Drivers*:vulkan_drivers*:*Moved*',
    // the second for loaders before 1.3.207
    env: { VK_DRIVER_FILES: files.join(':'), VK_ICD_FILENAMES: files.join(':') },
    extra,
  });
  return judgeEnd(suite, result);
}

// The property over magnitudes: 20,000 drawn problems a device, 1,000 of each workload. `-- --seed 7` draws others.
async function magnitudes(extra) {
  const { suite, result } = await gtest('magnitudes', {
    filter: 'magnitudes.*',
    extra: ['--cases', '1000', ...extra],
    timeoutMs: 120 * kMinute,
  });
  return judgeEnd(suite, result);
}

// 10,000 drawn searches a device, a tenth of that on the emulated one.
async function searches(extra) {
  const { suite, result } = await gtest('searches', {
    filter: 'searches.*',
    extra: ['--cases', '10000', ...extra],
    timeoutMs: 120 * kMinute,
  });
  return judgeEnd(suite, result);
}

// The emulated CUDA kernels with several blocks in flight, in a hundred ways, and each case once: of a build that can't
// see what they read and write it would show little, so that is a failure.
async function blocks(extra) {
  const { suite, result } = await gtest('blocks', {
    filter: '*Interleaved*:conformance.*emulated*',
    extra: ['--seeds', '100', '--watched', '--interleave-every', '1', ...extra],
    timeoutMs: 90 * kMinute,
  });
  return judgeEnd(suite, result);
}

// What rows that can't be mended cost against ordinary ones: timed, so no part of the tests.
async function rareRows(extra) {
  const { suite, result } = await gtest('rare-rows', {
    filter: 'rare-rows.*',
    extra: ['--rare-rows', ...extra],
    timeoutMs: 30 * kMinute,
  });
  const rows = result.output.match(/^\S+ +\S+ +[\d.]+ ms, ordinary .*$/gm) ?? [];
  console.log(rows.join('\n'));
  return judgeEnd(suite, result);
}

// Every test that names Vulkan, under the validation layer: any message of the layer is a failure. In the quick list a
// share of the cases, and none of the tests that are many jobs of a kind: the layer takes longer than the driver.
const kValidated = { env: { SWITCHYARD_VULKAN_VALIDATION: '1' } };
const validation = steps('validation', {
  aside: [
    (aside) => {
      // Guarded devices make the same calls, and have all memory compared: the native tests do that.
      const filter = 'conformance.*vulkan*-*guarded';
      return conformance('validation', { ...kValidated, filter, share: isFull() ? 1 : 8, aside });
    },
  ],
  alone: [
    () => {
      const apart = isFull() ? '' : ':*SplitOnDevice*:magnitudes.*';
      const filter = `*vulkan*:*Vulkan*-conformance.*${apart}`;
      return judged('validation-rest', { ...kValidated, filter });
    },
  ],
  whole: (extra) => judged('validation', { ...kValidated, filter: '*vulkan*:*Vulkan*', extra }),
  finish: (suite, output) => {
    const messages = output.split('\n').filter((line) => line.includes('vulkan validation:'));
    if (!messages.length) return suite;
    const name = `${messages.length} messages of the validation layer`;
    const text = [...new Set(messages)].slice(0, 20).join('\n');
    return { ...suite, failed: suite.failed + 1, failures: [...suite.failures, { name, text }] };
  },
});

// The native tests under a sanitizer, with the environment that CMakePresets.json gives them.
async function sanitized(preset, extra) {
  await setup({ preset, targets: ['switchyard_tests'] });
  const presets = JSON.parse(fs.readFileSync(path.join(root, 'CMakePresets.json'), 'utf8')).testPresets;
  const environment = presets.find((entry) => entry.name === preset).environment ?? {};
  const env = Object.fromEntries(
    Object.entries(environment).map(([key, value]) => [key, value.replaceAll('${sourceDir}', root)]),
  );
  const { suite, result } = await gtest(preset, { preset, env, extra, timeoutMs: 60 * kMinute });
  return judgeEnd(suite, result);
}

// The JavaScript tests. Those of real clusters are alone: they count what happens within pauses and deadlines, and have
// several processes each. The others run two at a time, as most of them wait for children. Some start the native
// programs, which are built last.
const kClusters = path.join('test', 'js', 'cluster', '([^/]+\\.test|faults/)');
const kNative = path.join('test', 'js', 'tools', '(gpu-kit|shares)');
const js = steps('js', {
  alone: [
    () => jest('js-clusters', [kClusters]),
    () =>
      jest('js', ['--maxWorkers=2', `--testPathIgnorePatterns=${kClusters}`, `--testPathIgnorePatterns=${kNative}`]),
    () => jest('js-native', [kNative]),
  ],
  whole: (extra) => jest('js', extra),
});

// Jest. Its own report is read, so that a crash of the runner is no success.
async function jest(name, extra, timeoutMs = 30 * kMinute) {
  const report = path.join(resultsFolder, `${name}.json`);
  fs.rmSync(report, { force: true });
  const script = path.join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const args = [script, '--ci', '--json', `--outputFile=${report}`, ...extra];
  const result = await runLogged(name, process.execPath, args, { timeoutMs });
  const cases = [];
  if (fs.existsSync(report)) {
    for (const file of JSON.parse(fs.readFileSync(report, 'utf8')).testResults) {
      const where = path.relative(root, file.name);
      for (const one of file.assertionResults) {
        const skipped =
          one.status === 'pending' || one.status === 'todo' || one.status === 'skipped' || one.status === 'disabled';
        cases.push({
          name: `${where}: ${one.fullName}`,
          skip: skipped ? skipReason(one) : undefined,
          failures: one.status === 'failed' ? [one.failureMessages.join('\n')] : [],
        });
      }
      // A file that did not even load.
      if (file.status === 'failed' && !file.assertionResults.some((one) => one.status === 'failed')) {
        cases.push({ name: where, failures: [file.message || 'the file failed'] });
      }
    }
  }
  return { suite: judgeEnd(tally(name, result.seconds, cases), result), output: result.output };
}

// Jest knows no reasons: the title carries one, as in "... (SKIPPED: no CUDA device)".
function skipReason(one) {
  if (one.status === 'todo') return 'not written yet';
  return /SKIPPED:? ([^)]*)/.exec(one.fullName)?.[1] ?? 'skipped by the test itself; see its title';
}

// The TypeScript compiler over JavaScript and its types, and over the page's with those of browsers: a test for each.
const kProjects = { types: '.', 'types of the page': 'lib/service/page' };

async function types(extra, aside) {
  const tsc = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const check = async (name, folder) => {
    const args = [tsc, '-p', path.join(root, folder), '--noEmit', '--pretty', 'false', ...extra];
    const options = { timeoutMs: 30 * kMinute, aside };
    const result = await runLogged(name.replaceAll(' ', '-'), process.execPath, args, options);
    const failures = result.code === 0 ? [] : [result.output];
    return judgeEnd(tally('types', result.seconds, [{ name, failures }]), { ...result, output: '' });
  };
  const started = Date.now();
  const parts = [];
  for (const [name, folder] of Object.entries(kProjects)) parts.push(await check(name, folder));
  return together('types', parts, (Date.now() - started) / 1000);
}

// Style and structure (tools/lint.js): a test for each check, whose failure names files and lines.
async function lint(extra, aside) {
  const { checkAll } = require('./lint');
  const started = Date.now();
  const found = await checkAll(extra, aside);
  const cases = found.map(({ name, problems }) => ({ name, failures: problems.length ? [problems.join('\n')] : [] }));
  return tally('lint', (Date.now() - started) / 1000, cases);
}

module.exports = {
  suites: {
    lint,
    native,
    validation,
    magnitudes,
    searches,
    blocks,
    'rare-rows': rareRows,
    drivers,
    js,
    recipes: async (extra) => (await jest('recipes', [...extra, '--roots=test/recipes'], 60 * kMinute)).suite,
    types,
    asan: (extra) => sanitized('asan', extra),
    tsan: (extra) => sanitized('tsan', extra),
  },
  readGtestXml,
  tally,
  judgeEnd,
  steps,
};
