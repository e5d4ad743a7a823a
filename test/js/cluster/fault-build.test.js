// The fault build (test/faults): every fault at every place does what test/faults/fault_plan.h says, and the addon
// itself has none of it.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { devices } = require('../../support/devices');
const { runChild } = require('../../support/run-child');
const { build } = require('../../support/paths');
const { rounds } = require('../../support/rounds');

jest.setTimeout(120000);
const kPlaces = ['start', 'upload', 'launch', 'readback', 'close'];
/** For every change, of a driver that takes long to begin: one where there is a job, and one where there is none. */
const placesOf = (device) => (device.startsWith('cpu') ? kPlaces : rounds(['launch', 'close'], kPlaces));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-')); // of compiled programs
afterAll(() => fs.rmSync(folder, { recursive: true }));
const fine = ['open ok', 'run ok', 'again ok', 'close ok', 'reopen ok', 'close ok'];

/** A context's life under an order: its steps, and how the process ended. */
async function live(device, order, timeoutMs = 30000, kind = 'add') {
  const { code, signal, stdout, stderr } = await runChild('fault.js', [device, timeoutMs, kind], {
    env: { SWITCHYARD_BUILD: 'faults', SWITCHYARD_FAULT: order, SHADER_CACHE_DIR: folder },
  });
  return {
    code,
    signal,
    steps: stdout.split('\n').filter(Boolean),
    told: (stderr.match(/^switchyard: fault /gm) ?? []).length,
    stderr,
  };
}

/** The steps of a life of which the one that reaches `place` ends with `outcome`, and those after it as given. */
function until(place, outcome, ...after) {
  const at = { start: 0, upload: 1, launch: 1, readback: 1, close: 3 }[place];
  const step = fine[at].split(' ')[0];
  return [...fine.slice(0, at), ...(outcome ? [`${step} ${outcome}`] : []), ...after];
}

const running = (place) => place !== 'start' && place !== 'close';
const lostFromThen = (place) =>
  ({ start: [], close: ['reopen ok', 'close ok'] })[place] ?? [
    'again ERR_DEVICE_LOST',
    'close ok',
    'reopen ok',
    'close ok',
  ];

// Concurrent: each test has processes of its own, which mostly wait.
describe.each(devices)('on %s', (device) => {
  const places = placesOf(device);
  test.concurrent.each(places)('at %s: abort and segfault end the process there', async (place) => {
    expect(await live(device, `abort@${place}`)).toMatchObject({ signal: 'SIGABRT', told: 1, steps: until(place) });
    expect(await live(device, `segv@${place}`)).toMatchObject({ signal: 'SIGSEGV', told: 1, steps: until(place) });
  });

  test.concurrent.each(places)('at %s: a lost device stays lost until it is opened anew', async (place) => {
    const outcome = place === 'close' ? 'ok' : 'ERR_DEVICE_LOST';
    expect(await live(device, `lost@${place}`)).toMatchObject({
      code: 0,
      told: 1,
      steps: until(place, outcome, ...lostFromThen(place)),
    });
  });

  test.concurrent.each(places)('at %s: a device that is dead stays so for the process', async (place) => {
    const outcome = place === 'close' ? 'ok' : 'ERR_DEVICE_LOST';
    const then = { start: [], close: ['reopen ERR_DEVICE_LOST'] }[place] ?? [
      'again ERR_DEVICE_LOST',
      'close ok',
      'reopen ERR_DEVICE_LOST',
    ];
    expect(await live(device, `dead@${place}`)).toMatchObject({
      code: 0,
      told: 1,
      steps: until(place, outcome, ...then),
    });
  });

  test.concurrent.each(places)('at %s: out of memory', async (place) => {
    const rest = running(place) ? fine.slice(2) : [];
    const shown = until(place, 'ERR_OUT_OF_MEMORY', ...rest);
    // At a GPU's completion it shows at once; elsewhere the job is tried once more.
    const heals = running(place) && !(place === 'readback' && !device.startsWith('cpu'));
    const once = await live(device, `oom@${place}`),
      twice = await live(device, `oom@${place}:times=2`);
    if (place === 'close') {
      expect([once, twice]).toMatchObject([
        { code: 0, told: 1, steps: fine },
        { code: 0, told: 2, steps: fine },
      ]);
      return;
    }
    expect(once).toMatchObject({ code: 0, told: 1, steps: heals ? fine : shown });
    if (heals) expect(twice).toMatchObject({ code: 0, told: 2, steps: shown });
  });

  test.concurrent.each(places)('at %s: a hang never ends', async (place) => {
    expect(await live(device, `hang@${place}`, 1500)).toMatchObject({
      signal: 'SIGKILL',
      told: 1,
      steps: until(place, 'pending'),
    });
  });

  test.concurrent.each(places.filter((place) => place !== 'close'))(
    'at %s: an exception of another kind',
    async (place) => {
      expect(await live(device, `throw@${place}`)).toMatchObject({
        code: 0,
        told: 1,
        steps: until(place, 'ERR_INTERNAL', ...(running(place) ? fine.slice(2) : [])),
      });
    },
  );

  test('after, times and device choose the pass', async () => {
    const backend = device.split(':')[0],
      other = backend === 'cpu' ? 'vulkan' : 'cpu';
    expect(await live(device, `throw@launch:after=1:device=${backend}`)).toMatchObject({
      told: 1,
      steps: fine.with(2, 'again ERR_INTERNAL'),
    });
    expect(await live(device, `throw@upload:device=${other},throw@start:after=1`)).toMatchObject({
      told: 1,
      steps: ['open ERR_INTERNAL'],
    });
    expect(await live(device, 'throw@launch:times=2')).toMatchObject({
      told: 2,
      steps: fine.with(1, 'run ERR_INTERNAL').with(2, 'again ERR_INTERNAL'),
    });
    expect(await live(device, '')).toMatchObject({ code: 0, told: 0, stderr: '', steps: fine });
  });
});

