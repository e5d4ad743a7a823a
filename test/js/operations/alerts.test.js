// Alerts: raised once a value was above for long enough, cleared once it is well below, and told once each.
'use strict';
const { Alerts } = require('../../../lib/operations');

const kQuiet = { memory: NaN, queueAge: 0, errorRate: NaN, latency: NaN, temperature: NaN, budget: NaN };

/** @param {object[]} rules */
function alertsOf(rules) {
  const told = [];
  const alerts = new Alerts(rules, 1000, (event, rule) => told.push([event.name, event.state, event.value, rule.name]));
  let now = 0;
  return {
    alerts,
    told,
    look(values, ms = 1000) {
      now += ms;
      alerts.look({ ...kQuiet, ...values }, now, 1000 + now);
      return alerts.states().map(({ state }) => state);
    },
  };
}
const kSlow = { name: 'slow', metric: 'queueAge', above: 100, below: 90, for: 3000 };

test('is raised after its time above the threshold, and cleared below the other one', () => {
  const { look, told, alerts } = alertsOf([kSlow]);
  expect(look({ queueAge: 50 })).toEqual(['ok']);
  expect(look({ queueAge: 150 })).toEqual(['pending']);
  expect(look({ queueAge: 150 })).toEqual(['pending']);
  expect(look({ queueAge: 150 }, 1999)).toEqual(['pending']);
  expect(look({ queueAge: 150 }, 1)).toEqual(['firing']);
  expect(told).toEqual([['slow', 'firing', 150, 'slow']]);
  expect(look({ queueAge: 95 })).toEqual(['firing']); // neither above nor well below
  expect(look({ queueAge: 101 })).toEqual(['firing']);
  expect(look({ queueAge: 90 })).toEqual(['ok']);
  expect(told).toEqual([
    ['slow', 'firing', 150, 'slow'],
    ['slow', 'ok', 90, 'slow'],
  ]);
  expect(alerts.states()).toEqual([
    { name: 'slow', metric: 'queueAge', state: 'ok', since: 9000, value: 90, threshold: 100 },
  ]);
});

test('a moment at the threshold begins its time anew', () => {
  const { look, told } = alertsOf([kSlow]);
  for (let i = 0; i < 20; ++i) look({ queueAge: i % 3 === 2 ? 100 : 1000 });
  expect(told).toEqual([]);
});

test('one without a time is raised at once, and again after it was cleared', () => {
  const { look, told } = alertsOf([{ name: 'hot', metric: 'temperature', above: 80, below: 70, for: 0 }]);
  for (const temperature of [60, 81, 60, 81]) look({ temperature });
  expect(told.map(([, state]) => state)).toEqual(['firing', 'ok', 'firing']);
});

test('what nothing tells is unknown, and clears nothing', () => {
  const { look, told, alerts } = alertsOf([{ name: 'hot', metric: 'temperature', above: 80, below: 70, for: 0 }]);
  expect(look({})).toEqual(['unknown']);
  expect(look({ temperature: 90 })).toEqual(['firing']);
  expect(look({})).toEqual(['firing']);
  expect(alerts.states()[0].value).toBeNull();
  expect(told).toHaveLength(1);
});

test('a look at which nothing tells the value begins its time anew', () => {
  const { look, told } = alertsOf([{ name: 'hot', metric: 'temperature', above: 80, below: 70, for: 3000 }]);
  expect(look({ temperature: 90 })).toEqual(['pending']);
  expect(look({})).toEqual(['unknown']);
  expect(look({ temperature: 90 }, 60_000)).toEqual(['pending']);
  expect(told).toEqual([]);
  expect(look({ temperature: 90 }, 3000)).toEqual(['firing']);
});

test('each follows its own metric', () => {
  const rules = ['memory', 'queueAge', 'errorRate', 'latency', 'temperature', 'budget'].map((metric) => ({
    name: metric,
    metric,
    above: 1,
    below: 1,
    for: 0,
  }));
  for (const { metric } of rules) {
    const { look } = alertsOf(rules);
    const states = look({ [metric]: 2 });
    expect(states.flatMap((state, i) => (state === 'firing' ? [rules[i].name] : []))).toEqual([metric]);
  }
});
