// Names: PyTorch's in snake_case, ours in camelCase, and the one that a misspelt name was meant to be.

/** `weightDecay` as PyTorch writes it: `weight_decay`. @internal */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A name of PyTorch's as it is called here: log_softmax is logSoftmax, sort_ stays sort_. @internal */
export function camelCase(name: string): string {
  return name.replace(/(?<=[^_])_+(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/**
 * The known name that a misspelt one was probably meant to be: the same in camelCase or in other capitals, or the one with
 * the fewest edits, if these are at most a third of its letters, or `allowed` where that is more. @internal
 */
export function nearest(name: string, known: readonly string[], allowed = 1): string | undefined {
  const camel = camelCase(name);
  const same =
    known.find((each) => each === camel) ?? known.find((each) => each.toLowerCase() === camel.toLowerCase());
  if (same !== undefined) return same;
  let best: string | undefined;
  let fewest = Infinity;
  for (const each of known) {
    const count = edits(camel.toLowerCase(), each.toLowerCase());
    if (count < fewest) [best, fewest] = [each, count];
  }
  return best !== undefined && fewest <= Math.max(allowed, Math.floor(best.length / 3)) ? best : undefined;
}

// Damerau and Levenshtein's distance: letters put in, left out, changed, or swapped with the next (optimal string alignment).
function edits(a: string, b: string): number {
  let [before, last] = [[] as number[], Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
    }
    [before, last] = [last, row];
  }
  return last[b.length]!;
}
