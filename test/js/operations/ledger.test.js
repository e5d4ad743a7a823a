// Costs by hour and day against sums by hand; what is kept over a restart, whatever a crash has left; budgets.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { Budgets, budgetError, CostJournal, Ledger } = require('../../../lib/operations');
const { keptLog } = require('../../support/silent-log');

const kHour = 3_600_000;
const kStart = Date.UTC(2026, 0, 31, 22, 30);

let folder;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-costs-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

/** @param {object} [fields] */
function rowOf(fields = {}) {
  return {
    device: 'cpu:0',
    kind: 'cpu',
    workload: 'matmul',
    caller: '',
    token: '',
    model: '',
    jobs: 1,
    ms: 100,
    cost: 0.5,
    units: 10,
    unitMs: 100,
    soloUnits: 10,
    soloMs: 100,
    cached: 0,
    savedByCache: 0,
    savedByBatching: 0,
    savedByRouting: 0,
    again: 0,
    againCost: 0,
    ...fields,
  };
}

/** @param {{ now: number }} clock @param {boolean} [keeps] */
function ledgerOf(clock, keeps = false) {
  const epoch = () => clock.now;
  const log = keptLog();
  const journal = keeps ? new CostJournal(folder, log, epoch) : undefined;
  return { ledger: new Ledger({ currency: 'EUR', journal, epoch }), log };
}

/** @param {Ledger} ledger */
const briefly = (ledger) => {
  const { hours, days, day, hour, now } = ledger.report([]);
  const short = ({ start, cost }) => [start.slice(5, 13), cost];
  return { hours: hours.map(short), days: days.map(short), day: day.cost, hour: hour.cost, now: now.cost };
};

test('costs are added up by hour and day', () => {
  const clock = { now: kStart };
  const { ledger } = ledgerOf(clock);
  ledger.add([rowOf(), rowOf({ caller: 'a', cost: 1 })]);
  clock.now += kHour;
  ledger.add([rowOf({ workload: 'add', cost: 2 })]);
  clock.now += kHour;
  ledger.add([rowOf({ cost: 4 }), rowOf({ cost: 8, caller: 'a', token: 't', model: 'm' })]);
  expect(briefly(ledger)).toEqual({
    hours: [
      ['01-31T22', 1.5],
      ['01-31T23', 2],
      ['02-01T00', 12],
    ],
    days: [
      ['01-31T00', 3.5],
      ['02-01T00', 12],
    ],
    day: 12,
    hour: 12,
    now: 15.5,
  });
  const { byCaller, byToken, byModel, byWorkload, byDevice, currency } = ledger.report([]);
  expect(currency).toBe('EUR');
  expect(byCaller).toEqual({ '': { jobs: 1, seconds: 0.1, cost: 4 }, a: { jobs: 1, seconds: 0.1, cost: 8 } });
  expect(byToken).toEqual({ t: { jobs: 1, seconds: 0.1, cost: 8 } });
  expect(byModel).toEqual({ m: { jobs: 1, seconds: 0.1, cost: 8 } });
  expect(byWorkload).toEqual({ matmul: { jobs: 2, seconds: 0.2, cost: 12 } });
  expect(byDevice).toEqual({ 'cpu:0': { jobs: 2, seconds: 0.2, cost: 12 } });
  clock.now += 24 * kHour;
  expect(briefly(ledger)).toMatchObject({ day: 0, hour: 0, now: 15.5 });
});

test('a caller sees what was counted for it, and nothing else', () => {
  const clock = { now: kStart };
  const { ledger } = ledgerOf(clock);
  ledger.add([rowOf({ caller: 'me', cost: 1 }), rowOf({ caller: 'other', cost: 100, token: 'secret', model: 'm2' })]);
  const report = ledger.report([{ name: 'all', spent: 101 }], 'me');
  expect(report).toMatchObject({ day: { cost: 1 }, now: { cost: 1 }, budgets: [], advice: [] });
  expect(JSON.stringify(report)).not.toMatch(/other|secret|m2|101|100\b/);
  expect(ledger.report([], 'nobody').day).toEqual({ jobs: 0, seconds: 0, cost: 0 });
});

test('names that objects have anyway are names', () => {
  const { ledger } = ledgerOf({ now: kStart });
  for (const caller of ['__proto__', 'constructor', 'toString']) ledger.add([rowOf({ caller, cost: 1 })]);
  const { byCaller } = ledger.report([]);
  expect(Object.entries(byCaller).map(([name, { cost }]) => [name, cost])).toEqual([
    ['__proto__', 1],
    ['constructor', 1],
    ['toString', 1],
  ]);
});

