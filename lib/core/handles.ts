// Symbols under which values say what they stand for on the native side; they work across realms, where instanceof does
// not.

/** How a value that stands for something on the native side says which handle it has. @hidden */
export const handleOf = Symbol('torch-node.handle');

/** Under this symbol a Tensor describes itself as "float32 [2, 3]". @internal */
export const describeTensor = Symbol('torch-node.describe');

/** Marks parameters among tensors. @internal */
export const parameterMark = Symbol('torch-node.parameter');

/** Under this symbol a NativeObject tells its type. @internal */
export const objectType = Symbol('torch-node.objectType');

/** Under this symbol a Stream says where it is: its device and its number there. @internal */
export const streamOf = Symbol('torch-node.stream');

/** A value with a handle: a Tensor, a Generator or a NativeObject. @hidden */
export interface Handled {
  readonly [handleOf]: number;
}

/** Whether a value has a handle; `handleKind` tells of what, as handles of different kinds count different things. @internal */
export function isHandled(value: unknown): value is Handled {
  return typeof value === 'object' && value !== null && handleOf in value;
}

/** Whether a value is a tensor, of this thread and this copy of the package. @internal */
export function isHandledTensor(value: unknown): value is Handled {
  return typeof value === 'object' && value !== null && describeTensor in value;
}

/** Whether a value is a Stream; works across realms. @internal */
export function isStream(value: unknown): boolean {
  return typeof value === 'object' && value !== null && streamOf in value;
}

/** What a value with a handle is. @internal */
export function handleKind(value: Handled): 'tensor' | 'generator' | 'object' {
  return describeTensor in value ? 'tensor' : objectType in value ? 'object' : 'generator';
}
