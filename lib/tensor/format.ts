// Text of a tensor, for console.log and String().
import type { NestedArray, Tensor } from './tensor.js';

const EDGE = 3;
const SUMMARIZE_ABOVE = 1000;

/** "tensor([[1.0000, 2.5000]])", with dtype and device where they are not the usual ones. */
export function format(tensor: Tensor): string {
  const { dtype, shape, device } = tensor;
  const notes: string[] = [];
  if (device === 'meta' || dtype.startsWith('complex')) {
    notes.push('...', `size=[${shape.join(', ')}]`);
  } else {
    const values = tensor.toArray();
    const floating = dtype.includes('float');
    const text = (value: number | bigint | boolean): string =>
      floating ? number(value as number) : String(value);
    const width = Math.max(
      0,
      ...leaves(values, shape, tensor.numel > SUMMARIZE_ABOVE).map((v) => text(v).length),
    );
    notes.push(
      nested(values, shape.length, tensor.numel > SUMMARIZE_ABOVE, (v) => text(v).padStart(width), 8),
    );
  }
  if (device !== 'cpu') notes.push(`device='${device}'`);
  if (dtype !== 'float32' && dtype !== 'int64' && dtype !== 'bool') notes.push(`dtype=${dtype}`);
  const { gradFn } = tensor;
  if (gradFn !== undefined) notes.push(`gradFn=<${gradFn}>`);
  else if (tensor.requiresGrad) notes.push('requiresGrad=true');
  return `tensor(${notes.join(', ')})`;
}

function number(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const magnitude = Math.abs(value);
  return magnitude !== 0 && (magnitude < 1e-4 || magnitude >= 1e6)
    ? value.toExponential(4)
    : value.toFixed(4);
}

type Values = NestedArray<number | bigint | boolean>;

// What is shown of a long dimension: its edges.
function shown(items: Values[], summarize: boolean): (Values | undefined)[] {
  return summarize && items.length > 2 * EDGE
    ? [...items.slice(0, EDGE), undefined, ...items.slice(-EDGE)]
    : items;
}

function leaves(values: Values, shape: readonly number[], summarize: boolean): (number | bigint | boolean)[] {
  if (!Array.isArray(values)) return [values];
  return shown(values, summarize).flatMap((item) =>
    item === undefined ? [] : leaves(item, shape, summarize),
  );
}

function nested(
  values: Values,
  depth: number,
  summarize: boolean,
  text: (value: number | bigint | boolean) => string,
  indent: number,
): string {
  if (!Array.isArray(values)) return text(values);
  const separator = depth === 1 ? ', ' : `,${'\n'.repeat(depth - 1)}${' '.repeat(indent)}`;
  const items = shown(values, summarize).map((item) =>
    item === undefined ? '...' : nested(item, depth - 1, summarize, text, indent + 1),
  );
  return `[${items.join(separator)}]`;
}
