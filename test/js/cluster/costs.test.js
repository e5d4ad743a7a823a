// What jobs cost and whom, budgets, and complexity, in one process.
'use strict';
const gpu = require('../../..');
const { kHourly, normalize, useManagers } = require('../../support/operation-jobs');

const { managerOf, folderOf } = useManagers();

describe('costs', () => {
  /** Seconds of the device, as results tell them. */
  const secondsOf = ({ timings: { upload, compute, readback } }) => (upload + compute + readback) / 1000;

  test('are what the results say, by caller, token, model, workload and device', async () => {
    const manager = await managerOf({ prices: { cpu: kHourly, 'cpu:9': 1 } });
    const account = { caller: 'alice', token: 'key', model: 'some model' };
    const results = [];
    for (let i = 0; i < 20; ++i) results.push(await manager.executeWorkload(normalize(i), i % 2 ? { account } : {}));
    results.push(await manager.executeWorkload(normalize(1, [512, 512]), { account: { caller: 'bob' } }));
    const { day, byCaller, byToken, byModel, byWorkload, byDevice } = await manager.costs();
    const sumOf = (all) => all.reduce((sum, result) => sum + secondsOf(result), 0);
    const seconds = sumOf(results);
    expect(day.jobs).toBe(21);
    expect(day.seconds).toBeCloseTo(seconds, 9);
    expect(day.cost).toBeCloseTo(seconds, 9);
    const [alices, others] = [0, 1].map((odd) => sumOf(results.slice(0, 20).filter((_, i) => i % 2 !== odd)));
    expect(byCaller.alice.cost).toBeCloseTo(alices, 9);
    expect(byCaller[''].cost).toBeCloseTo(others, 9);
    expect(byCaller.bob).toMatchObject({ jobs: 1 });
    expect(byToken).toEqual({ key: byCaller.alice });
    expect(byModel).toEqual({ 'some model': byCaller.alice });
    expect(byWorkload).toEqual({ normalize: byDevice['cpu:0'] });
    for (const result of results) expect(result.cost).toBeCloseTo(secondsOf(result), 12);
    expect(await manager.costs({ caller: 'bob' })).toMatchObject({ day: byCaller.bob, byToken: {}, budgets: [] });
  });

  test('of joined jobs are one launch together, each by its rows', async () => {
    const manager = await managerOf({ prices: { cpu: kHourly } });
    const hold = manager.executeWorkload(normalize(0, [2048, 2048])); // the others wait behind it
    const sizes = Array.from({ length: 32 }, (_, i) => 1 + (i % 4));
    const jobs = sizes.map((rows, i) => manager.executeWorkload(normalize(i, [rows, 64]), { priority: 1 }));
    const [first, ...results] = await Promise.all([hold, ...jobs]);
    /** @type {Map<string, typeof results>} by launch */
    const launches = new Map();
    for (const result of results) {
      const { upload, compute, readback } = result.timings;
      const key = [result.batchSize, upload, compute, readback].join();
      launches.set(key, [...(launches.get(key) ?? []), result]);
    }
    const joined = [...launches.values()].filter((all) => all.length > 1 && all.length === all[0].batchSize);
    for (const all of joined) {
      const sum = all.reduce((total, { cost }) => total + cost, 0);
      expect(sum).toBeCloseTo(secondsOf(all[0]), 9);
      const perRow = all.map((result) => result.cost / sizes[results.indexOf(result)]);
      for (const each of perRow) expect(each).toBeCloseTo(perRow[0], 12);
    }
    const { day } = await manager.costs();
    expect(day.jobs).toBe(33);
    expect(day.cost).toBeCloseTo(
      results.reduce((sum, { cost }) => sum + cost, first.cost),
      9,
    );
  });

  test('saved by kept results are what the run had cost', async () => {
    const manager = await managerOf({ prices: { cpu: kHourly } });
    const job = normalize(1, [256, 256]);
    const { cost } = await manager.executeWorkload(job, { cache: true });
    for (let i = 0; i < 4; ++i) await manager.executeWorkload(job, { cache: true });
    const { savings, day } = await manager.costs();
    expect(savings.cache).toBeCloseTo(4 * cost, 12);
    expect(day).toMatchObject({ jobs: 1 });
  });

  test('are there after a restart', async () => {
    const costsDir = folderOf();
    const options = { prices: { cpu: kHourly }, costsDir };
    const manager = await managerOf(options);
    await manager.executeWorkload(normalize(1));
    const { day } = await manager.costs();
    await manager.executeWorkload(normalize(2));
    await manager.close();
    const next = await managerOf(options);
    const after = await next.costs();
    expect(after.day.jobs).toBe(2);
    expect(after.day.cost).toBeGreaterThan(day.cost);
    expect(after.now.jobs).toBe(0);
  });

  test.each([
    [{ account: 'me' }, 'options.account', /'me'/],
    [{ account: { caller: 5 } }, 'options.account.caller', /5/],
    [{ account: { caller: 'x'.repeat(257) } }, 'options.account.caller', /256/],
    [{ account: { user: 'me' } }, 'options.account.user', /user/],
  ])('refuse an account that is none: %j', async (options, argument, message) => {
    const manager = await managerOf();
    await expect(manager.executeWorkload(normalize(1), options)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
      argument,
      message: expect.stringMatching(message),
    });
  });
});