const gpus = devices.filter((device) => device.startsWith('vulkan'));
(gpus.length ? describe.each(gpus) : describe.skip.each(['no Vulkan']))("a user's program on %s", (device) => {
  test.each([
    ['kernel', 'upload'],
    ['kernel', 'launch'],
    ['kernel', 'readback'],
    ['render', 'launch'],
    ['render', 'readback'],
  ])('a %s, at %s', async (kind, place) => {
    const [aborted, lost, short, healed] = await Promise.all(
      [`abort@${place}`, `lost@${place}`, `oom@${place}:times=2`, `oom@${place}`].map((order) =>
        live(device, order, 30000, kind),
      ),
    );
    expect(aborted).toMatchObject({ signal: 'SIGABRT', told: 1, steps: until(place) });
    expect(lost).toMatchObject({ code: 0, told: 1, steps: until(place, 'ERR_DEVICE_LOST', ...lostFromThen(place)) });
    const shown = until(place, 'ERR_OUT_OF_MEMORY', ...fine.slice(2));
    if (place === 'readback') {
      expect(healed).toMatchObject({ code: 0, told: 1, steps: shown });
      return;
    }
    expect(short).toMatchObject({ code: 0, told: 2, steps: shown });
    expect(healed).toMatchObject({ code: 0, told: 1, steps: fine });
  });
});

test('with a flag file, one process of many has the fault', async () => {
  const flags = fs.mkdtempSync(path.join(os.tmpdir(), 'switchyard-'));
  try {
    const order = `abort@launch:once=${path.join(flags, 'done')}`;
    const lives = await Promise.all([1, 2, 3].map(() => live('cpu:0', order)));
    expect(lives.map(({ signal }) => signal).sort()).toEqual(['SIGABRT', null, null]);
    expect(lives.filter(({ signal }) => !signal).map(({ steps }) => steps)).toEqual([fine, fine]);
  } finally {
    fs.rmSync(flags, { recursive: true });
  }
});

test.each([
  ['crash@launch', /'crash' is no fault; there are: abort, segv, lost, dead, oom, hang, throw/],
  ['abort@kernel', /'kernel' is no place; there are: start, upload, launch, readback, close/],
  ['abort', /'abort' is not of the form/],
  ['abort@launch,', /'' is not of the form/],
  ['abort@launch:after=-1', /'after=-1' needs a whole number/],
  ['abort@launch:times=', /'times=' needs a whole number/],
  ['abort@launch:device=gpu', /'gpu' is no device/],
  ['abort@launch:twice', /'twice' is no setting/],
  ['abort@launch:once=', /'once' needs the name of a file/],
])('the order %s is refused', async (order, message) => {
  const ended = await live('cpu:0', order);
  expect(ended).toMatchObject({ signal: 'SIGABRT', steps: [] });
  expect(ended.stderr).toMatch(message);
});

test('the addon itself knows nothing of it', () => {
  const traces = ['SWITCHYARD_FAULT', 'a fault on purpose', 'InjectedDevice'];
  const found = (kind) => {
    const addon = fs.readFileSync(path.join(build, kind, 'switchyard.node'));
    return traces.filter((trace) => addon.includes(trace));
  };
  expect(found('faults')).toEqual(traces);
  expect(found('release')).toEqual([]);
});
