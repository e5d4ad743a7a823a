// The context of calls without a manager: one for all, closed when nobody has used it for a while, replaced when it is
// lost.
'use strict';
const { OwnContext } = require('../../../lib/memory/embeddings/own-context');
const { sleep, until } = require('../../support/waiting');

const kLong = 60_000;
let opened, closed;
const open = jest.fn(async () => {
  const context = { closed: false, lost: false, close: async () => closed.push(context) };
  opened.push(context);
  return context;
});
const before = jest.fn(async () => {});
beforeEach(() => {
  [opened, closed] = [[], []];
  open.mockClear();
  before.mockClear();
});

const contextOf = (own) => own.use(async (context) => context);
const untilClosed = (count) => until(() => closed.length >= count);

test('is one for all', async () => {
  const own = new OwnContext(open, kLong, before);
  const [first, second] = await Promise.all([contextOf(own), contextOf(own)]);
  expect([first, await contextOf(own), opened.length]).toEqual([second, first, 1]);
});

test('is closed when it was idle, and not before', async () => {
  const own = new OwnContext(open, 1, before);
  let end;
  const long = own.use((context) => new Promise((resolve) => (end = () => resolve(context))));
  await contextOf(own);
  await sleep(20);
  expect(closed).toEqual([]);
  end();
  const first = await long;
  await untilClosed(1);
  expect([closed, before.mock.calls]).toEqual([[first], [[first]]]);
  expect(await contextOf(own)).not.toBe(first);
  await untilClosed(2);
});

test('is another one after it was lost', async () => {
  const own = new OwnContext(open, kLong, before);
  const first = await contextOf(own);
  first.lost = true;
  const [second, third] = await Promise.all([contextOf(own), contextOf(own)]);
  expect([second === third, second === first]).toEqual([true, false]);
  await untilClosed(1);
  expect([closed, before.mock.calls]).toEqual([[first], [[first]]]);
});

test('that could not be opened is tried again', async () => {
  const own = new OwnContext(open, kLong, before);
  open.mockRejectedValueOnce(new Error('no device'));
  await expect(contextOf(own)).rejects.toThrow('no device');
  expect(await contextOf(own)).toBe(opened[0]);
});
