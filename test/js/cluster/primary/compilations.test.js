// The coordinator's table of programs, with workers that only take notes: compiled once, deaths, errors, limits, the
// list for the next start.
'use strict';
const { Compilations } = require('../../../../lib/cluster/primary/compilations');

const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const idOf = (n) => n.toString(16).padStart(64, '0');

function setUp({ limit = 10, timeout = Infinity } = {}) {
  const workers = [];
  const sent = [];
  const held = [];
  const firsts = [];
  const compilations = new Compilations({
    limit,
    timeout,
    log: quiet,
    workers: () => workers,
    send: (worker, message) => sent.push({ worker, ...message }),
    open: (handle) => {
      if (handle.bad) throw new Error('gone');
      const memory = {
        handle,
        released: false,
        release() {
          memory.released = true;
        },
      };
      held.push(memory);
      return memory;
    },
    onFirst: (name, answer, requester) => {
      firsts.push([name, requester.slot]);
      return { cache: { cacheHitRate: 50 } };
    },
  });
  const join = (backends = ['vulkan', 'cpu'], canCompile = true) => {
    const worker = { slot: workers.length + 1, canCompile, backends: new Set(backends) };
    workers.push(worker);
    return worker;
  };
  const ask = (requester, name = 'k', backends = ['vulkan']) => {
    const outcome = { answer: undefined, error: undefined };
    compilations.request(
      {
        requester,
        answer: (answer) => {
          outcome.answer = answer;
        },
        fail: (error) => {
          outcome.error = error;
        },
      },
      { key: name, request: { kind: 'kernel', name }, backends },
    );
    return outcome;
  };
  const compiles = () => sent.filter(({ type }) => type === 'compile');
  const finish = ({ worker, number }, more = {}) =>
    compilations.onCompiled(worker, {
      number,
      tensor: { number },
      id: idOf(number),
      ms: 5,
      fromDisk: false,
      problems: [],
      ...more,
    });
  return { compilations, workers, sent, held, firsts, join, ask, compiles, finish };
}

test('a source is compiled once however many ask, and the first is told that it was', () => {
  const { join, ask, compiles, finish, firsts, sent, compilations } = setUp();
  const a = join(),
    b = join();
  const outcomes = [ask(a), ask(b), ask(a)];
  expect(compiles()).toHaveLength(1);
  expect(compiles()[0]).toMatchObject({ worker: a, request: { name: 'k' } });
  finish(compiles()[0]);
  expect(outcomes.map(({ answer }) => answer.cached)).toEqual([false, 'cluster', 'cluster']);
  expect(outcomes[0].answer).toMatchObject({ id: idOf(1), ms: 5, cache: { cacheHitRate: 50 } });
  expect(outcomes[1].answer.cache).toBeUndefined();
  expect(firsts).toEqual([['k', 1]]);
  expect(sent.filter(({ type }) => type === 'program-taken')).toEqual([
    { worker: a, type: 'program-taken', number: 1 },
  ]);
  expect(ask(b).answer.cached).toBe('cluster');
  expect(compiles()).toHaveLength(1);
  expect(compilations.compiled).toEqual({ count: 1, ms: 5 });
});

test('what was on disk was not compiled', () => {
  const { join, ask, compiles, finish, compilations } = setUp();
  const outcome = ask(join());
  finish(compiles()[0], { fromDisk: true });
  expect(outcome.answer.cached).toBe('disk');
  expect(compilations.compiled).toEqual({ count: 0, ms: 0 });
});

test('it goes to a worker with the device it needs, then to the requester, then to whoever compiles least', () => {
  const { join, ask, compiles } = setUp();
  const cpu = join(['cpu']),
    one = join(),
    two = join(),
    primary = { slot: 0, canCompile: false, backends: new Set() };
  ask(cpu, 'a');
  expect(compiles()[0].worker).toBe(one);
  ask(two, 'b');
  expect(compiles()[1].worker).toBe(two);
  ask(two, 'c');
  expect(compiles()[2].worker).toBe(two);
  ask(primary, 'd');
  expect(compiles()[3].worker).toBe(one); // two has two to compile
  ask(primary, 'e', ['cuda']);
  expect(compiles()[4].worker).toBe(cpu); // none has a card: any will do
});

test('without a worker it waits for one', () => {
  const { compilations, join, ask, compiles, finish, workers } = setUp();
  const primary = { slot: 0, canCompile: false, backends: new Set() };
  const outcome = ask(primary);
  expect(compiles()).toEqual([]);
  const worker = join(['vulkan'], false);
  compilations.onWorkerReady();
  expect(compiles()).toEqual([]);
  workers[0].canCompile = true;
  compilations.onWorkerReady();
  expect(compiles()).toMatchObject([{ worker }]);
  finish(compiles()[0]);
  expect(outcome.answer.cached).toBe(false);
});

