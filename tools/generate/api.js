// docs/api.md: everything public, from its types and the tables.
'use strict';
const { wrap, Anchors } = require('./api/markdown');
const { readRooms } = require('./api/read');
const { TypesPart } = require('./api/types');
const { writeWorkload, writeScene, opsTable, workloadHeading } = require('./api/workloads');
const { table } = require('./blocks');

/** @typedef {import('./facts').Facts} Facts */
/** @typedef {import('./api/read').Room} Room */

// lib/generated.d.ts has no room's first line.
const kOfTables = {
  title: 'Options and names',
  intro: 'What follows from the tables of settings, metrics and errors, and from what the engine says of itself.',
};
// The sections behind the rooms: their text is in the page.
const kSections = ['Settings', 'Metrics', 'Errors'];

/** @param {string} type */
function isScene(type) {
  return type.startsWith('render/');
}

/**
 * @param {readonly Room[]} rooms
 * @param {Facts} facts
 * @param {TypesPart} types
 */
function declareAll(rooms, { workloads }, types) {
  for (const { file, title, entries } of rooms) {
    types.anchors.add(title, title);
    for (const entry of entries) if (entry.name !== 'Workloads') types.declare(entry);
    const own = workloads.filter(({ type }) => isScene(type));
    if (file === 'types/picture') for (const each of own) types.anchors.add(each.type, workloadHeading(each));
    if (file !== 'types/workloads') continue;
    types.anchors.add('Workloads', 'type Workloads', true);
    for (const each of workloads)
      if (!isScene(each.type)) types.anchors.add(workloadHeading(each), workloadHeading(each));
  }
  for (const section of kSections) types.anchors.add(section, section);
}

/**
 * @param {Room} room
 * @param {Facts} facts
 * @param {TypesPart} types
 */
function writeRoom({ file, title, intro, entries }, { workloads }, types) {
  const { anchors } = types;
  const built = workloads.filter(({ type }) => !isScene(type));
  let text = `\n## ${title}\n${intro && `\n${wrap(anchors.prose(intro))}`}`;
  for (const entry of entries) if (entry.name !== 'Workloads') text += types.write(entry);
  if (file === 'types/ops') text += `\n${opsTable(built, anchors)}`;
  if (file === 'types/picture') for (const scene of workloads) if (isScene(scene.type)) text += writeScene(scene);
  const all = entries.find(({ name }) => name === 'Workloads');
  if (all) {
    const unknown = all.members.find(({ name }) => !built.some(({ type }) => type === name));
    if (unknown) throw new Error(`lib/types: there is no workload ${unknown.name}`);
    text += `\n### type Workloads\n\n${wrap(anchors.prose(all.doc.text))}`;
    for (const each of built)
      text += writeWorkload(
        each,
        all.members.find(({ name }) => name === each.type),
        anchors,
      );
  }
  return text;
}

/**
 * Each section with what stands in it.
 * @param {readonly Room[]} rooms
 * @param {Facts} facts
 * @param {Anchors} anchors
 */
function contents(rooms, { workloads }, anchors) {
  const item = (/** @type {string} */ title, /** @type {readonly string[]} */ links) =>
    wrap(`- ${anchors.link(title)}${links.length ? ': ' : ''}${links.join(', ')}`, '  ');
  const of = (/** @type {Room} */ { file, entries }) => [
    ...entries
      .filter(({ name }) => file !== 'types/workloads' || name === 'Workloads')
      .map(({ kind, name }) => anchors.link(kind === 'function' ? `${name}()` : name)),
    ...workloads.flatMap((each) => {
      if (isScene(each.type)) return file === 'types/picture' ? [anchors.link(each.type, workloadHeading(each))] : [];
      return file === 'types/workloads' ? [anchors.link(workloadHeading(each), each.type)] : [];
    }),
  ];
  return [...rooms.map((room) => item(room.title, of(room))), ...kSections.map((section) => item(section, []))].join(
    '',
  );
}

/** @param {Facts['settings'][number]} setting what the config file's schema says of a number */
function settingRange({ kind }) {
  const { minimum, maximum } = /** @type {{ minimum?: number, maximum?: number }} */ (kind.schema);
  return minimum === undefined || maximum === undefined ? '' : `${minimum} to ${maximum}`;
}

/**
 * Settings with their types and names everywhere.
 * @param {Facts} facts
 */
function settingsRows({ settings }) {
  const { defaultText } = require('../../lib/config');
  return table(
    ['setting', 'of', 'type', 'default', 'range', 'variable', ''],
    settings.map((setting) => [
      `\`${setting.name}\``,
      setting.of,
      `\`${setting.kind.type}\``,
      defaultText(setting),
      settingRange(setting),
      (setting.env ?? []).map((name) => `\`${name}\``).join(' '),
      setting.more ? `${setting.what}. ${setting.more}` : setting.what,
    ]),
  );
}

/**
 * The blocks of docs/api.md.
 * @param {Facts} facts
 * @returns {Record<string, () => string>}
 */
function makeApi(facts) {
  const rooms = readRooms().map((room) => (room.file === 'generated' ? { ...room, ...kOfTables } : room));
  const anchors = new Anchors();
  const types = new TypesPart(anchors);
  declareAll(rooms, facts, types);
  return {
    'api-contents': () => contents(rooms, facts, anchors),
    api: () => rooms.map((room) => writeRoom(room, facts, types)).join(''),
    'api-settings': () => settingsRows(facts),
  };
}

module.exports = { makeApi };
