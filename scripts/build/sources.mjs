// Whether what was made of sources is of the sources that lie there now: by their content, since a copy or a checkout gives
// files new times.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const record = path.join(root, '.build', 'sources.json');

/** A hash of files and of all that lies in folders, given by their paths in the package. */
function hashOf(places) {
  const hash = createHash('sha256');
  for (const place of places) {
    const full = path.join(root, place);
    const names = statSync(full).isDirectory() ? readdirSync(full, { recursive: true }).sort() : [''];
    for (const name of names) {
      const file = path.join(full, name);
      if (statSync(file).isFile()) hash.update(`${place}/${name}\0`).update(readFileSync(file)).update('\0');
    }
  }
  return hash.digest('hex');
}

function recorded() {
  try {
    return JSON.parse(readFileSync(record, 'utf8'));
  } catch {
    return {};
  }
}

/** Whether the product called `name` was last made of these very sources. */
export function isCurrent(name, places) {
  return recorded()[name] === hashOf(places);
}

/** Says that the product called `name` has been made of these sources. */
export function madeOf(name, places) {
  mkdirSync(path.dirname(record), { recursive: true });
  writeFileSync(record, `${JSON.stringify({ ...recorded(), [name]: hashOf(places) }, null, 2)}\n`);
}
