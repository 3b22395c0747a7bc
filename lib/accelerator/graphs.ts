// CUDA graphs: work on a device that is captured once and replayed by one call. `compileStep` makes them by itself for a
// training step; these are for everything else.
import { expectArgument } from '../core/checks.js';
import { named, TorchError } from '../core/errors.js';
import { expectNoMore, options } from '../core/options.js';
import { version } from '../tensor/runtime.js';
import { native } from '../native/binding.js';
import { cudaDevice, synchronize } from '../tensor/devices.js';
import { emptyCache } from './memory.js';

/** The memory of a graph, which others may share: see `CUDAGraph.pool`. */
export type GraphPool = readonly [number | bigint, number | bigint];

/** How a graph is captured. */
export interface GraphOptions {
  /** Of another graph that is never replayed while this one's results are in use: both have their memory in common. */
  pool?: GraphPool;
}

/** A graph of the current CUDA device, as torch.cuda.CUDAGraph. `torch.cuda.graph` captures into it. */
export class CUDAGraph {
  readonly #handle: number;
  readonly #device: string;
  #state: 'empty' | 'capturing' | 'captured' = 'empty';

  /** @throws TorchError without a CUDA device, and with a libtorch older than 2.13, which has no graphs for other languages */
  constructor() {
    this.#device = cudaDevice('CUDAGraph', 'cuda');
    if (!native.graphsBuilt(this.#device))
      throw new TorchError('CUDAGraph', `graphs need libtorch 2.13 or later, this is ${version}`);
    this.#handle = native.newGraph(this.#device);
    native.adopt(this, this.#handle);
  }

  /**
   * Captures this thread's work on the device from here to `captureEnd`, on a stream of its own. It is not run.
   *
   * @throws TorchError where the graph holds something already, and while another is captured on this thread
   */
  captureBegin(given?: GraphOptions): void {
    expectNoMore('CUDAGraph.captureBegin', arguments, 1);
    const { pool = [0, 0] } = options('CUDAGraph.captureBegin', given, ['pool']);
    expectArgument(
      'CUDAGraph.captureBegin',
      'pool',
      pool,
      (pool as unknown) !== null && typeof pool === 'object' && [...pool].length === 2,
      'what graph.pool() gives',
    );
    if (this.#state !== 'empty')
      throw new TorchError(
        'CUDAGraph.captureBegin',
        'the graph holds something already: reset() it, or make another',
      );
    named('CUDAGraph.captureBegin', () => native.beginGraph(this.#handle, pool));
    this.#state = 'capturing';
  }

  /** Ends the capture. */
  captureEnd(): void {
    expectNoMore('CUDAGraph.captureEnd', arguments, 0);
    this.#expect('CUDAGraph.captureEnd', 'capturing');
    this.#state = 'empty';
    named('CUDAGraph.captureEnd', () => native.endGraph(this.#handle));
    this.#state = 'captured';
  }

  /** Queues what was captured on the current stream. It reads and writes the tensors that the capture read and wrote. */
  replay(): void {
    expectNoMore('CUDAGraph.replay', arguments, 0);
    this.#expect('CUDAGraph.replay', 'captured');
    named('CUDAGraph.replay', () => native.replayGraph(this.#handle));
  }

  /** Drops what was captured, and its memory with the last tensor in it. */
  reset(): void {
    expectNoMore('CUDAGraph.reset', arguments, 0);
    if (this.#state === 'capturing') native.abandonGraph(this.#handle);
    else if (this.#state === 'captured') named('CUDAGraph.reset', () => native.resetGraph(this.#handle));
    this.#state = 'empty';
  }

  /** Its memory, for another graph to share. */
  pool(): GraphPool {
    expectNoMore('CUDAGraph.pool', arguments, 0);
    this.#expect('CUDAGraph.pool', 'captured');
    return native.graphPool(this.#handle) as unknown as GraphPool;
  }

  /** @internal */
  static isGraph(value: unknown): value is CUDAGraph {
    return typeof value === 'object' && value !== null && #handle in value;
  }

  #expect(where: string, state: 'capturing' | 'captured'): void {
    if (this.#state !== state)
      throw new TorchError(
        where,
        state === 'captured'
          ? 'nothing was captured: torch.cuda.graph(graph, run) does it'
          : 'the graph is not being captured',
      );
  }
}

/**
 * Captures what a function does on the device into a graph, as Python's `with torch.cuda.graph(g):`, and gives what the function
 * gives. Tensors made inside belong to the graph: a replay writes them again. Run the function twice before, outside: what
 * libtorch sets up at the first call of an operator cannot be captured.
 *
 *     const x = torch.zeros([8, 16], { device: 'cuda' });
 *     const graph = new torch.cuda.CUDAGraph();
 *     const y = torch.cuda.graph(graph, () => net.forward(x));
 *     x.copy_(batch);
 *     graph.replay(); // y is the result for the batch
 *
 * @throws TorchError for what cannot be captured: a result that is read on the CPU, a function that gives a promise
 */
export function graph<T>(graph: CUDAGraph, run: () => T, given?: GraphOptions): T {
  expectNoMore('cuda.graph', arguments, 3);
  options('cuda.graph', given, ['pool']);
  expectArgument('cuda.graph', 'graph', graph, CUDAGraph.isGraph(graph), 'a CUDAGraph');
  expectArgument('cuda.graph', 'run', run, typeof run === 'function', 'a function');
  synchronize();
  emptyCache();
  graph.captureBegin(given);
  try {
    const result = run();
    if (typeof (result as { then?: unknown } | null | undefined)?.then === 'function')
      throw new TorchError('cuda.graph', 'expected a synchronous function, got one that gives a promise');
    graph.captureEnd();
    return result;
  } catch (error) {
    graph.reset();
    throw error;
  }
}
