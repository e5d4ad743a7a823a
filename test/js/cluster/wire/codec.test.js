// The messages of the protocol: what is of its shape comes through as it was, what is not is refused with a reason.
'use strict';
const codec = require('../../../../lib/cluster/wire/codec');
const messages = require('../../../../lib/cluster/wire/messages');
const { ProtocolError } = require('../../../../lib/cluster/wire/shapes');

const protocol = require('../../../../lib/cluster/wire/protocol');

const { ask, output, done, result, text: words } = protocol;
const device = {
  id: 'cpu:0',
  backend: 'cpu',
  name: 'a processor',
  type: 'cpu',
  memory: { total: 2, free: 1 },
  computeUnits: 2,
  features: { graphics: false },
};
const entry = {
  id: '1-cpu-0',
  workerId: 1,
  contextType: 'cpu',
  device: 'cpu:0',
  state: 'idle',
  isActive: true,
  lastUsed: 0,
  memoryUsage: 0,
  memoryLimit: 1024,
  shaderCount: 0,
  jobsRun: 3,
  member: 1,
  index: 0,
  deviceName: 'a processor',
  driver: 'a driver, 1.0',
  software: false,
  canDraw: false,
};
const job = {
  number: 3,
  id: 'report-13',
  type: 'matmul',
  state: 'running',
  sinceMs: 1.5,
  priority: -1,
  deadline: null,
  costMs: 2,
  contextId: '1-cpu-0',
  reason: 'waits',
};
const sources = { kind: 'kernel', name: 'k', glsl: 'void main() {}' };
const error = {
  code: 'ERR_COMPILE',
  message: 'no',
  log: 'k:1: no',
  line: 1,
  column: 2,
  argument: 'nodes[1].inputs.a',
  retryAfter: 5,
};

