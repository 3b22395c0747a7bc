// Reads Python's pickles, as far as data goes: a pickle is a program, and of its operations only those that build plain
// values run here. What it may name besides is up to the caller; nothing is looked up or imported. The operations:
// https://github.com/python/cpython/blob/3.13/Lib/pickletools.py

import { types } from 'node:util';
import { getHeapStatistics } from 'node:v8';

/** What stands in a pickle for a class or a function: made of its arguments by `call`. */
export interface Callable {
  /** As in "torch._utils._rebuild_tensor_v2". */
  readonly name: string;
  /** `spend` is told beforehand of the bytes that the result takes besides its arguments. */
  readonly call: (args: readonly unknown[], spend: (bytes: number) => void) => unknown;
}

export interface PickleHost {
  /** What a name stands for: a Callable or a plain value. Throws where it stands for nothing that is known. */
  global(module: string, name: string): unknown;
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown;
  /** Gives a value that is no dictionary its state; false where it takes none. */
  build?(target: unknown, state: unknown): boolean;
}

/** The name of errors that say that a pickle goes on beyond the bytes that were given. */
export const CUT_OFF = 'CutOff';

// What may be built of a byte of a pickle, in bytes of memory: Python's own densest, an empty dictionary, takes 104.
const FOR_A_BYTE = 160;
const FOR_NOTHING = 2 ** 20;
// What values take, in bytes of memory.
const PLACE = 16;
const MEMO = 40;
const LIST = 250;
const DICTIONARY = 256;

const MARK = Symbol('mark');
// The tuple of nothing: one for all, as in Python.
const NOTHING: readonly unknown[] = Object.freeze([]);
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The value of a pickle (protocols 2 to 5). Dictionaries come as Maps, tuples as frozen arrays, None as null, integers as
 * numbers where these are exact and as bigints elsewhere, bytes as Uint8Arrays, sets as Sets.
 *
 * Throws an Error that says what is wrong with a pickle that is cut off, damaged, that asks for anything else, or that
 * would take much more memory than it has bytes.
 */
export function unpickle(bytes: Uint8Array, host: PickleHost): unknown {
  return unpickleFrom(bytes, 0, host).value;
}

/** The same of a pickle among other bytes; `end` is where it ends. */
export function unpickleFrom(
  bytes: Uint8Array,
  begin: number,
  host: PickleHost,
): { value: unknown; end: number } {
  const unpickler = new Unpickler(bytes, begin, host);
  return { value: unpickler.run(), end: unpickler.at };
}

// What a pickle has named, by number: one after another, as a rule.
class Memo {
  readonly #row: unknown[] = [];
  readonly #others = new Map<number, unknown>();

  get size(): number {
    return this.#row.length + this.#others.size;
  }
  has(key: number): boolean {
    return key < this.#row.length || this.#others.has(key);
  }
  get(key: number): unknown {
    return key < this.#row.length ? this.#row[key] : this.#others.get(key);
  }
  set(key: number, value: unknown): void {
    if (key === this.#row.length && !this.#others.has(key)) this.#row.push(value);
    else if (key < this.#row.length) this.#row[key] = value;
    else this.#others.set(key, value);
  }
}

class Unpickler {
  readonly #bytes: Buffer;
  readonly #host: PickleHost;
  #at = 0;
  readonly #stack: unknown[] = [];
  readonly #memo = new Memo();
  /** Bytes of memory that its values may still take. */
  #left: number;

  constructor(bytes: Uint8Array, begin: number, host: PickleHost) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#at = begin;
    this.#host = host;
    const { heap_size_limit, used_heap_size } = getHeapStatistics();
    this.#left = Math.min(
      FOR_NOTHING + FOR_A_BYTE * (bytes.length - begin),
      // Values are made twice, and a heap that is full ends the process.
      (heap_size_limit - used_heap_size) / 3,
    );
  }

  get at(): number {
    return this.#at;
  }

