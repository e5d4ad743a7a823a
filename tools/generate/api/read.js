// Reads the public types: the rooms of lib/types/ in the order of lib/index.d.ts, and what each exports.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const ts = require('typescript');

const lib = path.join(__dirname, '..', '..', '..', 'lib');

// Types that others are made of, which need no name of their own in programs.
const kAlso = new Map([['types/tensor', ['DataOf']]]);

/**
 * What a comment says.
 * @typedef {object} Doc
 * @property {string} text
 * @property {string[]} examples
 * @property {string} throws
 * @property {string} initial of @default
 * @property {string[]} inputs of @input: name and shape
 * @property {string[]} outputs of @output
 * @property {string} nan of @nan
 */
/** @typedef {{ name: string, optional: boolean, type: ts.TypeNode|undefined, signature: string, doc: Doc }} Member */
/** @typedef {{ name: string, signatures: string[], doc: Doc }} Callable */
/**
 * @typedef {object} Entry
 * @property {'function'|'constant'|'class'|'interface'|'alias'} kind
 * @property {string} name
 * @property {Doc} doc
 * @property {string} head of a class or an interface: its parameters and what it extends
 * @property {ts.TypeNode} [type] of an alias
 * @property {string[]} signatures of a function or a constant, or of a class's constructor
 * @property {Member[]} members that are values, those of its bases included
 * @property {Callable[]} methods
 */
/** @typedef {{ file: string, title: string, intro: string, entries: Entry[] }} Room */

/** @param {string} file */
function parse(file) {
  const text = fs.readFileSync(path.join(lib, `${file}.d.ts`), 'utf8');
  return ts.createSourceFile(`${file}.d.ts`, text, ts.ScriptTarget.Latest, true, ts.ScriptKind.TS);
}

/** @param {string} text lines that a source has indented */
function dedent(text) {
  const depth = Math.min(
    ...text
      .split('\n')
      .slice(1)
      .filter((line) => line.trim())
      .map((line) => /^ */.exec(line)?.[0].length ?? 0),
  );
  return Number.isFinite(depth) ? text.replaceAll(`\n${' '.repeat(depth)}`, '\n') : text;
}

/**
 * @param {ts.Node} node
 * @returns {Doc}
 */
function docOf(node) {
  const comment = ts.getJSDocCommentsAndTags(node).find(ts.isJSDoc);
  const tags = ts.getJSDocTags(node);
  const said = (/** @type {string} */ name) =>
    tags.filter(({ tagName }) => tagName.text === name).map((tag) => ts.getTextOfJSDocComment(tag.comment) ?? '');
  const line = (/** @type {string} */ text) => text.replaceAll(/\s+/g, ' ').trim();
  return {
    text: line(ts.getTextOfJSDocComment(comment?.comment) ?? ''),
    examples: said('example').map((text) => text.trim()),
    throws: line(said('throws').join(' ')),
    initial: line(said('default').join(' ')),
    inputs: said('input').map(line),
    outputs: said('output').map(line),
    nan: line(said('nan').join(' ')),
  };
}

/** @param {ts.PropertyName|ts.BindingName|undefined} name `[Symbol.dispose]` stays as it is written */
function nameOf(name) {
  return name && (ts.isStringLiteral(name) || ts.isIdentifier(name)) ? name.text : (name?.getText() ?? '');
}

/** @param {ts.Node} node */
function signatureOf(node) {
  return dedent(node.getText().replace(/^export (?:declare )?(?:function )?/, ''));
}

/**
 * Values by themselves, methods with all their overloads under one name.
 * @param {readonly ts.Node[]} nodes
 * @param {Pick<Entry, 'members'|'methods'>} into
 */
function addMembers(nodes, into) {
  for (const node of nodes) {
    if (ts.isPropertyDeclaration(node) || ts.isPropertySignature(node)) {
      const name = nameOf(node.name);
      if (into.members.some((member) => member.name === name)) continue;
      const optional = Boolean(node.questionToken);
      into.members.push({ name, optional, type: node.type, signature: signatureOf(node), doc: docOf(node) });
    } else if (ts.isMethodDeclaration(node) || ts.isMethodSignature(node)) {
      const name = nameOf(node.name);
      const known = into.methods.find((method) => method.name === name);
      if (known) known.signatures.push(signatureOf(node));
      else into.methods.push({ name, signatures: [signatureOf(node)], doc: docOf(node) });
    }
  }
}

/** @param {ts.Node} node */
function isPrivate(node) {
  return (
    ts.canHaveModifiers(node) &&
    Boolean(ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword))
  );
}

