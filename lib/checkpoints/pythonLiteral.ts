// Reads the part of Python's literals that headers of .npy files are made of: dictionaries, tuples, lists, strings, whole
// numbers, True, False and None. Nothing is evaluated.

export type Literal =
  string | number | boolean | null | Tuple | readonly Literal[] | ReadonlyMap<string, Literal>;
export interface Tuple {
  readonly tuple: readonly Literal[];
}

// numpy's own headers nest four deep at most, for structured dtypes.
const MAX_DEPTH = 16;

// A mark, a number (with the L of Python 2), a string in either kind of quotes, a word, the end.
const TOKEN =
  /[ \t\r\n\f]*(?:([{}()[\],:])|(-?(?:0|[1-9]\d*))L?(?![\w.])|('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")|(True|False|None)\b|($))/y;
const WORDS: Readonly<Record<string, boolean | null>> = { True: true, False: false, None: null };

interface Token {
  at: number;
  /** '' at the end. */
  mark?: string;
  value?: Literal;
}

/**
 * The value of a literal. Escapes in strings are left as they stand. Throws a SyntaxError that says where something else
 * stands than expected, or which key comes twice.
 */
export function parseLiteral(text: string): Literal {
  const tokens = tokensOf(text);
  let next = 0;

  const fail = (expected: string): never => {
    const { at, mark } = tokens[next]!;
    throw new SyntaxError(
      `expected ${expected} at character ${at}, found ${mark === '' ? 'the end' : JSON.stringify(text.slice(at, at + 10))}`,
    );
  };
  const take = (mark: string): boolean => tokens[next]!.mark === mark && ++next > 0;

  // What stands between brackets; `comma`: whether one came last.
  const items = (close: string, one: () => void): { comma: boolean } => {
    let comma = true;
    while (!take(close)) {
      if (!comma) fail(`',' or '${close}'`);
      one();
      comma = take(',');
    }
    return { comma };
  };
  const dictionary = (depth: number): Literal => {
    const entries = new Map<string, Literal>();
    items('}', () => {
      const key = tokens[next]!.value;
      if (typeof key !== 'string') return fail('a string');
      if (entries.has(key)) throw new SyntaxError(`the key '${key}' comes twice`);
      next++;
      if (!take(':')) fail("':'");
      entries.set(key, value(depth));
    });
    return entries;
  };
  const value = (depth: number): Literal => {
    if (depth > MAX_DEPTH) throw new SyntaxError(`brackets nest deeper than ${MAX_DEPTH}`);
    const literal = tokens[next]!.value;
    if (literal !== undefined) {
      next++;
      return literal;
    }
    if (take('{')) return dictionary(depth + 1);
    const inside: Literal[] = [];
    const one = (): unknown => inside.push(value(depth + 1));
    if (take('[')) {
      items(']', one);
      return inside;
    }
    if (!take('(')) return fail('a value');
    const { comma } = items(')', one);
    return inside.length === 1 && !comma ? inside[0]! : { tuple: inside };
  };

  const result = value(0);
  if (!take('')) fail('the end');
  return result;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  for (const pattern = new RegExp(TOKEN); ;) {
    const from = pattern.lastIndex;
    const found = pattern.exec(text);
    if (found === null)
      throw new SyntaxError(
        `cannot be read from character ${from} on: ${JSON.stringify(text.slice(from, from + 10))}`,
      );
    const [all, mark, number, string, word, end] = found;
    const at = from + all.length - all.trimStart().length;
    if (mark !== undefined) tokens.push({ at, mark });
    else if (number !== undefined) tokens.push({ at, value: Number(number) });
    else if (string !== undefined) tokens.push({ at, value: string.slice(1, -1) });
    else if (word !== undefined) tokens.push({ at, value: WORDS[word]! });
    if (end === undefined) continue;
    tokens.push({ at, mark: '' });
    return tokens;
  }
}
