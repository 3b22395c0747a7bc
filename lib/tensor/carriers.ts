// How values cross to the native side where their place alone does not say what they are: inside dictionaries, tuples and
// lists of lists, and where a schema takes any value. native/objects.h is the other side.
import { types } from 'node:util';
import { TorchError } from './errors.js';
import { handleKind, handleOf, isHandled, streamOf, type Handled } from './handles.js';
import { isNumeric } from './scalar.js';

const DEEPEST = 64;

/**
 * The value with its handles in carriers: { tensor: 5 }. Maps and plain objects become lists of entries. A value that
 * contains itself throws a TorchError. @internal
 */
export function carry(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || isNumeric(value)) return value;
  if (isHandled(value)) return { [handleKind(value)]: value[handleOf] };
  if (streamOf in value) return { stream: value[streamOf] };
  if (depth === DEEPEST)
    throw new TorchError('arguments', `a value is more than ${DEEPEST} levels deep, or contains itself`);
  const inner = (item: unknown): unknown => carry(item, depth + 1);
  if (Array.isArray(value)) return value.map(inner);
  const entries: Iterable<[unknown, unknown]> = types.isMap(value) ? value : Object.entries(value);
  return { entries: Array.from(entries, (entry) => entry.map(inner)) };
}

/** The way back: tensors and objects are wrapped, dictionaries become Maps. @internal */
export function unpack(value: unknown, wrap: { tensor: Wrap; object: Wrap }): unknown {
  if (typeof value !== 'object' || value === null || isNumeric(value)) return value;
  if (Array.isArray(value)) return value.map((item) => unpack(item, wrap));
  const carrier = value as { tensor?: number; object?: number; entries?: [unknown, unknown][] };
  if (carrier.tensor !== undefined) return carrier.tensor === 0 ? null : wrap.tensor(carrier.tensor);
  if (carrier.object !== undefined) return wrap.object(carrier.object);
  return new Map((carrier.entries ?? []).map(([key, item]) => [unpack(key, wrap), unpack(item, wrap)]));
}

type Wrap = (handle: number) => Handled;
