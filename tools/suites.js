// The test suites: which there are, and how each is run. One resolves to what runners.js says.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./process');
const { setup } = require('./setup');
const { kMinute, isFull, runLogged, tally, judgeEnd, runGtest, runJest } = require('./runners');

// Parts of one suite, of which some ran side by side, as one.
function together(name, parts, seconds = parts.reduce((total, part) => total + part.seconds, 0)) {
  const sum = (key) => parts.reduce((total, part) => total + part[key], 0);
  const all = (key) => parts.flatMap((part) => part[key]);
  return {
    ...{ name, seconds },
    ...{ passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') },
    ...{ failures: all('failures'), skips: all('skips'), unsteady: all('unsteady') },
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
      return runGtest(`${name}-${part}`, { ...options, extra, aside });
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
  alone: [() => runGtest('native-rest', { filter: '-conformance.*' })],
  whole: (extra) => runGtest('native', { extra }),
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
      unsteady: [],
    };
  }
  const { suite } = await runGtest('drivers', {
    filter: '*KernelsOn*:*PicturesOn*:*Drivers*:vulkan_drivers*:*Moved*',
    // the second for loaders before 1.3.207
    env: { VK_DRIVER_FILES: files.join(':'), VK_ICD_FILENAMES: files.join(':') },
    extra,
  });
  return suite;
}

// The property over magnitudes: 20,000 drawn problems a device, 1,000 of each workload. `-- --seed 7` draws others.
async function magnitudes(extra) {
  const { suite } = await runGtest('magnitudes', {
    filter: 'magnitudes.*',
    extra: ['--cases', '1000', ...extra],
    timeoutMs: 120 * kMinute,
  });
  return suite;
}

// 10,000 drawn searches a device, a tenth of that on the emulated one.
async function searches(extra) {
  const { suite } = await runGtest('searches', {
    filter: 'searches.*',
    extra: ['--cases', '10000', ...extra],
    timeoutMs: 120 * kMinute,
  });
  return suite;
}

// The emulated CUDA kernels with several blocks in flight, in a hundred ways, and each case once: of a build that can't
// see what they read and write it would show little, so that is a failure.
async function blocks(extra) {
  const { suite } = await runGtest('blocks', {
    filter: '*Interleaved*:conformance.*emulated*',
    extra: ['--seeds', '100', '--watched', '--interleave-every', '1', ...extra],
    timeoutMs: 90 * kMinute,
  });
  return suite;
}

// What rows that can't be mended cost against ordinary ones: timed, so no part of the tests.
async function rareRows(extra) {
  const { suite, output } = await runGtest('rare-rows', {
    filter: 'rare-rows.*',
    extra: ['--rare-rows', ...extra],
    timeoutMs: 30 * kMinute,
  });
  const rows = output.match(/^\S+ +\S+ +[\d.]+ ms, ordinary .*$/gm) ?? [];
  console.log(rows.join('\n'));
  return suite;
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
      return runGtest('validation-rest', { ...kValidated, filter });
    },
  ],
  whole: (extra) => runGtest('validation', { ...kValidated, filter: '*vulkan*:*Vulkan*', extra }),
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
  const { suite } = await runGtest(preset, { preset, env, extra, timeoutMs: 60 * kMinute });
  return suite;
}

// The JavaScript tests. Those of real clusters are alone: they count what happens within pauses and deadlines, and have
// several processes each. The others run two at a time, as most of them wait for children. Some start the native
// programs, which are built last.
const kClusters = path.join('test', 'js', 'cluster', '([^/]+\\.test|faults/)');
const kNative = path.join('test', 'js', 'tools', '(gpu-kit|shares)');
const js = steps('js', {
  alone: [
    () => runJest('js-clusters', [kClusters]),
    () =>
      runJest('js', ['--maxWorkers=2', `--testPathIgnorePatterns=${kClusters}`, `--testPathIgnorePatterns=${kNative}`]),
    () => runJest('js-native', [kNative]),
  ],
  whole: (extra) => runJest('js', extra),
});

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
    recipes: async (extra) => (await runJest('recipes', [...extra, '--roots=test/recipes'], 60 * kMinute)).suite,
    types,
    asan: (extra) => sanitized('asan', extra),
    tsan: (extra) => sanitized('tsan', extra),
  },
  steps,
};
