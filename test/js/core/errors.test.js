// What an error says goes along wherever it goes: as JSON and back, and for a person to read.
'use strict';
const {
  GPUError,
  kErrorDetails,
  asGpuError,
  detailsOf,
  plainError,
  errorText,
  describeError,
} = require('../../../lib/core');

const details = { argument: 'inputs.a', log: '/opt/k.comp:3: no\nagain\n', line: 3, column: 7, retryAfter: 0 };
const whole = () => Object.assign(new GPUError('ERR_COMPILE', 'no'), details, { workloadId: 'j' });

test('there is a sample of every detail', () =>
  expect(Object.keys(details).sort()).toEqual(Object.keys(kErrorDetails).sort()));

test('as JSON and back', () => {
  const plain = plainError(whole());
  expect(plain).toEqual({ code: 'ERR_COMPILE', message: 'no', ...details });
  const again = asGpuError(JSON.parse(JSON.stringify(plain)));
  expect(again).toBeInstanceOf(GPUError);
  expect(plainError(again)).toEqual(plain);
  expect(Object.keys(again)).toEqual(['code']);
});

test('what is no detail, or not of its type, stays behind', () => {
  expect(detailsOf({ line: '3', column: NaN, log: 5, argument: null, secret: 'x' })).toEqual({});
  for (const odd of [undefined, null, 5, 'text']) expect(detailsOf(odd)).toEqual({});
  expect(plainError(new TypeError('odd'))).toEqual({ code: 'ERR_INTERNAL', message: 'odd' });
});

test('for a person', () => {
  expect(errorText(whole())).toBe(
    'no\n  argument: inputs.a\n  at: line 3, column 7\n  try again in: 0 ms\n  log:\n    /opt/k.comp:3: no\n    again',
  );
  expect(errorText(Object.assign(new Error('no'), { line: 3 }))).toBe('no\n  at: line 3');
  expect(errorText(new Error('no'))).toBe('no');
  expect(errorText('odd')).toBe('odd');
});

test('for a log: without folders', () => {
  expect(describeError(whole())).toEqual({
    code: 'ERR_COMPILE',
    reason: 'no',
    ...details,
    log: 'k.comp:3: no\nagain\n',
  });
});
