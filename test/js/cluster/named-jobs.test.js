// Logs and errors name a job as its user does, and say where it was.
'use strict';
const { runChild } = require('../../support/run-child');

jest.setTimeout(60000);

describe.each([
  ['here', {}, '0-cpu-0'],
  ['asked', { ENABLE_GPU_OPTIMIZATIONS: 'false' }, '0-cpu-0'],
  ['workers', {}, '1-cpu-0'],
])('jobs with ids (%s)', (where, env, context) => {
  let report, lines;
  beforeAll(async () => {
    const { code, stdout, stderr } = await runChild('named-jobs.js', [where], { env });
    expect(code).toBe(0);
    report = JSON.parse(stdout);
    lines = stderr
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
  });

  test('a job that ran too long says so, and on which context', () => {
    for (const [id, timeout] of [
      ['early', 1000],
      ['running', 100],
    ])
      expect(report[id]).toEqual({
        code: 'ERR_TIMEOUT',
        message: expect.stringMatching(
          `^the job '(early|runs)' \\(graph\\) did not finish within ${timeout} ms: it was running on ${context}`,
        ),
        workloadId: id === 'early' ? 'early' : 'runs',
        hasReleased: true,
      });
  });

  test('a job that waited too long says where', () => {
    expect(report.queued.message).toMatch(
      /^the job 'waits' \(scale\) did not finish within 60 ms: it waited (in the queue|on .-cpu-0, behind another job)/,
    );
    expect(report.queued).toMatchObject({ code: 'ERR_TIMEOUT', workloadId: 'waits' });
  });

  test('what is told of it is the same', () => {
    expect(report.told.map(([id]) => id)).toEqual(['early', 'runs', 'waits', 'unknown']);
    expect(report.told[1][1]).toBe(report.running.message);
  });

  test('the log names it, and its context as every other line does', () => {
    const jobs = lines.filter(({ msg }) => /^a job (is done|failed)/.test(msg));
    if (where !== 'here')
      expect(jobs).toContainEqual(expect.objectContaining({ job: 'report-13', context, msg: 'a job is done' }));
    expect(jobs).toContainEqual(expect.objectContaining({ job: 'waits', code: 'ERR_TIMEOUT', msg: 'a job failed' }));
    for (const { job, context: at } of jobs) {
      expect(job).toMatch(/^(job-0-\d+|report-13|early|runs|waits|unknown)$/);
      expect([undefined, context]).toContain(at);
    }
  });
});