describe('a budget', () => {
  test('that is used up refuses jobs, and not those whose result is kept', async () => {
    const budgets = [{ name: 'all', period: 'day', limit: 1e-3 }];
    const manager = await managerOf({ prices: { cpu: kHourly * 1000 }, budgets });
    const events = [];
    manager.on('budget', (event) => events.push(`${event.name} ${event.state}`));
    const kept = normalize(1);
    await manager.executeWorkload(kept, { cache: true });
    // What was used is reported about once a second, or as costs are asked for; what follows from it is told then.
    let refused;
    for (let i = 0; i < 100 && !(refused instanceof Error); ++i) {
      refused = await manager.executeWorkload(normalize(i, [512, 512])).catch((error) => error);
      await manager.costs();
    }
    expect(refused).toBeInstanceOf(gpu.ResourceError);
    expect(refused).toMatchObject({
      code: 'ERR_BUDGET',
      message: expect.stringMatching(/'all'.*begins anew at \d{4}-/),
    });
    expect(refused.retryAfter).toBeLessThanOrEqual(24 * 3_600_000);
    const other = manager.executeWorkload(normalize(3), { cache: true });
    await expect(other).rejects.toMatchObject({ code: 'ERR_BUDGET' });
    expect((await manager.executeWorkload(kept, { cache: true })).cached).toBe(true);
    expect(events.at(-1)).toBe('all stopped');
    const { budgets: states } = (await manager.getMetrics()).costs;
    expect(states[0]).toMatchObject({ name: 'all', state: 'stopped', limit: 1e-3 });
  });

  test('that only warns refuses nothing', async () => {
    const budgets = [{ name: 'all', period: 'month', limit: 0, stop: false }];
    const manager = await managerOf({ budgets });
    await manager.executeWorkload(normalize(1));
    expect((await manager.costs()).budgets[0].state).toBe('warning');
    await manager.executeWorkload(normalize(2));
  });
});

describe('complexity', () => {
  test('grows with the work, from 0 to 100, and refuses what running would be refused with', async () => {
    const manager = await managerOf();
    const all = [1, 16, 256, 2048].map((n) => manager.complexity(normalize(1, [n, 64])));
    expect(all).toEqual([...all].sort((a, b) => a - b));
    expect(new Set(all).size).toBe(4);
    for (const each of all) expect(each >= 0 && each <= 100).toBe(true);
    expect(() => manager.complexity({ type: 'unknown' })).toThrow(
      expect.objectContaining({ code: 'ERR_UNKNOWN_WORKLOAD' }),
    );
  });
});
