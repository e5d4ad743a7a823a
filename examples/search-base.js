// The passages' vectors: made once for a model and kept in the cache folder, then read from there.
'use strict';
const crypto = require('node:crypto');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { version } = require('../package.json');

const kCall = 128; // texts
const kInFlight = 4; // calls
const kEveryMs = 500;

/** Where switchyard keeps what it need not work out again: docs/settings.md. */
function cacheFolder({ SHADER_CACHE_DIR, XDG_CACHE_HOME } = process.env) {
  const folder = SHADER_CACHE_DIR || path.join(XDG_CACHE_HOME || path.join(os.homedir(), '.cache'), 'switchyard');
  return path.join(folder, 'examples');
}

const sha256 = (...parts) => {
  const hash = crypto.createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
};

/** The file of these texts' vectors by this model: another model, precision, text or version is another file. */
function fileOf(model, texts) {
  const { digest, precision, dimensions } = model;
  const name = sha256(JSON.stringify({ version, digest, precision, dimensions, texts })).slice(0, 32);
  return path.join(cacheFolder(), `search-${name}.f32`);
}

const asBytes = ({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength);

/** The vectors that were kept, into `vectors`: the device that made them; undefined where there are none. */
function readKept(file, vectors, say) {
  let bytes;
  try {
    bytes = fs.readFileSync(file);
  } catch (error) {
    if (error.code !== 'ENOENT') say(`the vectors that were kept can't be read: ${error.message}`);
    return undefined;
  }
  const end = bytes.indexOf('\n');
  const content = bytes.subarray(end + 1);
  const [sum, device] = bytes.subarray(0, Math.max(end, 0)).toString().split(' ');
  // A file that was cut off, or is another's: it is made anew.
  if (content.length !== vectors.byteLength || sha256(content) !== sum) return undefined;
  asBytes(vectors).set(content);
  return device;
}

/**
 * Written beside its place, then renamed: a reader sees all of it or nothing. Where the folder can't be written it is
 * said, and they are made anew the next time.
 */
function keep(file, vectors, device, say) {
  const content = asBytes(vectors);
  const temporary = `${file}.${process.pid}`;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    fs.writeFileSync(temporary, Buffer.concat([Buffer.from(`${sha256(content)} ${device}\n`), content]));
    fs.renameSync(temporary, file);
  } catch (error) {
    if (fs.existsSync(temporary)) fs.rmSync(temporary);
    say(`the vectors can't be kept for the next time: ${error.message}`);
  }
}

/** Says how far it is: on a terminal in one line, else one line each tenth. */
function progressOf(total, say) {
  const started = performance.now();
  let last = 0;
  return (done) => {
    const now = performance.now();
    const wanted = process.stderr.isTTY ? now - last > kEveryMs : Math.floor((10 * done) / total) > last;
    if (!wanted && done < total) return;
    last = process.stderr.isTTY ? now : Math.floor((10 * done) / total);
    const left = Math.round((((now - started) / done) * (total - done)) / 1000);
    say(`embedding ${total} passages: ${Math.floor((100 * done) / total)}%${done < total ? `, ${left} s left` : ''}`);
  };
}

/** All texts' vectors, `kInFlight` calls at a time, into `vectors`. */
async function embedAll(model, texts, vectors, { jobOptions, say }) {
  const tell = progressOf(texts.length, say);
  let next = 0,
    done = 0;
  const lane = async () => {
    while (next < texts.length) {
      const from = next;
      next = Math.min(texts.length, from + kCall);
      const piece = texts.slice(from, next);
      const { embeddings } = await model.embed(piece, jobOptions);
      vectors.set(embeddings.data, from * model.dimensions);
      done += piece.length;
      tell(done);
    }
  };
  await Promise.all(Array.from({ length: kInFlight }, lane));
}

/**
 * Fills `vectors` [texts, dimensions] from the cache folder, or by the model. Gives the device that they are of where
 * they were kept, undefined where they are new.
 */
async function fillBase(model, texts, vectors, { device, jobOptions, say }) {
  const file = fileOf(model, texts);
  const kept = readKept(file, vectors, say);
  if (kept !== undefined) return kept;
  await embedAll(model, texts, vectors, { jobOptions, say });
  keep(file, vectors, device, say);
  return undefined;
}

module.exports = { fillBase };
