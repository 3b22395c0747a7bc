// Modules moved to a device or cast to a dtype, in place.
import { noGrad } from '../autograd/gradMode.js';
import { expectArgument } from '../core/checks.js';
import { describe } from '../core/describe.js';
import { isFloatingPoint, type Device, type DType, type MemoryFormat } from '../core/dtype.js';
import { ArgumentTypeError, named } from '../core/errors.js';
import { handleOf } from '../core/handles.js';
import { isOptions, options } from '../core/options.js';
import { native } from '../native/binding.js';
import { targetOf } from '../tensor/conversion.js';
import { checkDevice } from '../tensor/devices.js';
import { isParameter, Parameter } from '../tensor/parameter.js';
import type { Tensor } from '../tensor/tensor.js';
import type { AnyModule } from './module.js';
import { replacePart } from './tree.js';
import { copyUninitialized, isUninitialized, place } from './uninitialized.js';

interface Target {
  device?: Device;
  dtype?: DType;
  memoryFormat?: MemoryFormat;
}

/** What Module.to() does. @internal */
export function moveModule(module: AnyModule, target: Device | DType | Target): void {
  const { device, dtype, memoryFormat } = wanted(target);
  if (device !== undefined) checkDevice(device);
  if (dtype !== undefined && !isFloatingPoint(dtype) && !dtype.startsWith('complex'))
    throw new ArgumentTypeError(
      'Module.to',
      `dtype: expected one of floating point or complex numbers, got ${describe(dtype)}`,
    );
  const moved = new Map<Tensor, Tensor>();
  noGrad(() => {
    for (const [path, part] of module.namedModules()) {
      for (const [name, tensor] of [...part.ownParameters(), ...part.ownBuffers()]) {
        let now = moved.get(tensor);
        if (now === undefined) {
          const cast = dtype !== undefined && isFloatingPoint(tensor.dtype) ? { dtype } : {};
          const to = { ...cast, ...(device === undefined ? {} : { device }) };
          moved.set(tensor, (now = move(path === '' ? name : `${path}.${name}`, tensor, to, memoryFormat)));
        }
        if (now !== tensor) replacePart(part, name, now);
      }
    }
  });
}

// The same tensor with other data, or another tensor where it cannot have them.
function move(
  path: string,
  tensor: Tensor,
  to: { dtype?: DType; device?: Device },
  memoryFormat: MemoryFormat | undefined,
): Tensor {
  const toMeta = to.device !== undefined && (to.device === 'meta') !== (tensor.device === 'meta');
  if (isUninitialized(tensor)) {
    const now = toMeta ? copyUninitialized(tensor, to) : tensor;
    place(now, to);
    return now;
  }
  const { grad } = tensor;
  const data = tensor.to(to);
  if (toMeta) {
    const now = isParameter(tensor) ? new Parameter(data, tensor.requiresGrad) : data.keep();
    if (now !== data) data.dispose();
    return now;
  }
  const laidOut =
    memoryFormat !== undefined && tensor.dim() === (memoryFormat === 'channels_last_3d' ? 5 : 4)
      ? data.contiguous({ memoryFormat })
      : data;
  if (laidOut === tensor) return tensor;
  if (laidOut !== data && data !== tensor) data.dispose();
  named(`Module.to(${path})`, () => native.setData(tensor[handleOf], laidOut[handleOf]));
  laidOut.dispose();
  if (grad !== null) tensor.grad = grad.to(to);
  return tensor;
}

function wanted(target: Device | DType | Target): Target {
  if (isOptions(target)) return options('Module.to', target as Target, ['device', 'dtype', 'memoryFormat']);
  const isWord = typeof target === 'string';
  expectArgument('Module.to', 'target', target, isWord, 'a device, a dtype or an object of them');
  return targetOf('Module.to', target as string);
}
