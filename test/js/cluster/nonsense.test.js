// What comes over a connection and makes no sense ends that connection, with its reason in the log: no process ends,
// the others of the cluster go on. Real clusters, in child processes.
'use strict';
const { runChild } = require('../../support/run-child');

jest.setTimeout(60000);

const doubled = [2, 4, 6];

/** What the scenario has printed, and the reasons in its log. */
async function run(scenario, message) {
  const ended = await runChild('cluster-nonsense.js', [scenario, JSON.stringify(message)], { timeout: 40000 });
  if (ended.code !== 0) throw new Error(`it ended with ${ended.signal ?? ended.code}:\n${ended.stderr}`);
  const logged = ended.stderr
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line));
  return [JSON.parse(ended.stdout), logged];
}

const messages = [
  ['of no type there is', [3, 99, 5], /type 99/],
  ['a job that is too short', [4, 4, 1, 0], /'ask' has 4 numbers/],
  ['no JSON', '{ no', /not JSON/],
  ['words with a field of another kind', { type: 'devices', devices: 'all' }, /'devices'.*'all'/],
];

test.each(messages)('from a worker: %s', async (_, message, reason) => {
  const [{ before, underWay, lost, after, left, members, exits }, logged] = await run('from-loop', message);
  expect(before.map(([output]) => output)).toEqual([doubled, doubled]);
  expect(underWay).toEqual(Array(4).fill('done'));
  expect(lost).toEqual([true, 'protocol']);
  expect(after).toEqual([
    [doubled, true],
    [doubled, true],
  ]);
  expect(left).toBe('ERR_CLOSED');
  expect(members).toBe(1);
  expect(exits).toEqual([]);
  expect(logged).toContainEqual(
    expect.objectContaining({
      connection: 'ask',
      reason: expect.stringMatching(reason),
      msg: expect.stringMatching(/a worker sent a message that is not understood/),
    }),
  );
});

test.each([
  ['no outcome of a job', [3, 4, 5], /type 4/],
  ['an outcome with no such code', [12, 7, 1, 77, 1, 0, 0, 0, 0, 0, 0, 0], /'done' the number 3 is 77/],
])("from a worker's executor: %s", async (_, message, reason) => {
  const [{ underWay, lost, after, left, exits }, logged] = await run('from-executor', message);
  expect(underWay).toEqual(Array(4).fill('done'));
  expect(lost).toEqual([true, 'protocol']);
  expect(after.every(([output, byOther]) => byOther && output.length === 3)).toBe(true);
  expect(left).toBe('ERR_CLOSED');
  expect(exits).toEqual([]);
  expect(logged).toContainEqual(expect.objectContaining({ connection: 'run', reason: expect.stringMatching(reason) }));
});

test.each([
  ['a result that is too short', [4, 5, 1, 0], /'result' has 4 numbers/],
  ['words with a field of another kind', { type: 'reopen', index: -1 }, /'reopen'.*'index' is -1/],
])('from the primary: %s', async (_, message, reason) => {
  const [{ underWay, lost, after, left, exits }, logged] = await run('to-worker', message);
  expect(underWay).toEqual(Array(4).fill('done'));
  expect(lost).toEqual([true, 'protocol']);
  expect(after.every(([output, byOther]) => byOther && output.length === 3)).toBe(true);
  expect(left).toBe('ERR_CLOSED');
  expect(exits).toEqual([]);
  expect(logged).toContainEqual(
    expect.objectContaining({
      reason: expect.stringMatching(reason),
      msg: expect.stringMatching(/the coordinator sent a message that is not understood/),
    }),
  );
});

test("a worker of the cluster's own that does not understand its coordinator is replaced", async () => {
  const [{ job }, logged] = await run('built-in', [3, 99, 5]);
  expect(job).toEqual(doubled);
  expect(logged.some(({ msg }) => /not understood/.test(msg))).toBe(true);
});
