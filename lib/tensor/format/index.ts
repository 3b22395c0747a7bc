// Text of a tensor, for console.log and String(): PyTorch's (torch/_tensor_str.py), with this package's names in the
// notes at its end (dtype=float64, requiresGrad=true, gradFn=<AddBackward0>).
import type { InspectOptions } from 'node:util';
import { describeTensor } from '../../core/handles.js';
import { recording } from '../../program/recording.js';
import { operator } from '../../operators/operators.js';
import { scope } from '../scope.js';
import type { Tensor } from '../tensor.js';
import { exponential, fixed } from './numbers.js';
import { getPrintOptions, type PrintOptions } from './options.js';

const PREFIX = 'tensor(';

/** What is printed of a tensor: its edges, or all of it where it isn't summarized. */
interface Shown {
  shape: number[];
  /** Whether the middle of a dimension is left out. */
  cut: boolean[];
  /** Text of the elements, in row-major order. */
  cells: string[];
  /** Characters that PyTorch reserves for an element, without ", ". */
  width: number;
}

/** A note behind the values, and how long it is in PyTorch's words: lines break where PyTorch breaks them. */
interface Note {
  text: string;
  length: number;
}

/** How PyTorch names the two classes that it prints. */
type Kind = 'Tensor' | 'Parameter';

/** "tensor([[1.0000, 2.5000]])", with dtype, device and gradFn where they are not the usual ones. */
export function format(tensor: Tensor, kind: Kind, options: PrintOptions = getPrintOptions()): string {
  if (tensor.disposed) return `${kind}(released)`;
  return `${kind === 'Parameter' ? 'Parameter containing:\n' : ''}${textOf(tensor, options)}`;
}

/**
 * For util.inspect. Lines are no longer than its `breakLength`, `maxArrayLength: null` shows all elements, and below its
 * `depth` there is "[Tensor float32 [2, 3]]".
 */
export function inspectTensor(
  tensor: Tensor,
  kind: Kind,
  depth: number | null,
  inspecting: InspectOptions,
): string {
  if (depth !== null && depth < 0 && !tensor.disposed) return `[${kind} ${tensor[describeTensor]()}]`;
  const options = getPrintOptions();
  const { breakLength, maxArrayLength } = inspecting;
  if (breakLength !== undefined) options.linewidth = Math.min(options.linewidth, breakLength);
  if (maxArrayLength === null || maxArrayLength === Infinity) options.threshold = Infinity;
  return format(tensor, kind, options);
}

