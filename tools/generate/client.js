// The client's generated files: which methods there are, their types, and its modules as browsers read them.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { kMethods } = require('../../lib/rpc');

const kFolder = path.join(__dirname, '..', '..', 'lib', 'client');
const kModules = ['errors', 'frame', 'http', 'index', 'socket'];
const kGenerated = '// Written by `npm run generate`.';

/** Which of them may be sent again blindly. */
function makeMethods() {
  const rows = kMethods.map(({ name, repeatable = false }) => `${name}: ${repeatable},`);
  return (
    `${kGenerated} The methods, and whether the same call again changes nothing more.\n'use strict';\n\n` +
    `/** @type {Readonly<Record<string, boolean>>} */\nconst kMethods = {\n${rows.join('\n')}\n};\n\n` +
    'module.exports = { kMethods };\n'
  );
}

/**
 * A module of CommonJS as an ES module: it requires and exports in one form alone.
 * @param {string} text
 */
function asModule(text) {
  return text
    .replace(/^'use strict';\n/m, `${kGenerated}\n`)
    .replace(/^const (\{[^}]*\}) = require\('\.\/(\w+)'\);$/gm, "import $1 from './$2.mjs';")
    .replace(/^module\.exports = /m, 'export ');
}

/** @type {Record<string, string>} */
const kTypes = { string: 'string', number: 'number', integer: 'number', boolean: 'boolean', null: 'null' };

/**
 * @param {any} schema
 * @returns {string} a type of TypeScript
 */
function typeOf(schema) {
  if (/A tensor: /.test(schema.description ?? '')) return 'TensorLike';
  if (schema.enum) return schema.enum.map((/** @type {unknown} */ each) => JSON.stringify(each)).join(' | ');
  const types = [schema.type].flat();
  return types.map((/** @type {string} */ type) => typeOfOne(type, schema)).join(' | ') || 'unknown';
}

/**
 * @param {string} type
 * @param {any} schema
 */
function typeOfOne(type, schema) {
  if (type === 'array') return schema.items ? `(${typeOf(schema.items)})[]` : 'unknown[]';
  if (type !== 'object') return kTypes[type];
  if (!schema.properties) return 'Record<string, unknown>';
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties).map(([name, /** @type {any} */ each]) => {
    const doc = each.description ? commentOf(each.description) : '';
    return `${doc}${name}${required.has(name) ? '' : '?'}: ${typeOf(each)};`;
  });
  return `{\n${fields.join('\n')}\n}`;
}

/**
 * A comment in lines that are not too long.
 * @param {string} text
 */
function commentOf(text) {
  const lines = text.replaceAll('*/', '* /').match(/.{1,90}(?:\s|$)/g) ?? [];
  return lines.length < 2 ? `/** ${text} */\n` : `/**\n${lines.map((line) => ` * ${line.trim()}`).join('\n')}\n */\n`;
}

/** The methods' types. */
function makeTypes() {
  const methods = kMethods.map(({ name, description, params, result }) => {
    const optional = /** @type {{ required?: string[] }} */ (params.required ?? []).length ? '' : '?';
    const results = typeOf(result).replaceAll('TensorLike', 'Tensor');
    const given = `params${optional}: ${typeOf(params)}, options?: CallOptions`;
    return `${commentOf(description)}${name}(${given}): Promise<${results}>;`;
  });
  return (
    `${kGenerated} The methods of the service, from their one table.\n` +
    "import type { CallOptions, Tensor, TensorLike } from './index';\n\n" +
    `export interface Methods {\n${methods.join('\n')}\n}\n`
  );
}

/** @returns {[string, string, 'babel'|'typescript'][]} each file, its text, and how it is laid out */
function makeClient() {
  const methods = makeMethods();
  const modules = kModules.map((name) => [name, fs.readFileSync(path.join(kFolder, `${name}.js`), 'utf8')]);
  return [
    ['lib/client/methods.js', methods, 'babel'],
    ['lib/client/method-types.d.ts', makeTypes(), 'typescript'],
    .../** @type {[string, string, 'babel'][]} */ (
      [...modules, ['methods', methods]].map(([name, text]) => [`lib/client/${name}.mjs`, asModule(text), 'babel'])
    ),
  ];
}

module.exports = { makeClient };
