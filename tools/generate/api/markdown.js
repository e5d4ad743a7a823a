// What the parts of docs/api.md are written with: wrapped prose, headings that can be linked to, links to types.
'use strict';

/**
 * Lines of at most 120 columns. A word that would begin a list, a heading or a quote stays on the line before.
 * @param {string} text
 * @param {string} [indent] of all lines but the first
 */
function wrap(text, indent = '') {
  const words = text.split(' ').filter(Boolean);
  const lines = [''];
  for (let at = 0; at < words.length; ++at) {
    let word = words[at];
    while (/^([-+*#>|]+|\d+\.)$/.test(words[at + 1] ?? '')) word += ` ${words[++at]}`;
    const line = lines[lines.length - 1];
    if (!line.trim()) lines[lines.length - 1] += word;
    else if (line.length + 1 + word.length <= 120) lines[lines.length - 1] += ` ${word}`;
    else lines.push(indent + word);
  }
  return `${lines.join('\n')}\n`;
}

/** @param {string} heading as GitHub makes its anchor */
function slugOf(heading) {
  return heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

/** @param {string} text outside of code: no HTML comes of it */
function escaped(text) {
  return text
    .split(/(`[^`]*`)/)
    .map((part, at) => (at % 2 ? part : part.replaceAll('<', '\\<')))
    .join('');
}

/** @param {string} code @param {string} language */
function block(code, language) {
  return `\`\`\`${language}\n${code}\n\`\`\`\n`;
}

/** What can be linked to, by what it is called, and the headings in their order. */
class Anchors {
  /** @type {Map<string, string>} 'GPUContext.run()' -> '#gpucontextrun' */
  #targets = new Map();
  /** @type {Set<string>} */
  #slugs = new Set();
  /** @type {Set<string>} names of types and classes */
  #types = new Set();

  /**
   * @param {string} name
   * @param {string} heading
   * @param {boolean} [isType]
   */
  add(name, heading, isType = false) {
    const slug = slugOf(heading);
    if (this.#slugs.has(slug)) throw new Error(`docs/api.md: two headings have the anchor ${slug}`);
    this.#slugs.add(slug);
    this.#targets.set(name, `#${slug}`);
    if (isType) this.#types.add(name);
  }

  /** @param {string} name @param {string} [text] */
  link(name, text = name) {
    const target = this.#targets.get(name);
    if (!target) throw new Error(`docs/api.md: nothing to link to: ${name}`);
    return `[${text}](${target})`;
  }

  /**
   * The types that a signature names.
   * @param {string} code
   * @param {string} self which has no link to itself
   */
  typesIn(code, self) {
    const bare = code.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/'[^']*'/g, '');
    const names = new Set(bare.match(/\b[A-Z]\w+/g) ?? []);
    return [...names].filter((name) => name !== self && this.#types.has(name)).map((name) => this.link(name));
  }

  /**
   * Prose with its links: functions and methods by their names, pages of docs/, codes of errors.
   * @param {string} text
   * @param {string} [owner] the class whose methods are meant
   */
  prose(text, owner = '') {
    return escaped(text)
      .replaceAll(/(?<![`\w.])(\w+(?:\.\w+)?)\(\)/g, (whole, name) => {
        const known = [`${owner}.${name}()`, `${name}()`, `GPUClusterManager.${name}()`].find((each) =>
          this.#targets.has(each),
        );
        return known ? this.link(known, whole) : whole;
      })
      .replaceAll(/(?<![`/\w])docs\/(\w+\.md)/g, '[docs/$1]($1)')
      .replaceAll(/(?<![`\w])ERR_[A-Z_]+/g, '[`$&`](errors.md)');
  }
}

module.exports = { wrap, slugOf, block, Anchors };
