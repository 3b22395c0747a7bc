// PyTorch's schema grammar: "aten::sort(Tensor self, int dim=-1) -> (Tensor values, Tensor indices)" as a tree. Used by
// the choice of overloads at run time, and by scripts/generate.

/** A schema's type: `int[2]?` is an optional list of length 2 of int. */
export interface SchemaType {
  /** Of the innermost: "Tensor", "int", "SymInt", "__torch__.torch.classes...". */
  readonly base: string;
  /** What follows the base, innermost first. */
  readonly layers: readonly ('optional' | { readonly list: number | undefined })[];
  /** Whether the operator writes to it: "Tensor(a!)". */
  readonly written: boolean;
}

export interface SchemaArgument {
  readonly name: string;
  readonly type: SchemaType;
  /** The default in the schema's words, or undefined where the argument has to be given. */
  readonly fallback: string | undefined;
  readonly keywordOnly: boolean;
}

export interface Schema {
  /** As in "aten::add". */
  readonly name: string;
  /** As in "Tensor"; empty for the overload without a name. */
  readonly overload: string;
  readonly arguments: readonly SchemaArgument[];
  readonly results: readonly { readonly name: string | undefined; readonly type: SchemaType }[];
  /** Whether it takes or gives any number of values ("..."), as a few operators of TorchScript do. */
  readonly variadic: boolean;
}

/** Reads a schema. Throws an error that points at the place for text that is none. */
export function parseSchema(text: string): Schema {
  return new Parser(text).schema();
}

class Parser {
  readonly #text: string;
  #at = 0;
  #variadic = false;

  constructor(text: string) {
    this.#text = text;
  }

  schema(): Schema {
    const name = this.#match(/[\w:]+/y, 'a name');
    const overload = this.#eat('.') ? this.#match(/\w+/y, "an overload's name") : '';
    const args: SchemaArgument[] = [];
    let keywordOnly = false;
    this.#list(() => {
      if (this.#eat('...')) this.#variadic = true;
      else if (this.#eat('*')) keywordOnly = true;
      else args.push(this.#argument(keywordOnly));
    });
    this.#expect('->');
    const results: Schema['results'][number][] = [];
    const result = (): void => {
      if (this.#eat('...')) this.#variadic = true;
      else results.push({ type: this.#type(), name: this.#maybe(/\w+/y) });
    };
    if (this.#peek('(')) this.#list(result);
    else result();
    this.#space();
    if (this.#at < this.#text.length) throw this.#error('the end');
    return { name, overload, arguments: args, results, variadic: this.#variadic };
  }

  #argument(keywordOnly: boolean): SchemaArgument {
    const type = this.#type();
    const name = this.#match(/\w+/y, "an argument's name");
    return { name, type, fallback: this.#eat('=') ? this.#fallback() : undefined, keywordOnly };
  }

  #type(): SchemaType {
    this.#space();
    let base = this.#peek('(') ? this.#balanced() : this.#match(/[\w.]+/y, 'a type');
    const layers: SchemaType['layers'][number][] = [];
    let written = false;
    for (;;) {
      // "Tensor(a! -> *)" has marks of aliasing, "Dict(str, Tensor)" has types.
      const marks = this.#maybe(/\((?:[a-z]|\*)(?:\|[a-z])*!?(?: ?-> ?[^)]*)?\)/y);
      if (marks !== undefined) written ||= marks.includes('!');
      else if (this.#peek('(')) base += this.#balanced();
      else if (this.#eat('?')) layers.push('optional');
      else if (this.#eat('[')) {
        const length = this.#maybe(/\d+/y);
        this.#expect(']');
        layers.push({ list: length === undefined ? undefined : Number(length) });
      } else return { base, layers, written };
    }
  }

  #balanced(): string {
    const start = this.#at;
    let depth = 0;
    do {
      const letter = this.#text[this.#at++];
      if (letter === undefined) throw this.#error("')'");
      depth += letter === '(' ? 1 : letter === ')' ? -1 : 0;
    } while (depth > 0);
    return this.#text.slice(start, this.#at);
  }

  #fallback(): string {
    return this.#match(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\[[^\]]*\]|[^,)]+/y, 'a default');
  }

  #list(item: () => void): void {
    this.#expect('(');
    if (this.#eat(')')) return;
    do item();
    while (this.#eat(','));
    this.#expect(')');
  }

  #space(): void {
    while (this.#text[this.#at] === ' ') this.#at++;
  }
  #peek(token: string): boolean {
    return this.#text.startsWith(token, this.#at);
  }
  #eat(token: string): boolean {
    this.#space();
    if (!this.#peek(token)) return false;
    this.#at += token.length;
    return true;
  }
  #expect(token: string): void {
    if (!this.#eat(token)) throw this.#error(`'${token}'`);
    this.#space();
  }
  #maybe(pattern: RegExp): string | undefined {
    this.#space();
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }
  #match(pattern: RegExp, what: string): string {
    const found = this.#maybe(pattern);
    if (found === undefined) throw this.#error(what);
    return found;
  }
  #error(expected: string): Error {
    return new Error(`schema '${this.#text}': expected ${expected} at character ${this.#at}`);
  }
}

// PyTorch's list: torch/csrc/utils/python_arg_parser.cpp, should_allow_numbers_as_tensors.
const NUMBERS_AS_TENSORS = new Set(
  'add sub mul div subtract multiply divide true_divide floor_divide copy'.split(' '),
);

/**
 * Whether a bare number may stand for a tensor in an operator and its in-place form. Others have overloads of their own
 * that take a Scalar.
 */
export function takesNumbersAsTensors(base: string): boolean {
  return NUMBERS_AS_TENSORS.has(base.replace(/_$/, ''));
}
