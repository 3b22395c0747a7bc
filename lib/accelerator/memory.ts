// Memory of CUDA devices, as the allocator counts it.
import { expectBoolean } from '../core/checks.js';
import { named } from '../core/errors.js';
import { expectNoMore, options } from '../core/options.js';
import { native } from '../native/binding.js';
import { cudaDevice, type CudaDevice } from '../tensor/devices.js';

// In the order in which native.memoryStats gives them.
const ARRAYS = [
  'allocation',
  'segment',
  'active',
  'inactiveSplit',
  'allocatedBytes',
  'reservedBytes',
  'activeBytes',
  'inactiveSplitBytes',
  'requestedBytes',
];
const POOLS = ['all', 'smallPool', 'largePool'];
const FIELDS = ['current', 'peak', 'allocated', 'freed'];
const COUNTS = [
  'numAllocRetries',
  'numOoms',
  'numSyncAllStreams',
  'numDeviceAlloc',
  'numDeviceFree',
  'maxSplitSize',
];
const NAMES = [
  ...ARRAYS.flatMap((array) => POOLS.flatMap((pool) => FIELDS.map((field) => `${array}.${pool}.${field}`))),
  ...['oversizeAllocations', 'oversizeSegments'].flatMap((stat) => FIELDS.map((field) => `${stat}.${field}`)),
  ...COUNTS,
];

/**
 * What the allocator has counted on a device since the process began: torch.cuda.memory_stats, whose
 * `allocated_bytes.large_pool.peak` is `allocatedBytes.largePool.peak` here. Bytes and counts.
 */
export function memoryStats(device: CudaDevice = 'cuda'): Record<string, number> {
  expectNoMore('cuda.memoryStats', arguments, 1);
  const place = cudaDevice('cuda.memoryStats', device);
  const numbers = named('cuda.memoryStats', () => native.memoryStats(place));
  return Object.fromEntries(NAMES.map((name, i) => [name, numbers[i]!]));
}

function stat(where: string, device: CudaDevice, name: string): number {
  const place = cudaDevice(where, device);
  return named(where, () => native.memoryStats(place))[NAMES.indexOf(name)]!;
}

/** Bytes that tensors hold on a device now. */
export function memoryAllocated(device: CudaDevice = 'cuda'): number {
  expectNoMore('cuda.memoryAllocated', arguments, 1);
  return stat('cuda.memoryAllocated', device, 'allocatedBytes.all.current');
}

/** The most bytes that tensors held on a device, since the process began or `resetPeakMemoryStats`. */
export function maxMemoryAllocated(device: CudaDevice = 'cuda'): number {
  expectNoMore('cuda.maxMemoryAllocated', arguments, 1);
  return stat('cuda.maxMemoryAllocated', device, 'allocatedBytes.all.peak');
}

/** Bytes that the allocator has of a device now, those that no tensor holds included. */
export function memoryReserved(device: CudaDevice = 'cuda'): number {
  expectNoMore('cuda.memoryReserved', arguments, 1);
  return stat('cuda.memoryReserved', device, 'reservedBytes.all.current');
}

/** The most bytes that the allocator had of a device, since the process began or `resetPeakMemoryStats`. */
export function maxMemoryReserved(device: CudaDevice = 'cuda'): number {
  expectNoMore('cuda.maxMemoryReserved', arguments, 1);
  return stat('cuda.maxMemoryReserved', device, 'reservedBytes.all.peak');
}

/** Has the peaks of `memoryStats` begin anew. */
export function resetPeakMemoryStats(device: CudaDevice = 'cuda'): void {
  expectNoMore('cuda.resetPeakMemoryStats', arguments, 1);
  const place = cudaDevice('cuda.resetPeakMemoryStats', device);
  named('cuda.resetPeakMemoryStats', () => native.resetPeakMemoryStats(place));
}

/** Has what `memoryStats` counts as allocated and freed begin anew. */
export function resetAccumulatedMemoryStats(device: CudaDevice = 'cuda'): void {
  expectNoMore('cuda.resetAccumulatedMemoryStats', arguments, 1);
  const place = cudaDevice('cuda.resetAccumulatedMemoryStats', device);
  named('cuda.resetAccumulatedMemoryStats', () => native.resetAccumulatedMemoryStats(place));
}

