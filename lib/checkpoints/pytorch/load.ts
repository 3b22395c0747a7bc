// torch.load: PyTorch's own files (.pt, .pth) of whatever version, and safetensors files.
// https://docs.pytorch.org/docs/stable/notes/serialization.html
import { types } from 'node:util';
import { expectArgument } from '../../core/checks.js';
import { describe } from '../../core/describe.js';
import type { Device } from '../../core/dtype.js';
import { ArgumentTypeError, NoDeviceError } from '../../core/errors.js';
import { expectNoMore, options } from '../../core/options.js';
import { isPlain } from '../../core/tree.js';
import { checkDevice } from '../../tensor/devices.js';
import { sourceOf, wordsOf, type Source } from '../source.js';

/** Where what was saved from a device goes: one device for all, or by the device that it was saved from. */
export type MapLocation =
  | Device
  | Readonly<Record<string, Device>>
  | ReadonlyMap<string, Device>
  | ((location: string) => Device | null | undefined);

export interface LoadOptions {
  /**
   * Where tensors go: one device, a table by the devices that they were saved from ("cuda:0"), or a function of these. What is
   * not named there goes to the device that it was saved from, and without this option all does.
   */
  mapLocation?: MapLocation | null;
}

/**
 * Reads what torch.save wrote, in Python or here, whatever the version, and safetensors files: tensors, dictionaries, lists and
 * plain values, however nested, as `torch.load(file, weights_only=True)` does. The file is named by a path or a URL, or given as its
 * bytes. A dictionary whose keys are all texts comes as a plain object, another as a Map, and a collections.Counter as one too; tuples and torch.Size come as frozen
 * arrays, None as null, dtypes, layouts and devices as texts, a storage as a tensor of all its elements (of its bytes where it has
 * no dtype). Tensors that shared a storage share one again; attributes that tensors had are properties of theirs.
 *
 * Nothing in the file is run: a pickle that asks for anything but a fixed list of names is refused with the name.
 * Sizes, strides, indices and checksums are verified, and memory is taken in proportion to the file's bytes. Throws a TorchError
 * that says what is wrong; its code is ERR_TORCH_NO_DEVICE where a tensor was saved from a device that is not here.
 */
export async function load(file: Source, given: LoadOptions = {}): Promise<unknown> {
  expectNoMore('load', arguments, 2);
  const source = sourceOf('load', file);
  const { mapLocation } = options('load', given, ['mapLocation']);
  const device = deviceBy(mapLocation ?? {});
  // What reads is loaded when it is wanted: it would be a part of every program's start.
  const { read } = await import('./reading.js');
  return read(source, wordsOf(file), device);
}

function deviceBy(given: unknown): (location: string) => Device {
  if (typeof given === 'string') {
    checkDevice(given);
    return () => given;
  }
  const ask = typeof given === 'function' ? (given as (location: string) => unknown) : tableOf(given);
  return (location) => {
    const device = ask(location) ?? location;
    if (typeof device !== 'string')
      throw new ArgumentTypeError(
        'load',
        `mapLocation: expected a device for ${location}, got ${describe(device)}`,
      );
    if (device === location) expectOwn(location);
    else checkDevice(device);
    return device;
  };
}

/** Throws where the device that a tensor was saved from is not here, with what to do then. */
function expectOwn(location: string): void {
  try {
    checkDevice(location);
  } catch (error) {
    throw new NoDeviceError(
      'load',
      `it holds a tensor that was saved from ${location}: give { mapLocation: 'cpu' } to have it on the CPU. (${(error as Error).message})`,
      { cause: error },
    );
  }
}

function tableOf(given: unknown): (location: string) => unknown {
  const isTable = types.isMap(given) || (typeof given === 'object' && given !== null && isPlain(given));
  expectArgument('load', 'mapLocation', given, isTable, 'a device, a table of devices or a function');
  if (types.isMap(given)) return (location) => given.get(location);
  return (location) =>
    Object.hasOwn(given as object, location) ? (given as Record<string, unknown>)[location] : undefined;
}