  run(): unknown {
    for (;;) {
      const at = this.#at;
      const code = String.fromCharCode(this.#byte());
      if (code === '.') {
        const value = this.#pop();
        if (this.#stack.length > 0) throw new Error('values are left over at its end');
        return value;
      }
      const operation = OPERATIONS[code];
      if (operation === undefined)
        throw new Error(
          `it has the operation 0x${code.charCodeAt(0).toString(16)} at ${at}, which is none of those understood`,
        );
      operation(this);
    }
  }

  // ---- bytes ----

  take(count: number): Buffer {
    const end = this.#at + count;
    if (!(end <= this.#bytes.length))
      throw cutOff(`it ends at ${this.#bytes.length}, in the middle of a value`);
    const out = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return out;
  }
  #byte(): number {
    return this.take(1)[0]!;
  }
  /** An unsigned number, little endian. */
  unsigned(width: 1 | 2 | 4 | 8): number {
    const part = this.take(width);
    if (width < 8) return part.readUIntLE(0, width);
    const wide = part.readBigUInt64LE();
    if (wide > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`it claims a value of ${wide} bytes`);
    return Number(wide);
  }
  line(): string {
    const end = this.#bytes.indexOf(10, this.#at);
    if (end < 0) throw cutOff('it ends in the middle of a name');
    const out = this.text(end - this.#at);
    this.#at++;
    return out;
  }
  text(length: number): string {
    const part = this.take(length);
    try {
      return UTF8.decode(part);
    } catch {
      return withHalves(part);
    }
  }
  /** Two's complement of any width. */
  long(width: number): number | bigint {
    // No number that a checkpoint has needs more, and turning a long one takes quadratic time.
    if (width > 1024) throw new Error(`it has an integer of ${width} bytes`);
    const part = this.take(width);
    let out = 0n;
    for (let i = width - 1; i >= 0; i--) out = (out << 8n) | BigInt(part[i]!);
    return exact(BigInt.asIntN(8 * width, out));
  }

  // ---- values ----

  push(value: unknown, bytes = 0): void {
    this.#spend(PLACE + bytes, 'it');
    this.#stack.push(value);
  }
  #spend(bytes: number, what: string): void {
    this.#left -= bytes;
    if (!(this.#left >= 0))
      throw new Error(`${what} would take far more memory than it has bytes, or than JavaScript has left`);
  }
  #pop(): unknown {
    const { length } = this.#stack;
    const value = this.#stack.pop();
    if (length === 0 || value === MARK) throw new Error('an operation lacks its values');
    return value;
  }
  pop(count: number): unknown[] {
    const out: unknown[] = new Array(count);
    for (let i = count - 1; i >= 0; i--) out[i] = this.#pop();
    return out;
  }
  top(): unknown {
    const value = this.#stack.at(-1);
    if (this.#stack.length === 0 || value === MARK) throw new Error('an operation lacks its values');
    return value;
  }
  mark(): void {
    this.push(MARK);
  }
  tuple(items: unknown[]): void {
    if (items.length === 0) this.push(NOTHING);
    else this.push(Object.freeze(items), LIST);
  }
  list(items: unknown[] = []): void {
    this.push(items, LIST);
  }
  dictionary(): void {
    this.push(new Map(), DICTIONARY);
  }
  set(items: unknown[] = []): void {
    this.push(new Set(items), DICTIONARY);
  }
  bytes(length: number): void {
    this.push(new Uint8Array(this.take(length)), DICTIONARY);
  }
  toMark(): unknown[] {
    const at = this.#stack.lastIndexOf(MARK);
    if (at < 0) throw new Error('an operation lacks the mark where its values begin');
    const out = this.#stack.splice(at);
    out.shift();
    return out;
  }
  remember(key: number): void {
    // Python counts from 0: no number is larger than there are operations.
    if (key > this.#at) throw new Error(`it numbers a value ${key}`);
    this.#spend(MEMO, 'it');
    this.#memo.set(key, this.top());
  }
  rememberNext(): void {
    this.remember(this.#memo.size);
  }
  recall(key: number): void {
    if (!this.#memo.has(key)) throw new Error(`it refers to a value ${key} that it has not named`);
    this.push(this.#memo.get(key));
  }
  global(module: string, name: string): void {
    this.push(this.#host.global(module, name));
  }
  persistent(): void {
    this.push(this.#host.persistent(this.#pop()));
  }
  reduce(): void {
    const [callable, args] = this.pop(2) as [Callable, unknown];
    if (typeof (callable as Partial<Callable> | null)?.call !== 'function' || !Array.isArray(args))
      throw new Error('it calls something that is no function');
    const spend = (bytes: number): void => this.#spend(bytes, `what it has ${callable.name} make`);
    this.push(callable.call(args as unknown[], spend));
  }
  setItems(items: readonly unknown[]): void {
    const target = this.top();
    if (!types.isMap(target) || items.length % 2 !== 0)
      throw new Error('it sets items of what is no dictionary');
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  }
  append(items: readonly unknown[]): void {
    const target = this.top();
    if (!Array.isArray(target) || Object.isFrozen(target)) throw new Error('it appends to what is no list');
    for (const item of items) target.push(item);
  }
  add(items: readonly unknown[]): void {
    const target = this.top();
    if (!types.isSet(target)) throw new Error('it adds to what is no set');
    for (const item of items) target.add(item);
  }
  /** Attributes of an object: those of dictionaries (`_metadata` of a state dict) are not needed. */
  build(): void {
    const [state] = this.pop(1);
    const target = this.top();
    if (!types.isMap(target) && this.#host.build?.(target, state) !== true)
      throw new Error('it sets attributes of an object that takes none');
  }
}

const cutOff = (message: string): Error => Object.assign(new Error(message), { name: CUT_OFF });

const exact = (value: bigint): number | bigint =>
  value >= BigInt(Number.MIN_SAFE_INTEGER) && value <= BigInt(Number.MAX_SAFE_INTEGER)
    ? Number(value)
    : value;

/** UTF-8 in which halves of characters may stand alone, as Python writes them. */
function withHalves(bytes: Buffer): string {
  let text = '';
  let from = 0;
  const decode = (to: number): void => {
    try {
      text += UTF8.decode(bytes.subarray(from, to));
    } catch {
      throw new Error('it has a text that is not UTF-8');
    }
  };
  for (let at = 0; at + 2 < bytes.length; at++) {
    const [first, second, third] = [bytes[at]!, bytes[at + 1]!, bytes[at + 2]!];
    if (first !== 0xed || second < 0xa0 || second > 0xbf || third < 0x80 || third > 0xbf) continue;
    decode(at);
    text += String.fromCharCode(0xd000 | ((second & 0x3f) << 6) | (third & 0x3f));
    from = at + 3;
    at += 2;
  }
  decode(bytes.length);
  return text;
}

function expectText(value: unknown): string {
  if (typeof value !== 'string') throw new Error('it names something by what is no text');
  return value;
}

// By the operation's byte.
const OPERATIONS: Readonly<Record<string, (machine: Unpickler) => void>> = {
  '\x80': (m) => {
    const protocol = m.unsigned(1);
    if (protocol < 2 || protocol > 5) throw new Error(`it is of protocol ${protocol}, 2 to 5 are understood`);
  },
  '\x95': (m) => void m.unsigned(8), // FRAME: how much to read ahead
  'N': (m) => m.push(null),
  '\x88': (m) => m.push(true),
  '\x89': (m) => m.push(false),
  'K': (m) => m.push(m.unsigned(1)),
  'M': (m) => m.push(m.unsigned(2)),
  'J': (m) => m.push(m.take(4).readInt32LE()),
  '\x8a': (m) => m.push(m.long(m.unsigned(1))),
  '\x8b': (m) => m.push(m.long(m.unsigned(4))),
  'G': (m) => m.push(m.take(8).readDoubleBE()),
  'X': (m) => m.push(m.text(m.unsigned(4))),
  '\x8c': (m) => m.push(m.text(m.unsigned(1))),
  '\x8d': (m) => m.push(m.text(m.unsigned(8))),
  'U': (m) => m.push(m.text(m.unsigned(1))),
  'T': (m) => m.push(m.text(m.unsigned(4))),
  'B': (m) => m.bytes(m.unsigned(4)),
  'C': (m) => m.bytes(m.unsigned(1)),
  '\x8e': (m) => m.bytes(m.unsigned(8)),
  '\x96': (m) => m.bytes(m.unsigned(8)),
  '(': (m) => m.mark(),
  ')': (m) => m.tuple([]),
  '\x85': (m) => m.tuple(m.pop(1)),
  '\x86': (m) => m.tuple(m.pop(2)),
  '\x87': (m) => m.tuple(m.pop(3)),
  't': (m) => m.tuple(m.toMark()),
  ']': (m) => m.list(),
  'a': (m) => m.append(m.pop(1)),
  'e': (m) => m.append(m.toMark()),
  'l': (m) => m.list(m.toMark()),
  '}': (m) => m.dictionary(),
  's': (m) => m.setItems(m.pop(2)),
  'u': (m) => m.setItems(m.toMark()),
  'd': (m) => {
    const items = m.toMark();
    m.dictionary();
    m.setItems(items);
  },
  '\x8f': (m) => m.set(),
  '\x90': (m) => m.add(m.toMark()),
  '\x91': (m) => m.set(m.toMark()),
  '0': (m) => void m.pop(1),
  '1': (m) => void m.toMark(),
  '2': (m) => m.push(m.top()),
  'q': (m) => m.remember(m.unsigned(1)),
  'r': (m) => m.remember(m.unsigned(4)),
  '\x94': (m) => m.rememberNext(),
  'h': (m) => m.recall(m.unsigned(1)),
  'j': (m) => m.recall(m.unsigned(4)),
  'c': (m) => m.global(m.line(), m.line()),
  '\x93': (m) => {
    const [module, name] = m.pop(2);
    m.global(expectText(module), expectText(name));
  },
  'Q': (m) => m.persistent(),
  'R': (m) => m.reduce(),
  '\x81': (m) => m.reduce(), // NEWOBJ: a class in the function's place
  'b': (m) => m.build(),
}; // prettier-ignore
