// `npm run build:device`: compiles the simulated accelerator of test/device in the folder of the native build, where all
// that it needs is set up. Prints where it is.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Why it cannot be built on this machine; undefined where it can. */
export function whyNotHere() {
  if (process.platform !== 'linux') return 'the simulated accelerator needs Linux';
  if (place() === undefined)
    return 'the addon was not compiled here, or CMake is gone since: npm run build:native';
  return undefined;
}

/** The folder of the native build, and its CMake; undefined where there is none. */
function place() {
  const manifest = path.join(root, 'build', 'Release', 'torch_node.json');
  if (!existsSync(manifest)) return undefined;
  const work = path.join(root, '.build', JSON.parse(readFileSync(manifest, 'utf8')).minor);
  const settings = path.join(work, 'CMakeCache.txt');
  const cmake = existsSync(settings)
    ? /^CMAKE_COMMAND:INTERNAL=(.*)$/m.exec(readFileSync(settings, 'utf8'))?.[1]
    : undefined;
  return cmake && existsSync(cmake) ? { work, cmake } : undefined;
}

/** Compiles what has changed, and gives the file; throws an error that says why it cannot. */
export function buildSimulated() {
  const why = whyNotHere();
  if (why !== undefined) throw new Error(why);
  const { work, cmake } = place();

  const { status, stdout, stderr } = spawnSync(cmake, ['--build', work, '--target', 'torch_node_simulated'], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the simulated accelerator cannot be compiled:\n${stdout}${stderr}`);
  return path.join(work, 'Release', 'torch_node_simulated.node');
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    console.log(buildSimulated());
  } catch (error) {
    console.error(error.message);
    process.exitCode = 1;
  }
}
