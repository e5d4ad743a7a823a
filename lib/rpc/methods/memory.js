// Methods on memories of documents, which are found by what they mean.
'use strict';
const { anyObject, filter, integer, job, list, metadata, name, number, object, string } = require('../schemas');
const { texts } = require('../schemas');

const memory = name('of several memories', { default: 'memory' });
const document = object(
  {
    id: string('1 to 500 bytes; one that is there is replaced; left out: made of the text', { minLength: 1 }),
    text: string('its text'),
    metadata,
  },
  ['text'],
);

/** @type {readonly import('../methods').Method[]} */
const kMemory = [
  {
    name: 'memory_remember',
    title: 'Remember texts',
    description:
      'Remembers texts by what they mean: they are cut into passages, embedded and kept on disk. A document is there ' +
      'with all of its passages, or not at all.',
    scope: 'write',
    onDevice: true,
    repeatable: true,
    streams: true,
    params: object(
      {
        documents: list(
          'texts, or { id, text, metadata }',
          { type: ['string', 'object'], if: { type: 'object' }, then: document },
          { minItems: 1 },
        ),
        metadata: anyObject("of all documents of the call; a document's own fields go before it"),
        memory,
        job,
      },
      ['documents'],
    ),
    result: object(
      {
        ids: list('of the documents, each once', { type: 'string' }),
        passages: list('how many each has', { type: 'integer' }),
      },
      ['ids', 'passages'],
    ),
    handler: (parts, params, call) => require('../handlers/memory').remember(parts, params, call),
  },
  {
    name: 'memory_recall',
    title: 'Recall passages',
    description: 'Finds the passages that are nearest to a question by what they mean, best first.',
    scope: 'read',
    onDevice: true,
    repeatable: true,
    streams: true,
    params: object(
      {
        query: string('the question'),
        k: integer('how many passages', 1, 10_000, { default: 5 }),
        filter,
        rerank: {
          type: ['boolean', 'integer'],
          description: 'whether a cross-encoder decides the order, or of how many passages',
        },
        memory,
        job,
      },
      ['query'],
    ),
    result: object(
      {
        passages: list(
          'best first',
          object(
            {
              id: string('of its document'),
              text: string('the passage'),
              score: number('the larger the nearer'),
              start: integer('where it begins in its document, in UTF-16 units', 0),
              end: integer('where it ends', 0),
              metadata,
            },
            ['id', 'text', 'score', 'start', 'end', 'metadata'],
          ),
        ),
      },
      ['passages'],
    ),
    handler: (parts, params, call) => require('../handlers/memory').recall(parts, params, call),
  },
  {
    name: 'memory_forget',
    title: 'Forget documents',
    description: 'Removes documents from a memory, by their ids or by a filter over their metadata.',
    scope: 'write',
    repeatable: true,
    params: object({ ids: texts('of documents'), filter, memory }),
    result: object({ forgotten: integer('how many were there', 0) }, ['forgotten']),
    handler: (parts, params, call) => require('../handlers/memory').forget(parts, params, call),
  },
];

module.exports = { kMemory };
