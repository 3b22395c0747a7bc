// Writes values as a pickle of protocol 2, which every Python reads, in the operations that torch.load(weights_only=True)
// allows.

import { types } from 'node:util';
import { isPlain } from '../../core/tree.js';

export interface PickleSource {
  /**
   * How an object that is no plain value is written: as a call of a function, whose arguments may hold further values, or as a
   * dictionary. null where it is written as the plain value that it is.
   */
  encode(value: object): Call | Global | PersistentId | ReadonlyMap<unknown, unknown> | null;
}

const encodedMark = Symbol('encoded');

/** A function of Python's, by its module and name. */
export class Global {
  readonly kind = 'global';
  readonly [encodedMark] = true;
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}
}

/** A call of a function with arguments. */
export class Call {
  readonly kind = 'call';
  readonly [encodedMark] = true;
  constructor(
    readonly callee: Global,
    readonly args: readonly unknown[],
  ) {}
}

/** What stands for something outside the pickle. */
export class PersistentId {
  readonly kind = 'persistent';
  readonly [encodedMark] = true;
  constructor(readonly id: readonly unknown[]) {}
}

/**
 * The pickle of a value. Plain objects and Maps become dictionaries (properties that are undefined are left out), arrays
 * become lists and frozen arrays tuples, whole numbers ints and others floats, bigints ints, null None, Uint8Arrays
 * bytes, Sets sets. What occurs twice is written once; cycles through lists and dictionaries are kept.
 *
 * Throws an Error that names the place of a value that cannot be written.
 */
export function pickle(value: unknown, source: PickleSource): Buffer {
  return new Pickler(source).run(value);
}

const CODECS = new Global('_codecs', 'encode');
const SET = new Global('__builtin__', 'set');

class Pickler {
  readonly #source: PickleSource;
  readonly #parts: Buffer[] = [];
  readonly #memo = new Map<unknown, number>();
  readonly #globals = new Map<string, object>();
  readonly #open = new Set<unknown>();

  constructor(source: PickleSource) {
    this.#source = source;
  }

