// The event 'progress': jobs of many steps say how far they are, on contexts of their own process and of others.
'use strict';
const { rounds } = require('../../support/rounds');
const { runChild } = require('../../support/run-child');
const { gpu } = require('../../support/random-data');

jest.setTimeout(240_000);

const types = new Set(gpu.devices().map(({ backend }) => backend));
const kinds = ['cpu', 'vulkan'].filter((type) => types.has(type));

const places = (type) => (type === 'cpu' ? ['alone', 'workers'] : rounds(['workers'], ['alone', 'workers']));
describe.each(kinds.flatMap((type) => places(type).map((where) => [where, type])))(
  'progress (%s, %s)',
  (where, type) => {
    let report;
    beforeAll(async () => {
      const { code, stdout, stderr } = await runChild('progress.js', [where, type]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      report = JSON.parse(stdout);
    });
    const of = (id) => report.events.filter(({ workloadId }) => workloadId === id);

    test('a graph tells of its nodes, and of the parts of one', () => {
      const events = of('graph');
      expect(events.length).toBeGreaterThan(1);
      for (const event of events)
        expect(event).toMatchObject({
          workloadId: 'graph',
          type: 'graph',
          context: `${where === 'workers' ? 1 : 0}-${type}-0`,
          total: type === 'cpu' ? 31 : 4,
        });
    });

    test('a layout tells of its iterations', () => {
      const events = of('layout');
      expect(events.length).toBeGreaterThan(1);
      for (const { type: told, total, done } of events) {
        expect([told, total]).toEqual(['force-layout', type === 'cpu' ? 300 : 120]);
        expect(Number.isInteger(done)).toBe(true);
      }
    });

    test('it goes up, and is told once in 100 ms at most', () => {
      for (const id of ['graph', 'layout']) {
        const events = of(id);
        for (let i = 0; i < events.length; ++i) {
          expect(events[i].done).toBeGreaterThan(i ? events[i - 1].done : 0);
          expect(events[i].done).toBeLessThanOrEqual(events[i].total);
          if (i > 1) expect(events[i].at - events[i - 2].at).toBeGreaterThan(100); // a timer may be late, once
        }
      }
    });

    test('nothing is told of small jobs, nor of those that nobody listened to', () => {
      expect(of('small')).toEqual([]);
      expect(of('unheard')).toEqual([]);
      expect(report.events).toHaveLength(report.heard);
    });

    test('jobs() has it, too', () => {
      const told = report.jobs.filter(({ progress }) => progress);
      expect(told.length).toBeGreaterThan(0);
      for (const { progress } of told) {
        expect(progress.done).toBeGreaterThan(0);
        expect(progress.done).toBeLessThanOrEqual(progress.total);
      }
    });
  },
);
