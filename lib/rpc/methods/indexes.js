// Methods on indexes of vectors that the service keeps.
'use strict';
const {
  anyObject,
  boolean,
  filter,
  ids,
  integer,
  job,
  list,
  metadata,
  name,
  number,
  object,
  oneOf,
} = require('../schemas');
const { tensorField } = require('../schemas');

const index = name('what the index is called');
const kMetrics = ['cosine', 'dot', 'l2'];
const kDTypes = ['float32', 'float16', 'bfloat16', 'int8'];
const rows = {
  ids: ids('one for each vector'),
  vectors: tensorField('Rows [n, d], float32.'),
  metadata: list('of each vector an object, or null', { ...metadata, type: ['object', 'null'] }),
};
const about = object(
  {
    index,
    dimensions: integer('of each vector', 1),
    metric: oneOf('how near a vector is', kMetrics),
    dtype: oneOf('what is scanned', kDTypes),
    size: integer('vectors', 0),
    created: boolean('whether it was not there before'),
  },
  ['index', 'dimensions', 'metric', 'dtype', 'size'],
);

/** @type {readonly import('../methods').Method[]} */
const kIndexes = [
  {
    name: 'index_create',
    title: 'Create an index',
    description:
      'Makes an index of vectors that is kept on disk; one that is there with the same dimensions, metric and dtype ' +
      'stays as it is.',
    scope: 'write',
    repeatable: true,
    params: object(
      {
        index,
        dimensions: integer('of each vector', 1, 65_536),
        metric: oneOf('how near a vector is', kMetrics, { default: 'cosine' }),
        dtype: oneOf('what is scanned; answers are the same', kDTypes, { default: 'float32' }),
      },
      ['index', 'dimensions'],
    ),
    result: about,
    handler: (parts, params, call) => require('../handlers/indexes').create(parts, params, call),
  },
  {
    name: 'index_add',
    title: 'Add vectors',
    description: 'Adds vectors to an index: all of them, or none. An id that is there already is refused.',
    scope: 'write',
    tensors: ['vectors'],
    params: object({ index, ...rows }, ['index', 'ids', 'vectors']),
    result: object({ size: integer('vectors of the index', 0) }, ['size']),
    handler: (parts, params, call) => require('../handlers/indexes').add(parts, params, call),
  },
  {
    name: 'index_upsert',
    title: 'Add or replace vectors',
    description: 'Adds vectors to an index, and replaces those that have the same ids, with their metadata.',
    scope: 'write',
    repeatable: true,
    tensors: ['vectors'],
    params: object({ index, ...rows }, ['index', 'ids', 'vectors']),
    result: object({ size: integer('vectors of the index', 0) }, ['size']),
    handler: (parts, params, call) => require('../handlers/indexes').upsert(parts, params, call),
  },
  {
    name: 'index_remove',
    title: 'Remove vectors',
    description: 'Removes vectors from an index by their ids, and says how many were there.',
    scope: 'write',
    repeatable: true,
    params: object({ index, ids: ids('of vectors') }, ['index', 'ids']),
    result: object({ removed: integer('how many were there', 0), size: integer('vectors left', 0) }, [
      'removed',
      'size',
    ]),
    handler: (parts, params, call) => require('../handlers/indexes').remove(parts, params, call),
  },
  {
    name: 'index_search',
    title: 'Search vectors',
    description: 'Finds the vectors of an index that are nearest to a query, or to each of several: exactly those.',
    scope: 'read',
    onDevice: true,
    repeatable: true,
    tensors: ['vectors'],
    params: object(
      {
        index,
        vectors: tensorField('Queries [n, d], or one [d], float32.'),
        k: integer('how many', 1, Number.MAX_SAFE_INTEGER, { default: 10 }),
        filter,
        ids: ids('these alone'),
        threshold: number('none that are worse'),
        approximate: boolean('what codes find is not proven', false),
        includeVectors: boolean('the vectors found, too', false),
        includeMetadata: boolean('their metadata', false),
        job,
      },
      ['index', 'vectors'],
    ),
    result: object(
      {
        results: list(
          'for each query',
          object(
            {
              ids: ids('the nearest first'),
              scores: list('of each', { type: 'number' }),
              vectors: tensorField('[hits, d].'),
              metadata: list('of each, or null', { ...metadata, type: ['object', 'null'] }),
            },
            ['ids', 'scores'],
          ),
        ),
      },
      ['results'],
    ),
    handler: (parts, params, call) => require('../handlers/indexes').search(parts, params, call),
  },
  {
    name: 'index_stats',
    title: 'Describe indexes',
    description: 'What an index is made of; without a name the indexes that there are.',
    scope: 'read',
    repeatable: true,
    params: object({ index }),
    result: object(
      { indexes: list('each', anyObject('name, dimensions, metric, dtype; of one index size, segments')) },
      ['indexes'],
    ),
    handler: (parts, params, call) => require('../handlers/indexes').stats(parts, params, call),
  },
];

module.exports = { kIndexes };
