// The marked blocks of a page: <!-- generated: name --> ... <!-- /generated -->.
'use strict';

const kBlock = /(<!-- generated: ([\w-]+) -->\n)([\s\S]*?)(<!-- \/generated -->)/g;

/**
 * @param {string} text
 * @param {Record<string, () => string>} tables by name
 * @param {string} page for messages
 * @returns {string|undefined} the page with its blocks filled anew; undefined where it has none
 */
function fillBlocks(text, tables, page) {
  const opened = text.match(/<!-- generated: /g)?.length ?? 0;
  let blocks = 0;
  const filled = text.replace(kBlock, (_, opening, name, __, closing) => {
    if (!Object.hasOwn(tables, name))
      throw new Error(`${page}: no table '${name}' (there are: ${Object.keys(tables).join(', ')})`);
    ++blocks;
    return `${opening}${tables[name]()}${closing}`;
  });
  if (blocks !== opened) throw new Error(`${page}: a generated block has no end: <!-- /generated -->`);
  return blocks ? filled : undefined;
}

/**
 * @param {readonly string[]} head
 * @param {readonly (readonly string[])[]} rows cells in Markdown; a | in them is escaped here
 * @returns {string}
 */
function table(head, rows) {
  const line = (/** @type {readonly string[]} */ cells) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`.replace(/ {2,}\|/g, ' |');
  return `${line(head)}|${head.map(() => ' --- |').join('')}\n${rows.map(line).join('')}`;
}

module.exports = { fillBlocks, table };
