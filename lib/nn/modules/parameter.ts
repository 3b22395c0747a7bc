// Parameters that a module in TypeScript makes for itself.
import { empty } from '../../generated/functions.js';
import type { Device, DType } from '../../tensor/dtype.js';
import { Parameter } from '../../tensor/tensor.js';

/** What a module's parameters are made of, and where. */
export interface Place {
  /** Default float32. */
  dtype?: DType;
  /** Default cpu. */
  device?: Device;
}

/** A parameter whose values are whatever the memory holds. @internal */
export function emptyParameter(
  shape: readonly number[],
  { dtype = 'float32', device = 'cpu' }: Place,
): Parameter {
  const data = empty(shape, { dtype, device });
  const parameter = new Parameter(data);
  data.dispose();
  return parameter;
}
