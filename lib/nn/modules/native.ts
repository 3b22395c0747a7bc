// The modules that are torch::nn modules of libtorch: Conv2d, Linear, MaxPool2d. Their options are the native module's, read
// and written by name; their parameters are properties, lent to the native module whenever it computes.
import { handleOf } from '../../core/handles.js';
import { describe } from '../../core/describe.js';
import { asTorchError, named } from '../../core/errors.js';
import { native } from '../../native/binding.js';
import { Parameter } from '../../tensor/parameter.js';
import { expectTensor, Tensor } from '../../tensor/tensor.js';
import { expectCopies, type Copies } from '../deepcopy.js';
import { Module } from '../module.js';
import { drawUniform, type FactoryOptions } from './initial.js';

// No private field: a deep copy has none.
const made = Symbol('torch-node.nn.native');

/** A module of torch::nn. */
export abstract class NativeModule<Output = Tensor> extends Module<[input: Tensor], Output> {
  /** @internal */
  [made]!: number;

  /** Makes the native module; the handles of its parameters come back. */
  protected make(kind: string, options: object, { dtype, device }: FactoryOptions): number[] {
    const [module, ...parameters] = named(kind, () =>
      native.createModule(kind, options, dtype ?? null, device ?? null),
    );
    own(this, module);
    return parameters;
  }
  override deepcopy(copies: Copies = new Map()): this {
    expectCopies(copies);
    if (copies.has(this)) return copies.get(this) as this;
    const copy = super.deepcopy(copies);
    own(copy, native.copyModule(this[made]));
    return copy;
  }
  /** What the input should have been, when it is not that: a line of the error. */
  protected expected(_input: Tensor): string | undefined {
    return undefined;
  }
  /** @internal */
  protected compute(input: Tensor, weight: Tensor | null, bias: Tensor | null): number | number[] {
    try {
      return native.forwardModule(
        this[made],
        input[handleOf],
        weight === null ? null : weight[handleOf],
        bias === null ? null : bias[handleOf],
      );
    } catch (error) {
      throw asTorchError(this.constructor.name, error, () => {
        const expected = this.expected(input);
        return [
          `input: ${describe(input)}`,
          ...(expected === undefined ? [] : [`expected: ${expected}`]),
          `module: ${this.toString()}`,
        ];
      });
    }
  }
}

/** A module of torch::nn with a weight and perhaps a bias. */
export abstract class WeightedModule extends NativeModule {
  declare weight: Parameter;
  declare bias: Parameter | null;

  constructor(kind: string, options: object, factory: FactoryOptions) {
    super();
    const [weight, bias] = this.make(kind, options, factory);
    this.registerParameter('weight', new Parameter({ handle: weight! }));
    this.registerParameter('bias', bias === 0 ? null : new Parameter({ handle: bias! }));
    this.resetParameters();
  }
  /** Draws the parameters anew, uniformly from +-1/sqrt(number of values that make one output). */
  resetParameters(): void {
    drawUniform(this.weight, this.bias);
  }
  override forward(input: Tensor): Tensor {
    // Each is read once: reading may compute it (see utils/parametrize.ts).
    const { weight, bias } = this;
    const where = this.constructor.name;
    expectTensor(where, 'input', input);
    expectTensor(where, 'weight', weight);
    if (bias !== null) expectTensor(where, 'bias', bias);
    return new Tensor(this.compute(input, weight, bias) as number);
  }
}

function own(module: NativeModule<unknown>, handle: number): void {
  module[made] = handle;
  native.adopt(module, handle);
}

/** An option of the native module. @internal */
export function readOption<T>(module: NativeModule<unknown>, name: string): T {
  return native.moduleOption(module[made], name) as T;
}

/** Sets an option of the native module, which takes what it was checked for. @internal */
export function writeOption(module: NativeModule<unknown>, name: string, value: unknown): void {
  named(module.constructor.name, () => native.setModuleOption(module[made], name, value));
}
