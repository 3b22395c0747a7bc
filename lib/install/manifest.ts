// Where each libtorch comes from, by version, platform and variant. Written by `npm run manifest`, which asks the official
// site for sizes and hashes; what it could not reach then has none, and is checked by the checksums inside the zip only.

/** A download. */
export interface Archive {
  url: string;
  /** In bytes. */
  size?: number;
  sha256?: string;
  /**
   * What the zip lacks of NVIDIA's libraries: pip's requirements, or 'wheel' for all those that the wheel of the same
   * version and variant names.
   */
  completes?: readonly string[] | 'wheel';
}

export interface Release {
  /** Which variant the wheel without a suffix is, by platform; it is what the public index has. */
  plainWheel: Readonly<Record<string, string>>;
  /** By platform, architecture and variant: 'linux-x64-cpu'. */
  archives: Readonly<Record<string, Archive>>;
}

/** The releases that are known, by version. */
export const manifest: Readonly<Record<string, Release>> = {
  '2.11.0': {
    plainWheel: { linux: 'cu130', darwin: 'cpu', win32: 'cpu' },
    archives: {
      'linux-x64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-2.11.0%2Bcpu.zip',
      },
      'darwin-arm64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-macos-arm64-2.11.0.zip',
      },
      'win32-x64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-win-shared-with-deps-2.11.0%2Bcpu.zip',
      },
      'linux-x64-cu130': {
        url: 'https://download.pytorch.org/libtorch/cu130/libtorch-shared-with-deps-2.11.0%2Bcu130.zip',
      },
      'win32-x64-cu130': {
        url: 'https://download.pytorch.org/libtorch/cu130/libtorch-win-shared-with-deps-2.11.0%2Bcu130.zip',
      },
    },
  },
  '2.12.0': {
    plainWheel: { linux: 'cu130', darwin: 'cpu', win32: 'cpu' },
    archives: {
      'linux-x64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-2.12.0%2Bcpu.zip',
      },
      'darwin-arm64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-macos-arm64-2.12.0.zip',
      },
      'win32-x64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-win-shared-with-deps-2.12.0%2Bcpu.zip',
      },
      'linux-x64-cu130': {
        url: 'https://download.pytorch.org/libtorch/cu130/libtorch-shared-with-deps-2.12.0%2Bcu130.zip',
        completes: 'wheel',
      },
      'win32-x64-cu130': {
        url: 'https://download.pytorch.org/libtorch/cu130/libtorch-win-shared-with-deps-2.12.0%2Bcu130.zip',
      },
    },
  },
  '2.13.0': {
    plainWheel: { linux: 'cu130', darwin: 'cpu', win32: 'cpu' },
    archives: {
      'linux-x64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-2.13.0%2Bcpu.zip',
      },
      'darwin-arm64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-macos-arm64-2.13.0.zip',
      },
      'win32-x64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-win-shared-with-deps-2.13.0%2Bcpu.zip',
      },
      'linux-x64-cu130': {
        url: 'https://download.pytorch.org/libtorch/cu130/libtorch-shared-with-deps-2.13.0%2Bcu130.zip',
        completes: 'wheel',
      },
      'win32-x64-cu130': {
        url: 'https://download.pytorch.org/libtorch/cu130/libtorch-win-shared-with-deps-2.13.0%2Bcu130.zip',
      },
    },
  },
  '2.14.1': {
    plainWheel: { linux: 'cu130', darwin: 'cpu', win32: 'cpu' },
    archives: {
      'linux-x64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-shared-with-deps-2.14.1%2Bcpu.zip',
      },
      'darwin-arm64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-macos-arm64-2.14.1.zip',
      },
      'win32-x64-cpu': {
        url: 'https://download.pytorch.org/libtorch/cpu/libtorch-win-shared-with-deps-2.14.1%2Bcpu.zip',
      },
      'linux-x64-cu130': {
        url: 'https://download.pytorch.org/libtorch/cu130/libtorch-shared-with-deps-2.14.1%2Bcu130.zip',
        completes: ['nvidia-cudnn-cu13==9.24.0.43'],
      },
      'win32-x64-cu130': {
        url: 'https://download.pytorch.org/libtorch/cu130/libtorch-win-shared-with-deps-2.14.1%2Bcu130.zip',
      },
    },
  },
};
