// What Python's PyTorch says of expressions, asked now, where there is one.
import { spawnSync } from 'node:child_process';
import { noPython, python } from '../parity/support.js';

/** What an expression gives, as JSON; or what it raises. */
export type Answer = { readonly value: unknown } | { readonly raises: string };

const PROGRAM = `
import json, sys, warnings
import torch
warnings.simplefilter('ignore')
def plain(value):
    if isinstance(value, torch.Tensor): return plain(value.tolist())
    if isinstance(value, (list, tuple)): return [plain(each) for each in value]
    if isinstance(value, torch.dtype): return str(value)[6:]
    if isinstance(value, complex): return {'re': value.real, 'im': value.imag}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2 ** 53: return str(value)
    if isinstance(value, float) and (value != value or abs(value) == float('inf')): return str(value)
    return value
given = json.load(sys.stdin)
answers = []
for expression in given['expressions']:
    scope = {'torch': torch}
    try:
        exec(given['before'], scope)
        lines = expression.split('; ')
        exec('; '.join(lines[:-1]), scope)
        answers.append({'value': plain(eval(lines[-1], scope))})
    except Exception as error:
        answers.append({'raises': f'{type(error).__name__}: {error}'})
json.dump(answers, sys.stdout)
`;

/**
 * What Python gives for each expression, after the statements `before`; what stands before the last '; ' of an expression is
 * run first. Undefined where there is no Python, with the reason on stderr.
 */
export function askPython(expressions: readonly string[], before = ''): Answer[] | undefined {
  if (python === undefined) {
    process.stderr.write(`skipped: comparison with Python: ${noPython}\n`);
    return undefined;
  }
  const input = JSON.stringify({ before, expressions });
  const ended = spawnSync(python, ['-c', PROGRAM], {
    input,
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 2 ** 28,
  });
  if (ended.error) throw ended.error;
  if (ended.status !== 0) throw new Error(ended.stderr);
  return JSON.parse(ended.stdout) as Answer[];
}
