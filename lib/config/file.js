// The config file, switchyard.config.yaml: its top-level keys, each with the line it stands on.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { invalid, show, suggestion } = require('../core');

/** @typedef {{ value: unknown, where: string }} Entry */

const kName = 'switchyard.config.yaml';

/**
 * The file's text and what to call it; undefined where there is none.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} cwd
 */
function findFile(env, cwd) {
  const named = env.SWITCHYARD_CONFIG;
  try {
    return {
      text: fs.readFileSync(path.resolve(cwd, named || kName), 'utf8'),
      name: named ? path.basename(named) : kName,
    };
  } catch (error) {
    if (!named && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw invalid(
      named
        ? `the environment variable SWITCHYARD_CONFIG is ${show(named)}, but must be a file that can be read ` +
            `(${error.code})`
        : `${kName} can't be read (${error.code})`,
    );
  }
}

/**
 * @param {string} text
 * @param {string} name
 * @param {ReadonlySet<string>} known
 */
function parseFile(text, name, known) {
  // Only where there is a file: nobody else pays for loading the parser.
  const { parseDocument, LineCounter, isMap, isScalar, isNode } = require('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const at = (/** @type {number|undefined} */ offset) => `${name}:${lines.linePos(offset ?? 0).line}`;
  const [problem] = document.errors;
  if (problem) throw invalid(`${at(problem.pos[0])}: ${problem.message}`);
  /** @type {Map<string, Entry>} */
  const entries = new Map();
  if (document.contents === null) return entries;
  if (!isMap(document.contents)) throw invalid(`${name} must hold settings, one a line, like 'contextsPerWorker: 2'`);
  for (const { key, value } of document.contents.items) {
    const where = at(isNode(key) ? key.range?.[0] : undefined);
    const setting = isScalar(key) ? String(key.value) : String(key);
    if (!known.has(setting)) throw invalid(`${where}: unknown setting '${setting}'${suggestion(setting, known)}`);
    const plain = isNode(value) ? value.toJS(document) : value;
    if (plain !== null && plain !== undefined) entries.set(setting, { value: plain, where });
  }
  return entries;
}

/**
 * @param {NodeJS.ProcessEnv} env SWITCHYARD_CONFIG names another file
 * @param {string} cwd
 * @param {ReadonlySet<string>} known the keys that mean something
 * @returns {Map<string, Entry>}
 */
function readConfigFile(env, cwd, known) {
  const file = findFile(env, cwd);
  return file ? parseFile(file.text, file.name, known) : new Map();
}

module.exports = { readConfigFile };
