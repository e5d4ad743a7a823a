// What writes docs/api.md: prose, links, and the refusal of workloads that their types do not describe.
'use strict';
const { wrap, slugOf, Anchors } = require('../../../tools/generate/api/markdown');
const { readRooms } = require('../../../tools/generate/api/read');
const { writeWorkload } = require('../../../tools/generate/api/workloads');
const { native } = require('../../../lib/addon');

describe('prose', () => {
  test('is wrapped where no line becomes a list or a heading', () => {
    const text = `${'word '.repeat(23)}than - 1 and # 2 ${'word '.repeat(30)}`;
    const lines = wrap(text).trimEnd().split('\n');
    expect(lines.length).toBeGreaterThan(2);
    for (const line of lines) expect(line).toMatch(/^(word|than|and|1|2)\b.{0,115}$/);
    expect(lines.join(' ')).toBe(text.trim());
  });

  test('links to functions, to methods of the same class first, to pages and to codes, but not in code', () => {
    const anchors = new Anchors();
    anchors.add('tensor()', 'function tensor()');
    for (const name of ['Box.close()', 'GPUClusterManager.close()', 'GPUClusterManager.health()'])
      anchors.add(name, name);
    expect(anchors.prose('tensor(), close(), health(), other() and `close()`', 'Box')).toBe(
      '[tensor()](#function-tensor), [close()](#boxclose), [health()](#gpuclustermanagerhealth), other() and `close()`',
    );
    expect(anchors.prose('ERR_CLOSED, `ERR_CLOSED`; docs/errors.md has <all>')).toBe(
      '[`ERR_CLOSED`](errors.md), `ERR_CLOSED`; [docs/errors.md](errors.md) has \\<all>',
    );
  });

  test('two headings of one anchor are refused', () => {
    const anchors = new Anchors();
    anchors.add('a', 'devices()');
    expect(() => anchors.add('b', 'Devices')).toThrow('two headings have the anchor devices');
    expect(slugOf("Users' own kernels")).toBe('users-own-kernels');
  });
});

describe('a workload', () => {
  const all = readRooms().flatMap(({ entries }) => entries);
  const { members } = all.find(({ name }) => name === 'Workloads');
  const softmax = native.workloads().find(({ type }) => type === 'softmax');
  const member = members.find(({ name }) => name === 'softmax');
  const write = (facts, doc) =>
    writeWorkload({ ...softmax, ...facts }, { ...member, doc: { ...member.doc, ...doc } }, new Anchors());

  test('has its inputs, its parameters with default and range, its outputs, NaN and an example', () => {
    const text = write({}, {});
    expect(text).toContain('| input | `input` | float32 or float16 or bfloat16 | [.., d] |');
    expect(text).toContain('| `temperature` | `number` | 1 | above 0 | Sharper the lower it is. |');
    expect(text).toContain('| output | `output` | `dtype` | [.., d] |');
    expect(text).toMatch(/^NaN and infinities: A row that holds NaN/m);
    expect(text).toMatch(/```js\n.*manager\.ops\.softmax/);
  });

  const extra = { name: 'extra', kind: 'number', required: false, choices: [], fallback: 0, min: 0, max: 1 };
  test.each([
    ['an input that is not described', {}, { inputs: [] }, 'says nothing of its input input'],
    ['an input that there is not', {}, { inputs: ['input [d]', 'mask [d]'] }, 'has no input mask'],
    ['an output that is not described', {}, { outputs: [] }, 'says nothing of its output output'],
    ['a parameter that is not described', { params: [...softmax.params, extra] }, {}, 'nothing of its parameter extra'],
    ['a parameter that there is not', { params: [] }, {}, 'softmax has no parameter temperature'],
    ['no word on NaN', {}, { nan: '' }, 'does not say what becomes of NaN'],
    ['no example', {}, { examples: [] }, 'softmax has no @example'],
  ])('is refused: %s', (_, facts, doc, message) => expect(() => write(facts, doc)).toThrow(message));
});
