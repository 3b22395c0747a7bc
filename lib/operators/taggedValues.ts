// How values cross to the native side where their place alone does not say what they are: inside dictionaries, tuples and
// lists of lists, and where a schema takes any value. native/operators/objects.h is the other side.
import { types } from 'node:util';
import { TorchError } from '../core/errors.js';
import { handleKind, handleOf, isHandled, streamOf, type Handled } from '../core/handles.js';
import { isNumeric } from '../core/scalar.js';

const DEEPEST = 64;

/**
 * The value with its handles in tagged values: { tensor: 5 }. Maps and plain objects become lists of entries. A value that
 * contains itself throws a TorchError. @internal
 */
export function tagged(value: unknown, depth = 0): unknown {
  if (typeof value !== 'object' || value === null || isNumeric(value)) return value;
  if (isHandled(value)) return { [handleKind(value)]: value[handleOf] };
  if (streamOf in value) return { stream: value[streamOf] };
  if (depth === DEEPEST)
    throw new TorchError('arguments', `a value is more than ${DEEPEST} levels deep, or contains itself`);
  const inner = (item: unknown): unknown => tagged(item, depth + 1);
  if (Array.isArray(value)) return value.map(inner);
  const entries: Iterable<[unknown, unknown]> = types.isMap(value) ? value : Object.entries(value);
  return { entries: Array.from(entries, (entry) => entry.map(inner)) };
}

/** The way back: tensors and objects are wrapped, dictionaries become Maps. @internal */
export function untagged(value: unknown, wrap: { tensor: Wrap; object: Wrap }): unknown {
  if (typeof value !== 'object' || value === null || isNumeric(value)) return value;
  if (Array.isArray(value)) return value.map((item) => untagged(item, wrap));
  const tag = value as { tensor?: number; object?: number; entries?: [unknown, unknown][] };
  if (tag.tensor !== undefined) return tag.tensor === 0 ? null : wrap.tensor(tag.tensor);
  if (tag.object !== undefined) return wrap.object(tag.object);
  return new Map((tag.entries ?? []).map(([key, item]) => [untagged(key, wrap), untagged(item, wrap)]));
}

type Wrap = (handle: number) => Handled;
