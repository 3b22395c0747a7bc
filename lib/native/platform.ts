// Which platforms libtorch is published for, and what to say on the others. Lies on the import path of the package.
import type * as DetectLibc from 'detect-libc';
import { createRequire } from 'node:module';
import { compareVersions } from '../install/versions.js';

/** The glibc that libtorch's binaries for Linux, and so the prebuilt addons, need at least. */
export const GLIBC_NEEDED = '2.28';

/** What a running Node says of where it runs. */
export interface System {
  platform: string;
  arch: string;
  /** 'glibc' or 'musl'; undefined where it is neither. */
  libc?: string | undefined;
  /** As in 2.36, where it is known. */
  glibc?: string | undefined;
}

/** Why libtorch cannot run on a system, as a sentence or two for a person, or undefined. */
export function platformProblem({ platform, arch, libc, glibc }: System): string | undefined {
  if (!['x64', 'arm64', 'riscv64', 'ppc64', 's390x', 'loong64'].includes(arch)) {
    return (
      `This Node is a 32-bit one (${platform} ${arch}), and libtorch exists for 64-bit processors only. ` +
      'On a 64-bit system, install the 64-bit Node.'
    );
  }
  switch (`${platform}-${arch}`) {
    case 'linux-x64':
    case 'linux-arm64':
      if (libc === 'musl') {
        return (
          'This system uses the C library musl (Alpine Linux does), and libtorch is published for glibc only. In a ' +
          'container, take an image with glibc: node:22-slim instead of node:22-alpine.'
        );
      }
      if (glibc && compareVersions(glibc, GLIBC_NEEDED) < 0) {
        return (
          `This system has glibc ${glibc}, and libtorch needs ${GLIBC_NEEDED} or later (Debian 10, Ubuntu 18.10, ` +
          'RHEL 8 or later have it).'
        );
      }
      return undefined;
    case 'darwin-arm64':
    case 'win32-x64':
      return undefined;
    case 'darwin-x64':
      return 'libtorch is no longer published for Macs with Intel processors: its last version for them was 2.2.';
    default:
      return (
        `libtorch is not published for ${platform} ${arch}: it is for Linux (x64, arm64), macOS (arm64) and ` +
        'Windows (x64). What you compile yourself can be used: see TORCH_NODE_LIBTORCH and TORCH_NODE_ADDON.'
      );
  }
}

/** The system that this process runs on. Its glibc's version is left out: asking for it takes some milliseconds. */
export function thisSystem(): System {
  return {
    platform: process.platform,
    arch: process.arch,
    libc: process.platform === 'linux' ? (detectLibc().familySync() ?? undefined) : undefined,
  };
}

/** The version of this system's glibc, or undefined where there is none. */
export function systemGlibc(): string | undefined {
  const { GLIBC, familySync, versionSync } = detectLibc();
  return familySync() === GLIBC ? (versionSync() ?? undefined) : undefined;
}

// Loaded where it is asked, since an addon that was compiled here needs no look at the C library.
const detectLibc = () => createRequire(import.meta.url)('detect-libc') as typeof DetectLibc;