const budget = { name: 'all', period: 'day', limit: 10, spent: 10.5, state: 'stopped', resetsAt: 1_800_000_000_000 };
const useRow = {
  ...{ device: 'cpu:0', kind: 'cpu', workload: 'matmul', caller: '', token: '', model: '' },
  ...{ jobs: 1, ms: 0.5, cost: 0.25, units: 0, unitMs: 0, soloUnits: 0, soloMs: 0, cached: 0 },
  ...{ savedByCache: 0, savedByBatching: 0, savedByRouting: 0, again: 0, againCost: 0 },
};
const toMember = [
  { type: 'welcome', page: 7, workerId: 1 },
  {
    type: 'plan',
    contexts: [{ index: 0, id: '1-cpu-0', device: 'cpu:0', memoryLimit: 5, threads: 2 }],
    cautious: false,
  },
  { type: 'contexts', entries: [entry] },
  { type: 'event', name: 'worker-ready', event: { workerId: 1, pid: 2, contexts: ['1-cpu-0'] } },
  { type: 'event', name: 'worker-left', event: { workerId: 1, pid: 2 } },
  { type: 'event', name: 'worker-lost', event: { workerId: 1, pid: 2, reason: 'crash' } },
  { type: 'event', name: 'context-lost', event: { contextId: '1-cpu-0', workerId: 1, message: 'gone' } },
  {
    type: 'event',
    name: 'memory-pressure',
    event: {
      tier: 'device',
      of: '1-cpu-0',
      state: 'high',
      used: 2 ** 20,
      limit: null,
      fullInMs: 5.5,
      contextId: '1-cpu-0',
      workerId: 1,
      memoryUsage: 1,
      memoryLimit: 0,
      utilization: 0,
    },
  },
  { type: 'event', name: 'tensor-published', event: { name: 'base', version: 2 } },
  { type: 'answer', id: 1, answer: { anything: [1] } },
  { type: 'answer-error', id: 1, error },
  { type: 'reopen', index: 0 },
  { type: 'give-up', index: 0 },
  { type: 'trim' },
  { type: 'compile', number: 1, request: sources },
  { type: 'compile-canceled', number: 1 },
  { type: 'program-taken', number: 1 },
  { type: 'follow', number: 1 },
  { type: 'follow', number: 1, id: 'report-13' },
  { type: 'where', number: 1, text: 'it was running on 1-cpu-0' },
  { type: 'own', key: 'store:/data', turn: 3, folder: '/dev/shm/switchyard', isLost: true },
  { type: 'stand-by', key: 'store:/data', turn: 3, folder: '/dev/shm/switchyard', address: '/dev/shm/switchyard/s3' },
  { type: 'disown', key: 'store:/data', turn: 3 },
  { type: 'gone', key: 'store:/data', turn: 3 },
  { type: 'spent' },
  { type: 'spent', budget },
  { type: 'degrade', stage: 'small-batches' },
  { type: 'tell-use', number: 3 },
  { type: 'event', name: 'budget', event: budget },
  {
    type: 'event',
    name: 'alert',
    event: { name: 'slow', metric: 'latency', state: 'firing', since: 5, value: 600.5, threshold: 500 },
  },
  {
    type: 'event',
    name: 'degradation',
    event: { stage: 'none', stages: ['none'], since: 5, refused: 0, refusedBelow: null, queueAge: 0.5 },
  },
  { type: 'end', reason: 'device-lost' },
  { type: 'bye', reason: 'nonsense' },
];
const toCoordinator = [
  { type: 'devices', devices: [device] },
  { type: 'context', index: 0, id: '1-cpu-0', device },
  { type: 'context-failed', index: 0, id: '1-cpu-0', device: 'cpu:0', error },
  { type: 'context-lost', index: 0, message: 'gone' },
  { type: 'context-stuck', index: 0, id: '1-cpu-0' },
  { type: 'ready' },
  { type: 'cleanup' },
  { type: 'leaving', reason: 'nonsense' },
  { type: 'named', number: 1, id: 'report-13' },
  { type: 'program', id: 1, key: 'k', request: { ...sources, bindings: ['a'], spirv: 'AAAA', cuda: '' } },
  {
    type: 'compiled',
    number: 1,
    tensor: { region: 1, block: 2, generation: 3, bytes: 4, shape: [4], dtype: 'uint8' },
    id: 'a',
    ms: 1.5,
    fromDisk: false,
    problems: ['p'],
  },
  { type: 'compile-failed', number: 1, error },
  { type: 'program-problems', problems: [] },
  { type: 'program-uses', uses: { a: 1 } },
  { type: 'followed', number: 1, jobs: [job], isFull: false },
  { type: 'followed', number: 1, found: { asked: 1.5, steps: ['done after 2 ms'] }, isFull: true },
  { type: 'query', id: 1, report: { what: 'jobs' } },
  { type: 'query', id: 1, report: { what: 'why', id: 'report-13' } },
  { type: 'query', id: 1, report: { what: 'metrics' } },
  { type: 'query', id: 1, report: { what: 'memory', device: 'cpu:0' } },
  {
    type: 'publish',
    id: 1,
    name: 'base',
    tensor: { region: 1, block: 2, generation: 3, bytes: 4, shape: [1], dtype: 'float32' },
    limit: 5,
  },
  { type: 'lookup', id: 1, name: 'base' },
  { type: 'unpublish', id: 1, name: 'base' },
  { type: 'claim', id: 1, key: 'store:/data', mayOwn: true },
  { type: 'owned', key: 'store:/data', turn: 3, address: '/dev/shm/switchyard/1' },
  { type: 'disowned', key: 'store:/data', turn: 3 },
  { type: 'disowned', key: 'store:/data', turn: 3, error: { code: 'ERR_LOCKED', message: 'it is locked' } },
  { type: 'standing-by', key: 'store:/data', turn: 3 },
  { type: 'released', id: 1, key: 'store:/data' },
  { type: 'device-use', rows: [] },
  { type: 'device-use', rows: [useRow], number: 3 },
  {
    type: 'kept-results',
    tiers: [{ name: 'redis', entries: null, bytes: null, limit: null, hits: 1, misses: 2, state: 'away' }],
  },
];