function textOf(tensor: Tensor, options: PrintOptions): string {
  const { shape, dtype, device } = tensor;
  const numel = count(shape);
  const notes: Note[] = [];
  const note = (text: string, python = text): unknown => notes.push({ text, length: python.length });
  const size = `size=(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;
  const noteDType = (): unknown => note(`dtype=${dtype}`, `dtype=torch.${dtype}`);

  let values: string;
  if (device !== 'cpu') note(`device='${device}'`);
  if (device === 'meta') {
    values = '...';
    note(size);
    if (dtype !== 'float32') noteDType();
  } else if (numel === 0) {
    values = '[]';
    if (shape.length !== 1) note(size);
    if (dtype !== 'float32') noteDType();
  } else {
    const read = valuesOf(tensor, options);
    values = read ?? '...';
    if (read === undefined || options.edgeitems === 0) note(size);
    if (!['float32', 'complex64', 'int64', 'bool'].includes(dtype)) noteDType();
  }
  const gradFn = gradFnOf(tensor);
  if (gradFn !== undefined) note(`gradFn=<${gradFn}>`, `grad_fn=<${gradFn}>`);
  else if (tensor.requiresGrad) note('requiresGrad=true', 'requires_grad=True');
  return withNotes(PREFIX + values, notes, options.linewidth);
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

// Asking a view that was changed in place without gradients for its function is an error; PyTorch prints this word.
function gradFnOf(tensor: Tensor): string | undefined {
  try {
    // Functions that no formula was generated for carry their C++ name, as "torch::autograd::CopySlices".
    return tensor.gradFn?.split('::').at(-1);
  } catch {
    return 'Invalid';
  }
}

// ---- values ----

// Undefined where they cannot be read, as those of a sparse tensor: printing should not be what fails. It does fail in a
// step that is being recorded: the values would be printed once, and never again.
function valuesOf(tensor: Tensor, options: PrintOptions): string | undefined {
  try {
    return textOfValues(tensor, options);
  } catch (error) {
    if (recording() !== undefined) throw error;
    return undefined;
  }
}

function textOfValues(tensor: Tensor, options: PrintOptions): string {
  const { shape, dtype } = tensor;
  const { edgeitems } = options;
  const summarize = count(shape) > options.threshold;
  if (summarize && edgeitems === 0 && shape.length > 0) return '[...]';
  const cut = shape.map((size) => summarize && size > 2 * edgeitems);
  const values = cut.includes(true)
    ? // Without the graph: nothing is recorded whatever the mode. Only the edges are read.
      scope(() => edges(tensor.detach(), cut, edgeitems, 0).dataSync())
    : tensor.dataSync();
  const shown: Shown = {
    shape: shape.map((size, dim) => (cut[dim] ? 2 * edgeitems : size)),
    cut,
    ...(dtype.startsWith('complex')
      ? complexCells(values as Float64Array, options)
      : dtype.includes('float')
        ? floatCells(values as Float64Array, options)
        : cellsOf(values, dtype === 'bool' ? (value) => (value === 1 ? 'True' : 'False') : String)),
  };
  return shape.length === 0 ? shown.cells[0]! : nested(shown, 0, 0, PREFIX.length, options);
}

// Slices first, copies last: what is copied has no more elements than what is shown.
function edges(tensor: Tensor, cut: readonly boolean[], edgeitems: number, dim: number): Tensor {
  if (dim === cut.length) return tensor;
  if (!cut[dim]) return edges(tensor, cut, edgeitems, dim + 1);
  const both = [0, tensor.size(dim) - edgeitems].map((start) =>
    edges(tensor.narrow(dim, start, edgeitems), cut, edgeitems, dim + 1),
  );
  return operator('aten::cat').call(both, dim) as Tensor;
}

function nested(shown: Shown, dim: number, start: number, indent: number, options: PrintOptions): string {
  const { shape } = shown;
  const size = shape[dim]!;
  if (dim === shape.length - 1) return vector(shown, shown.cells.slice(start, start + size), indent, options);
  const step = count(shape.slice(dim + 1));
  const parts = Array.from({ length: size }, (_, i) =>
    nested(shown, dim + 1, start + i * step, indent + 1, options),
  );
  if (shown.cut[dim]) parts.splice(options.edgeitems, 0, '...');
  const separator = `,${'\n'.repeat(shape.length - dim - 1)}${' '.repeat(indent + 1)}`;
  return `[${parts.join(separator)}]`;
}

function vector(shown: Shown, cells: string[], indent: number, options: PrintOptions): string {
  if (shown.cut.at(-1)) cells.splice(options.edgeitems, 0, ' ...');
  const perLine = Math.max(1, Math.floor((options.linewidth - indent) / (shown.width + 2)));
  const lines: string[] = [];
  for (let i = 0; i < cells.length; i += perLine) lines.push(cells.slice(i, i + perLine).join(', '));
  return `[${lines.join(`,\n${' '.repeat(indent + 1)}`)}]`;
}

// ---- elements ----

type Cells = Pick<Shown, 'cells' | 'width'>;

// All padded to the width of the widest of those that count.
function cellsOf<T extends number | bigint>(
  values: ArrayLike<T>,
  text: (value: T) => string,
  counts: (value: T) => boolean = () => true,
): Cells {
  const cells = Array.from(values, text);
  const width = cells.reduce(
    (widest, cell, i) => (counts(values[i]!) ? Math.max(widest, cell.length) : widest),
    1,
  );
  return { cells: cells.map((cell) => cell.padStart(width)), width };
}

// The form and the width are those of the numbers that are neither zero nor infinite.
function floatCells(values: ArrayLike<number>, { precision, sciMode }: PrintOptions): Cells {
  const ordinary = (value: number): boolean => Number.isFinite(value) && value !== 0;
  let whole = true;
  let least = Infinity;
  let largest = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!ordinary(value)) continue;
    whole &&= Number.isInteger(value);
    least = Math.min(least, Math.abs(value));
    largest = Math.max(largest, Math.abs(value));
  }
  const scientific = largest > 0 && (sciMode ?? (largest / least > 1000 || largest > 1e8 || least < 1e-4));
  const text = scientific
    ? (value: number) => exponential(value, precision)
    : whole
      ? (value: number) => `${fixed(value, 0)}${Number.isFinite(value) ? '.' : ''}`
      : (value: number) => fixed(value, precision);
  return cellsOf(values, text, ordinary);
}

// Real and imaginary parts, which lie beside each other, have a form and a width each.
function complexCells(values: Float64Array, options: PrintOptions): Cells {
  const real = floatCells(
    values.filter((_, i) => i % 2 === 0),
    options,
  );
  const imaginary = floatCells(
    values.filter((_, i) => i % 2 === 1),
    options,
  );
  const cells = real.cells.map((cell, i) => {
    const part = imaginary.cells[i]!.trimStart();
    return `${cell}${part.startsWith('-') ? '' : '+'}${part}j`;
  });
  return { cells, width: real.width + imaginary.width + 1 };
}

// ---- notes ----

function withNotes(text: string, notes: readonly Note[], linewidth: number): string {
  let out = text;
  let column = text.length - text.lastIndexOf('\n') + 1;
  for (const note of notes) {
    if (column + note.length + 2 > linewidth) {
      out += `,\n${' '.repeat(PREFIX.length)}${note.text}`;
      column = PREFIX.length + note.length;
    } else {
      out += `, ${note.text}`;
      column += note.length + 2;
    }
  }
  return `${out})`;
}
