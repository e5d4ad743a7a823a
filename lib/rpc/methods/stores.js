// Methods on the store of objects by key that the service keeps.
'use strict';
const { boolean, integer, list, object, oneOf, string } = require('../schemas');

const key = string('1 to 512 bytes of UTF-8', { minLength: 1, maxLength: 512 });
const kEncodings = ['utf8', 'base64', 'bytes'];

/** @type {readonly import('../methods').Method[]} */
const kStores = [
  {
    name: 'store_put',
    title: 'Keep an object',
    description: 'Keeps a value under a key on disk, in the place of what was there.',
    scope: 'write',
    repeatable: true,
    tensors: ['value'],
    params: object(
      {
        key,
        value: {
          type: ['string', 'array', 'object'],
          description: 'a text, base64 (encoding), or bytes: a tensor of dtype uint8',
        },
        encoding: oneOf('of a text', ['utf8', 'base64'], { default: 'utf8' }),
        ttl: integer('milliseconds after which it is gone', 1),
        durable: boolean('whether it is on the disk when it is acknowledged', true),
      },
      ['key', 'value'],
    ),
    result: object({ bytes: integer('of the value', 0) }, ['bytes']),
    handler: (parts, params, call) => require('../handlers/stores').put(parts, params, call),
  },
  {
    name: 'store_get',
    title: 'Read an object',
    description: 'The value of a key.',
    scope: 'read',
    repeatable: true,
    params: object(
      {
        key,
        encoding: oneOf('how the value is written; bytes: a tensor of dtype uint8', kEncodings, { default: 'utf8' }),
      },
      ['key'],
    ),
    result: object(
      {
        found: boolean('whether there is one'),
        value: { type: ['string', 'object'], description: 'as encoding says; missing where there is none' },
      },
      ['found'],
    ),
    handler: (parts, params, call) => require('../handlers/stores').get(parts, params, call),
  },
  {
    name: 'store_delete',
    title: 'Delete an object',
    description: 'Forgets a key, and says whether it was there.',
    scope: 'write',
    repeatable: true,
    params: object({ key }, ['key']),
    result: object({ deleted: boolean('whether it was there') }, ['deleted']),
    handler: (parts, params, call) => require('../handlers/stores').remove(parts, params, call),
  },
  {
    name: 'store_list',
    title: 'List keys',
    description: 'Keys in the order of their bytes, a page at a time.',
    scope: 'read',
    repeatable: true,
    params: object({
      prefix: string('only keys that begin so', { default: '' }),
      limit: integer('how many', 1, 10_000, { default: 1000 }),
      after: string('only keys behind this one: the last of the page before'),
    }),
    result: object({ keys: list('the keys', { type: 'string' }) }, ['keys']),
    handler: (parts, params, call) => require('../handlers/stores').list(parts, params, call),
  },
];

module.exports = { kStores };
