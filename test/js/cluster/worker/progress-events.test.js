// The event progress of a job that is run again under another number.
'use strict';
const { EventEmitter } = require('node:events');
const { nextId, settle, track } = require('../../../../lib/call');
const { ProgressEvents } = require('../../../../lib/cluster/worker/progress-events');
const { sleep, until } = require('../../../support/waiting');

test('it does not go back, nor come sooner', async () => {
  let step;
  const emitter = new EventEmitter();
  let onAgain;
  const whenAgain = (hears) => (onAgain = hears);
  const requester = { isAsking: false, steps: () => (step ? [step] : []), whenAgain };
  const events = new ProgressEvents({ emitter, requester, ask: () => Promise.resolve([]) });
  const told = [];
  emitter.on('progress', ({ done }) => told.push(done));
  events.begin();

  const begin = () => {
    const number = nextId();
    return [number, track(number, undefined, undefined, () => undefined)];
  };
  const at = (number, done) => {
    step = { number, id: 'a', type: 'graph', context: '1-cpu-0', done, total: 10 };
  };
  const [before, first] = begin();
  at(before, 5);
  await until(() => told.length === 1, 2000, 'it is told');
  settle(before, null, undefined);
  const [number, second] = begin();
  onAgain(before, number);
  at(number, 2);
  await sleep(250);
  expect(told).toEqual([5]);
  at(number, 6);
  await until(() => told.length === 2, 2000, 'it is told');
  expect(told).toEqual([5, 6]);
  settle(number, null, undefined);
  await Promise.all([first, second]);
  events.end();
});
