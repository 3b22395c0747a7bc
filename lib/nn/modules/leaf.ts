// Leaf: the base of modules that are torch::nn modules of libtorch under PyTorch's names. Definitions, initialisation and
// numerics are libtorch's: https://docs.pytorch.org/docs/stable/nn.html
import { handleOf } from '../../core/handles.js';
import { describe } from '../../core/describe.js';
import { native } from '../../native/binding.js';
import { named } from '../../core/errors.js';
import { expectTensor, isParameter, isTensor, Parameter, Tensor } from '../../tensor/tensor.js';
import { copyTensor, expectCopies, type Copies } from '../deepcopy.js';
import { Module } from '../module.js';

// Of the native side. No private field: a deep copy gets one of its own.
const made = Symbol('torch-node.nn.leaf');
// The parameters that the native side computes with.
const parameters = Symbol('torch-node.nn.leaf.parameters');

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

/** @hidden */
export abstract class Leaf<Inputs extends Tensor[] = [Tensor], Output = Tensor> extends Module<
  Inputs,
  Output
> {
  /** @internal */
  readonly [made]: Made;
  /** @internal */
  readonly [parameters] = new Map<string, Parameter | null>();

  constructor(kind: string, options: object) {
    super();
    this[made] = make(kind, options);
    native.adoptModule(this, this[made].handle);
  }
  /** The module's parameter of a name, or null when it has none. */
  protected parameter(name: string): Parameter | null {
    const handle = this[made].parameters.get(name);
    const parameter = handle === undefined ? null : new Parameter({ handle });
    this[parameters].set(name, parameter);
    return parameter;
  }
  /**
   * What forward computes, with other parameters than those of the native side: shared with another module, assigned, or
   * computed whenever they are read (see utils/parametrize.ts).
   */
  protected compute?(parameters: Readonly<Record<string, Tensor | null>>, ...inputs: Inputs): Output;
  /** The options for a copy; those that are tensors have to be copied. */
  protected copiedOptions(options: object, _copies: Copies): object {
    return options;
  }
  override deepcopy(copies: Copies = new Map()): this {
    expectCopies(copies);
    if (copies.has(this)) return copies.get(this) as this;
    // Making the native module draws random numbers, which a copy must not.
    const random = native.getRngState();
    let own: Made;
    try {
      own = make(this[made].kind, this.copiedOptions(this[made].options, copies));
    } finally {
      native.setRngState(random);
      native.releaseTensor(random);
    }
    const natives = new Map(this[parameters]);
    for (const [name, handle] of own.parameters) {
      const parameter = new Parameter({ handle });
      natives.set(name, parameter);
      // Not what is computed when it is read. A shared one may have been copied already.
      const before: unknown = Object.getOwnPropertyDescriptor(this, name)?.value;
      if (!isParameter(before) || copies.has(before)) continue;
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
      [parameters]: { value: natives },
      // The classes have their text in private fields.
      extraRepr: { value: () => text, configurable: true, writable: true },
    });
    native.adoptModule(copy, own.handle);
    copy.modeChanged();
    return copy;
  }
  /** What the inputs should have been, when they are not that: a line of the error. */
  protected expected(..._inputs: Inputs): string | undefined {
    return undefined;
  }
  override forward(...inputs: Inputs): Output {
    const name = this.constructor.name;
    if (inputs.length === 0) expectTensor(name, 'input', undefined);
    const others = this.compute === undefined ? undefined : assigned(this, this[parameters]);
    if (others !== undefined) return this.compute!(others, ...inputs);
    return named(
      name,
      () =>
        new Tensor(
          native.forwardModule(
            this[made].handle,
            inputs.map((input, i) => expectTensor(name, `input ${i}`, input)[handleOf]),
          ),
        ) as Output,
      () => {
        // What lacks an input, or has something else in its place, has no shape to speak of.
        const speaks = inputs.length >= this.expected.length && inputs.every(isTensor);
        const expected = speaks ? this.expected(...inputs) : undefined;
        return [
          ...inputs.map((input, i) => `${inputs.length === 1 ? 'input' : `input ${i}`}: ${describe(input)}`),
          ...(expected === undefined ? [] : [`expected: ${expected}`]),
          `module: ${this.toString()}`,
        ];
      },
    );
  }
  override modeChanged(): void {
    native.trainModule(this[made].handle, this.training);
  }
}

/** A module's parameters when one of them is not its own any more. Each is read once: reading may compute it. */
function assigned(
  module: object,
  own: ReadonlyMap<string, Parameter | null>,
): Record<string, Tensor | null> | undefined {
  const values: Record<string, Tensor | null> = {};
  let other = false;
  for (const [name, parameter] of own) {
    values[name] = (module as Record<string, Tensor | null>)[name]!;
    if (values[name] !== parameter) other = true;
  }
  return other ? values : undefined;
}
