// What members ask beside jobs: an answer that no message can hold is refused, and ends nobody's connection.
'use strict';
const { Inbox } = require('../../../../lib/cluster/primary/inbox');
const codec = require('../../../../lib/cluster/wire/codec');
const protocol = require('../../../../lib/cluster/wire/protocol');

/** What a member is told when it asks and the answer is this one. */
async function told(answer) {
  const said = [];
  const member = {
    ask: { post: (numbers) => said.push(numbers) },
    say: (message) => said.push(codec.encodeToMember(message)),
  };
  const inbox = new Inbox({ answer: () => answer });
  const query = codec.encodeToCoordinator({ type: 'query', id: 7, report: { what: 'jobs' } });
  inbox.handlers(member, 'ask').onMessage(query, 0, query.length);
  await new Promise(setImmediate);
  expect(said).toHaveLength(1);
  expect(said[0].length).toBeLessThanOrEqual(protocol.kMaxMessage);
  return codec.decodeToMember(said[0], 0);
}

test('an answer that fits is given', async () => {
  expect(await told([{ id: 'a' }])).toEqual({ type: 'answer', id: 7, answer: [{ id: 'a' }] });
});

test('one that does not says how many jobs it would have told of', async () => {
  const long = 'x'.repeat(2 ** 20);
  expect(await told(Array.from({ length: 70 }, () => ({ id: long })))).toEqual({
    type: 'answer-error',
    id: 7,
    error: {
      code: 'ERR_OUT_OF_MEMORY',
      message:
        'what is told of 70 jobs is longer than the 64 MB that a message may have: the primary process can ask for it',
    },
  });
  expect((await told(long.repeat(70))).error.message).toMatch(/^the answer is longer than the 64 MB/);
});

const device = {
  id: 'cuda:0',
  backend: 'cuda',
  name: 'a card',
  type: 'discrete',
  memory: { total: 1, free: 1 },
  computeUnits: 1,
  features: { graphics: false },
  numaNode: 1,
  links: [{ device: 'cuda:1', nvlink: true, peer: false }],
};

test.each([
  [{}, -1],
  [{ node: 1 }, 1],
])('a member says where it is bound to, if it is: %j', (place, expected) => {
  const member = { devices: [], node: -1, run: {} };
  const planned = [];
  const inbox = new Inbox({ contexts: { plan: (each) => planned.push([each.node, each.devices.length]) } });
  const message = codec.encodeToCoordinator({ type: 'devices', devices: [device], ...place });
  inbox.handlers(member, 'ask').onMessage(message, 0, message.length);
  expect(planned).toEqual([[expected, 1]]); // before its contexts are planned
  expect(member.devices).toEqual([device]);
});

test.each([
  { node: -1 },
  { node: 0.5 },
  { node: '0' },
  { devices: [{ ...device, links: [{ device: 1, nvlink: true, peer: true }] }] },
  { devices: [{ ...device, numaNode: -1 }] },
])('what it says of that must make sense: %j', (wrong) => {
  const inbox = new Inbox({ contexts: { plan: () => {} } });
  const message = codec.encodeToCoordinator({ type: 'devices', devices: [], ...wrong });
  expect(() => inbox.handlers({ run: {} }, 'ask').onMessage(message, 0, message.length)).toThrow();
});
