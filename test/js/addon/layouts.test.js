// Where which number stands: each .def file's rows, as both languages have them.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { layouts, native } = require('../../../lib/addon');

const root = path.join(__dirname, '../../..');
const lib = path.join(root, 'lib');
/** Those that say where numbers stand; the others are numbers that stand for something. */
const arrays = Object.entries(layouts).filter(([, layout]) => Object.hasOwn(layout, 'numbers'));

test.each(arrays)('%s: every field has numbers of its own, one after the other', (_, layout) => {
  const { numbers, ...fields } = layout;
  const places = Object.values(fields);
  for (const place of places) expect(Number.isSafeInteger(place) && place >= 0).toBe(true);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  // What comes last may be of no fixed length: then it begins where the others end.
  const fixed = places.filter((place) => place < numbers);
  expect(new Set(fixed).size).toBe(fixed.length);
  expect(places.length - fixed.length).toBeLessThanOrEqual(1);
  expect(Math.max(...places)).toBeLessThanOrEqual(numbers);
});

test.each(Object.entries(layouts).filter(([name]) => !arrays.some(([other]) => other === name)))(
  '%s: every value is told apart from the others',
  (_, values) => {
    const all = Object.values(values);
    expect(all.every(Number.isFinite)).toBe(true);
    expect(new Set(all).size).toBe(all.length);
  },
);

test('nobody changes them, and a name that is not there is an error', () => {
  expect(Object.isFrozen(layouts)).toBe(true);
  for (const [name, layout] of Object.entries(layouts)) {
    expect(Object.isFrozen(layout)).toBe(true);
    expect(layout).not.toBe(native.layouts[name]);
    const take = () => {
      const { noSuchField } = layout;
      return noSuchField;
    };
    const message = expect.stringContaining(`no 'noSuchField' in the layout '${name}'`);
    expect(take).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', message }));
  }
  expect(() => layouts.noSuchLayout).toThrow("no 'noSuchLayout'");
});

test('lib writes no place of a layout by hand', () => {
  // An index that is a number other than 0, or has one in it, where the numbers of both languages are.
  const kByHand = /\b(?:numbers|scratch|out|kept|page|message|body|given)\[[^\]\n]*(?<![\w.])[1-9]\d*\b[^\]\n]*\]/g;
  const kWhole = /new Float64Array\(\[/g; // a message, written as a list
  const found = [];
  for (const file of fs.readdirSync(lib, { recursive: true }).filter((name) => name.endsWith('.js'))) {
    const text = fs.readFileSync(path.join(lib, file), 'utf8');
    for (const [written] of [...text.matchAll(kByHand), ...text.matchAll(kWhole)]) found.push(`${file}: ${written}`);
  }
  expect(found).toEqual([]);
  expect('numbers[at + 3 + axis]').toMatch(kByHand);
});

test('each file of layouts is exported', () => {
  const named = (folder) =>
    fs
      .readdirSync(path.join(root, folder), { recursive: true })
      .filter((file) => file.endsWith('.def'))
      .flatMap((file) => [
        ...fs.readFileSync(path.join(root, folder, file), 'utf8').matchAll(/^(?:LAYOUT|VALUES)\(.*"(\w+)"\)/gm),
      ])
      .map(([, name]) => name);
  const names = [...named('src'), ...named('binding')];
  expect(new Set(names).size).toBe(names.length);
  expect(names.sort()).toEqual(Object.keys(layouts).sort());
});
