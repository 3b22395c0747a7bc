// How deep TorchScript's code goes: libtorch's parser and compiler call themselves for each level, and a stack that is used up
// ends the process.

// PyTorch's own printer splits expressions long before that.
const DEEPEST = 400;

// A text in quotes (with escapes, over several lines in three), a comment that is no type, a line that goes on, the end of a line with what the next is indented by, a
// bracket, a comma, a word or number, any other sign.
const TOKEN = /[bru]*(?:"""[^]*?"""|'''[^]*?'''|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|#(?!\s*type:)[^\n]*|\\\r?\n|\n[ \t]*|[[({]|[\])}]|,|[\w.]*\w|\*\*|[^\s]/gy; // prettier-ignore
const CHAINING = /^(and|or|not|if|else|in|is|for|lambda|\*\*|[-+*/%@&|^~<>=!.])$/;

/** Throws an Error for code that is nested too deep: in brackets, in blocks, in chains of operations, in ways to return. */
export function checkCode(code: string): void {
  // For each open bracket how many operations are chained in it; the sum is a bound of an expression's depth.
  const chained: number[] = [0];
  let sum = 0;
  let blocks: number[] = [];
  let ways = 0;
  let blank = 0;
  const add = (): void => {
    chained[chained.length - 1]! += 1;
    if (++sum + blocks.length > DEEPEST) tooDeep();
  };
  const end = (): void => {
    sum -= chained.at(-1)!;
    chained[chained.length - 1] = 0;
  };
  TOKEN.lastIndex = 0;
  for (let found = next(code); found !== undefined; found = next(code)) {
    const first = found[0]!;
    // libtorch's lexer calls itself for each of them too.
    blank = first === '\n' || first === '#' || first === '\\' ? blank + 1 : 0;
    if (blank > DEEPEST) throw new Error(`it has more than ${DEEPEST} lines without code, one after another`);
    if (first === '\n' && chained.length === 1) {
      end();
      // Blank lines do not end blocks.
      const after = code[TOKEN.lastIndex];
      if (after === '\n' || after === '#' || after === '\r' || after === undefined) continue;
      const width = found.length - 1;
      blocks = blocks.filter((one) => one < width);
      if (width > 0) blocks.push(width);
      if (blocks.length > DEEPEST) tooDeep();
    } else if ('[({'.includes(first)) {
      add();
      chained.push(0);
    } else if ('])}'.includes(first)) {
      if (chained.length > 1) sum -= chained.pop()!;
    } else if (first === ',') end();
    else if (CHAINING.test(found)) add();
    else if (found === 'def' || found === 'class') ways = 0;
    else if (found === 'return' || found === 'elif' || found === 'break' || found === 'continue') {
      if (++ways > DEEPEST)
        throw new Error(`it has a function with more than ${DEEPEST} ways to return or to go on`);
    } else if (/\.[^.]*\./.test(found)) for (const letter of found) if (letter === '.') add();
  }
}

function next(code: string): string | undefined {
  for (;;) {
    const at = TOKEN.lastIndex;
    const found = TOKEN.exec(code)?.[0];
    if (found !== undefined) return found;
    if (at >= code.length) return undefined;
    TOKEN.lastIndex = at + 1; // a blank
  }
}

function tooDeep(): never {
  throw new Error(`its code is nested deeper than ${DEEPEST}`);
}
