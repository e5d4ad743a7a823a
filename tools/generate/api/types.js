// Functions, classes and types of docs/api.md.
'use strict';
const ts = require('typescript');
const { table } = require('../blocks');
const { wrap, block } = require('./markdown');

/** @typedef {import('./read').Entry} Entry */
/** @typedef {import('./read').Doc} Doc */
/** @typedef {import('./read').Member} Member */
/** @typedef {import('./markdown').Anchors} Anchors */

/** @param {string} text of a type that stands on several lines */
function oneLine(text) {
  return text
    .replaceAll(/\s+/g, ' ')
    .replace(/^\| /, '')
    .replaceAll(/([([{<]) (?=\|)\| /g, '$1 ');
}

/**
 * A type as code: what would be too long for a line has a line for each of its parts.
 * @param {string} head what stands before it, `type Name = ` say
 * @param {ts.TypeNode} type
 */
function shown(head, type) {
  const line = `${head}${oneLine(type.getText())}`;
  if (line.length < 119) return line;
  if (ts.isUnionTypeNode(type))
    return `${head.trimEnd()}${type.types.map((each) => `\n  | ${oneLine(each.getText())}`).join('')}`;
  if (ts.isTypeLiteralNode(type))
    return `${head}{\n${type.members.map((each) => `  ${oneLine(each.getText())}\n`).join('')}}`;
  return `${head}${type.getText()}`;
}

/** @param {string} name of a method: `[Symbol.dispose]` stands for itself */
function methodName(owner, name) {
  return name.startsWith('[') ? `${owner}${name}()` : `${owner}.${name}()`;
}

/** @param {Entry} entry */
function headingOf({ kind, name }) {
  if (kind === 'function') return `function ${name}()`;
  if (kind === 'constant') return `const ${name}`;
  return kind === 'class' ? `class ${name}` : `type ${name}`;
}

/** @param {Doc} doc */
function examples({ examples: all }) {
  return all.map((code) => `\n${block(code, 'js')}`).join('');
}

/**
 * Members as rows; those of a nested object, where they have comments, under its name.
 * @param {readonly Member[]} members
 * @param {string} before
 * @returns {{ name: string, type: string, doc: Doc }[]}
 */
function flatten(members, before = '') {
  return members.flatMap(({ name, optional, type, doc }) => {
    const full = `${before}${name}${optional ? '?' : ''}`;
    const nested = type && ts.isTypeLiteralNode(type) ? membersOf(type) : [];
    if (nested.some((each) => each.doc.text)) return flatten(nested, `${before}${name}.`);
    return [{ name: full, type: type ? oneLine(type.getText()) : '', doc }];
  });
}

/** @param {ts.TypeLiteralNode} type @returns {Member[]} */
function membersOf(type) {
  const into = { members: [], methods: [] };
  require('./read').addMembers([...type.members], into);
  return into.members;
}

/**
 * A method of an interface, which the user gives, as a member.
 * @param {import('./read').Callable} method
 */
function asMember({ name, signatures, doc }) {
  const [, optional, parameters, result] = /^\S+?(\??)((?:<.*>)?\([\s\S]*\)): ([\s\S]*);$/.exec(signatures[0]) ?? [];
  return { name: `${name}${optional}`, type: oneLine(`${parameters} => ${result}`), doc };
}

/** A page's part on types, with the headings that it may link to. */
class TypesPart {
  /** @param {Anchors} anchors */
  constructor(anchors) {
    this.anchors = anchors;
  }

  /** @param {string} code @param {string} self */
  #links(code, self) {
    const links = this.anchors.typesIn(code, self);
    return links.length ? `\n${wrap(`Types: ${links.join(', ')}`)}` : '';
  }

  /** @param {Doc} doc @param {string} [owner] */
  #text(doc, owner) {
    return doc.text ? `\n${wrap(this.anchors.prose(doc.text, owner))}` : '';
  }

  /** @param {Doc} doc @param {string} [owner] */
  #throws(doc, owner) {
    return doc.throws ? `\n${wrap(`Throws: ${this.anchors.prose(doc.throws, owner)}`)}` : '';
  }

  /** @param {Entry} entry */
  #members({ kind, name: owner, members, methods }) {
    const rows = [...flatten(members), ...(kind === 'interface' ? methods.map(asMember) : [])];
    if (!rows.length) return '';
    const defaults = rows.some(({ doc }) => doc.initial);
    const cells = rows.map(({ name, type, doc }) => [
      `\`${name}\``,
      `\`${type}\``,
      ...(defaults ? [doc.initial] : []),
      this.anchors.prose(doc.text, owner),
    ]);
    return `\n${table(['member', 'type', ...(defaults ? ['default'] : []), ''], cells)}`;
  }

  /** @param {Entry} entry */
  #class(entry) {
    const { name, doc, members, signatures } = entry;
    const methods = entry.kind === 'interface' ? [] : entry.methods;
    const said = methods.filter((method) => method.doc.text);
    const silent = methods.filter((method) => !method.doc.text);
    let text = this.#text(doc, name) + this.#throws(doc, name);
    if (signatures.length) text += `\n${block(signatures.join('\n'), 'ts')}`;
    if (/ extends (?!Program)/.test(entry.head)) text += `\n${wrap(`\`${entry.head}\``)}`;
    text += examples(doc) + this.#members(entry);
    text += this.#links(members.map(({ signature }) => signature).join('\n'), name);
    if (silent.length) {
      const code = silent.flatMap((method) => method.signatures).join('\n');
      text += `\n${block(code, 'ts')}${this.#links(code, name)}`;
    }
    for (const method of said) text += this.#callable(methodName(name, method.name), method, name);
    return text;
  }

  /**
   * @param {string} heading
   * @param {{ signatures: string[], doc: Doc }} callable
   * @param {string} [owner]
   */
  #callable(heading, { signatures, doc }, owner) {
    const code = signatures.join('\n');
    const level = owner ? `\n#### ${heading}\n` : '';
    return (
      `${level}\n${block(code, 'ts')}${this.#text(doc, owner)}${this.#throws(doc, owner)}` +
      `${examples(doc)}${this.#links(code, owner ?? '')}`
    );
  }

  /** @param {Entry} entry one whose form says more than its words */
  #alias({ name, head, type, doc }) {
    const code = type ? type.getText() : '';
    const plain = type && !ts.isConditionalTypeNode(type) && !ts.isMappedTypeNode(type) && !/ParamsOf/.test(code);
    const form = plain ? `\n${block(`${shown(`${head} = `, type)};`, 'ts')}` : '';
    return `${this.#text(doc)}${form}${this.#throws(doc)}${examples(doc)}${plain ? this.#links(code, name) : ''}`;
  }

  /** @param {Entry} entry */
  #events({ doc, members }) {
    const parts = members.map(({ name, type, doc: event }) => {
      const tuple = type && ts.isTupleTypeNode(type) ? type.elements[0] : undefined;
      const named = tuple && ts.isNamedTupleMember(tuple) ? tuple.type : tuple;
      const code = named ? oneLine(named.getText()) : '';
      const literals = named ? [named, ...(ts.isIntersectionTypeNode(named) ? named.types : [])] : [];
      const fields = literals.filter((each) => ts.isTypeLiteralNode(each)).flatMap((each) => membersOf(each));
      const extra = /\bErrorFields\b/.test(code) ? ['code', 'message'] : [];
      const names = [...fields.map((field) => field.name), ...extra].join(', ');
      return (
        `\n#### event ${name}\n${this.#text(event)}\n${block(named ? shown('', named) : '', 'ts')}` +
        `\n${block(`manager.on('${name}', ({ ${names} }) => {\n  console.log({ ${names} });\n});`, 'js')}` +
        this.#links(code, '')
      );
    });
    return `${this.#text(doc)}${examples(doc)}${parts.join('')}`;
  }

  /** @param {Entry} entry */
  write(entry) {
    const title = `\n### ${headingOf(entry)}\n`;
    if (entry.name === 'ManagerEvents') return title + this.#events(entry);
    if (entry.kind === 'function' || entry.kind === 'constant') return title + this.#callable('', entry);
    if (entry.kind === 'alias') return title + this.#alias(entry);
    return title + this.#class(entry);
  }

  /** @param {Entry} entry its headings, in the order in which they stand */
  declare(entry) {
    const isType = entry.kind !== 'function';
    this.anchors.add(isType ? entry.name : `${entry.name}()`, headingOf(entry), isType);
    for (const { name, doc } of entry.kind === 'interface' ? [] : entry.methods)
      if (doc.text) this.anchors.add(methodName(entry.name, name), methodName(entry.name, name));
    if (entry.name === 'ManagerEvents')
      for (const { name } of entry.members) this.anchors.add(`event ${name}`, `event ${name}`);
  }
}

module.exports = { TypesPart, oneLine };