test('costs are there after a restart, and so after a crash in the middle of a line', async () => {
  const clock = { now: kStart };
  const first = ledgerOf(clock, true).ledger;
  first.add([rowOf({ cost: 1 })]);
  first.add([rowOf({ cost: 2 })]);
  await first.close();
  const file = path.join(folder, fs.readdirSync(folder)[0]);
  fs.appendFileSync(file, '{"at":1769898600000,"rows":[{"device":"cpu:0","ki');
  const { ledger, log } = ledgerOf(clock, true);
  expect(ledger.report([]).day.cost).toBe(3);
  ledger.add([rowOf({ cost: 4 })]);
  await ledger.close();
  expect(ledgerOf(clock, true).ledger.report([]).day.cost).toBe(7);
  expect(log.lines).toEqual([]);
});

test('lines of nonsense, of wrong numbers and of long ago count for nothing', () => {
  const file = path.join(folder, 'costs-1.jsonl');
  const line = (at, row) => `${JSON.stringify({ at, rows: [row] })}\n`;
  const lines = [
    'nonsense\n',
    'null\n[]\n{}\n',
    line(kStart, rowOf({ cost: 'much' })),
    line(kStart, rowOf({ cost: null })),
    line('today', rowOf()),
    line(kStart - 200 * 24 * kHour, rowOf()),
    line(kStart, rowOf({ cost: 5 })),
  ];
  fs.writeFileSync(file, lines.join(''));
  expect(
    ledgerOf({ now: kStart }, true)
      .ledger.report([])
      .days.map(({ cost }) => cost),
  ).toEqual([5]);
});

test('a journal that has grown is put together, and says the same', async () => {
  const file = path.join(folder, 'costs-1.jsonl');
  const line = `${JSON.stringify({ at: Math.floor(kStart / kHour) * kHour, rows: [rowOf({ cost: 0.25 })] })}\n`;
  const count = Math.ceil((9 * 2 ** 20) / line.length);
  fs.writeFileSync(file, line.repeat(count));
  const { ledger } = ledgerOf({ now: kStart }, true);
  ledger.add([rowOf({ cost: 1 })]);
  ledger.add([rowOf({ cost: 1, caller: 'a' })]);
  await ledger.close();
  expect(fs.statSync(file).size).toBeLessThan(3000);
  ledger.add([rowOf({ cost: 1 })]);
  await ledger.close();
  expect(ledgerOf({ now: kStart }, true).ledger.report([]).day.cost).toBe(count / 4 + 3);
});

test('hours are kept for a week, days for longer, and so over a restart that puts them together', async () => {
  const clock = { now: kStart };
  const { ledger } = ledgerOf(clock, true);
  for (let i = 0; i < 24 * 20; ++i, clock.now += kHour) ledger.add([rowOf({ cost: 1 })]);
  clock.now -= kHour;
  await ledger.close();
  const file = path.join(folder, 'costs-1.jsonl');
  fs.appendFileSync(file, `${' '.repeat(9 * 2 ** 20)}\n`);
  const before = briefly(ledger);
  expect(before.hours.length).toBeGreaterThan(24 * 7);
  expect(before.hours.length).toBeLessThanOrEqual(24 * 8);
  expect(before.days).toHaveLength(21);
  expect(before.days.slice(1, -1).every(([, cost]) => cost === 24)).toBe(true);
  const second = ledgerOf(clock, true).ledger;
  second.add([rowOf({ cost: 5 })]);
  await second.close();
  expect(fs.statSync(file).size).toBeLessThan(2 ** 20);
  const { days, hours } = briefly(ledgerOf(clock, true).ledger);
  const last = before.days.at(-1);
  expect(days).toEqual([...before.days.slice(0, -1), [last[0], last[1] + 5]]);
  expect(hours.slice(-24 * 7, -1)).toEqual(before.hours.slice(-24 * 7, -1));
});

test('a folder that can not be written to costs a line in the log', async () => {
  fs.rmSync(folder, { recursive: true });
  fs.writeFileSync(folder, 'a file');
  const { ledger, log } = ledgerOf({ now: kStart }, true);
  for (let i = 0; i < 2; ++i) {
    ledger.add([rowOf({ cost: 1 })]);
    await ledger.close();
  }
  expect(ledger.report([]).day.cost).toBe(2);
  expect(log.lines.map(([level]) => level)).toEqual(['warn']);
});

test('what could not be written for a while is written when the folder works again', async () => {
  const file = path.join(folder, 'costs-1.jsonl');
  const { ledger, log } = ledgerOf({ now: kStart }, true);
  ledger.add([rowOf({ cost: 1 })]);
  await ledger.close();
  fs.rmSync(file);
  fs.mkdirSync(file);
  for (const cost of [2, 4, 8]) ledger.add([rowOf({ cost })]);
  await ledger.close();
  fs.rmdirSync(file);
  await ledger.close();
  expect(ledgerOf({ now: kStart }, true).ledger.report([]).day.cost).toBe(15);
  ledger.add([rowOf({ cost: 16 })]);
  await ledger.close();
  expect(ledgerOf({ now: kStart }, true).ledger.report([]).day.cost).toBe(31);
  expect(log.lines.map(([level]) => level)).toEqual(['warn', 'info']);
});