test('a worker that dies is replaced once; a source that takes two down is given up', () => {
  const { compilations, join, ask, compiles, finish, workers } = setUp();
  const primary = { slot: 0, canCompile: false, backends: new Set() };
  join();
  const first = ask(primary);
  for (let death = 0; death < 2; ++death) {
    const { worker } = compiles()[death];
    join();
    workers.splice(workers.indexOf(worker), 1);
    compilations.onWorkerGone(worker);
  }
  expect(compiles()).toHaveLength(2);
  expect(first.error).toMatchObject({
    code: 'ERR_WORKER_LOST',
    message: expect.stringMatching(/kernel 'k'.*two workers/),
  });
  // Not for good: whoever asks again has it tried again.
  const again = ask(primary);
  expect(compiles()).toHaveLength(3);
  finish(compiles()[2]);
  expect(again.answer.cached).toBe(false);
});

test('a worker compiles a few at a time; those that wait are not held against it when it dies', () => {
  const { compilations, join, ask, compiles, finish, workers } = setUp();
  const primary = { slot: 0, canCompile: false, backends: new Set() };
  join();
  const outcomes = Array.from({ length: 10 }, (_, i) => ask(primary, `k${i}`));
  expect(compiles()).toHaveLength(4);
  finish(compiles()[0]);
  expect(compiles().map(({ request }) => request.name)).toEqual(['k0', 'k1', 'k2', 'k3', 'k4']);
  for (let death = 0; death < 2; ++death) {
    const [victim] = workers.splice(0, 1);
    join();
    compilations.onWorkerGone(victim);
  }
  expect(outcomes.map(({ error }) => error?.code)).toEqual([
    undefined,
    ...Array(4).fill('ERR_WORKER_LOST'),
    ...Array(5).fill(undefined),
  ]);
  for (let i = 0; i < 20 && outcomes.some(({ answer, error }) => !answer && !error); ++i)
    for (const each of compiles().filter(({ worker }) => workers.includes(worker))) finish(each);
  expect(outcomes.filter(({ answer }) => answer)).toHaveLength(6);
});

test('a worker that leaves on purpose is no death', () => {
  const { compilations, join, ask, compiles, finish, workers } = setUp();
  const primary = { slot: 0, canCompile: false, backends: new Set() };
  join();
  const outcome = ask(primary);
  for (let i = 0; i < 5; ++i) {
    join();
    const [worker] = workers.splice(0, 1);
    compilations.onWorkerGone(worker, false);
  }
  expect(compiles()).toHaveLength(6);
  finish(compiles()[5]);
  expect(outcome.answer.cached).toBe(false);
});

test('an answer of a worker that was given up is thrown away, its memory let go', () => {
  const { compilations, join, ask, compiles, finish, sent, workers } = setUp();
  const a = join(),
    b = join();
  const outcomes = [ask(b), ask(a)];
  expect(compiles()[0].worker).toBe(b);
  workers.splice(1, 1);
  compilations.onWorkerGone(b);
  expect(compiles()[1].worker).toBe(a);
  finish(compiles()[0]);
  expect(outcomes.map(({ answer }) => answer)).toEqual([undefined, undefined]);
  expect(sent[sent.length - 1]).toEqual({ worker: b, type: 'program-taken', number: 1 });
  finish(compiles()[1], { worker: a });
  expect(compilations.size).toBe(1);
  expect(outcomes[1].answer.id).toBe(idOf(2));
});

test('what took its only requester along is not tried on another worker, nor kept for one that comes', () => {
  const { compilations, join, ask, compiles, workers } = setUp();
  const a = join();
  join();
  ask(a);
  workers.shift();
  compilations.onWorkerGone(a);
  expect(compiles()).toHaveLength(1);
  expect(compilations.size).toBe(0);
  workers.length = 0;
  const b = join(['vulkan'], false);
  ask(b);
  expect(compilations.size).toBe(1); // no worker is ready
  workers.length = 0;
  compilations.onWorkerGone(b);
  expect(compilations.size).toBe(0);
  join();
  compilations.onWorkerReady();
  expect(compiles()).toHaveLength(1);
});

test('an error goes to all who wait, and is not remembered', () => {
  const { compilations, join, ask, compiles } = setUp();
  const a = join();
  const outcomes = [ask(a), ask(a)];
  const error = { code: 'ERR_COMPILE', message: 'no', log: 'k:1: no', line: 1, column: 2 };
  compilations.onCompileFailed(a, { number: 1, error });
  expect(outcomes.map((outcome) => outcome.error)).toEqual([error, error]);
  expect(compilations.size).toBe(0);
  ask(a);
  expect(compiles()).toHaveLength(2);
});

test('memory that is gone before it was opened is an error of its own', () => {
  const { compilations, join, ask, sent } = setUp();
  const a = join();
  const outcome = ask(a);
  compilations.onCompiled(a, { number: 1, tensor: { bad: true }, id: idOf(1), ms: 1, fromDisk: false, problems: [] });
  expect(outcome.error).toMatchObject({ code: 'ERR_INTERNAL' });
  expect(sent[sent.length - 1].type).toBe('program-taken');
});

