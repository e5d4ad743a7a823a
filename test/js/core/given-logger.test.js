// A logger of the application in the place of our own: which one is taken, which lines it gets, and what it breaks.
'use strict';
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const { readConfig } = require('../../../lib/config/config');
const { takeLogger, useLogger } = require('../../../lib/core/given-logger');

const kRoot = path.join(__dirname, '..', '..', '..');

/** A logger that keeps its lines, and has no more than it must. */
function plain(more = {}) {
  const lines = [];
  const keep =
    (level) =>
    (...parts) =>
      lines.push([level, ...parts]);
  return { lines, debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error'), ...more };
}

test('is taken out of the options, the rest of which are settings', () => {
  const logger = plain();
  expect(takeLogger({ logger, workers: 2 })).toEqual({ logger, settings: { workers: 2 } });
  for (const options of [undefined, {}, { workers: 2 }, null, 7])
    expect(takeLogger(options)).toEqual({ logger: undefined, settings: options });
});

test('one that is undefined is as if it were left out', () => {
  const { logger, settings } = takeLogger({ logger: undefined, workers: 2 });
  expect(logger).toBeUndefined();
  expect(Object.keys(settings)).toEqual(['workers']);
  expect(readConfig(settings, {}).workers).toBe(2);
});

test('inherited options stay options, a logger among them', () => {
  const logger = plain();
  const inherited = Object.create({ queueLimit: 7, logger });
  inherited.timeout = 1000;
  expect(takeLogger(inherited)).toEqual({ logger, settings: { queueLimit: 7, timeout: 1000 } });
  const own = Object.assign(Object.create({ queueLimit: 7, misspelt: 1 }), { logger });
  expect(() => readConfig(takeLogger(own).settings, {})).toThrow(/unknown option .*'misspelt'/);
});

test.each([
  [5, 'logger is 5'],
  [null, 'logger is null'],
  ['pino', "logger is 'pino'"],
  [{}, 'logger is an object, but'],
  [{ ...plain(), warn: 'x' }, 'logger is an object that has no function warn, but'],
  [() => {}, 'logger is a function, but'],
])('%p is refused', (logger, message) => {
  expect(() => takeLogger({ logger })).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_ARGUMENT',
      argument: 'logger',
      message: expect.stringContaining(message),
    }),
  );
});

test('without a level of its own it gets the lines of logLevel, each with the fields of all', () => {
  const logger = plain();
  const log = useLogger(logger, 'warn', { worker: 3 });
  log.info({ job: 'a' }, 'not told');
  log.warn({ job: 'a' }, 'told');
  log.error('a text alone');
  log.fatal({ code: 1 }, 'the nearest there is');
  log.child({ context: 'c' }).warn({}, 'of a child');
  expect(logger.lines).toEqual([
    ['warn', { worker: 3, job: 'a' }, 'told'],
    ['error', { worker: 3 }, 'a text alone'],
    ['error', { worker: 3, code: 1 }, 'the nearest there is'],
    ['warn', { worker: 3, context: 'c' }, 'of a child'],
  ]);
  expect([log.level, log.isLevelEnabled('info'), log.isLevelEnabled('error')]).toEqual(['warn', false, true]);
});

test('its own level counts where it says one, and its own children where it has them', () => {
  const quiet = plain({ level: 'error' });
  useLogger(quiet, 'debug').warn({}, 'not told');
  expect(quiet.lines).toEqual([]);
  const asked = plain({ isLevelEnabled: (level) => level === 'debug' });
  const log = useLogger(asked, 'silent');
  log.debug({}, 'told');
  log.trace({}, 'not told');
  expect(asked.lines).toEqual([['debug', {}, 'told']]);
  const child = plain();
  const parent = plain({ child: jest.fn(() => child) });
  useLogger(parent, 'info', { worker: 1 }).info({ a: 1 }, 'told');
  expect(parent.child).toHaveBeenCalledWith({ worker: 1 });
  expect([parent.lines, child.lines]).toEqual([[], [['info', { a: 1 }, 'told']]]);
});

test('what it throws is an uncaught exception, and reaches nobody who tells it something', () => {
  const program = `
    const { useLogger } = require('./lib/core/given-logger');
    const fails = () => { throw new Error('the disk is full'); };
    process.on('uncaughtException', ({ message }) => console.log(message));
    useLogger({ debug: fails, info: fails, warn: fails, error: fails }, 'warn').warn({}, 'told');
    console.log('went on');`;
  const { stdout, stderr } = spawnSync(process.execPath, ['-e', program], { cwd: kRoot, encoding: 'utf8' });
  expect({ stdout, stderr }).toEqual({ stdout: 'went on\nthe disk is full\n', stderr: '' });
});
