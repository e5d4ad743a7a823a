// What the guard says about two sets of counts: whether they can be compared, and which path takes more.
'use strict';

const kMore = 0.02;

/**
 * @param {Record<string, string>} now
 * @param {Record<string, string>} before
 * @returns {string[]} why counts of the one say nothing about counts of the other
 */
function differences(now, before) {
  return Object.keys({ ...now, ...before })
    .filter((key) => now[key] !== before[key])
    .map(
      (key) =>
        `the baseline is of another toolchain: ${key} was '${before[key]}' and is '${now[key]}'. ` +
        'Count the commit it is of here with --update, and compare with that',
    );
}

/**
 * @param {Record<string, Record<string, number>>} now by path
 * @param {Record<string, Record<string, number>>} before
 * @param {{ name: string }[]} paths that were to be counted
 * @returns {string[]} what takes over 2% more than before, or is missing
 */
function worse(now, before, paths) {
  const problems = [];
  for (const { name } of paths) {
    if (!now[name] || !before[name]) {
      problems.push(`${name}: it was not counted ${now[name] ? 'when the baseline was made' : 'now'}`);
      continue;
    }
    for (const [what, count] of Object.entries(now[name])) {
      const was = before[name][what];
      if (!(count <= was * (1 + kMore))) problems.push(`${name}: ${what} ${count}, was ${was}`);
    }
  }
  return problems;
}

module.exports = { differences, worse, kMore };
