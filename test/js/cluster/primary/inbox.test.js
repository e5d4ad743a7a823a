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
