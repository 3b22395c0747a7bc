// Wheels: what pip brings, what lies in a folder, and which of NVIDIA's wheels a CUDA build of torch needs.
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from '../files/cache.js';
import { run } from '../files/child.js';
import { pythonCommand } from './locate.js';
import { readMetadata } from './unpack.js';

type Log = (line: string) => void;

/** pip's answer that its index has no such thing: asking for another name may do better. */
export class NoSuchWheel extends Error {
  override readonly name = 'NoSuchWheel';
}

/**
 * Has pip download wheels into a folder, and gives their paths. pip follows the configuration of the machine (a mirror, a
 * folder of wheels, a proxy) and checks hashes. `scratch` is where its temporary files go.
 */
export async function pipDownload(
  requirements: readonly string[],
  folder: string,
  { scratch, log, dependencies = false }: { scratch: string; log: Log; dependencies?: boolean },
): Promise<string[]> {
  if (process.env['TORCH_NODE_OFFLINE'] === '1') throw new Error('TORCH_NODE_OFFLINE=1 forbids it');
  const python = pythonCommand();
  const start = Date.now();
  const sign = setInterval(
    () => log(`libtorch: pip is at work (${Math.round((Date.now() - start) / 1000)} s)`),
    10_000,
  );
  try {
    const options = [
      ...'--retries 0 --timeout 30 --no-input --disable-pip-version-check --progress-bar off'.split(' '),
      ...(dependencies ? [] : ['--no-deps']),
    ];
    const { code, stderr } = await run(
      python,
      ['-m', 'pip', 'download', ...options, '--only-binary', ':all:', '-d', folder, ...requirements],
      // pip's own temporary files too lie where they are cleaned up, and on the disk that has the room.
      { env: { ...process.env, TMPDIR: scratch } },
    );
    if (code !== 0) throw explainPip(stderr, code);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new Error(`there is no ${python} on the PATH`, { cause: error });
    throw error;
  } finally {
    clearInterval(sign);
  }
  return wheelsIn(folder);
}

function explainPip(stderr: string, code: number | null): Error {
  if (/No space left on device/.test(stderr))
    return Object.assign(new Error('the disk is full'), { code: 'ENOSPC' });
  if (/No matching distribution|ResolutionImpossible/.test(stderr)) {
    return new NoSuchWheel(
      'the index that pip is configured with has no such wheel for this Python and platform',
    );
  }
  if (/No module named pip/.test(stderr)) return new Error('this Python has no pip');
  const lines = stderr.trim().split('\n');
  const last = lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1);
  return new Error(last || `pip ended with code ${code}`);
}

/** The wheels in a folder. */
export async function wheelsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => name.endsWith('.whl')).map((name) => path.join(folder, name));
}

/** The version that a wheel of torch carries in its name, as in 2.13.0+cpu; undefined for other files. */
export function torchVersionOf(wheel: string): string | undefined {
  const version = /^torch-([^-]+)-[^/\\]*\.whl$/.exec(path.basename(wheel))?.[1];
  return version && decodeURIComponent(version);
}

/** The wheels of NVIDIA's among these. */
export function nvidiaWheels(wheels: readonly string[]): string[] {
  return wheels.filter((wheel) => path.basename(wheel).startsWith('nvidia_'));
}

/**
 * The packages with NVIDIA's libraries that a wheel of torch requires, for pip: 'nvidia-cudnn-cu13==9.24.0.43'. What
 * serves Python alone, such as triton, is left out.
 */
export async function nvidiaRequirements(wheel: string): Promise<string[]> {
  const lines = ((await readMetadata(wheel)) ?? '').split(/\r?\n/);
  return lines.flatMap((line) => {
    const [, requirement, marker = ''] = /^Requires-Dist: *([^;]+?) *(?:; *(.*))?$/.exec(line) ?? [];
    if (!requirement || marker.includes('extra ==')) return [];
    return /^(nvidia-|cuda-toolkit\b)/.test(requirement) ? [requirement.replace(/[ ()]/g, '')] : [];
  });
}
