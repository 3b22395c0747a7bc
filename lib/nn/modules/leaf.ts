// Leaf: the base of modules that are torch::nn modules of libtorch under PyTorch's names. Definitions, initialisation and
// numerics are libtorch's: https://docs.pytorch.org/docs/stable/nn.html
import { native } from '../../native/binding.js';
import { named } from '../../tensor/errors.js';
import { describe, handleOf } from '../../tensor/operators.js';
import { expectTensor, isParameter, Parameter, Tensor } from '../../tensor/tensor.js';
import { copyTensor, type Copies } from '../deepcopy.js';
import { Module } from '../module.js';

// Of the native side. No private field: a deep copy gets one of its own.
const made = Symbol('torch-node.nn.leaf');

interface Made {
  readonly kind: string;
  readonly options: object;
  readonly handle: number;
  readonly parameters: ReadonlyMap<string, number>;
}

function make(kind: string, options: object): Made {
  const { handle, parameters, buffers } = named(kind, () => native.createModule(kind, options));
  for (const [, buffer] of buffers) native.releaseTensor(buffer); // options such as class weights; nobody's state
  return { kind, options, handle, parameters: new Map(parameters) };
}

/** @internal */
export abstract class Leaf<Inputs extends Tensor[] = [Tensor]> extends Module<Inputs> {
  /** @internal */
  readonly [made]: Made;

  constructor(kind: string, options: object) {
    super();
    this[made] = make(kind, options);
    native.adoptModule(this, this[made].handle);
  }
  /** The module's parameter of a name, or null when it has none. */
  protected parameter(name: string): Parameter | null {
    const handle = this[made].parameters.get(name);
    return handle === undefined ? null : new Parameter({ handle });
  }
  override deepcopy(copies: Copies = new Map()): this {
    if (copies.has(this)) return copies.get(this) as this;
    // Making the native module draws random numbers, which a copy must not.
    const random = native.getRngState();
    let own: Made;
    try {
      own = make(this[made].kind, this[made].options);
    } finally {
      native.setRngState(random);
      native.releaseTensor(random);
    }
    for (const [name, handle] of own.parameters) {
      const parameter = new Parameter({ handle });
      const before = (this as Record<string, unknown>)[name];
      if (!isParameter(before)) continue;
      using copy = copyTensor(before, new Map());
      native.setData(parameter[handleOf], copy[handleOf]);
      parameter.requiresGrad = before.requiresGrad;
      parameter.grad = copy.grad;
      copies.set(before, parameter);
    }
    const text = this.extraRepr();
    const copy = super.deepcopy(copies);
    Object.defineProperties(copy, {
      [made]: { value: own },
      // The classes have their text in private fields.
      extraRepr: { value: () => text, configurable: true, writable: true },
    });
    native.adoptModule(copy, own.handle);
    copy.modeChanged();
    return copy;
  }
  override forward(...inputs: Inputs): Tensor {
    const name = this.constructor.name;
    return named(
      name,
      () =>
        new Tensor(
          native.forwardModule(
            this[made].handle,
            inputs.map((input, i) => expectTensor(name, `input ${i}`, input)[handleOf]),
          ),
        ),
      () => [
        ...inputs.map((input, i) => `${inputs.length === 1 ? 'input' : `input ${i}`}: ${describe(input)}`),
        `module: ${this.toString()}`,
      ],
    );
  }
  override modeChanged(): void {
    native.trainModule(this[made].handle, this.training);
  }
}
