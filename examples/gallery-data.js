// What the gallery draws, from the texts of the SPDX licence list: sections, families, and the years that licences
// name.
'use strict';
const { words, Vectorizer } = require('./licenses-text');

const kMonths = [
  'january',
  'february',
  'march',
  'april',
  'may',
  'june',
  'july',
  'august',
  'september',
  'october',
  'november',
  'december',
];
const kFirstYear = 1975,
  kLastYear = 2026;
const kLabelWords = 6;
// The sections of GPL 2 have no headings.
const kTopics = {
  'GPL-2.0-only': [
    'Scope',
    'Verbatim copies',
    'Modified versions',
    'Object code',
    'Termination',
    'Acceptance',
    'Recipients',
    'Patents',
    'Countries',
    'New versions',
    'Other programs',
    'No warranty',
    'No liability',
  ],
};

// By the beginning of the id; the first that fits.
const kFamilies = [
  ['GNU', /^(A?GPL|LGPL|GFDL|Bison)/],
  ['BSD', /^(BSD|0BSD|FreeBSD|TCP-wrappers)/],
  ['MIT, HPND', /^(MIT|ISC|HPND|X11|NTP|NCSA|Xfig|Xnet|SMLNJ|curl|OLDAP)/],
  ['Creative Commons', /^CC/],
  ['MPL, CDDL, EPL', /^(MPL|NPL|CDDL|CPL|EPL|IPL|SPL|SISSL|Nokia|CPAL|APSL|RPSL|CUA|SugarCRM)/],
  ['OSL, EUPL, CeCILL', /^(EUPL|CECILL|CeCILL|OSL|AFL|LiLiQ|etalab|DL-DE|OGL|NLOD)/],
  ['Apache, PHP', /^(Apache|PSF|Python|PHP|ZPL|ECL|CNRI|Zend|ImageMagick)/],
];
const kOtherFamily = 'others';

// What a licence asks of those who pass the work on. Checked in this order.
const kKinds = [
  [
    'documents and media',
    /^(CC-?|GFDL|OFL|FDK|LAL|ODbL|ODC|PDDL|DL-DE|OGL|OGC|etalab|CDLA|MMPL|Linux-man|FreeBSD-DOC|OPUBL|Arphic)/,
  ],
  [
    'weak copyleft',
    /^(LGPL|MPL|NPL|CDDL|EPL|CPL|IPL|APSL|MS-RL|LPPL|SPL|ErlPL|CATOSL|Motosoto|Nokia|QPL|wxWindows|SISSL)/,
  ],
  ['strong copyleft', /^(A?GPL|OSL|EUPL|SSPL|RPL|RPSL|Sleepycat|CPAL|CeCILL|CECILL|Parity|NGPL|Watcom|copyleft|D-FSL)/],
];
const kOtherKind = 'permissive and other';

function indexIn(table, id) {
  const at = table.findIndex(([, pattern]) => pattern.test(id));
  return at < 0 ? table.length : at;
}

// A licence's numbered sections: { label, words }. A label is what stands beside the number.
function sectionsOf(list, id) {
  const text = list[id].licenseText,
    found = [];
  let wanted;
  for (const line of text.replace(/\r/g, '').split('\n')) {
    const [, number, rest] = /^\s*(\d{1,2})\.\s+(.*)$/.exec(line) ?? [];
    if (number !== undefined && (wanted === undefined ? Number(number) <= 1 : Number(number) === wanted)) {
      wanted = Number(number) + 1;
      found.push({ label: `${number}  ${kTopics[id]?.[number] ?? headingOf(rest)}`, lines: [rest] });
    } else if (/^\s*(END OF TERMS|How to Apply)/i.test(line)) {
      break;
    } else {
      found.at(-1)?.lines.push(line);
    }
  }
  return found.map(({ label, lines }) => ({ label, words: words(lines.join('\n')) }));
}

function headingOf(text) {
  const all = text.split(/\s+/),
    head = all
      .slice(0, kLabelWords)
      .join(' ')
      .replace(/[.,;:]$/, '');
  return all.length > kLabelWords ? `${head} \u2026` : head;
}

// The latest year in which a text says it was written, from its version or copyright lines, with the month where there
// is one: 1991.42. undefined: none. Years elsewhere are those of laws and treaties.
function yearOf(text) {
  let latest;
  for (const [, line] of text.matchAll(
    /(?:copyright|\(c\)|\u00a9|version|release|revision|published)([^\n]{0,60})/gi,
  )) {
    if (/c\.?f\.?r|convention|treaty|act of/i.test(line)) continue;
    for (const [, month, year] of line
      .toLowerCase()
      .matchAll(/(?:\b([a-z]+)\s+(?:\d{1,2},?\s+)?)?\b((?:19|20)\d\d)\b/g)) {
      const at = Number(year) + Math.max(0, kMonths.indexOf(month)) / 12;
      if (Number(year) >= kFirstYear && Number(year) <= kLastYear && !(latest > at)) latest = at;
    }
  }
  return latest;
}

function readCorpus() {
  const list = require('spdx-license-list/full');
  const ids = Object.keys(list).sort(),
    documents = ids.map((id) => words(list[id].licenseText));
  return { list, ids, documents, vectorizer: new Vectorizer(documents) };
}

const families = { names: [...kFamilies.map(([name]) => name), kOtherFamily], of: (id) => indexIn(kFamilies, id) };
const kinds = { names: [...kKinds.map(([name]) => name), kOtherKind], of: (id) => indexIn(kKinds, id) };

module.exports = { readCorpus, sectionsOf, yearOf, families, kinds };
