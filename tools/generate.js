// Writes all that is generated from the tables: lib/generated.d.ts and lib/addon/generated.d.ts, the JSON schema of the
// config file, Grafana's dashboard, and what stands between the marks `<!-- generated: name -->` of README.md and
// docs/: tables, and nearly all of docs/api.md. With --check it writes nothing, names what is stale and exits with 1.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { fillBlocks } = require('./generate/blocks');

const root = path.join(__dirname, '..');

/** @returns {string[]} the pages that may have marks */
function pages() {
  const docs = fs.readdirSync(path.join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', 'CONTRIBUTING.md', ...docs.sort().map((name) => `docs/${name}`)].filter((name) =>
    fs.existsSync(path.join(root, name)),
  );
}

/** @param {string} file */
function read(file) {
  const where = path.join(root, file);
  return fs.existsSync(where) ? fs.readFileSync(where, 'utf8') : undefined;
}

/** @returns {Promise<Map<string, string>>} what each file should hold */
async function generate() {
  const prettier = require('prettier');
  const style = JSON.parse(fs.readFileSync(path.join(root, '.prettierrc.json'), 'utf8'));
  const facts = require('./generate/facts').readFacts();
  const tables = { ...require('./generate/tables').makeTables(facts), ...require('./generate/api').makeApi(facts) };
  const types = require('./generate/types').makeTypes(facts);
  const layouts = require('./generate/layouts').makeLayoutTypes(facts.layouts);
  const typescript = { ...style, parser: 'typescript' };
  const files = new Map([
    ['lib/generated.d.ts', await prettier.format(types, typescript)],
    ['lib/addon/generated.d.ts', await prettier.format(layouts, typescript)],
    ['switchyard.config.schema.json', require('./generate/schema').makeSchema(facts)],
    ['deploy/grafana/switchyard.json', require('./generate/grafana').makeDashboard(facts)],
  ]);
  for (const [file, text, parser] of require('./generate/client').makeClient())
    files.set(file, await prettier.format(text, { ...style, parser }));
  for (const page of pages()) {
    const text = /** @type {string} */ (read(page));
    const filled = fillBlocks(text, tables, page);
    if (filled !== undefined) files.set(page, filled);
  }
  return files;
}

/** @param {readonly string[]} args */
async function main(args) {
  const check = args.includes('--check');
  const unknown = args.find((arg) => arg !== '--check');
  if (unknown) throw new Error(`unknown argument '${unknown}' (there is: --check)`);
  const stale = [];
  for (const [file, text] of await generate()) {
    if (read(file) === text) continue;
    stale.push(file);
    if (!check) fs.writeFileSync(path.join(root, file), text);
  }
  if (!check) {
    console.log(stale.length ? `written: ${stale.join(', ')}` : 'nothing has changed');
  } else if (stale.length) {
    console.error(`stale: ${stale.join(', ')} (npm run generate writes them)`);
    process.exitCode = 1;
  }
}

main(process.argv.slice(2)).catch((error) => {
  console.error(`generate: ${error.message}`);
  process.exitCode = 1;
});