describe.each([
  ['to a process', toMember, messages.toMember, codec.encodeToMember, codec.decodeToMember],
  ['to the coordinator', toCoordinator, messages.toCoordinator, codec.encodeToCoordinator, codec.decodeToCoordinator],
])('in words, %s', (_, samples, shapes, encode, decode) => {
  const check = encode === codec.encodeToMember ? codec.checkFromCoordinator : codec.checkFromMember;
  const read = (message) => {
    const numbers = encode(message);
    check(numbers, 0, numbers.length);
    return decode(numbers, 0);
  };

  test('there is a sample of every type', () =>
    expect([...new Set(samples.map(({ type }) => type))].sort()).toEqual(Object.keys(shapes).sort()));

  test.each(samples.map((sample) => [sample.type, sample]))('%s comes through', (type, sample) =>
    expect(read(sample)).toEqual(sample),
  );

  test.each(samples.map((sample) => [sample.type, sample]))('%s with a wrong field is refused', (type, sample) => {
    for (const field of Object.keys(shapes[type])) {
      if (type === 'answer' && field === 'answer') continue; // whatever was asked for
      for (const wrong of [null, [[]], { not: 'it' }, -0.5]) {
        // an object of any fields, or a number of any size, may be right where nobody reads more of it here
        if (field === 'tensor' && wrong?.not) continue;
        if (field === 'ms' && wrong === -0.5) continue;
        const send = () => read({ ...sample, [field]: wrong });
        expect(send).toThrow(ProtocolError);
        expect(send).toThrow(type);
      }
    }
  });

  test('a type that nobody knows, or none, is refused', () => {
    for (const odd of [{ type: 'no such' }, { type: 'toString' }, {}, [], null, 5, 'text', { type: 7 }])
      expect(() => read(odd)).toThrow(ProtocolError);
  });

  test('what is no JSON is refused, and so is a length that is not there', () => {
    const numbers = protocol.withText(protocol.kText, words, '{ no');
    expect(() => decode(numbers, 0)).toThrow(/not JSON/);
    for (const bytes of [-1, 0.5, NaN, 1e9]) {
      numbers[words.textBytes] = bytes;
      expect(() => check(numbers, 0, numbers.length)).toThrow(ProtocolError);
    }
  });
});

test.each([[{ what: 'secrets' }], [{ what: 'memory' }], [{ what: 'memory', device: 5 }], ['metrics']])(
  'there is no report %j',
  (report) => {
    const numbers = codec.encodeToCoordinator({ type: 'query', id: 1, report });
    expect(() => codec.decodeToCoordinator(numbers, 0)).toThrow(/'query'.*'report'/);
  },
);

test('an event with the fields of another is refused', () => {
  const event = { contextId: '1-cpu-0', workerId: 1, message: 'gone' };
  const numbers = codec.encodeToMember({ type: 'event', name: 'worker-ready', event });
  expect(() => codec.decodeToMember(numbers, 0)).toThrow(/'worker-ready'/);
});

