// Programs: steps of a training that were recorded once and run natively from then on.
import { expectFunction, expectInteger } from '../core/checks.js';
import { expectNoMore, options } from '../core/options.js';
import { setImmediate as turn } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';
import { handleOf } from '../core/handles.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { named, namedAsync, TorchError, ArgumentTypeError } from '../core/errors.js';
import { expectTensor, isTensor, Tensor } from '../tensor/tensor.js';
import { record, recordRows, type GraphMode, type Recorded, type Step } from './record.js';
import type { Outputs } from './structure.js';

export interface CompileOptions {
  /**
   * PyTorch's bits: the operators that the step called and no others. Without it stretches of it may run in kernels that
   * compute the same in another order, on the CPU; see `path`. Default false.
   */
  exact?: boolean;
  /**
   * On an accelerator, steps are captured as a graph, with the gathering of their batches, and replayed at one call from the
   * host; see `path` and `why`. False switches that off. 'dry-run' goes the same way on any device without capturing
   * anything: for tests. Default true.
   */
  graph?: boolean | 'dry-run';
}

/** What a program can draw batches from: rows of tensors by number, or an ImageSet. */
export type StepSource = readonly Tensor[] | { readonly [stepSources]: readonly RowSource[] };
/** Rows of a tensor; bytes become floats by a table of 256. @hidden */
export interface RowSource {
  rows: Tensor;
  table?: Tensor;
}
/** @hidden */
export const stepSources = Symbol('torch-node.stepSources');

export interface EpochOptions {
  /** Rows a step. Default: as many as the example inputs had. */
  batchSize?: number;
  /** The first step to make: of an epoch that was interrupted. Default 0. */
  from?: number;
  /** Ends the epoch between two steps. */
  signal?: AbortSignal;
  /** Called every now and then, between two steps, with how many have been made, those before `from` included. */
  onProgress?: (steps: number) => void;
  /** Called before each step's settings are read: a learning rate may be changed there. It is called ahead of the step. */
  beforeStep?: (step: number) => void;
}

// How long steps run at a stretch, about: between them progress is told, and an abort heard.
const STRETCH_MS = 50;

/**
 * A step that was recorded by `compileStep`. It runs as it was recorded: what JavaScript decided then (training or
 * evaluation mode, shapes, settings other than an optimizer's) stays decided.
 */
export class Program<I extends readonly Tensor[] = readonly Tensor[], O = Outputs> {
  readonly #step: (...inputs: I) => O;
  readonly #recorded: Recorded;
  readonly #exact: boolean;
  readonly #examples: readonly string[];
  /** Recorded with a last batch's fewer rows, by their number. */
  readonly #smaller = new Map<number, Recorded>();
  readonly #batchSize: number | undefined;
  readonly #graphs: GraphMode;
  #running = false;

  /** @internal */
  constructor(step: (...inputs: I) => O, examples: I, { exact = false, graph = true }: CompileOptions) {
    this.#step = step;
    this.#graphs = graph === 'dry-run' ? graph : graph ? 'on' : 'off';
    this.#examples = examples.map((example) => describe(example));
    this.#batchSize = examples[0]?.shape[0];
    this.#exact = exact;
    this.#recorded = record(step as unknown as Step, examples, this.#exact, this.#graphs);
  }

