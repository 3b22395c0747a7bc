// Packages that torch._inductor.aoti_compile_and_package wrote: loaded, described and run.
import { withRegularSync } from '../files/regular.js';
import { expectInteger, expectPath, expectString } from '../core/checks.js';
import { handleOf } from '../core/handles.js';
import { expectNoMore, options } from '../core/options.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { named, namedAsync, TorchError, ArgumentTypeError } from '../core/errors.js';
import { expectTensor, Tensor } from '../tensor/tensor.js';

export interface PackageOptions {
  /** Which of the package's models. Default "model", the name that Python gives to the only one. */
  modelName?: string;
  /** How many runs may take place at once; more wait for their turn. Default 1, as in Python. */
  numRunners?: number;
}

/**
 * A model that was compiled to machine code. Nothing is recorded for autograd: the outputs require no gradients.
 *
 * Belongs to its thread. Released when the garbage collector finds it, and by `dispose()` at once.
 */
export class CompiledModel {
  #handle: number;

  /** @internal */
  constructor(handle: number) {
    this.#handle = handle;
    native.adopt(this, handle);
  }

  #live(): number {
    if (this.#handle === 0)
      throw new TorchError('CompiledModel', 'this model was released: dispose() was called on it');
    return this.#handle;
  }

  /**
   * Runs the model: all input tensors in one list, as torch.utils._pytree flattens them, and the outputs likewise.
   *
   * @throws TorchError when there are more or fewer tensors than the model takes, and when a dtype, a shape or strides
   *   are none that it was compiled for
   */
  run(inputs: readonly Tensor[]): Tensor[] {
    const handles = this.#handles(inputs);
    return named(
      'CompiledModel.run',
      () => native.runPackage(this.#live(), handles).map((handle) => new Tensor(handle)),
      () => inputs.map(describe),
    );
  }

  /** run() on a thread of libuv's pool. Writing to the inputs meanwhile changes what is being read. */
  async runAsync(inputs: readonly Tensor[]): Promise<Tensor[]> {
    const handles = this.#handles(inputs);
    const words = inputs.map(describe);
    const outputs = await namedAsync(
      'CompiledModel.runAsync',
      () => native.runPackageAsync(this.#live(), handles),
      () => words,
    );
    return outputs.map((handle) => new Tensor(handle));
  }

  /** What the package says of itself: the device, the CPU's instruction set, and what Python added. */
  getMetadata(): Record<string, string> {
    return native.packageMetadata(this.#live());
  }
  /** How the inputs and the outputs are nested: two texts of JSON, as torch.utils._pytree writes them. */
  getCallSpec(): string[] {
    return native.packageCallSpec(this.#live());
  }
  /** The names of the weights in it, as the module in Python had them. */
  getConstantFqns(): string[] {
    return native.packageConstants(this.#live());
  }

  get disposed(): boolean {
    return this.#handle === 0;
  }
  /** Releases the model now. Runs that are under way go on to their ends. */
  dispose(): void {
    if (this.#handle === 0) return;
    native.release(this.#handle);
    this.#handle = 0;
  }
  [Symbol.dispose](): void {
    this.dispose();
  }

  #handles(inputs: readonly Tensor[]): number[] {
    if (!Array.isArray(inputs))
      throw new ArgumentTypeError(
        'CompiledModel.run',
        `expected an array of tensors, got ${describe(inputs)}`,
      );
    return inputs.map(
      (input: unknown, i) => expectTensor('CompiledModel.run', `input ${i}`, input)[handleOf],
    );
  }
}

/**
 * Loads a `.pt2` package of AOTInductor, as torch._inductor.aoti_load_package does. Such a package holds a compiled shared
 * library, which is loaded into this process: load what you trust, on the kind of machine that it was compiled for.
 *
 * @throws TorchError for a file that is not there or is no such package
 */
export function aotiLoadPackage(file: string, given: PackageOptions = {}): CompiledModel {
  expectNoMore('aotiLoadPackage', arguments, 2);
  const [model, runners] = checked(file, given);
  try {
    withRegularSync(file, () => undefined);
    return new CompiledModel(native.loadPackage(file, model, runners));
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** aotiLoadPackage() on another thread. */
export async function aotiLoadPackageAsync(file: string, given: PackageOptions = {}): Promise<CompiledModel> {
  expectNoMore('aotiLoadPackageAsync', arguments, 2);
  const [model, runners] = checked(file, given);
  try {
    withRegularSync(file, () => undefined);
    return new CompiledModel(await native.loadPackageAsync(file, model, runners));
  } catch (error) {
    throw unreadable(file, error);
  }
}

function unreadable(file: string, error: unknown): TorchError {
  return new TorchError('inductor.aotiLoadPackage', `${file}: ${(error as Error).message}`, { cause: error });
}

function checked(file: string, given: PackageOptions): [model: string, runners: number] {
  const where = 'inductor.aotiLoadPackage';
  const { modelName = 'model', numRunners = 1 } = options(where, given, ['modelName', 'numRunners']);
  expectPath(where, file);
  expectString(where, 'modelName', modelName);
  return [modelName, expectInteger(where, 'numRunners', numRunners, 1, 1024)];
}