  run(value: unknown): Buffer {
    this.#put('\x80\x02');
    this.#value(value, '');
    this.#put('.');
    return Buffer.concat(this.#parts);
  }

  #put(codes: string): void {
    this.#parts.push(Buffer.from(codes, 'latin1'));
  }
  #number(code: string, width: number, value: number): void {
    const out = Buffer.alloc(1 + width, code, 'latin1');
    if (width === 4 && code === 'J') out.writeInt32LE(value, 1);
    else out.writeUIntLE(value, 1, width);
    this.#parts.push(out);
  }
  #remember(key: unknown): void {
    const number = this.#memo.size;
    this.#memo.set(key, number);
    if (number < 256) this.#number('q', 1, number);
    else this.#number('r', 4, number);
  }
  #recall(key: unknown): boolean {
    const number = this.#memo.get(key);
    if (number === undefined) return false;
    if (number < 256) this.#number('h', 1, number);
    else this.#number('j', 4, number);
    return true;
  }

  #value(value: unknown, path: string): void {
    switch (typeof value) {
      case 'undefined':
        return this.#put('N');
      case 'boolean':
        return this.#put(value ? '\x88' : '\x89');
      case 'number':
        return Number.isSafeInteger(value) && !Object.is(value, -0)
          ? this.#integer(BigInt(value))
          : this.#float(value);
      case 'bigint':
        return this.#integer(value);
      case 'string':
        return this.#text(value);
      case 'object':
        return value === null ? this.#put('N') : this.#object(value, path);
      default:
        throw new Error(`${place(path)} is a ${typeof value}, which a checkpoint cannot hold`);
    }
  }

  #integer(value: bigint): void {
    if (value >= 0n && value < 256n) return this.#number('K', 1, Number(value));
    if (value >= 0n && value < 65536n) return this.#number('M', 2, Number(value));
    if (value >= -(2n ** 31n) && value < 2n ** 31n) return this.#number('J', 4, Number(value));
    const bytes: number[] = [];
    let rest = value;
    do {
      bytes.push(Number(rest & 255n));
      rest >>= 8n;
    } while (!((rest === 0n && bytes.at(-1)! < 128) || (rest === -1n && bytes.at(-1)! >= 128)));
    if (bytes.length > 255) throw new Error(`an integer of ${bytes.length} bytes`);
    this.#number('\x8a', 1, bytes.length);
    this.#parts.push(Buffer.from(bytes));
  }
  #float(value: number): void {
    const out = Buffer.alloc(9, 'G');
    out.writeDoubleBE(value, 1);
    this.#parts.push(out);
  }
  #text(value: string): void {
    if (this.#recall(value)) return;
    const bytes = Buffer.from(value);
    this.#number('X', 4, bytes.length);
    this.#parts.push(bytes);
    this.#remember(value);
  }

  #object(value: object, path: string): void {
    if (this.#recall(value)) return;
    const encoded = this.#source.encode(value);
    if (types.isMap(encoded)) return this.#dictionary([...encoded], value, path);
    if (encoded !== null) this.#encoded(encoded, path);
    else if (Array.isArray(value)) return this.#array(value, path);
    else if (types.isMap(value)) return this.#dictionary([...value], value, path);
    else if (types.isSet(value)) this.#encoded(new Call(SET, [[...value]]), path);
    else if (types.isUint8Array(value))
      this.#encoded(new Call(CODECS, [Buffer.from(value).toString('latin1'), 'latin1']), path);
    else if (isPlain(value))
      return this.#dictionary(
        Object.entries(value).filter(([, item]) => item !== undefined),
        value,
        path,
      );
    else {
      const name = (value as { constructor?: { name?: string } }).constructor?.name ?? 'object';
      throw new Error(
        `${place(path)} is an object of class ${name}, which a checkpoint cannot hold: plain objects, Maps, arrays, ` +
          'Sets, Uint8Arrays, tensors, texts, numbers, booleans and null can be saved',
      );
    }
    this.#remember(value);
  }

  #encoded(value: Call | Global | PersistentId, path: string): void {
    if (value.kind === 'global') return this.#global(value);
    if (value.kind === 'persistent') {
      this.#tuple(value.id, path);
      return this.#put('Q');
    }
    this.#global(value.callee);
    this.#tuple(value.args, path);
    this.#put('R');
  }
  #global({ module, name }: Global): void {
    const line = `c${module}\n${name}\n`;
    let key = this.#globals.get(line);
    if (key === undefined) this.#globals.set(line, (key = {}));
    if (this.#recall(key)) return;
    this.#parts.push(Buffer.from(line));
    this.#remember(key);
  }
  #tuple(items: readonly unknown[], path: string): void {
    this.#put('(');
    items.forEach((item, i) => this.#nested(item, `${path}[${i}]`));
    this.#put('t');
  }
  #nested(item: unknown, path: string): void {
    if (isEncoded(item)) this.#encoded(item, path);
    else this.#value(item, path);
  }

  #array(value: readonly unknown[], path: string): void {
    if (Object.isFrozen(value)) {
      // A tuple is there only when its items are.
      if (this.#open.has(value)) throw new Error(`${place(path)} is a frozen array that holds itself`);
      this.#open.add(value);
      this.#tuple(value, path);
      this.#open.delete(value);
      return this.#remember(value);
    }
    this.#put(']');
    this.#remember(value);
    this.#put('(');
    value.forEach((item, i) => this.#value(item, `${path}[${i}]`));
    this.#put('e');
  }

  #dictionary(entries: readonly (readonly [unknown, unknown])[], key: object, path: string): void {
    this.#put('}');
    this.#remember(key);
    this.#put('(');
    for (const [name, item] of entries) {
      const kind = typeof name;
      if (
        name !== null &&
        !['string', 'number', 'bigint', 'boolean'].includes(kind) &&
        !Object.isFrozen(name)
      )
        throw new Error(
          `${place(path)} has a key of type ${kind}; keys are texts, numbers, booleans, null or frozen arrays`,
        );
      this.#value(name, path);
      this.#value(item, path === '' ? String(name) : `${path}.${String(name)}`);
    }
    this.#put('u');
  }
}

const isEncoded = (value: unknown): value is Call | Global | PersistentId =>
  typeof value === 'object' && value !== null && encodedMark in value;

const place = (path: string): string => (path === '' ? 'the value' : path);
