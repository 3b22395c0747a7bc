// Leaf: the base of modules that are torch::nn modules of libtorch under PyTorch's names. Definitions, initialisation and
// numerics are libtorch's: https://docs.pytorch.org/docs/stable/nn.html
import { native } from '../../native/binding.js';
import { named } from '../../tensor/errors.js';
import { describe, handleOf } from '../../tensor/operators.js';
import { expectTensor, Parameter, Tensor } from '../../tensor/tensor.js';
import { Module } from '../module.js';

/** @internal */
export abstract class Leaf<Inputs extends Tensor[] = [Tensor], Output = Tensor> extends Module<
  Inputs,
  Output
> {
  readonly #handle: number;
  readonly #parameters: ReadonlyMap<string, number>;

  constructor(kind: string, options: object) {
    super();
    const made = named(kind, () => native.createModule(kind, options));
    this.#handle = made.handle;
    native.adoptModule(this, made.handle);
    this.#parameters = new Map(made.parameters);
    for (const [, handle] of made.buffers) native.releaseTensor(handle); // options such as class weights; nobody's state
  }
  /** The module's parameter of a name, or null when it has none. */
  protected parameter(name: string): Parameter | null {
    const handle = this.#parameters.get(name);
    return handle === undefined ? null : new Parameter({ handle });
  }
  /** What the inputs should have been, when they are not that: a line of the error. */
  protected expected(..._inputs: Inputs): string | undefined {
    return undefined;
  }
  override forward(...inputs: Inputs): Output {
    const name = this.constructor.name;
    return named(
      name,
      () =>
        new Tensor(
          native.forwardModule(
            this.#handle,
            inputs.map((input, i) => expectTensor(name, `input ${i}`, input)[handleOf]),
          ),
        ) as Output,
      () => {
        const expected = this.expected(...inputs);
        return [
          ...inputs.map((input, i) => `${inputs.length === 1 ? 'input' : `input ${i}`}: ${describe(input)}`),
          ...(expected === undefined ? [] : [`expected: ${expected}`]),
          `module: ${this.toString()}`,
        ];
      },
    );
  }
  override modeChanged(): void {
    native.trainModule(this.#handle, this.training);
  }
}