  /** How many operators it calls. */
  get length(): number {
    return this.#recorded.instructions.length;
  }
  /** The operators in their order, each with the line that called it. */
  get instructions(): readonly { operator: string; where: string }[] {
    return this.#recorded.instructions;
  }
  /**
   * What makes its steps: 'graph', which an accelerator has captured; 'fused', kernels of the library's own in the place of
   * several operators; 'exact', the operators as they were recorded. Whether there is a graph is known once steps were made.
   */
  get path(): 'exact' | 'graph' | 'fused' {
    if (native.programWay(this.#recorded.handle).graph) return 'graph';
    return this.#recorded.notFused === '' ? 'fused' : 'exact';
  }
  /**
   * Why the operators run as they were recorded, where they do: on an accelerator, why no graph made the last steps.
   *
   * A graph needs libtorch 2.13 or later, all inputs on the accelerator, and numbers (an optimizer's learning rate) that are
   * the same in all steps of a stretch: where they change from stretch to stretch it is captured anew, where they change
   * within one, as with a schedule by the step, the steps run un-captured. A learning rate that is computed by operators, in
   * a tensor on the device, may change in every step.
   */
  get why(): string {
    if (this.path !== 'exact') return '';
    const { accelerator, why } = native.programWay(this.#recorded.handle);
    return accelerator || this.#graphs === 'dry-run' ? why : this.#recorded.notFused;
  }
  /** How many graphs were captured and replayed. @internal */
  get graphCounts(): { captures: number; replays: number } {
    const { captures, replays } = native.programWay(this.#recorded.handle);
    return { captures, replays };
  }
  /** Whether it draws random numbers. */
  get draws(): boolean {
    return this.#recorded.draws;
  }

  /**
   * One step. Gives what the recorded function gave: new tensors in the same structure. Afterwards `grad` of the parameters
   * is what the step left there.
   *
   * @throws TorchError when an input's shape, dtype or device differs from the example's, or when a tensor that the step uses
   *   has other memory than when it was recorded
   */
  run(...inputs: I): O {
    const handles = inputs.map((input, i) => expectTensor('Program.run', `input ${i}`, input)[handleOf]);
    return this.#alone(() => {
      const numbers = this.#recorded.recording.rows(1);
      const outputs = named(
        'Program.run',
        () => native.runProgram(this.#recorded.handle, handles, numbers),
        () => [
          ...inputs.map((input, i) => `input ${i}: ${describe(input)}`),
          `recorded ${this.#recorded.where}`,
        ],
      );
      this.#recorded.recording.ended(1);
      let i = 0;
      return this.#recorded.template(() => new Tensor(outputs[i++]!)) as O;
    });
  }

  /**
   * Steps over a whole set: `permutation` (int64 [N]) says which rows come in which order; each step takes the next
   * `batchSize` of them, the last one those that are left. Outputs are dropped; add up in a tensor of your own what you
   * want to know.
   *
   * Runs off the main thread; in a worker on the worker's own, with turns of its event loop in between. Resolves to the
   * number of steps made, which is less than those of the epoch when `signal` ended it: the parameters are then as after
   * the last of them.
   */
  async runEpoch(source: StepSource, permutation: Tensor, given: EpochOptions = {}): Promise<number> {
    const where = 'Program.runEpoch';
    const {
      batchSize,
      from = 0,
      signal,
      onProgress,
      beforeStep,
    } = options(where, given, ['batchSize', 'from', 'signal', 'onProgress', 'beforeStep']);
    const sources: readonly RowSource[] =
      stepSources in source ? source[stepSources] : source.map((rows) => ({ rows }));
    if (expectTensor(where, 'permutation', permutation).dtype !== 'int64' || permutation.dim() !== 1)
      throw new TorchError(where, `permutation: expected int64 [N], got ${describe(permutation)}`);
    const batch = expectInteger(where, 'batchSize', batchSize ?? this.#batchSize, 1);
    expectInteger(where, 'from', from);
    const rows = permutation.size(0);
    const whole = Math.floor(rows / batch);
    const rest = rows - whole * batch;
    const steps = whole + (rest > 0 ? 1 : 0);
    if (this.#running) throw busy();
    this.#running = true;
    try {
      let done = from;
      let stretch = 8;
      while (done < steps && signal?.aborted !== true) {
        const inWhole = done < whole;
        const recorded = inWhole
          ? this.#recorded
          : this.#smallerBatch(sources, permutation, whole * batch, rest);
        const count = inWhole ? Math.min(stretch, whole - done) : 1;
        const begun = performance.now();
        await this.#steps(
          recorded,
          sources,
          permutation,
          [done * batch, inWhole ? batch : rest, count],
          (step) => beforeStep?.(done + step),
        );
        done += count;
        const took = performance.now() - begun;
        stretch = Math.max(
          1,
          Math.min(4096, 2 * stretch, Math.round((count * STRETCH_MS) / Math.max(took, 0.01))),
        );
        // A graph has eight steps in it.
        if (stretch > 8) stretch -= stretch % 8;
        onProgress?.(done);
        if (!isMainThread) await turn();
      }
      return done;
    } finally {
      this.#running = false;
    }
  }

  async #steps(
    { handle, recording, where }: Recorded,
    sources: readonly RowSource[],
    permutation: Tensor,
    range: [from: number, batch: number, count: number],
    before: (step: number) => void,
  ): Promise<void> {
    const numbers = recording.rows(range[2], before);
    await namedAsync(
      'Program.runEpoch',
      async () =>
        native.runSteps(
          handle,
          sources.map((each) => each.rows[handleOf]),
          sources.map((each) => each.table?.[handleOf] ?? null),
          permutation[handleOf],
          range,
          numbers,
          isMainThread,
        ),
      () => [`recorded ${where}`],
    );
    recording.ended(range[2]);
  }

  #smallerBatch(sources: readonly RowSource[], permutation: Tensor, from: number, rows: number): Recorded {
    let recorded = this.#smaller.get(rows);
    if (recorded === undefined) {
      recorded = recordRows(
        this.#step as unknown as Step,
        sources,
        permutation,
        [from, rows],
        this.#exact,
        this.#graphs,
      );
      this.#smaller.set(rows, recorded);
    }
    return recorded;
  }

  #alone<T>(run: () => T): T {
    if (this.#running) throw busy();
    return run();
  }

  /** Releases what the program holds. The garbage collector does so as well. */
  dispose(): void {
    for (const recorded of [this.#recorded, ...this.#smaller.values()]) recorded.dispose();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
  toString(): string {
    return `Program(${this.length} operators, inputs: ${this.#examples.join(', ')})`;
  }
}

const busy = (): TorchError =>
  new TorchError('Program', 'it is running an epoch: wait for its promise, or compile a second one');

/**
 * Records one run of a step of a training (forward, loss, backward, optimizer, metrics) and gives a program that runs it
 * natively: without JavaScript and without autograd, with the same kernels in the same order, so that on the CPU it gives
 * the same bits.
 *
 *     const step = torch.compileStep((images, labels) => {
 *       sgd.zeroGrad();
 *       const loss = criterion.forward(net.forward(images), labels);
 *       loss.backward();
 *       sgd.step();
 *       return { loss };
 *     }, [images, labels]);
 *     const { loss } = step.run(images, labels);
 *     await step.runEpoch(set, torch.randperm(set.length));
 *
 * Recording changes nothing: parameters, buffers, gradients, optimizers and random numbers are afterwards as before.
 * Tensors that the function uses and did not make are read and written where they lie. Settings of optimizers (learning
 * rates, momentum) are read anew before each step; everything else that JavaScript decides is decided once.
 *
 * @throws TorchError, which names the line, when the function reads a value on the host (`item()`, `data()`, printing),
 *   when it calls an operator whose result's shape depends on values, or when it gives anything but tensors
 */
export function compileStep<I extends readonly Tensor[], O extends Outputs>(
  step: (...inputs: I) => O,
  examples: I,
  given: CompileOptions = {},
): Program<I, O> {
  expectNoMore('compileStep', arguments, 3);
  expectFunction('compileStep', 'step', step);
  if (!Array.isArray(examples) || !(examples as readonly unknown[]).every(isTensor))
    throw new ArgumentTypeError(
      'compileStep',
      `expected an array of example inputs, got ${describe(examples)}`,
    );
  const settings = options('compileStep', given, ['exact', 'graph']);
  return new Program<I, O>(step, examples, settings);
}
