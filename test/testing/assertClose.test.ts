// torch.testing.assertClose: PyTorch's verdicts, tolerances and words; and the matchers for test runners.
import torch, { nn, type DType } from 'torch-node';
import { answersOf } from '../support/askPython.js';
import { withoutLeaks } from '../support/leaks.js';

const { assertClose } = torch.testing;
type Options = torch.testing.CloseOptions;

const t = (data: unknown, dtype: DType = 'float32'): torch.Tensor =>
  torch.tensor(data as number[], { dtype });

/** Ours and Python's arguments. */
const CASES: Record<string, readonly [() => [unknown, unknown, Options?], string]> = {
  'equal': [() => [t([1, 2]), t([1, 2])], 'T([1., 2.]), T([1., 2.])'],
  'within float32': [() => [t([1, 2]), t([1.000001, 2])], 'T([1., 2.]), T([1.000001, 2.])'],
  'beyond float32': [() => [t([1, 2]), t([1.1, 2])], 'T([1., 2.]), T([1.1, 2.])'],
  'within float16': [() => [t([1, 2], 'float16'), t([1.001, 2], 'float16')], 'T([1., 2.], dtype=F16), T([1.001, 2.], dtype=F16)'],
  'beyond float16': [() => [t([1, 2], 'float16'), t([1.5, 2], 'float16')], 'T([1., 2.], dtype=F16), T([1.5, 2.], dtype=F16)'],
  'within bfloat16': [() => [t([1], 'bfloat16'), t([1.01], 'bfloat16')], 'T([1.], dtype=torch.bfloat16), T([1.01], dtype=torch.bfloat16)'],
  'beyond float64': [() => [t([1], 'float64'), t([1.000001], 'float64')], 'T([1.], dtype=F64), T([1.000001], dtype=F64)'],
  'integers': [() => [t([1, 2, 3], 'int64'), t([1, 5, 4], 'int64')], 'T([1, 2, 3]), T([1, 5, 4])'],
  'uint8': [() => [t([1, 255], 'uint8'), t([1, 0], 'uint8')], 'T([1, 255], dtype=torch.uint8), T([1, 0], dtype=torch.uint8)'],
  'booleans': [() => [t([true, false], 'bool'), t([true, true], 'bool')], 'T([True, False]), T([True, True])'],
  'complex': [() => [torch.tensor([{ re: 1, im: 2 }]), torch.tensor([{ re: 1, im: 3 }])], 'T([1+2j]), T([1+3j])'],
  'two dimensions': [() => [t([[1, 2], [3, 4]]), t([[1, 2], [3, 5]])], 'T([[1., 2.], [3., 4.]]), T([[1., 2.], [3., 5.]])'],
  'zero dimensions': [() => [t(1), t(2)], 'T(1.), T(2.)'],
  'zero dimensions of integers': [() => [t(1, 'int64'), t(2, 'int64')], 'T(1), T(2)'],
  'NaN': [() => [t([NaN]), t([NaN])], 'T([nan]), T([nan])'],
  'equalNan': [() => [t([NaN]), t([NaN]), { equalNan: true }], 'T([nan]), T([nan]), equal_nan=True'],
  'infinity': [() => [t([Infinity, 1]), t([Infinity, 1])], 'T([inf, 1.]), T([inf, 1.])'],
  'expected 0': [() => [t([1, 2]), t([0, 2])], 'T([1., 2.]), T([0., 2.])'],
  'tolerances': [() => [t([1, 2]), t([1.1, 2]), { rtol: 0, atol: 0.2 }], 'T([1., 2.]), T([1.1, 2.]), rtol=0, atol=0.2'],
  'too small tolerances': [() => [t([1, 2]), t([1.5, 2]), { rtol: 0, atol: 0.2 }], 'T([1., 2.]), T([1.5, 2.]), rtol=0, atol=0.2'],
  'no tolerance': [() => [t([1, 2]), t([1.5, 2]), { rtol: 0, atol: 0 }], 'T([1., 2.]), T([1.5, 2.]), rtol=0, atol=0'],
  'one tolerance': [() => [t([1]), t([1]), { rtol: 1 }], 'T([1.]), T([1.]), rtol=1'],
  'shapes': [() => [t([1, 2]), t([1, 2, 3])], 'T([1., 2.]), T([1., 2., 3.])'],
  'broadcast shapes': [() => [t([1, 1]), t([[1, 1]])], 'T([1., 1.]), T([[1., 1.]])'],
  'dtypes': [() => [t([1]), t([1], 'float64')], 'T([1.]), T([1.], dtype=F64)'],
  'dtypes that do not matter': [() => [t([1]), t([1], 'float64'), { checkDtype: false }], 'T([1.]), T([1.], dtype=F64), check_dtype=False'],
  'devices': [() => [t([1]), torch.ones([1], { device: 'meta' })], "T([1.]), torch.ones(1, device='meta')"],
  'strides': [() => [torch.ones([2, 3]), torch.ones([3, 2]).t()], 'torch.ones(2, 3), torch.ones(3, 2).t()'],
  'strides that matter': [() => [torch.ones([2, 3]), torch.ones([3, 2]).t(), { checkStride: true }], 'torch.ones(2, 3), torch.ones(3, 2).t(), check_stride=True'],
  'empty': [() => [torch.ones([0, 2]), torch.ones([0, 2])], 'torch.ones(0, 2), torch.ones(0, 2)'],
  'numbers': [() => [1.5, 1.5], '1.5, 1.5'],
  'other numbers': [() => [1.5, 1.75], '1.5, 1.75'],
  'integers alone': [() => [1n, 2n], '1, 2'],
  'a tensor and a number': [() => [t([1]), 1], 'T([1.]), 1'],
  'lists': [() => [[t([1]), t([2])], [t([1]), t([3])]], '[T([1.]), T([2.])], [T([1.]), T([3.])]'],
  'lists of two lengths': [() => [[t([1])], [t([1]), t([2])]], '[T([1.])], [T([1.]), T([2.])]'],
  'nested lists': [() => [[[t([1])], { b: t([2]) }], [[t([1])], { b: t([3]) }]], "[[T([1.])], {'b': T([2.])}], [[T([1.])], {'b': T([3.])}]"],
  'dictionaries': [() => [{ a: t([1]), b: t([2]) }, { a: t([1]), b: t([2]) }], "{'a': T([1.]), 'b': T([2.])}, {'a': T([1.]), 'b': T([2.])}"],
  'keys': [() => [{ a: t([1]), c: t([2]) }, { a: t([1]), b: t([2]) }], "{'a': T([1.]), 'c': T([2.])}, {'a': T([1.]), 'b': T([2.])}"],
  'text': [() => ['a', 'a'], "'a', 'a'"],
  'a message': [() => [t([1]), t([2]), { msg: 'other words' }], "T([1.]), T([2.]), msg='other words'"],
  'quantized': [() => [torch.quantizePerTensor(t([1, 2]), 0.1, 0, 'quint8'), torch.quantizePerTensor(t([1, 3]), 0.1, 0, 'quint8')], 'torch.quantize_per_tensor(T([1., 2.]), 0.1, 0, torch.quint8), torch.quantize_per_tensor(T([1., 3.]), 0.1, 0, torch.quint8)'],
}; // prettier-ignore

