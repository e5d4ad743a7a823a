// Alerts and overload in one process, and settings of operations that can't be right.
'use strict';
const { once } = require('node:events');
const http = require('node:http');
const { setTimeout: sleep } = require('node:timers/promises');
const gpu = require('../../..');
const { kHourly, kOptions, normalize, useManagers } = require('../../support/operation-jobs');

const kStages = ['none', 'no-prefetch', 'small-batches', 'refuse-low'];
const { managerOf, undo } = useManagers();
/** @param {number} n */
const square = (n) => ({ data: new Float32Array(n * n).fill(1 / n), shape: [n, n], dtype: 'float32' });

describe('alerts', () => {
  test('are raised and cleared, told by events, metrics and a webhook', async () => {
    const got = [];
    const server = http.createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      got.push(JSON.parse(text));
      response.end();
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    undo.push(() => server.close());
    const webhook = `http://127.0.0.1:${server.address().port}/`;
    const alerts = [{ name: 'spent', metric: 'budget', above: 0.5, webhook }];
    const budgets = [{ name: 'all', period: 'day', limit: 1e-6, stop: false }];
    const manager = await managerOf({ alerts, budgets, prices: { cpu: kHourly } });
    const raised = once(manager, 'alert');
    expect((await manager.getMetrics()).alerts).toMatchObject([{ name: 'spent', metric: 'budget', threshold: 0.5 }]);
    await manager.executeWorkload(normalize(1, [256, 256]));
    const [event] = await raised;
    expect(event).toMatchObject({ name: 'spent', metric: 'budget', state: 'firing', threshold: 0.5 });
    expect(event.value).toBeGreaterThan(0.5);
    expect((await manager.getMetrics()).alerts).toMatchObject([{ state: 'firing' }]);
    expect(await manager.prometheus()).toMatch(/switchyard_alert_firing\{alert="spent"\} 1/);
    while (!got.length) await sleep(10);
    expect(got).toEqual([event]);
  });
});

describe('overload', () => {
  test('gives up stage by stage, refuses the lowest priority first, and ends', async () => {
    const manager = await managerOf({ overloadAge: 20 });
    const stages = [];
    manager.on('degradation', ({ stage }) => stages.push(stage));
    const job = { type: 'matmul', inputs: Object.fromEntries(['a', 'b'].map((name) => [name, square(384)])) };
    const outcomes = { 0: [], 5: [], 9: [] };
    const running = [];
    let isOver = false;
    const ask = (priority) => {
      const outcome = (code) => outcomes[priority].push(code);
      running.push(
        manager.executeWorkload(job, { priority }).then(
          () => outcome('ok'),
          ({ code }) => outcome(code),
        ),
      );
    };
    while (!isOver) {
      for (const priority of [0, 0, 0, 5, 5, 9]) ask(priority);
      await sleep(5);
      isOver = outcomes[0].includes('ERR_QUEUE_FULL') || running.length > 5000;
    }
    const { degradation } = await manager.getMetrics();
    expect(degradation).toMatchObject({ stage: 'refuse-low', stages: kStages });
    expect(degradation.refused).toBeGreaterThan(0);
    await Promise.all(running);
    expect(new Set(outcomes[9])).toEqual(new Set(['ok']));
    while (stages.at(-1) !== 'none') await sleep(50);
    const up = stages.slice(0, stages.indexOf('refuse-low') + 1).map((stage) => kStages.indexOf(stage));
    expect(up).toEqual([...up].sort()); // one may be passed over
    const down = stages.slice(stages.lastIndexOf('refuse-low'));
    expect(down).toEqual(['refuse-low', 'small-batches', 'no-prefetch', 'none']);
    expect((await manager.executeWorkload(normalize(1), { priority: -3 })).cached).toBe(false);
  });
});

test.each([
  [{ prices: { cpu: NaN } }, /^prices\.cpu is NaN, but must be a price/],
  [{ prices: { cpu: -1 } }, /^prices\.cpu is -1/],
  [{ alerts: [{ name: 'a', metric: 'heat', above: 1 }] }, /^alerts\[0\]\.metric is 'heat', but must be one of memory/],
  [{ alerts: [{ name: 'a', metric: 'latency', above: 1, below: 2 }] }, /^alerts\[0\]\.below is 2/],
  [{ alerts: [{ name: 'a', metric: 'latency', above: 1, webhook: 'ftp://x' }] }, /^alerts\[0\]\.webhook/],
  [{ budgets: [{ name: 'a', period: 'week', limit: 1 }] }, /^budgets\[0\]\.period is 'week'/],
  [
    {
      budgets: [
        { name: 'a', period: 'day', limit: 1 },
        { name: 'a', period: 'day', limit: 2 },
      ],
    },
    /^budgets\[1\]\.name/,
  ],
])('%j is refused as the manager is made', (options, message) => {
  expect(() => gpu.createGPUClusterManager({ ...kOptions, ...options })).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARGUMENT', message: expect.stringMatching(message) }),
  );
});
