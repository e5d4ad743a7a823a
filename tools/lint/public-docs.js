// What is public has its errors and an example: in the types, which users see, and where it is written; and both name
// the same error codes.
'use strict';
const ts = require('typescript');

// Never throw and never reject, and why: the others say what they throw.
const kNeverThrow = new Map([
  ['GPUContext.close', 'closing waits for what runs; a second time it is the same promise'],
  ['GPUContext.[Symbol.asyncDispose]', 'as close()'],
  ['DeviceTensor.release', 'a second time nothing is left to do'],
  ['DeviceTensor.[Symbol.dispose]', 'as release()'],
  ['SharedTensor.release', 'a second time nothing is left to do'],
  ['SharedTensor.[Symbol.dispose]', 'as release()'],
  ['TextModel.close', 'closing waits for what runs; a second time it is the same promise'],
  ['TextModel.[Symbol.asyncDispose]', 'as close()'],
  ['Store.stats', 'of a closed one it says what there was'],
  ['Store.[Symbol.asyncDispose]', 'as close()'],
  ['GPUClusterManager.contexts', 'once it is closed, there are none'],
  ['GPUClusterManager.cleanup', 'once it is closed, nothing is left to give back'],
  ['GPUClusterManager.[Symbol.asyncDispose]', 'as close() without options, which alone can be wrong'],
]);

/**
 * @typedef {object} Documented
 * @property {string} file
 * @property {number} line
 * @property {boolean} example
 * @property {string|undefined} throws what its @throws tags say
 */

/**
 * @param {ts.Node} node
 * @param {ts.SourceFile} source
 * @returns {Documented}
 */
function documented(node, source) {
  const tags = ts.getJSDocTags(node);
  const texts = tags.filter((tag) => tag.tagName.text === 'throws').map((tag) => ts.getTextOfJSDocComment(tag.comment));
  return {
    file: source.fileName,
    line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1,
    example: tags.some((tag) => tag.tagName.text === 'example' && ts.getTextOfJSDocComment(tag.comment)),
    throws: texts.length ? texts.join(' ') : undefined,
  };
}

/**
 * A method's name; a well-known symbol's, which older versions of Node may lack, as `[Symbol.dispose]`.
 * @param {ts.PropertyName} name
 * @returns {string}
 */
function nameOf(name) {
  const [symbol] = /Symbol\.\w+/.exec(name.getText()) ?? [];
  return symbol ? `[${symbol}]` : name.getText();
}

/** @param {ts.Node} node */
function isPrivate(node) {
  return ts.isPrivateIdentifier(node.name) || (ts.getCombinedModifierFlags(node) & ts.ModifierFlags.Static) !== 0;
}

/**
 * The functions of a file and the methods of its classes, without getters; of overloads the first.
 * @param {string} file
 * @param {string} text
 * @returns {{ functions: Map<string, Documented>, classes: Map<string, { base: string|undefined, methods:
 *   Map<string, Documented> }> }}
 */
function callablesOf(file, text) {
  const kind = file.endsWith('.ts') ? ts.ScriptKind.TS : ts.ScriptKind.JS;
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true, kind);
  const functions = new Map();
  const classes = new Map();
  for (const node of source.statements) {
    if (ts.isFunctionDeclaration(node) && !functions.has(node.name.text))
      functions.set(node.name.text, documented(node, source));
    if (!ts.isClassDeclaration(node)) continue;
    const methods = new Map();
    for (const member of node.members) {
      if (!ts.isMethodDeclaration(member) || isPrivate(member) || methods.has(nameOf(member.name))) continue;
      methods.set(nameOf(member.name), documented(member, source));
    }
    classes.set(node.name.text, { base: node.heritageClauses?.[0].types[0].expression.getText(), methods });
  }
  return { functions, classes };
}

/**
 * Everything under its public name: 'createContext', 'GPUContext.run'.
 * @param {ReturnType<typeof callablesOf>[]} all
 * @param {(name: string) => boolean} wanted functions and classes
 * @returns {Map<string, Documented>}
 */
function byName(all, wanted) {
  const found = new Map();
  const classes = new Map(all.flatMap((each) => [...each.classes]));
  for (const { functions } of all) for (const [name, it] of functions) if (wanted(name)) found.set(name, it);
  for (const name of classes.keys()) {
    if (!wanted(name)) continue;
    for (let each = classes.get(name); each; each = classes.get(each.base))
      for (const [method, it] of each.methods) if (!found.has(`${name}.${method}`)) found.set(`${name}.${method}`, it);
  }
  return found;
}

/**
 * The error codes that a function names, those of another that it refers to included: "as compileKernel()".
 * @param {string} name
 * @param {Map<string, Documented>} side
 * @returns {Set<string>}
 */
function codesOf(name, side) {
  const throws = side.get(name)?.throws ?? '';
  const codes = new Set(throws.match(/ERR_[A-Z_]+/g));
  const [, other] = /\bas (\w+)\(\)/.exec(throws) ?? [];
  const owner = name.includes('.') ? `${name.split('.')[0]}.` : '';
  const referred = other && [owner + other, other].find((each) => each !== name && side.has(each));
  if (referred) for (const code of codesOf(referred, side)) codes.add(code);
  return codes;
}

/**
 * @param {string} name
 * @param {Documented} it
 * @param {ReadonlyMap<string, string>} neverThrow
 * @returns {string[]}
 */
function problemsOf(name, it, neverThrow) {
  const problems = [];
  const where = `${it.file}:${it.line}: ${name}`;
  if (!it.example) problems.push(`${where} has no @example`);
  if (neverThrow.has(name) && it.throws !== undefined)
    problems.push(`${where} has a @throws, but stands in kNeverThrow of tools/lint/public-docs.js`);
  if (!neverThrow.has(name) && it.throws === undefined)
    problems.push(`${where} has no @throws (kNeverThrow of tools/lint/public-docs.js has those that never do)`);
  return problems;
}

/**
 * @param {Map<string, string>} files of lib/: lib/index.js, which says what is public, *.js and types/*.d.ts
 * @param {ReadonlyMap<string, string>} [neverThrow] name -> reason
 * @returns {string[]}
 */
function checkPublicDocs(files, neverThrow = kNeverThrow) {
  const [, exported] = /module\.exports = \{([^}]*)\}/.exec(files.get('lib/index.js'));
  const names = new Set(exported.match(/\w+/g));
  const read = (pattern) => [...files].filter(([file]) => pattern.test(file)).map(([f, text]) => callablesOf(f, text));
  const typed = byName(read(/^lib\/types\/.*\.d\.ts$/), (name) => names.has(name));
  const written = byName(read(/^lib\/.*\.js$/), (name) => names.has(name));
  const problems = [];
  for (const [name, type] of typed) {
    problems.push(...problemsOf(name, type, neverThrow));
    const code = written.get(name);
    if (!code) {
      problems.push(`${type.file}:${type.line}: ${name} is nowhere in lib/`);
      continue;
    }
    problems.push(...problemsOf(name, code, neverThrow));
    const [said, meant] = [codesOf(name, typed), codesOf(name, written)];
    const differ = [...said, ...meant].filter((each) => !said.has(each) || !meant.has(each));
    if (differ.length)
      problems.push(
        `${code.file}:${code.line}: ${name} throws ${[...meant].join(', ') || 'nothing'}, ` +
          `but its types say ${[...said].join(', ') || 'nothing'}`,
      );
  }
  for (const name of neverThrow.keys())
    if (!typed.has(name))
      problems.push(`${name} is not public; take it out of kNeverThrow of tools/lint/public-docs.js`);
  return problems;
}

module.exports = { checkPublicDocs };
