// The config file, switchyard.config.yaml: its settings, each with the line it stands on. Some have a second name, with
// a section for each dot of it: `gpu: { memory_limit: 20GB }` is memoryLimit.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { invalid, show, suggestion } = require('../core');

/** @typedef {{ value: unknown, where: string, key: string }} Entry `key`: what the file calls it */
/** @typedef {{ text: string, name: string }} File */
/**
 * @typedef {object} Reading
 * @property {ReadonlyMap<string, string>} known what each key stands for
 * @property {(node: unknown) => string} at where something stands
 * @property {(value: unknown) => unknown} plain a value without its places
 * @property {Map<string, Entry>} entries by the settings' names
 */

const kNames = ['switchyard.config.yaml', 'switchyard.config.yml'];

/**
 * @param {string} file
 * @returns {string|undefined} its text; undefined where there is none
 */
function readText(file) {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw invalid(`${path.basename(file)} can't be read (${error.code})`);
  }
}

/**
 * @param {string} named
 * @param {string} by what has named it
 * @param {string} cwd
 * @returns {File}
 */
function readNamed(named, by, cwd) {
  try {
    return { text: fs.readFileSync(path.resolve(cwd, named), 'utf8'), name: path.basename(named) };
  } catch (error) {
    throw invalid(`${by} is ${show(named)}, but must be a file that can be read (${error.code})`);
  }
}

/**
 * The file's text and what to call it; undefined where there is none.
 * @param {NodeJS.ProcessEnv} env
 * @param {string} cwd
 * @returns {File|undefined}
 */
function findFile(env, cwd) {
  const { SWITCHYARD_CONFIG: named } = env;
  if (named) return readNamed(named, 'the environment variable SWITCHYARD_CONFIG', cwd);
  const found = kNames.flatMap((name) => {
    const text = readText(path.resolve(cwd, name));
    return text === undefined ? [] : [{ text, name }];
  });
  if (found.length > 1) throw invalid(`there are both ${kNames.join(' and ')}: remove one of them`);
  return found[0];
}

/**
 * Refuses a key that stands for nothing.
 * @param {string} key
 * @param {string} where
 * @param {ReadonlyMap<string, string>} known
 */
function refuseKey(key, where, known) {
  return invalid(`${where}: unknown setting '${key}'${suggestion(key, known.keys())}`);
}

/**
 * @param {import('yaml').YAMLMap} map
 * @param {string} section '' at the top, else with a dot behind it
 * @param {Reading} reading
 */
function readMap(map, section, reading) {
  const { isMap, isScalar } = require('yaml');
  const { known, at, plain, entries } = reading;
  for (const { key: node, value } of map.items) {
    const where = at(node);
    const key = section + (isScalar(node) ? String(node.value) : String(node));
    const isSection = [...known.keys()].some((name) => name.startsWith(`${key}.`));
    if (isSection && isMap(value)) {
      readMap(/** @type {import('yaml').YAMLMap} */ (value), `${key}.`, reading);
      continue;
    }
    const given = plain(value);
    const name = known.get(key);
    if (isSection && given === null) continue;
    if (name === undefined)
      throw isSection
        ? invalid(`${where}: ${key} is ${show(given)}, but must hold settings, one a line`)
        : refuseKey(key, where, known);
    if (given === null || given === undefined) continue;
    const before = entries.get(name);
    if (before)
      throw invalid(`${where}: ${key} and ${before.key} (${before.where}) are the same setting: remove one of them`);
    entries.set(name, { value: given, where, key });
  }
}

/**
 * @param {File} file
 * @param {ReadonlyMap<string, string>} known
 * @returns {Map<string, Entry>}
 */
function parseFile({ text, name }, known) {
  // Only where there is a file: nobody else pays for loading the parser.
  const { parseDocument, LineCounter, isMap, isNode } = require('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const line = (/** @type {number|undefined} */ offset) => `${name}:${lines.linePos(offset ?? 0).line}`;
  const [problem] = document.errors;
  if (problem) throw invalid(`${line(problem.pos[0])}: ${problem.message}`);
  /** @type {Map<string, Entry>} */
  const entries = new Map();
  if (document.contents === null) return entries;
  if (!isMap(document.contents)) throw invalid(`${name} must hold settings, one a line, like 'contextsPerWorker: 2'`);
  readMap(document.contents, '', {
    known,
    entries,
    at: (node) => line(isNode(node) ? node.range?.[0] : undefined),
    plain: (value) => (isNode(value) ? value.toJS(document) : value),
  });
  return entries;
}

/**
 * @param {NodeJS.ProcessEnv} env SWITCHYARD_CONFIG names another file
 * @param {string} cwd
 * @param {ReadonlyMap<string, string>} known the keys that mean something, each with the setting it is
 * @returns {Map<string, Entry>} by the settings' names
 */
function readConfigFile(env, cwd, known) {
  const file = findFile(env, cwd);
  return file ? parseFile(file, known) : new Map();
}

module.exports = { readConfigFile };
