// Counter: Python's collections.Counter, in which files say how often each of some values occurs.
import { types } from 'node:util';

// Classes of another realm fail instanceof; the brand does not.
const brand = Symbol.for('torch-node.Counter');

/**
 * How often each of some values occurs. torch.load gives one for Python's collections.Counter, and torch.save writes it as one;
 * JSON has it as an object.
 */
export class Counter<K = unknown> extends Map<K, number> {
  /** @internal */
  get [brand](): true {
    return true;
  }

  toJSON(): Record<string, number> {
    return Object.fromEntries(this) as Record<string, number>;
  }
}

/** Whether a value is a Counter; works across realms. @internal */
export function isCounter(value: unknown): value is Counter {
  return types.isMap(value) && brand in value;
}