/** Gives the memory that the allocator keeps and no tensor holds back to the devices, for other programs to use. */
export function emptyCache(): void {
  expectNoMore('cuda.emptyCache', arguments, 0);
  if (native.deviceCount('cuda') > 0) named('cuda.emptyCache', () => native.emptyCache('cuda'));
}

/** Bytes that are free on a device, whoever uses the rest, and all that it has. */
export function memGetInfo(device: CudaDevice = 'cuda'): [free: number, total: number] {
  expectNoMore('cuda.memGetInfo', arguments, 1);
  const place = cudaDevice('cuda.memGetInfo', device);
  return named('cuda.memGetInfo', () => native.memGetInfo(place)) as [number, number];
}

// ---- the summary ----

/** What `memorySummary` leaves out. */
export interface MemorySummaryOptions {
  /** Whether to leave out the pools of small and of large blocks; false unless said. */
  abbreviated?: boolean;
}

type Format = (value: number, largest: number) => string;

/** As torch.cuda.memory_summary: the unit is that which suits the first number of a column. */
function unit(units: readonly string[], limit: number, step: number, width: number): Format {
  return (value, largest) => {
    let chosen = units[0]!;
    for (const next of units.slice(1)) {
      if (largest < limit) break;
      chosen = next;
      value = Math.floor(value / step);
      largest /= step;
    }
    return `${String(value).padStart(width)} ${chosen}`;
  };
}
const size = unit(['B  ', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'], 768 * 1024, 1024, 6);
const count = unit(['  ', 'K ', 'M '], 750 * 1000, 1000, 7);

const ROWS: readonly [stat: string, name: string, format: Format][] = [
  ['allocatedBytes', 'Allocated memory', size],
  ['activeBytes', 'Active memory', size],
  ['requestedBytes', 'Requested memory', size],
  ['reservedBytes', 'GPU reserved memory', size],
  ['inactiveSplitBytes', 'Non-releasable memory', size],
  ['allocation', 'Allocations', count],
  ['active', 'Active allocs', count],
  ['segment', 'GPU reserved segments', count],
  ['inactiveSplit', 'Non-releasable allocs', count],
];
const WIDTH = 75;

/** `memoryStats` as a table to print: torch.cuda.memory_summary. */
export function memorySummary(device: CudaDevice = 'cuda', given?: MemorySummaryOptions): string {
  expectNoMore('cuda.memorySummary', arguments, 2);
  const { abbreviated = false } = options('cuda.memorySummary', given, ['abbreviated']);
  expectBoolean('cuda.memorySummary', 'abbreviated', abbreviated);
  const place = cudaDevice('cuda.memorySummary', device);
  return summaryOf(memoryStats(place), place.replace('cuda:', ''), abbreviated);
}

/** @internal */
export function summaryOf(stats: Record<string, number>, index: string, abbreviated: boolean): string {
  const row = (name: string, prefixes: readonly string[], format: Format, first = prefixes[0]!): string[] =>
    prefixes.map((prefix, i) => {
      const cells = FIELDS.map((field) => format(stats[`${prefix}.${field}`]!, stats[`${first}.${field}`]!));
      const title = i === 0 ? name : `      from ${i === 1 ? 'large' : 'small'} pool`;
      return ` ${title.padEnd(21)} | ${cells.join(' | ')} `;
    });
  const [thick, thin] = ['='.repeat(WIDTH), '-'.repeat(WIDTH)];
  const lines = [
    thick,
    ` ${' '.repeat(16)} PyTorch CUDA memory summary, device ID ${index.padEnd(17)} `,
    thin,
    `  ${' '.repeat(9)} CUDA OOMs: ${String(stats['numOoms']).padEnd(12)} | ${' '.repeat(6)} cudaMalloc retries: ${String(stats['numAllocRetries']).padEnd(8)}  `,
    thick,
    '        Metric         | Cur Usage  | Peak Usage | Tot Alloc  | Tot Freed  ',
  ];
  for (const [name, title, format] of ROWS) {
    const pools = abbreviated ? ['all'] : ['all', 'largePool', 'smallPool'];
    lines.push(
      thin,
      ...row(
        title,
        pools.map((pool) => `${name}.${pool}`),
        format,
      ),
    );
  }
  for (const [name, title] of [
    ['oversizeAllocations', 'Oversize allocations'],
    ['oversizeSegments', 'Oversize GPU segments'],
  ] as const)
    lines.push(thin, ...row(title, [name], count));
  lines.push(thick);
  return `|${lines.join('|\n|')}|\n`;
}
