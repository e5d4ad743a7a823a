// Who begins to listen is heard, whichever way and whatever was removed before.
'use strict';
const { once } = require('node:events');
const { Listened } = require('../../../lib/core');

function nothing() {}

test.each([
  ['on', (emitter) => emitter.on('progress', nothing)],
  ['addListener', (emitter) => emitter.addListener('progress', nothing)],
  ['once', (emitter) => emitter.once('progress', nothing)],
  ['prependListener', (emitter) => emitter.prependListener('progress', nothing)],
  ['prependOnceListener', (emitter) => emitter.prependOnceListener('progress', nothing)],
  ['events.once', (emitter) => void once(emitter, 'progress')],
])('by %s()', (_, listen) => {
  const emitter = new Listened();
  const begins = jest.fn(() => expect(emitter.listenerCount('progress')).toBe(1));
  Listened.whenHeard(emitter, 'progress', begins);
  emitter.on('other', nothing);
  expect(begins).not.toHaveBeenCalled();
  listen(emitter);
  expect(begins).toHaveBeenCalledTimes(1);
  emitter.removeAllListeners();
  listen(emitter);
  expect(begins).toHaveBeenCalledTimes(2);
  expect(emitter.eventNames()).not.toContain('newListener');
});

test('one who listened before is heard, too', () => {
  const emitter = new Listened();
  expect(emitter.on('progress', nothing)).toBe(emitter);
  const begins = jest.fn();
  Listened.whenHeard(emitter, 'progress', begins);
  expect(begins).toHaveBeenCalledTimes(1);
});
