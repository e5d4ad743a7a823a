// The gallery from end to end, and what it reads from the licences' texts.
'use strict';
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { spawnSync } = require('node:child_process');
const sharp = require('sharp');
const gpu = require('../../..');
const { readCorpus, sectionsOf, yearOf, families, kinds } = require('../../../examples/gallery-data');
const { inRoot } = require('../../support/paths');
const { rounds } = require('../../support/rounds');

const script = inRoot('examples', 'gallery.js');
const kPictures = ['attention-heatmap', 'document-network', 'evidence-timeline'];
const drawing = gpu.devices().find(({ features }) => features.graphics);
const run = (...args) => spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });

describe("the gallery's data", () => {
  const { list, ids } = readCorpus();

  test('sections with their headings', () => {
    expect(sectionsOf(list, 'GPL-3.0-only').map(({ label }) => label)).toEqual(
      expect.arrayContaining(['0  Definitions', '11  Patents', '17  Interpretation of Sections 15 and 16']),
    );
    const older = sectionsOf(list, 'GPL-2.0-only');
    expect(older.map(({ label }) => label.split(' ')[0])).toEqual(Array.from({ length: 13 }, (_, i) => `${i}`));
    for (const { words } of older) expect(words.length).toBeGreaterThan(20);
  });

  test('years of versions and copyrights, not of treaties', () => {
    expect(yearOf('Version 2, June 1991')).toBeCloseTo(1991 + 5 / 12, 9);
    expect(yearOf('Copyright (c) 1998-2001, 2004 Somebody')).toBe(2004);
    expect(yearOf('the Rome Convention of 1961 and the WIPO Copyright Treaty of 1996')).toBeUndefined();
    expect(yearOf('this version, see 48 C.F.R. 12.212 (Sept. 1995)')).toBeUndefined();
    expect(yearOf('Copyright (c) <year> <owner>')).toBeUndefined();
    expect(yearOf(list['GPL-3.0-only'].licenseText)).toBeCloseTo(2007 + 5 / 12, 9);
  });

  test('families and kinds', () => {
    const name = (table, id) => table.names[table.of(id)];
    expect(['LGPL-2.1-only', 'BSD-3-Clause', 'MIT', 'CC-BY-4.0', 'WTFPL'].map((id) => name(families, id))).toEqual([
      'GNU',
      'BSD',
      'MIT, HPND',
      'Creative Commons',
      'others',
    ]);
    expect(['AGPL-3.0-only', 'MPL-2.0', 'CC0-1.0', 'ISC'].map((id) => name(kinds, id))).toEqual([
      'strong copyleft',
      'weak copyleft',
      'documents and media',
      'permissive and other',
    ]);
    for (const table of [families, kinds]) expect(new Set(ids.map(table.of)).size).toBe(table.names.length);
  });
});

(drawing ? describe : describe.skip)(`the gallery${drawing ? '' : ' (SKIPPED: no device here draws)'}`, () => {
  let folder;
  beforeAll(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'gallery-'));
  });
  afterAll(() => {
    fs.rmSync(folder, { recursive: true, force: true });
  });

  async function picture(out, name) {
    const file = path.join(out, `${name}.png`),
      { data, info } = await sharp(file).raw().toBuffer({ resolveWithObject: true });
    return { data, info, bytes: fs.statSync(file).size };
  }

  // The scenes' own tests have either theme; here it is the script's option.
  test.each(rounds(['light'], ['light', 'dark']))(
    'draws three pictures, %s, and says so',
    async (theme) => {
      const out = path.join(folder, theme, 'new'),
        { status, stdout, stderr } = run('--out', out, '--theme', theme);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(fs.readdirSync(out).sort()).toEqual(kPictures.map((name) => `${name}.png`));
      for (const name of kPictures) {
        expect(stdout).toContain(`${name}.png: 1280 x 720`);
        const { data, info, bytes } = await picture(out, name);
        expect([info.width, info.height]).toEqual([1280, 720]);
        expect(bytes).toBeLessThan(450_000);
        const page = (data[0] + data[1] + data[2]) / 3;
        expect(theme === 'dark' ? page : 255 - page).toBeLessThan(60);
        let drawn = 0;
        for (let i = 0; i < data.length; i += info.channels)
          if (Math.abs(data[i] - data[0]) + Math.abs(data[i + 1] - data[1]) + Math.abs(data[i + 2] - data[2]) > 60)
            ++drawn;
        expect(drawn).toBeGreaterThan(0.01 * 1280 * 720);
      }
    },
    240_000,
  );

  test('a device that draws nothing is told, and wrong options are wrong usage', () => {
    const { status, stderr } = run('--device', 'cpu', '--out', folder);
    expect(status).toBe(1);
    expect(stderr).toMatch(/^example:gallery: .*cpu/);
    expect(run('--theme', 'grey').status).toBe(2);
    expect(run('--bogus').status).toBe(2);
  }, 60_000);
});