describe('in numbers', () => {
  /** An ask with one output. */
  function anAsk() {
    const numbers = protocol.begin(protocol.kAsk, ask.body + 2 + output.numbers);
    numbers[ask.number] = 5;
    numbers[ask.outputs] = 1;
    numbers.set([0, 1, 77, 4096, 16], ask.body);
    return numbers;
  }
  function aDone() {
    const numbers = protocol.withText(protocol.kDone, done, JSON.stringify(error));
    numbers[done.number] = 5;
    numbers[done.batch] = 1;
    return numbers;
  }
  function aResult() {
    const numbers = protocol.withText(protocol.kResult, result, JSON.stringify(error));
    numbers[result.number] = 5;
    numbers[result.member] = numbers[result.context] = -1; // it ended without having run
    return numbers;
  }
  const numbered = (type) => protocol.withNumber(type, 5);
  const cases = [
    ['ask', codec.checkFromMember, anAsk, ['number', 'kind', 'contextType', 'outputs', 'retries'].map((f) => ask[f])],
    ['done', codec.checkFromExecutor, aDone, [done.number, done.code, done.batch, done.textBytes]],
    ['result', codec.checkFromCoordinator, aResult, [result.number, result.code, result.shared, result.textBytes]],
    ...['kCancel', 'kCopied', 'kRegion', 'kDrop'].map((name) => [
      name,
      codec.checkFromMember,
      () => numbered(protocol[name]),
      [protocol.kNumberAt],
    ]),
    ['lack of an executor', codec.checkFromExecutor, () => numbered(protocol.kLack), [protocol.kNumberAt]],
    ['lack of the coordinator', codec.checkFromCoordinator, () => numbered(protocol.kLack), [protocol.kNumberAt]],
  ];
  test.each(cases)('%s', (_, check, make, indices) => {
    const numbers = make();
    expect(() => check(numbers, 0, numbers.length)).not.toThrow();
    for (const place of indices)
      for (const wrong of [-1, 0.5, NaN, Infinity, 1e300]) {
        const bad = make();
        bad[place] = wrong;
        expect(() => check(bad, 0, bad.length)).toThrow(ProtocolError);
      }
    for (let length = 1; length < numbers.length; ++length)
      expect(() => check(make(), 0, length)).toThrow(ProtocolError);
  });

  test('an ask whose outputs do not fit its body', () => {
    for (const [place, wrong] of [
      [ask.outputs, 5],
      [ask.body + 1, 2],
      [ask.body + 1, NaN],
    ]) {
      const bad = anAsk();
      bad[place] = wrong;
      expect(() => codec.checkFromMember(bad, 0, bad.length)).toThrow(ProtocolError);
    }
  });

  describe.each([
    ['done', protocol.kDone, done, codec.checkFromExecutor],
    ['result', protocol.kResult, result, codec.checkFromCoordinator],
  ])('the error of a job, in %s', (_, type, places, check) => {
    const failed = (text) => {
      const numbers = protocol.withText(type, places, text);
      numbers[places.code] = protocol.codeNumber('ERR_COMPILE');
      return numbers;
    };

    test('comes through with all that it has', () => {
      const numbers = failed(JSON.stringify(error));
      expect(() => check(numbers, 0, numbers.length)).not.toThrow();
      expect(codec.readError(numbers, places, 0)).toEqual(error);
    });

    test('is refused where it is none', () => {
      for (const field of Object.keys(error)) {
        const numbers = failed(JSON.stringify({ ...error, [field]: [] }));
        expect(() => check(numbers, 0, numbers.length)).toThrow(ProtocolError);
      }
      for (const text of ['', 'no', '[]', '{}', 'null']) {
        const numbers = failed(text);
        expect(() => check(numbers, 0, numbers.length)).toThrow(ProtocolError);
      }
    });
  });

  test('what only the other side says is refused', () => {
    const one = aDone(),
      two = aResult(),
      three = anAsk();
    expect(() => codec.checkFromMember(one, 0, one.length)).toThrow(ProtocolError);
    expect(() => codec.checkFromMember(two, 0, two.length)).toThrow(ProtocolError);
    expect(() => codec.checkFromExecutor(three, 0, three.length)).toThrow(ProtocolError);
    expect(() => codec.checkFromCoordinator(three, 0, three.length)).toThrow(ProtocolError);
    for (const type of [0, 99, -1, 1.5, NaN, Infinity])
      expect(() => codec.checkFromMember(numbered(type), 0, 3)).toThrow(/not known/);
  });
});

test('of the handshake is only what has its shape: the rest is left to the application', () => {
  const hello = { type: 'switchyard:hello', version: '1', protocol: 1 };
  expect(codec.readHandshake(hello, 'switchyard:hello')).toEqual(hello);
  const welcome = { type: 'switchyard:welcome', address: 'a', key: [1, 2, 3, 4], slot: 1 };
  expect(codec.readHandshake(welcome, 'switchyard:welcome')).toEqual(welcome);
  for (const odd of [{ ...welcome, slot: '1' }, { ...welcome, key: 'x' }, { type: welcome.type }, null, 'x', [], hello])
    expect(codec.readHandshake(odd, 'switchyard:welcome')).toBeUndefined();
});