describe('with a clock', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  // node:timers is not what Jest replaces: the module is loaded again over fake ones.
  function fakeHub(options) {
    jest.resetModules();
    const { setTimeout, clearTimeout } = global;
    const setImmediate = (act) => act(); // at once: a clock that stands still would not come to it
    jest.doMock('node:timers', () => ({ setTimeout, clearTimeout, setImmediate, clearImmediate() {} }));
    const { Compilations: Fresh } = require('../../../../lib/cluster/primary/compilations');
    jest.dontMock('node:timers');
    return new Fresh({ limit: 2, log: quiet, workers: () => [], send() {}, open: (handle) => handle, ...options });
  }

  test('whoever has waited for its time is told why, the others go on waiting', () => {
    const compilations = fakeHub({ timeout: 1000 });
    const fails = [jest.fn(), jest.fn()];
    const requester = { slot: 0 };
    const wanted = { key: 'k', request: { kind: 'kernel', name: 'k' }, backends: [] };
    compilations.request({ requester, fail: fails[0], answer() {} }, wanted);
    jest.advanceTimersByTime(600);
    compilations.request({ requester, fail: fails[1], answer() {} }, wanted);
    jest.advanceTimersByTime(500);
    expect(fails[0]).toHaveBeenCalledWith({
      code: 'ERR_TIMEOUT',
      message: expect.stringMatching(/no worker was ready.*1000 ms/),
    });
    expect(fails[1]).not.toHaveBeenCalled();
    expect(compilations.size).toBe(1);
    jest.advanceTimersByTime(500);
    expect(fails[1]).toHaveBeenCalledTimes(1);
    expect(compilations.size).toBe(0);
  });

  test('what nobody waits for any more is canceled, and what takes long makes way for others', () => {
    const worker = { slot: 1, canCompile: true, backends: new Set() };
    const sent = [];
    const compilations = fakeHub({
      timeout: 10000,
      workers: () => [worker],
      send: (to, message) => sent.push(message),
    });
    const ask = (name) =>
      compilations.request(
        { requester: worker, answer() {}, fail() {} },
        { key: name, request: { kind: 'kernel', name }, backends: [] },
      );
    for (const name of ['a', 'b', 'c', 'd', 'e']) ask(name);
    const started = () => sent.filter(({ type }) => type === 'compile').map(({ request }) => request.name);
    expect(started()).toEqual(['a', 'b', 'c', 'd']);
    jest.advanceTimersByTime(500);
    expect(started()).toEqual(['a', 'b', 'c', 'd', 'e']);
    compilations.onCompileFailed(worker, { number: 2, error: { code: 'ERR_COMPILE', message: 'no' } });
    jest.advanceTimersByTime(9500);
    expect(sent.filter(({ type }) => type === 'compile-canceled').map(({ number }) => number)).toEqual([1, 3, 4, 5]);
    expect(compilations.size).toBe(0);
  });

  test('the table is bounded: what was asked for longest ago goes, its memory a while later', () => {
    const released = [];
    const worker = { slot: 1, canCompile: true, backends: new Set() };
    const compilations = fakeHub({
      timeout: Infinity,
      workers: () => [worker],
      open: (name) => ({ release: () => released.push(name) }),
    });
    let number = 0;
    const make = (name) => {
      const answer = jest.fn();
      compilations.request(
        { requester: worker, answer, fail() {} },
        { key: name, request: { kind: 'kernel', name }, backends: [] },
      );
      if (!answer.mock.calls.length)
        compilations.onCompiled(worker, { number: ++number, tensor: name, id: idOf(number), ms: 1 });
      return answer.mock.calls[0][0].cached;
    };
    expect([make('a'), make('b'), make('a'), make('c')]).toEqual([false, false, 'cluster', false]);
    expect(compilations.size).toBe(2);
    expect(released).toEqual([]); // somebody may be opening it
    jest.advanceTimersByTime(10000);
    expect(released).toEqual(['b']);
    expect([make('a'), make('b')]).toEqual(['cluster', false]);
    compilations.close();
    expect(released).toEqual(['b', 'a', 'b', 'c']); // the one that had to go last, too
  });
});

test('the list for the next start: most used first, nothing that is no program', () => {
  const { compilations } = setUp();
  expect(compilations.isListStale).toBe(false);
  compilations.countUses({ [idOf(1)]: 1, [idOf(2)]: 5, nonsense: 7, [idOf(3)]: -1, [idOf(4)]: NaN });
  compilations.countUses({ [idOf(1)]: 2 });
  expect(compilations.isListStale).toBe(true);
  expect(compilations.warmUpList()).toEqual([idOf(2), idOf(1)]);
  expect(compilations.isListStale).toBe(false);
  for (let i = 10; i < 6000; ++i) compilations.countUses({ [idOf(i)]: i < 20 ? 100 : 1 });
  const list = compilations.warmUpList();
  expect(list).toHaveLength(1000);
  expect(new Set(list.slice(0, 10))).toEqual(new Set(Array.from({ length: 10 }, (_, i) => idOf(10 + i))));
});

test('closing refuses who waits and who comes', () => {
  const { compilations, join, ask } = setUp();
  const waiting = ask(join());
  compilations.close();
  expect(waiting.error.code).toBe('ERR_CLOSED');
  expect(ask(join()).error.code).toBe('ERR_CLOSED');
});
