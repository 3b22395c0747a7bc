// Which versions of libtorch fit this package, and where each comes from. Lies on the import path of the package.
import { createRequire } from 'node:module';
import type Semver from 'semver';
import { type Archive, manifest } from './manifest.js';

/** The version that is installed when none is asked for. */
export const DEFAULT_VERSION = '2.13.0';

/** The minor versions that the native sources compile against. */
export const SUPPORTED_MINORS: readonly string[] = ['2.11', '2.12', '2.13', '2.14'];

const site = 'https://download.pytorch.org/libtorch';

/** The minor version of a full one: 2.13 of 2.13.0, of 2.13.0+cpu and of 2.13.0a0. */
export function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/**
 * Orders versions, or names with one, by their numbers, as Array.sort wants it: of libtorch (2.13.0, 2.13.0+cpu), glibc
 * (2.28), drivers (580.65.06) and compute capabilities (8.6). What follows the numbers is left out.
 */
export function compareVersions(a: string, b: string): number {
  // Loaded here, since an import of the package seldom has two versions to compare.
  semver ??= createRequire(import.meta.url)('semver') as typeof Semver;
  const { coerce, compare } = semver;
  const numbers = (version: string) => coerce(version, { loose: true }) ?? '0.0.0';
  return compare(numbers(a), numbers(b));
}
let semver: typeof Semver | undefined;

/** The version to install where one of these minor versions is needed: the default one if that is among them. */
export function versionFor(minors: readonly string[]): string {
  if (minors.length === 0 || minors.includes(minorOf(DEFAULT_VERSION))) return DEFAULT_VERSION;
  const known = Object.keys(manifest).filter((version) => minors.includes(minorOf(version)));
  return known.at(-1) ?? `${minors[0]}.0`;
}

/**
 * The official archive of a version and variant ('cpu', 'cu126' ...) for a platform and architecture as Node names
 * them; undefined where none is published. What is not in the manifest follows the same pattern.
 */
export function officialArchive(
  version: string,
  variant: string,
  platform: string = process.platform,
  arch: string = process.arch,
): Archive | undefined {
  const known = manifest[version]?.archives[`${platform}-${arch}-${variant}`];
  if (known) return known;
  const suffixed = `${version}%2B${variant}.zip`;
  if (platform === 'linux' && arch === 'x64') {
    return { url: `${site}/${variant}/libtorch-shared-with-deps-${suffixed}` };
  }
  if (platform === 'win32' && arch === 'x64') {
    return { url: `${site}/${variant}/libtorch-win-shared-with-deps-${suffixed}` };
  }
  if (platform === 'darwin' && arch === 'arm64' && variant === 'cpu') {
    return { url: `${site}/cpu/libtorch-macos-arm64-${version}.zip` };
  }
  return undefined;
}

/**
 * The wheels to ask pip for, one after the other. The wheel without a suffix is another variant on each platform, and
 * hundreds of megabytes more where it is the CUDA one, so the variant is asked for by name first. macOS has one build only.
 */
export function wheelRequirements(
  version: string,
  variant: string,
  platform: string = process.platform,
): string[] {
  if (platform === 'darwin') return variant === 'cpu' ? [`torch==${version}`] : [];
  const plain = manifest[version]?.plainWheel[platform] === variant;
  return [`torch==${version}+${variant}`, ...(plain ? [`torch==${version}`] : [])];
}
