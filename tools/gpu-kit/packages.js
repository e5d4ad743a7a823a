// The npm packages that the kit's library needs, as they lie in node_modules.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

/**
 * Folders, relative to `root`, of `names` and of all that they need: found as Node finds them.
 * @param {string} root @param {readonly string[]} names
 */
function closureOf(root, names) {
  const found = new Set();
  const find = (name, from) => {
    for (let at = from; ; at = path.dirname(at)) {
      const folder = path.join(at, 'node_modules', name);
      if (fs.existsSync(path.join(folder, 'package.json'))) return folder;
      if (at === root) return undefined;
    }
  };
  const add = (name, from, isOptional) => {
    const folder = find(name, from);
    if (!folder) {
      if (isOptional) return;
      throw new Error(`the npm package ${name}, which ${path.relative(root, from) || 'the library'} needs, is missing`);
    }
    if (found.has(folder)) return;
    found.add(folder);
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(
      fs.readFileSync(path.join(folder, 'package.json'), 'utf8'),
    );
    for (const one of Object.keys(dependencies)) add(one, folder, Object.hasOwn(optionalDependencies, one));
  };
  for (const name of names) add(name, root, false);
  return [...found].map((it) => path.relative(root, it)).sort();
}

module.exports = { closureOf };
