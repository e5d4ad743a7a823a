// What is loaded once for all who want it at the same time.
'use strict';
const { entryOf, waitFor } = require('../../../lib/text/shared-loads');

const turn = () => new Promise((resolve) => setImmediate(resolve));

function held() {
  let end;
  const made = new Promise((resolve) => (end = resolve));
  const load = jest.fn(({ signal }) => {
    held.signal = signal;
    return made;
  });
  return { load, end: (value) => end(value) };
}

test('once, for all who wait', async () => {
  const of = {};
  const { load, end } = held();
  const letGo = jest.fn();
  const waiting = [1, 2].map((i) => waitFor(entryOf(of, 'a', load), {}, (value) => value + i, letGo));
  end(10);
  expect(await Promise.all(waiting)).toEqual([11, 12]);
  expect(load).toHaveBeenCalledTimes(1);
  await waitFor(entryOf({}, 'a', load), {}, () => {}, letGo);
  expect(load).toHaveBeenCalledTimes(2);
});

test('the last that gives up stops it, and what comes all the same is let go of', async () => {
  const of = {};
  const { load, end } = held();
  const letGo = jest.fn();
  const stops = [new AbortController(), new AbortController()];
  const waiting = stops.map(({ signal }) => waitFor(entryOf(of, 'a', load), { signal }, () => {}, letGo));
  stops[0].abort();
  await expect(waiting[0]).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  expect(held.signal.aborted).toBe(false);
  stops[1].abort();
  await expect(waiting[1]).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  expect(held.signal.aborted).toBe(true);
  end('late');
  await turn();
  expect(letGo).toHaveBeenCalledWith('late');
});

test('who gives up at the moment in which it is there leaves nothing behind', async () => {
  const { load, end } = held();
  const taken = [];
  const letGo = jest.fn();
  const stop = new AbortController();
  const entry = entryOf({}, 'a', load);
  const waiting = waitFor(entry, { signal: stop.signal }, (value) => taken.push(value), letGo);
  stop.abort();
  end('there');
  await expect(waiting).rejects.toMatchObject({ code: 'ERR_CANCELED' });
  await turn();
  expect(taken).toEqual([]);
  expect(letGo).toHaveBeenCalledWith('there');
});
