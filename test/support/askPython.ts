// What Python's PyTorch says of expressions: kept in test/parity/recorded, and asked anew where there is one.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
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
        answers.append({'raises': type(error).__name__})
json.dump(answers, sys.stdout)
`;

/**
 * What Python gives for each expression, after the statements `before`; what stands before the last '; ' of an expression is
 * run first. As recorded/NAME.json has it, to which Python is held where there is one; TORCH_NODE_TEST_RECORD=1 writes it.
 */
export function answersOf(name: string, expressions: readonly string[], before = ''): readonly Answer[] {
  const file = path.join(__dirname, '../parity/recorded', `${name}.json`);
  const kept = new Map<string, Answer>(
    existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as [string, Answer][]) : [],
  );
  if (python === undefined)
    process.stderr.write(`recorded/${name}.json is not held against Python: ${noPython}\n`);
  else {
    const answers = ask(python, expressions, before);
    if (process.env['TORCH_NODE_TEST_RECORD'] === '1') {
      const rows = expressions.map((each, i) => JSON.stringify([each, answers[i]]));
      writeFileSync(file, `[\n${rows.join(',\n')}\n]\n`);
      return answers;
    }
    expect(answers).toEqual(expressions.map((each) => kept.get(each)));
  }
  return expressions.map((each) => {
    const answer = kept.get(each);
    if (answer === undefined)
      throw new Error(`recorded/${name}.json lacks ${each}: TORCH_NODE_TEST_RECORD=1 makes it`);
    return answer;
  });
}

function ask(program: string, expressions: readonly string[], before: string): Answer[] {
  const input = JSON.stringify({ before, expressions });
  const ended = spawnSync(program, ['-c', PROGRAM], {
    input,
    encoding: 'utf8',
    timeout: 120_000,
    maxBuffer: 2 ** 28,
  });
  if (ended.error) throw ended.error;
  if (ended.status !== 0) throw new Error(ended.stderr);
  return JSON.parse(ended.stdout) as Answer[];
}
