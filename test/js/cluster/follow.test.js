// jobs() and why(), in a process that is alone and in a cluster: every job under way is there once, and says where it
// is or why it waits.
'use strict';
const { runChild } = require('../../support/run-child');

jest.setTimeout(60000);

describe.each(['alone', 'workers'])('jobs can be followed (%s)', (where) => {
  let report;
  beforeAll(async () => {
    const { code, stdout, stderr } = await runChild('follow.js', [where]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    report = JSON.parse(stdout);
  });

  test('each that is under way is told once, with where it is or why it waits', () => {
    expect(report.jobs.map(({ id }) => id).sort()).toEqual(['late', 'slow-1', 'slow-2', 'slow-3', 'slow-4']);
    for (const job of report.jobs) {
      expect(job).toMatchObject({
        type: job.id === 'late' ? 'scale' : 'graph',
        state: expect.stringMatching(/^(queued|running)$/),
        priority: job.id === 'late' ? 0 : Number(job.id.at(-1)),
      });
      expect(job.sinceMs).toBeGreaterThanOrEqual(0);
      expect(job.costMs).toBeGreaterThan(0);
      if (job.state === 'running') expect(job.contextId).toMatch(/^[01]-cpu-[01]$/);
      else
        expect(job.reason).toMatch(
          /^(waits: |behind \d+ jobs? like it, the first of which waits: |its memory is being)/,
        );
    }
    const running = report.jobs.filter(({ state, reason }) => state === 'running' && !reason);
    expect(running.length).toBeGreaterThan(0);
    expect(running.length).toBeLessThanOrEqual(2);
  });

  test('deadlines are as Date.now() has them', () => {
    report.jobs.forEach(({ id }, i) => {
      const timeout = id === 'late' ? 100 : 60_000;
      expect(Math.abs(report.deadlines[i] - timeout)).toBeLessThan(50);
    });
  });

  test('one that waited says why while it does, and afterwards', () => {
    expect(report.live[0]).toMatch(
      /^asked for by the coordinator's process at .*: graph, priority 4, .* 60\.0 s of time$/,
    );
    expect(report.live.at(-1)).toMatch(/^now: (runs on|waits|behind|its memory|goes to) ?/);
    const waited = report.ended.flat().filter((step) => step.startsWith('waited'));
    expect(waited.length).toBeGreaterThan(0);
    expect(waited.join('\n')).toMatch(/ in the queue: .*(busy|before it)/);
    for (const steps of report.ended) {
      expect(steps.join('\n')).toMatch(/given to [01]-cpu-[01]|0-cpu-[01], a context of its own process, was idle/);
      expect(steps.at(-1)).toMatch(/^done after [\d.]+ m?s$/);
    }
  });

  test('one whose time was up says where it was', () => {
    expect(report.late).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(report.late.message).toMatch(/^the job 'late' \(scale\) did not finish within 100 ms: /);
    expect(report.whyLate.at(-1)).toMatch(/^ended with ERR_TIMEOUT after 1\d\d ms: it (waited|was running)/);
  });

  test('one without an id of its user has the name of its result', () => {
    const [id, steps] = report.small;
    expect(id).toMatch(/^job-0-\d+$/);
    expect(steps.at(-1)).toMatch(/^done after /);
  });

  test('of several with one id the latest is told', () => {
    expect(report.twice[0]).toMatch(/: normalize\b/);
  });

  test('when all are through there are none', () => {
    expect(report.left).toEqual([]);
  });

  test('an id that nobody had, one that was forgotten, and what is no id', () => {
    expect(report.unknown).toEqual({ code: 'ERR_NOT_FOUND', message: "no job 'never' was asked for" });
    expect(report.forgotten.code).toBe('ERR_NOT_FOUND');
    expect(report.forgotten.message).toMatch(/ or it is none of the last 10000 that ended, which are kept$/);
    for (const { code, message } of report.wrong) {
      expect(code).toBe('ERR_INVALID_ARGUMENT');
      expect(message).toMatch(/^why: the id is .*, but must be a string/);
    }
    expect(report.closed.code).toBe('ERR_CLOSED');
  });
});

test('what a worker runs by itself is told, whether its event loop answers or not', async () => {
  const { code, stdout, stderr } = await runChild('follow-worker.js');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const report = JSON.parse(stdout);
  expect(report.blocked).toEqual([
    {
      id: expect.stringMatching(/^job-1-\d+$/),
      type: 'graph',
      state: 'running',
      sinceMs: expect.any(Number),
      priority: 3,
      deadline: expect.any(Number),
      costMs: expect.any(Number),
      contextId: '1-cpu-0',
      reason: expect.stringMatching(/^worker 1 runs it by itself, and its event loop does not answer: /),
    },
  ]);
  expect(report.blocked[0].sinceMs).toBeGreaterThan(200);
  expect(report.blocked[0].costMs).toBeGreaterThan(0);
  expect(Math.abs(report.blocked[0].deadline - Date.now() - 60_000)).toBeLessThan(30_000);
  expect(report.unknown).toEqual({
    code: 'ERR_NOT_FOUND',
    message: expect.stringMatching(
      /^no job 'own' was asked for; worker 1 did not answer within 250 ms, and may have run/,
    ),
  });
  const [there, here] = report.own;
  expect(here.slice(1)).toEqual(there.slice(1));
  expect(here.slice(1)).toEqual([
    '1-cpu-0, a context of its own process, was idle and took it at once',
    expect.stringMatching(/^took [\d.]+ m?s of computing/),
    expect.stringMatching(/^done after [\d.]+ m?s$/),
  ]);
  expect(here[0]).toMatch(/^asked for by worker 1 at .*: graph, priority 3, /);
  expect(report.quick[0]).toMatch(/^asked for by worker 1 at /);
  expect(report.seen.at(-1)).toMatch(/^done after /);
});

test('ids that are longer than a message may be end no worker', async () => {
  const { code, stdout, stderr } = await runChild('long-ids.js');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const { jobs, steps, whole, ended } = JSON.parse(stdout);
  expect(jobs.length).toBeGreaterThan(0);
  for (const { id } of jobs) expect(id).toMatch(/^(slow|small)?x+$/);
  for (const { id } of jobs) expect(id).toHaveLength(256);
  expect(steps[0]).toMatch(/: graph\b/);
  expect(ended.at(-1)).toMatch(/^done after /);
  expect(whole).toEqual([true, true, true]);
});
