// Which versions of libtorch fit this package, and where each comes from.

/** The version that is installed when none is asked for. */
export const DEFAULT_VERSION = '2.13.0';

/** The minor versions that the native sources compile against. */
export const SUPPORTED_MINORS: readonly string[] = ['2.11', '2.12', '2.13', '2.14'];

/** A download; size in bytes and hash are given where they were published. */
export interface Archive {
  url: string;
  size?: number;
  sha256?: string;
}

const site = 'https://download.pytorch.org/libtorch';

/** The official archives of the default version, by platform, architecture and variant. */
const pinned: Record<string, Archive> = {
  'linux-x64-cpu': { url: `${site}/cpu/libtorch-shared-with-deps-2.13.0%2Bcpu.zip` },
  'darwin-arm64-cpu': { url: `${site}/cpu/libtorch-macos-arm64-2.13.0.zip` },
  'win32-x64-cpu': { url: `${site}/cpu/libtorch-win-shared-with-deps-2.13.0%2Bcpu.zip` },
};

/** The minor version of a full one: 2.13 of 2.13.0, of 2.13.0+cpu and of 2.13.0a0. */
export function minorOf(version: string): string {
  return version.split('.').slice(0, 2).join('.');
}

/**
 * The official archive of a version and variant ('cpu', 'cu126' ...) for a platform and architecture as Node names
 * them; undefined where none is published. Only the default version is pinned; the address of another one follows
 * the same pattern.
 */
export function officialArchive(
  version: string,
  variant: string,
  platform: string = process.platform,
  arch: string = process.arch,
): Archive | undefined {
  if (version === DEFAULT_VERSION && pinned[`${platform}-${arch}-${variant}`]) {
    return pinned[`${platform}-${arch}-${variant}`];
  }
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
 * The wheel to ask pip for. PyPI's plain Linux wheel is the CUDA one, hundreds of megabytes more, so the variant is
 * asked for by name; macOS has one build only, without a suffix.
 */
export function wheelRequirement(
  version: string,
  variant: string,
  platform: string = process.platform,
): string {
  return platform === 'darwin' ? `torch==${version}` : `torch==${version}+${variant}`;
}
