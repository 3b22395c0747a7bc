// Which variant of libtorch fits the NVIDIA cards of this machine, judged by the driver's version and the cards' compute
// capability. Whether there is a CUDA toolkit does not matter: libtorch brings what it needs of it.
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { errorCode } from '../files/cache.js';
import { run } from '../files/child.js';
import { manifest } from './manifest.js';
import { compareVersions } from './versions.js';

/** What the NVIDIA driver says of this machine. */
export interface Gpu {
  /** The driver's version, as in 580.82.07. */
  driver: string;
  /** The cards' compute capabilities, as in 9.0; none where the driver's tool does not tell. */
  capabilities: string[];
}

/** What the builds of a variant need: a driver, and cards that they were compiled for. */
interface Needs {
  linuxDriver: string;
  windowsDriver: string;
  /** The lowest and the highest compute capability, the latter not included. */
  capabilities: readonly [string, string];
}

/**
 * The variants that `auto` chooses among, the newest first. A CUDA version runs on every driver of its major version or
 * later; the drivers are those that came with 13.0 and 12.0, the capabilities those the wheels are compiled for.
 */
const variants: Readonly<Record<string, Needs>> = {
  cu130: { linuxDriver: '580.65', windowsDriver: '580.65', capabilities: ['7.5', '13.0'] },
  cu128: { linuxDriver: '525.60', windowsDriver: '528.33', capabilities: ['7.0', '13.0'] },
  cu126: { linuxDriver: '525.60', windowsDriver: '528.33', capabilities: ['5.0', '10.0'] },
};

export interface Choice {
  variant: string;
  /** Why it is this one, as a sentence. */
  reason: string;
}

/** Asks the driver. Gives a sentence where there is no card, or no driver that answers. */
export async function detectGpu(): Promise<Gpu | string> {
  const wsl = '/usr/lib/wsl/lib/nvidia-smi';
  const tool = existsSync(wsl) ? wsl : 'nvidia-smi';
  try {
    const args = ['--query-gpu=driver_version,compute_cap', '--format=csv,noheader'];
    const { code, stdout, stderr } = await run(tool, args, { timeout: 20_000 });
    if (code === 0) return parse(stdout);
    const told = (stdout + stderr).trim().split('\n')[0];
    return `the NVIDIA driver does not answer (${told || `nvidia-smi ended with code ${code}`})`;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') return `nvidia-smi does not run (${errorCode(error)})`;
  }
  // In containers the tool may be missing where the driver is there.
  const driver = /Kernel Module\s+(?:for \S+\s+)?([\d.]+)/.exec(readVersionFile())?.[1];
  return driver ? { driver, capabilities: [] } : 'no NVIDIA driver was found';
}

function readVersionFile(): string {
  try {
    return readFileSync(path.join('/proc', 'driver', 'nvidia', 'version'), 'utf8');
  } catch {
    return '';
  }
}

function parse(output: string): Gpu | string {
  const rows = output
    .trim()
    .split('\n')
    .map((line) => line.split(',').map((cell) => cell.trim()));
  const driver = rows[0]?.[0];
  if (!driver || !/^\d/.test(driver)) return 'the NVIDIA driver is there, but no card';
  return {
    driver,
    capabilities: rows.flatMap(([, capability]) =>
      capability && /^\d/.test(capability) ? [capability] : [],
    ),
  };
}

/** The variant of a version of libtorch that suits a machine: the newest that its driver and all its cards can run. */
export function chooseVariant(
  version: string,
  gpu: Gpu | string,
  platform: string = process.platform,
  arch: string = process.arch,
  published: (variant: string) => boolean = (variant) => isPublished(version, variant, platform, arch),
): Choice {
  if (typeof gpu === 'string') return { variant: 'cpu', reason: `${gpu}, so it is the CPU variant` };
  const reasons: string[] = [];
  for (const [variant, needs] of Object.entries(variants)) {
    if (!published(variant)) continue;
    const driver = platform === 'win32' ? needs.windowsDriver : needs.linuxDriver;
    const [lowest, highest] = needs.capabilities;
    const unfit = gpu.capabilities.find(
      (capability) => compareVersions(capability, lowest) < 0 || compareVersions(capability, highest) >= 0,
    );
    if (compareVersions(gpu.driver, driver) < 0) {
      reasons.push(`${variant} needs driver ${driver} or later, there is ${gpu.driver}`);
    } else if (unfit) {
      reasons.push(
        `${variant} is for compute capabilities from ${lowest} to below ${highest}, there is a card with ${unfit}`,
      );
    } else {
      const cards = gpu.capabilities.length > 0 ? gpu.capabilities.join(', ') : 'unknown';
      return { variant, reason: `driver ${gpu.driver} and compute capability ${cards} fit ${variant}` };
    }
  }
  if (reasons.length === 0) reasons.push(`no CUDA variant of ${version} is known for ${platform} ${arch}`);
  return { variant: 'cpu', reason: `${reasons.join('; ')}: so it is the CPU variant` };
}

// Only what the manifest knows is chosen unasked; any other variant can be named.
function isPublished(version: string, variant: string, platform: string, arch: string): boolean {
  return manifest[version]?.archives[`${platform}-${arch}-${variant}`] !== undefined;
}
