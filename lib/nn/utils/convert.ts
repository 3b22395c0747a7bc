// All parameters as one vector, and back.
import { expectNoMore } from '../../core/options.js';
import { handleOf } from '../../core/handles.js';
import { expectArgument, isIterable } from '../../core/checks.js';
import { native } from '../../native/binding.js';
import { named, TorchError } from '../../core/errors.js';
import { operator } from '../../operators/operators.js';
import { expectTensor, type Tensor } from '../../tensor/tensor.js';

/**
 * The parameters' values one after another: [total]. A copy, through which gradients flow back to the parameters.
 *
 * @throws TorchError when they lie on different devices.
 */
export function parametersToVector(parameters: Iterable<Tensor>): Tensor {
  expectNoMore('parametersToVector', arguments, 1);
  const all = listOf('parametersToVector', parameters);
  expectOneDevice('parametersToVector', all);
  return operator('aten::cat').call(all.map((parameter) => parameter.reshape(-1))) as Tensor;
}

/**
 * Gives the parameters the values of a vector [total], in order. They are views of the vector from then on, as in
 * Python: what is written to one is seen in the other.
 *
 * @throws TorchError when the vector has not as many elements as all parameters together, or they lie on different devices.
 */
export function vectorToParameters(vector: Tensor, parameters: Iterable<Tensor>): void {
  expectNoMore('vectorToParameters', arguments, 2);
  const where = 'vectorToParameters';
  expectTensor(where, 'vector', vector);
  const all = listOf(where, parameters);
  expectOneDevice(where, all);
  const total = all.reduce((sum, { numel }) => sum + numel, 0);
  if (vector.ndim !== 1 || vector.numel !== total)
    throw new TorchError(where, `vector: expected the shape [${total}], got [${vector.shape.join(', ')}]`);
  const data = vector.detach();
  let start = 0;
  for (const parameter of all) {
    const part = data.narrow(0, start, parameter.numel).reshape([...parameter.shape]);
    named(where, () => native.setData(parameter[handleOf], part[handleOf]));
    start += parameter.numel;
  }
}

function listOf(where: string, parameters: Iterable<Tensor>): Tensor[] {
  expectArgument(where, 'parameters', parameters, isIterable(parameters), 'parameters to go over');
  return [...parameters];
}

function expectOneDevice(where: string, tensors: readonly Tensor[]): void {
  const devices = new Set(tensors.map((tensor) => expectTensor(where, 'parameters', tensor).device));
  if (devices.size > 1)
    throw new TorchError(
      where,
      `parameters: expected all on one device, they are on ${[...devices].join(' and ')}`,
    );
}
