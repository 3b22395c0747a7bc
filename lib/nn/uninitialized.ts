// Parameters and buffers of lazy modules before the first batch: they have a dtype and a device, and no shape yet.
import { inspect } from 'node:util';
import { noGrad } from '../autograd/gradMode.js';
import type { Device, DType } from '../core/dtype.js';
import { TorchError } from '../core/errors.js';
import { describeTensor, handleOf } from '../core/handles.js';
import { options as checkOptions } from '../core/options.js';
import { native } from '../native/binding.js';
import { operator } from '../operators/operators.js';
import { isParameter, Parameter } from '../tensor/parameter.js';
import { Tensor } from '../tensor/tensor.js';

interface Place {
  readonly dtype?: DType;
  readonly device?: Device;
}

// Whether a device was asked for: otherwise the first batch tells it.
const placed = Symbol('torch-node.nn.placed');
interface Uninitialized {
  [placed]?: boolean;
}

function empty(shape: readonly number[], dtype: DType, device: Device | undefined): Tensor {
  return operator('aten::empty.memory_format').call(shape, dtype, undefined, device) as Tensor;
}

function start({ dtype = 'float32', device }: Place): Tensor {
  return empty([0], dtype, device).keep();
}

/**
 * A parameter that gets its shape and values from the first batch, as those of nn.LazyLinear. Until then it can be moved and
 * cast with its module and stands in the state dict; whatever else is done with it throws a TorchError.
 */
export class UninitializedParameter extends Parameter {
  constructor(options: Place & { requiresGrad?: boolean } = {}) {
    checkOptions('UninitializedParameter', options, ['dtype', 'device', 'requiresGrad']);
    const data = start(options);
    super(data, options.requiresGrad);
    data.dispose();
    (this as Uninitialized)[placed] = options.device !== undefined;
  }
}

/** A buffer that gets its shape and values from the first batch, as an UninitializedParameter does. */
export class UninitializedBuffer extends Tensor {
  constructor(options: Place = {}) {
    checkOptions('UninitializedBuffer', options, ['dtype', 'device']);
    const data = start(options);
    super(native.alias(data[handleOf]));
    this.keep();
    data.dispose();
    (this as Uninitialized)[placed] = options.device !== undefined;
  }
}

// Throws: there are none yet.
function expectValues(tensor: Tensor): number {
  return tensor[handleOf];
}

// The handle of the tensor without values that keeps dtype and device.
function kept(tensor: Tensor): number {
  return Reflect.get(Tensor.prototype, handleOf, tensor);
}

const rules: PropertyDescriptorMap & ThisType<Tensor> = {
  [handleOf]: {
    get(): never {
      throw new TorchError(
        'Tensor',
        `this ${isParameter(this) ? 'parameter' : 'buffer'} is that of a lazy module, which has no parameters yet, it makes ` +
          'them at its first forward: run one batch through the network before its parameters are read or given to an optimizer',
        { code: 'ERR_TORCH_UNINITIALIZED' },
      );
    },
  },
  [describeTensor]: { value: (): string => 'an uninitialized tensor of a lazy module' },
  dtype: {
    get(): DType {
      return native.dtype(kept(this)) as DType;
    },
  },
  device: {
    get(): Device {
      return native.device(kept(this));
    },
  },
  isLeaf: { value: true },
  requiresGrad: {
    get(): boolean {
      return native.requiresGrad(kept(this));
    },
    set(on: boolean) {
      native.setRequiresGrad(kept(this), on);
    },
  },
  // Setting it to null, as zeroGrad() does, is right, and nothing else can be.
  grad: {
    get: () => null,
    set(gradient: Tensor | null) {
      if (gradient !== null) expectValues(this);
    },
  },
  toString: {
    value(): string {
      return isParameter(this) ? '<UninitializedParameter>' : '<UninitializedBuffer>';
    },
  },
  [inspect.custom]: {
    value(): string {
      return String(this);
    },
  },
};
Object.defineProperties(UninitializedParameter.prototype, rules);
Object.defineProperties(UninitializedBuffer.prototype, rules);

/** Whether a tensor is a parameter or buffer of a lazy module before its first batch. @internal */
export function isUninitialized(tensor: Tensor): boolean {
  return placed in tensor;
}

/** Gives an uninitialised tensor another dtype or device, which it will have when it gets its values. @internal */
export function place(tensor: Tensor, { dtype = tensor.dtype, device }: Place): void {
  if (device !== undefined) (tensor as Uninitialized)[placed] = true;
  replace(tensor, empty([0], dtype, device ?? tensor.device));
}

/**
 * Makes a plain parameter or buffer of an uninitialised one: the same object, with memory for values that are still to be
 * written. It lies beside the first input unless a device was asked for. @internal
 */
export function materialize(tensor: Tensor, shape: readonly number[], beside?: Device): void {
  const device = (tensor as Uninitialized)[placed] === true ? tensor.device : (beside ?? tensor.device);
  replace(tensor, empty(shape, tensor.dtype, device));
  delete (tensor as Uninitialized)[placed];
  Object.setPrototypeOf(tensor, (isParameter(tensor) ? Parameter : Tensor).prototype);
}

/** Another of the same kind, with another dtype or device perhaps. @internal */
export function copyUninitialized(tensor: Tensor, to: Place = {}): Tensor {
  const { requiresGrad } = tensor;
  const { dtype = tensor.dtype, device = tensor.device } = to;
  const copy = isParameter(tensor)
    ? new UninitializedParameter({ dtype, device, requiresGrad })
    : new UninitializedBuffer({ dtype, device });
  (copy as Uninitialized)[placed] = to.device !== undefined || (tensor as Uninitialized)[placed] === true;
  return copy;
}

function replace(tensor: Tensor, data: Tensor): void {
  noGrad(() => native.setData(kept(tensor), data[handleOf]));
  data.dispose();
}
