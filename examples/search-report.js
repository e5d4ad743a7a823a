// What a search found, as tables for a person.
'use strict';
const Table = require('cli-table3');

const kWidth = { least: 80, most: 140 };
const kLines = 2; // of a passage
const kChrome = 42; // letters of a row that are not the passage's
const style = { head: [], border: [], compact: true };

/** Words in lines of at most `width` letters; what is left over ends in an ellipsis. */
function wrap(text, width, most) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line.length + word.length + (line ? 1 : 0) <= width) lines[lines.length - 1] = line ? `${line} ${word}` : word;
    else lines.push(word.slice(0, width));
  }
  if (lines.length <= most) return lines.join('\n');
  const last = lines[most - 1].length > width - 2 ? lines[most - 1].replace(/\s+\S*$/, '') : lines[most - 1];
  return [...lines.slice(0, most - 1), `${last} …`].join('\n');
}

/** The licences that have a passage, the shortest name first: families have it in many versions. */
function ownersOf(owners) {
  const [first] = [...owners].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  return owners.length > 1 ? `${first.slice(0, 22)}\nand ${owners.length - 1} more` : first.slice(0, 22);
}

const number = (value) => value.toLocaleString('en');
const duration = (ms) => (ms < 10 ? ms.toFixed(2) : ms < 1000 ? ms.toFixed(0) : `${(ms / 1000).toFixed(1)} s`);

function printResult({ question, model, licences, passages, found, picture, steps }) {
  const width = Math.min(kWidth.most, Math.max(kWidth.least, process.stdout.columns ?? 110));
  console.log(`\n  ${question}\n`);
  const table = new Table({ head: ['', 'score', 'licence', 'passage'], colAligns: ['right'], style });
  found.forEach(({ text, owners, score }, i) =>
    table.push([i + 1, score.toFixed(3), ownersOf(owners), wrap(text, width - kChrome, kLines)]),
  );
  console.log(table.toString());
  console.log(
    `\n${number(passages)} passages of ${number(licences)} licences, by ${model.family} in ${model.precision} ` +
      `(${model.name})`,
  );
  const done = new Table({ head: ['what was done', 'where', 'ms'], colAligns: ['left', 'left', 'right'], style });
  for (const { name, where, ms } of steps) done.push([name, where, duration(ms)]);
  console.log(done.toString());
  if (picture.file) console.log(`\nthe neighbourhood: ${picture.file}`);
  if (picture.problem) console.log(`\n${picture.problem}`);
}

module.exports = { printResult };