const BEFORE = `
T = torch.tensor
F16, F64 = torch.float16, torch.float64
nan, inf = float('nan'), float('inf')
def says(*given, **named):
    try: torch.testing.assert_close(*given, **named)
    except AssertionError as error: return str(error)
    except Exception as error: return 'refused'
    return 'close'
`;

/** Python's words for what is there here under other names. */
const ours = (words: string): string =>
  words
    .replaceAll(/torch\.Size\((\[.*?\])\)/g, '$1')
    .replaceAll(/\((\d+(?:, \d+)*),?\)(?= != |\.$|\.\n| \(up| *$)/gm, '[$1]')
    .replaceAll(/at index \((\d+(?:, \d+)*),?\)/g, 'at index [$1]')
    .replaceAll('torch.float', 'float')
    .replaceAll('stride()', 'strides')
    .replaceAll(/\b(True|False)\b/g, (word) => word.toLowerCase())
    .replaceAll(/\((\d)\+(\d)j\)/g, '{ re: $1, im: $2 }');

function said(args: [unknown, unknown, Options?]): string {
  try {
    assertClose(...args);
    return 'close';
  } catch (error) {
    const { code, message, name } = error as torch.TorchError;
    expect(name).toBe('TorchError');
    return code === 'ERR_ASSERTION' ? message : 'refused';
  }
}

it("says what Python's assert_close says", () => {
  withoutLeaks(() => {
    const names = Object.keys(CASES);
    const answers = answersOf('assertClose', names.map((name) => `says(${CASES[name]![1]})`), BEFORE); // prettier-ignore
    for (const [i, name] of names.entries())
      expect([name, said(CASES[name]![0]())]).toEqual([name, ours((answers[i] as { value: string }).value)]);
  });
});

it('takes Parameters, Maps, what has a graph, and refuses options that there are not', () => {
  withoutLeaks(() => {
    const weight = new nn.Parameter(torch.ones([2]));
    assertClose(weight, torch.ones([2]));
    assertClose(new Map([['x', weight.mul(2)]]), { x: torch.full([2], 2) });
    assertClose(torch.eye(2).toSparse(), torch.eye(2).toSparse());
    expect(() => assertClose(torch.eye(2).toSparse(), torch.eye(2))).toThrow(
      /attribute 'layout'.*sparse != strided/,
    );
    expect(() => assertClose(1, 1, { tolerance: 1 } as never)).toThrow(/no option 'tolerance'/);
    expect(() => assertClose(1, 1, { rtol: -1, atol: 0 })).toThrow(/rtol: expected a number of 0 or more/);
    const itself: unknown[] = [];
    itself.push(itself);
    expect(() => assertClose(itself, itself)).toThrow(/contains itself/);
    weight.dispose();
  });
});

describe('matchers', () => {
  beforeAll(() => expect.extend(torch.testing.matchers));
  type Matched = Record<'toBeCloseTensor' | 'toEqualTensor', (expected: unknown, options?: Options) => void>;
  const check = (value: unknown): Matched & { not: Matched } => expect(value) as never;

  it('pass and fail with the words of assertClose', () => {
    withoutLeaks(() => {
      check(t([1, 2])).toBeCloseTensor(t([1.000001, 2]));
      check(t([1, 2])).not.toEqualTensor(t([1.000001, 2]));
      check(t([1, NaN])).toEqualTensor(t([1, NaN]));
      check(t([1, 2])).toBeCloseTensor(t([1.5, 2]), { rtol: 0, atol: 1 });
      expect(() => check(t([1, 2])).toBeCloseTensor(t([1, 3]))).toThrow(
        /Tensor-likes are not close![^]*Mismatched elements: 1 \/ 2[^]*expected: tensor\(\[1\., 3\.\]\)\nreceived: tensor\(\[1\., 2\.\]\)/,
      );
      expect(() => check(t([1])).not.toEqualTensor(t([1]))).toThrow(
        /expected values that are not equal, but they are/,
      );
    });
  });
});
