// The libraries of a libtorch in the order in which they can be loaded one after another by absolute path, so that
// neither LD_LIBRARY_PATH nor an rpath is needed. Lies on the import path of the package.
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { neededLibraries } from './elf.js';
import { libraryFile } from './locate.js';

/** NVIDIA's libraries that libtorch is linked with; each comes after those that it needs itself. */
const nvidia = [
  'cudart',
  'nvJitLink',
  'nvrtc',
  'cublasLt',
  'cublas',
  'cupti',
  'cufft',
  'curand',
  'cusparse',
  'cusolver',
  'cusparseLt',
  'cudnn',
  'nvshmem_host',
  'nccl',
  'cufile',
];

export interface Preload {
  /** NVIDIA's libraries; not every build needs every one. */
  optional: string[];
  /** libtorch's own. */
  required: string[];
}

/**
 * What to load before the addon. CUDA's part of libtorch is loaded with the rest: libtorch registers its devices while
 * it is loaded, so it has to be there before the first question about CUDA.
 */
export function librariesToPreload(folder: string): Preload {
  const library = (name: string) => path.join(folder, 'lib', libraryFile(name));
  const cuda = existsSync(library('torch_cuda'));
  return {
    optional: cuda ? nvidiaLibraries(folder) : [],
    required: [
      library('c10'),
      library('torch_cpu'),
      ...(cuda
        ? ['c10_cuda', 'torch_nvshmem', 'torch_cuda'].map(library).filter((file) => existsSync(file))
        : []),
      library('torch'),
    ],
  };
}

/**
 * The folders with NVIDIA's libraries that belong to a libtorch folder: beside it, as pip lays wheels out, or inside
 * it, as in the official zips.
 */
export function nvidiaFolders(folder: string): string[] {
  const root = path.join(folder, '..', 'nvidia');
  // What lies beside comes first: it completes zips of which some libraries are there in part.
  const beside = path.basename(folder) === 'torch' && existsSync(root) ? readdirSync(root) : [];
  return [...beside.map((name) => path.join(root, name, 'lib')), path.join(folder, 'lib')].filter((each) =>
    existsSync(each),
  );
}

/**
 * The libraries of NVIDIA's that a CUDA build is linked with and that lie neither in it nor beside it. On Linux only:
 * elsewhere the builds are whole. Takes some milliseconds.
 */
export function missingLibraries(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  const own = path.join(folder, 'lib');
  const present = new Set(nvidiaFolders(folder).flatMap((each) => readdirSync(each)));
  const needed = ['torch_cuda', 'c10_cuda', 'torch_cpu', 'torch_cuda_linalg']
    .map((name) => path.join(own, libraryFile(name)))
    .filter((file) => existsSync(file))
    .flatMap((file) => neededLibraries(file));
  return [...new Set(needed)].filter((name) => /^lib(cu|nv|nccl)/.test(name) && !present.has(name)).sort();
}

function nvidiaLibraries(folder: string): string[] {
  if (process.platform !== 'linux') return []; // On Windows they lie beside torch_cuda.dll, where they are looked for.
  const files = nvidiaFolders(folder).flatMap((each) =>
    readdirSync(each).map((name) => path.join(each, name)),
  );
  return nvidia.flatMap((name) => {
    // The zips write a hash into some names: libcudart-0d0e0b4c.so.13.
    const pattern = new RegExp(`^lib${name}(-[0-9a-f]+)?\\.so(\\.\\d+)*$`);
    return files.find((file) => pattern.test(path.basename(file))) ?? [];
  });
}
