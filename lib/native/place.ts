// Where the package's code lies. In dist/ this is part of a chunk, which lies in a folder of dist/ as this file lies in one
// of lib/.
import { fileURLToPath } from 'node:url';

/** The URL of the folder of the package's code: lib/, dist/ or cjs/. Throws where a bundler has left no address of this file. */
export function codeFolder(): URL {
  return new URL('../', import.meta.url);
}

/** What a line of a stack contains where it is of the package's own code. Stacks name ES modules by URL and other files by path. */
export function ownPlaces(): string[] {
  const folder = codeFolder();
  return [folder.pathname, fileURLToPath(folder)];
}

/** Whether a line of a stack is of the package's own code. */
export function isOwnLine(line: string): boolean {
  return ownPlaces().some((place) => line.includes(place));
}
