// `npm test`: the set-up, then the suites, then one line that sums them up. node tools/test.js [suite or list]
// [arguments of its runner]
'use strict';
const { canStandAside } = require('./process');
const { setup } = require('./setup');
const { suites } = require('./suites');

// What runs for every change; and all there is but the sanitizers, which have builds of their own. CONTRIBUTING.md says
// when which is run.
const kQuick = ['lint', 'types', 'native', 'validation', 'drivers', 'js'];
const kLists = { quick: kQuick, full: [...kQuick, 'searches', 'blocks', 'recipes'] };
// What a suite needs built, where that is not everything; the sanitizers build by themselves.
const kTargets = {
  lint: ['switchyard_node'],
  types: ['switchyard_node'],
  recipes: ['switchyard_node'],
};
const kAddons = ['switchyard_node', 'switchyard_node_faults'];

function print(suite) {
  const { name, passed, failed, skipped, seconds } = suite;
  console.log(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped (${seconds.toFixed(1)} s)`);
}

function printDetails(results) {
  const failures = results.flatMap((suite) => suite.failures.map((one) => ({ ...one, suite: suite.name })));
  const skips = results.flatMap((suite) => suite.skips.map((one) => ({ ...one, suite: suite.name })));
  for (const one of failures.slice(0, 50)) console.log(`\nFAILED ${one.suite}: ${one.name}\n${one.text.trimEnd()}`);
  if (failures.length > 50) console.log(`\n... and ${failures.length - 50} more failures; see build/test-results/`);
  const unsteady = results.flatMap((suite) => suite.unsteady.map((one) => ({ ...one, suite: suite.name })));
  for (const one of unsteady)
    console.log(`\nFAILED BESIDE OTHER WORK, passed alone: ${one.suite}: ${one.name}\n${one.text.trimEnd()}`);
  if (skips.length) {
    console.log('\nSkipped, and why:');
    // One line a reason: many cases are skipped for the same one.
    const byReason = groupBy(skips, keyOf);
    for (const [reason, list] of byReason) {
      const more = list.length > 3 ? ` and ${list.length - 3} more` : '';
      console.log(
        `  ${reason}: ${list
          .slice(0, 3)
          .map((one) => one.name)
          .join(', ')}${more}`,
      );
    }
  }
  console.log('');
}

function keyOf(skip) {
  return `${skip.suite}: ${skip.reason}`;
}

function groupBy(list, key) {
  const groups = new Map();
  for (const item of list) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

async function runInOrder(only, names, extra) {
  if (only !== 'asan' && only !== 'tsan') await setup({ targets: kTargets[only] });
  const results = [];
  for (const name of names) {
    console.log(`${name} ...`);
    const suite = await suites[name](extra);
    print(suite);
    results.push(suite);
  }
  return results;
}

// The quick list. Half of the time that the tests in JavaScript take they wait, for pauses and other processes: in it
// the native tests are compiled, and run as far as they measure no time. The rest follows alone, but for those.
async function runTogether() {
  await setup({ targets: kAddons });
  const { lint, types, native, validation, drivers, js } = suites;
  const results = [];
  const say = (suite) => {
    print(suite);
    results.push(suite);
  };
  const aside = canStandAside();
  const built = setup({ aside });
  built.catch((error) => console.log(`FAILED set-up: ${error.message}`)); // at once; it fails the run at its end
  const cases = (async () => {
    say(await lint([], aside));
    say(await types([], aside));
    await built;
    return { native: await inOrder(native.aside, aside), validation: await inOrder(validation.aside, aside) };
  })();
  // It is waited for below, but what is wrong with the runner itself is said at once, and does not hide the rest.
  const met = cases.catch((error) => {
    say(brokenSuite('cases', error));
    return { native: [], validation: [] };
  });
  if (!aside) await met;
  const [clusters, others, programs] = js.alone;
  const scripts = [await clusters(), await others()];
  await built;
  say(js.join([...scripts, await programs()]));
  const rest = { native: await inOrder(native.alone), validation: await inOrder(validation.alone) };
  say(await drivers([]));
  const first = await met;
  say(native.join([...first.native, ...rest.native]));
  say(validation.join([...first.validation, ...rest.validation]));
  return results;
}

function brokenSuite(name, error) {
  const failures = [{ name: 'the run of it', text: error.stack }];
  return { name, passed: 0, failed: 1, skipped: 0, seconds: 0, failures, skips: [], unsteady: [] };
}

async function inOrder(steps, aside) {
  const results = [];
  for (const step of steps) results.push(await step(aside));
  return results;
}

async function main() {
  const [only = 'quick', ...extra] = process.argv.slice(2);
  const names = kLists[only] ?? [only];
  if (!suites[names[0]]) {
    throw new Error(`unknown suite ${only}; there are ${[...Object.keys(kLists), ...Object.keys(suites)].join(', ')}`);
  }
  if (only === 'quick') process.env.SWITCHYARD_TEST_AGAIN = '1'; // runners.js
  if (only === 'full') process.env.SWITCHYARD_TEST_FULL = '1'; // every repetition: test/support/rounds.js
  const results = only === 'quick' ? await runTogether() : await runInOrder(only, names, extra);
  printDetails(results);
  const sum = (key) => results.reduce((total, suite) => total + suite[key], 0);
  return { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
}

main()
  .catch((error) => {
    console.log(`FAILED set-up: ${error.message}`);
    return { passed: 0, failed: 1, skipped: 0 };
  })
  .then(({ passed, failed, skipped }) => {
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
    process.exitCode = failed || !passed ? 1 : 0;
  });
