// How values cross to the native side where their place alone does not say what they are: inside dictionaries, tuples and
// lists of lists, and where a schema takes any value. native/operators/objects.h is the other side.
import { handleKind, handleOf, isHandled, streamOf, type Handled } from '../core/handles.js';
import { isNumeric } from '../core/scalar.js';
import { fold, type Walk } from '../core/tree.js';

const WALK: Walk = {
  where: 'arguments',
  instances: true,
  deepest: 64,
  isLeaf: (value) => isHandled(value) || streamOf in value || isNumeric(value),
};

/**
 * The value with its handles in tagged values: { tensor: 5 }. Maps and plain objects become lists of entries. A value that
 * contains itself throws a TorchError. @internal
 */
export function tagged(value: unknown): unknown {
  return fold(
    value,
    tag,
    (branch, entries) =>
      branch === 'array' || branch === 'set' ? entries.map(([, item]) => item) : { entries },
    WALK,
  );
}

function tag(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || isNumeric(value)) return value;
  if (isHandled(value)) return { [handleKind(value)]: value[handleOf] };
  return streamOf in value ? { stream: value[streamOf] } : value;
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
