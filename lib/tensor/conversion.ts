// A tensor under another dtype or on another device.
import { expectArgument } from '../core/checks.js';
import { nearest } from '../core/names.js';
import { ArgumentTypeError } from '../core/errors.js';
import { BYTES, isDType, type Device, type DType } from '../core/dtype.js';
import { options as checkOptions } from '../core/options.js';
import { operator } from '../operators/operators.js';
import { checkDevice } from './devices.js';
import { isTensor, type Tensor } from './tensor.js';

export interface CopyOptions {
  nonBlocking?: boolean;
  copy?: boolean;
}

/** What a tensor may be converted to. */
export type ConversionTarget = DType | Device | ({ dtype?: DType; device?: Device } & CopyOptions);

/**
 * What a word names: a dtype or a device. Throws a TorchError for one that is neither, with the name that was meant. @internal
 */
export function targetOf(where: string, word: string): { dtype: DType } | { device: Device } {
  if (isDType(word)) return { dtype: word };
  const meant = /^(cpu|cuda|meta)/.test(word)
    ? undefined
    : nearest(word, [...Object.keys(BYTES), 'cpu', 'cuda', 'meta']);
  if (meant === undefined) return { device: word };
  throw new ArgumentTypeError(where, `there is no dtype or device '${word}' (did you mean ${meant}?)`);
}

/** What `Tensor.to` gives: the tensor itself when nothing changes. */
export function converted(tensor: Tensor, target: ConversionTarget, options?: CopyOptions): Tensor {
  const copying = checkOptions('Tensor.to', options, ['nonBlocking', 'copy']);
  const given: unknown = target;
  expectArgument('Tensor.to', 'target', given, given !== undefined, 'a dtype, a device or an object of both');
  const wanted: { dtype?: DType; device?: Device } & CopyOptions =
    typeof target === 'string'
      ? targetOf('Tensor.to', target)
      : isTensor(target)
        ? { dtype: target.dtype, device: target.device }
        : checkOptions('Tensor.to', target, ['dtype', 'device', 'nonBlocking', 'copy']);
  const how: CopyOptions = {
    ...('copy' in wanted || 'nonBlocking' in wanted ? wanted : {}),
    ...copying,
  };
  if (wanted.device !== undefined) checkDevice(wanted.device);
  const same =
    (wanted.dtype === undefined || wanted.dtype === tensor.dtype) &&
    (wanted.device === undefined || tensor.isDevice(wanted.device));
  if (same && !how.copy) return tensor;
  return operator('aten::_to_copy').call(
    tensor,
    wanted.dtype,
    undefined,
    wanted.device,
    undefined,
    how.nonBlocking ?? false,
  ) as Tensor;
}