/** @param {ts.ClassDeclaration|ts.InterfaceDeclaration} node */
function headOf(node) {
  const text = node.getText();
  return text
    .slice(0, text.indexOf('{', text.indexOf(node.name?.text ?? '')))
    .replace(/^export /, '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}

/** @typedef {Map<string, (ts.ClassDeclaration|ts.InterfaceDeclaration)[]>} Shapes all of lib/types/, by name */

/**
 * An interface and the class of its name are one; what the bases have comes last.
 * @param {string} name
 * @param {Shapes} shapes
 * @param {Pick<Entry, 'members'|'methods'>} into
 */
function addShape(name, shapes, into) {
  const nodes = [...(shapes.get(name) ?? [])].sort(
    (a, b) => Number(ts.isInterfaceDeclaration(a)) - Number(ts.isInterfaceDeclaration(b)),
  );
  for (const node of nodes) addMembers([...node.members], into);
  for (const { heritageClauses } of nodes)
    for (const clause of heritageClauses ?? [])
      for (const { expression } of clause.types) addShape(expression.getText(), shapes, into);
}

/**
 * @param {string} name
 * @param {readonly ts.Statement[]} statements of its file
 * @param {Shapes} shapes
 * @returns {Entry}
 */
function readEntry(name, statements, shapes) {
  const functions = statements.filter(ts.isFunctionDeclaration).filter((node) => node.name?.text === name);
  const blank = { name, head: '', signatures: [], members: [], methods: [] };
  if (functions.length)
    return { ...blank, kind: 'function', signatures: functions.map(signatureOf), doc: docOf(functions[0]) };
  const constant = statements
    .filter(ts.isVariableStatement)
    .find(({ declarationList }) => nameOf(declarationList.declarations[0].name) === name);
  if (constant) return { ...blank, kind: 'constant', signatures: [signatureOf(constant)], doc: docOf(constant) };
  const alias = statements.filter(ts.isTypeAliasDeclaration).find((node) => node.name.text === name);
  if (alias) return { ...blank, kind: 'alias', type: alias.type, head: headOfAlias(alias), doc: docOf(alias) };
  const nodes = shapes.get(name);
  if (!nodes) throw new Error(`lib/index.d.ts exports ${name}, which is nowhere in its file`);
  const node = nodes.find(ts.isClassDeclaration) ?? nodes[0];
  // Of a class and an interface either may have the comment.
  const doc = nodes.map(docOf).find(({ text }) => text) ?? docOf(node);
  const constructors = node.members.filter(ts.isConstructorDeclaration).filter((member) => !isPrivate(member));
  /** @type {Entry} */
  const entry = {
    ...blank,
    kind: ts.isClassDeclaration(node) ? 'class' : 'interface',
    head: headOf(node),
    doc,
    signatures: constructors.map((each) => signatureOf(each).replace(/^constructor/, `new ${name}`)),
  };
  addShape(name, shapes, entry);
  return entry;
}

/** @param {ts.TypeAliasDeclaration} node */
function headOfAlias(node) {
  const parameters = node.typeParameters?.map((each) => each.getText()).join(', ');
  return `type ${node.name.text}${parameters ? `<${parameters}>` : ''}`;
}

/** @param {ts.SourceFile} source its first line is `// Title: what it is about.`, or `// Title.` */
function titleOf(source) {
  const [, line] = /^\/\/ (.*)/.exec(source.text) ?? [];
  const [title, ...rest] = (line ?? '').replace(/\.$/, '').split(': ');
  const intro = rest.join(': ');
  return { title, intro: intro && `${intro[0].toUpperCase()}${intro.slice(1)}.` };
}

/** @returns {Room[]} */
function readRooms() {
  /** @type {Map<string, string[]>} */
  const names = new Map();
  for (const node of parse('index').statements) {
    if (!ts.isExportDeclaration(node) || !node.moduleSpecifier || !node.exportClause) continue;
    const file = /** @type {ts.StringLiteral} */ (node.moduleSpecifier).text.replace('./', '');
    const elements = /** @type {ts.NamedExports} */ (node.exportClause).elements;
    names.set(file, [...(names.get(file) ?? []), ...elements.map(({ name }) => name.text)]);
  }
  const rooms = fs.readdirSync(path.join(lib, 'types')).map((name) => `types/${name.replace('.d.ts', '')}`);
  const sources = new Map([...rooms, 'generated'].map((file) => [file, parse(file)]));
  /** @type {Shapes} */
  const shapes = new Map();
  for (const { statements } of sources.values())
    for (const node of statements)
      if ((ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)) && node.name)
        shapes.set(node.name.text, [...(shapes.get(node.name.text) ?? []), node]);
  return [...names].map(([file, exported]) => {
    const source = /** @type {ts.SourceFile} */ (sources.get(file));
    const all = [...exported, ...(kAlso.get(file) ?? [])];
    return { file, ...titleOf(source), entries: all.map((name) => readEntry(name, source.statements, shapes)) };
  });
}

module.exports = { readRooms, addMembers };
