// Values in words, for error messages.
import { describeTensor, objectType } from './handles.js';
import { describeScalar } from './scalar.js';

// Lists may contain themselves.
const DEEPEST = 4;

/** A value in words: tensors by dtype and shape, lists by their first elements. @internal */
export function describe(value: unknown): string {
  return inWords(value, 0);
}

function inWords(value: unknown, depth: number): string {
  if (typeof value === 'object' && value !== null) {
    if (describeTensor in value) return (value as { [describeTensor](): string })[describeTensor]();
    if (objectType in value) return `a NativeObject of ${String(value[objectType])}`;
    const number = describeScalar(value);
    if (number !== undefined) return number;
    if (Array.isArray(value)) {
      if (depth === DEEPEST) return '[...]';
      const first = value.slice(0, 8).map((each) => inWords(each, depth + 1));
      return `[${first.join(', ')}${value.length > 8 ? ', ...' : ''}]`;
    }
    // A tensor of another realm or thread has the name but none of this module's symbols.
    const given: unknown = (value as { constructor?: { name?: unknown } }).constructor?.name;
    const name = typeof given === 'string' ? given : 'Object';
    return name === 'Tensor' || name === 'Parameter'
      ? 'a Tensor of another copy of torch-node (a worker, or a second installation), whose handles mean nothing here'
      : `an object (${name})`;
  }
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}...` : value}'`;
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'function' ? 'a function' : String(value);
}