test('a file that could not be read is never replaced', async () => {
  const file = path.join(folder, 'costs-1.jsonl');
  fs.mkdirSync(file);
  const { ledger } = ledgerOf({ now: kStart }, true);
  ledger.add([rowOf({ cost: 2 })]);
  await ledger.close();
  fs.rmdirSync(file);
  const line = `${JSON.stringify({ at: kStart, rows: [rowOf({ cost: 5 })] })}\n`;
  fs.writeFileSync(file, line);
  ledger.add([rowOf({ cost: 1 })]);
  await ledger.close();
  expect(fs.readFileSync(file, 'utf8').startsWith(line)).toBe(true);
  expect(ledgerOf({ now: kStart }, true).ledger.report([]).day.cost).toBe(6);
});

describe('budgets', () => {
  const kDay = { name: 'day', period: 'day', limit: 10, warnAt: 0.8, stop: true };
  const kMonth = { name: 'month', period: 'month', limit: 100, warnAt: 0.5, stop: false };

  test('warn, stop, and begin anew with the day and the month of UTC', () => {
    const clock = { now: kStart };
    const { ledger } = ledgerOf(clock);
    const told = [];
    const tell = ({ name, state }) => told.push(`${name} ${state}`);
    const budgets = new Budgets([kDay, kMonth], (since) => ledger.spentSince(since), tell);
    const spend = (cost, kind = 'stopped') => {
      ledger.add([rowOf({ cost })]);
      budgets.look(clock.now);
      return budgets[kind]?.name;
    };
    expect(spend(7.9)).toBeUndefined();
    expect(spend(0.1)).toBeUndefined();
    expect(told).toEqual(['day warning']);
    expect(spend(2)).toBe('day');
    expect(spend(40)).toBe('day');
    expect(told).toEqual(['day warning', 'day stopped', 'month warning']);
    expect(budgets.share).toBe(5);
    clock.now += 2 * kHour; // another day, and another month
    const [day, month] = budgets.look(clock.now);
    expect(day).toEqual({
      name: 'day',
      period: 'day',
      limit: 10,
      spent: 0,
      state: 'ok',
      resetsAt: Date.UTC(2026, 1, 2),
    });
    expect(month).toMatchObject({ spent: 0, state: 'ok', resetsAt: Date.UTC(2026, 2, 1) });
    expect(budgets.stopped).toBeUndefined();
    expect(told.slice(3)).toEqual(['day ok', 'month ok']);
    expect(spend(200)).toBe('day'); // of the month nothing is stopped
  });

  test('an error says which, and when it begins anew', () => {
    const state = { ...kDay, spent: 10.5, state: 'stopped', resetsAt: Date.UTC(2026, 1, 1) };
    const error = budgetError(state, Date.UTC(2026, 0, 31, 23, 59));
    expect(error).toMatchObject({ code: 'ERR_BUDGET', retryAfter: 60_000 });
    expect(error.message).toMatch(/'day' of 10 is used up \(10\.5 were spent\).*2026-02-01T00:00:00/);
  });

  test('a limit of 0 stops everything', () => {
    const budgets = new Budgets(
      [{ ...kDay, limit: 0 }],
      () => 0,
      () => {},
    );
    budgets.look(kStart);
    expect(budgets.stopped.name).toBe('day');
  });
});

describe('advice', () => {
  const dear = { device: 'cuda:0', kind: 'cuda', jobs: 50, ms: 50, cost: 100, units: 1000, unitMs: 50 };
  const cheap = { device: 'cpu:0', kind: 'cpu', jobs: 10, ms: 100, cost: 1, units: 100, unitMs: 100 };
  const adviceOf = (rows) => {
    const { ledger } = ledgerOf({ now: kStart });
    ledger.add(rows);
    return ledger.report([]).advice;
  };

  test('names the device where the same work costs less, and what it would cost there', () => {
    const [advice, ...others] = adviceOf([rowOf(dear), rowOf(cheap)]);
    expect(others).toEqual([]);
    // 1000 units at 1 for each 100 units
    expect(advice).toMatchObject({
      kind: 'device',
      cost: 100,
      jobs: { workload: 'matmul', device: 'cuda:0', count: 50 },
    });
    expect(advice.predicted).toBeCloseTo(10, 9);
    expect(advice.what).toMatch(/matmul on cpu:0.*90%/);
  });

  test('says nothing where nothing is known of another device, or it would cost as much', () => {
    expect(adviceOf([rowOf(dear), rowOf({ ...cheap, workload: 'add' })])).toEqual([]);
    expect(adviceOf([rowOf(dear), rowOf({ ...cheap, units: 0, unitMs: 0 })])).toEqual([]);
    expect(adviceOf([rowOf(dear), rowOf({ ...cheap, cost: 9.9 })])).toEqual([]);
  });

  test('says what would be saved by results that are kept for longer', () => {
    const [advice] = adviceOf([rowOf({ jobs: 40, cost: 8, again: 30, againCost: 6 })]);
    expect(advice).toMatchObject({ kind: 'cache', cost: 8, predicted: 2 });
    expect(advice.what).toMatch(/30 of its jobs/);
  });
});
