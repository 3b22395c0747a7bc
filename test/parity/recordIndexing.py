#!/usr/bin/env python3
"""Records what Python PyTorch's t[...] and t[...] = value give, for test/tensor/indexing.test.ts.

    python recordIndexing.py                       # the table below, into recorded/indexing.json
    python recordIndexing.py --random 2000 --seed 1 --out FILE   # random cases, into another file

A case has the shape and dtype of a tensor that counts 0, 1, 2, ... (bool: every third is true), indices and maybe a value
to assign. An index is a number, true, false, null, "...", ":", {"slice": [start, stop, step]}, an array (a list in Python)
or a tensor {"dtype", "shape", "values"}. Recorded are the result (after an assignment, the tensor), whether writing to it
changes the tensor, gradients where the dtype has them (of the result weighted 1, 2, 3, ...), or the error.
"""
import argparse, json, pathlib, random, subprocess, warnings
import torch

HERE = pathlib.Path(__file__).resolve().parent
warnings.filterwarnings('ignore')  # uint8 masks are deprecated


# ---- the JSON form ----

def tensor_json(t):
    return dict(dtype=str(t.dtype).removeprefix('torch.'), shape=list(t.shape), values=t.detach().flatten().tolist())


def from_json(t):
    return torch.tensor(t['values'], dtype=getattr(torch, t['dtype'])).reshape(t['shape'])


def index_json(index):
    if isinstance(index, slice):
        return ':' if index == slice(None) else dict(slice=[index.start, index.stop, index.step])
    if index is Ellipsis:
        return '...'
    return tensor_json(index) if isinstance(index, torch.Tensor) else index


def python_index(index):
    if index == ':':
        return slice(None)
    if index == '...':
        return Ellipsis
    if isinstance(index, dict):
        return slice(*index['slice']) if 'slice' in index else from_json(index)
    return index


# ---- running a case ----

def counting(case):
    n = 1
    for size in case['shape']:
        n *= size
    dtype = getattr(torch, case['dtype'])
    return (torch.arange(n) % 3 == 0 if dtype == torch.bool else torch.arange(n, dtype=dtype)).reshape(case['shape'])


def indices_of(case):
    indices = [python_index(index) for index in case['indices']]
    # A list alone would be taken for several indices where it holds lists.
    return indices[0] if len(indices) == 1 and not isinstance(indices[0], list) else tuple(indices)


def value_of(case):
    return from_json(case['value']) if isinstance(case['value'], dict) else case['value']


def weighted(t):
    return (t * torch.arange(1, t.numel() + 1, dtype=t.dtype).reshape(t.shape)).sum()


def run(case):
    try:
        index = indices_of(case)
        t = counting(case)
        learns = t.dtype.is_floating_point
        leaf = counting(case).requires_grad_() if learns else None
        if 'value' not in case:
            result = t[index]
            out = dict(result=tensor_json(result), strides=list(result.stride()))
            before = t.clone()
            result.logical_not_() if t.dtype == torch.bool else result.fill_(100)
            out['view'] = not torch.equal(before, t)
            if learns:
                weighted(leaf[index]).backward()
        else:
            t[index] = value_of(case)
            out = dict(result=tensor_json(t))
            if learns:
                value = value_of(case)
                if isinstance(value, torch.Tensor) and value.dtype.is_floating_point:
                    value.requires_grad_()
                written = leaf * 1
                written[index] = value
                weighted(written).backward()
                if isinstance(value, torch.Tensor) and value.requires_grad:
                    # None where nothing was written: t[False] = value
                    out['valueGrad'] = None if value.grad is None else tensor_json(value.grad)
        if learns:
            out['grad'] = tensor_json(leaf.grad)
        return dict(case, **out)
    except (IndexError, ValueError, TypeError, RuntimeError) as error:
        return dict(case, error=f'{type(error).__name__}: {error}'.splitlines()[0])


# ---- the table ----

class Indices:
    """X[0, 1:5, None] as a list of indices, so that the table below reads as Python does."""
    def __getitem__(self, index):
        return list(index) if isinstance(index, tuple) else [index]


X = Indices()


def T(values, dtype=torch.int64):
    return torch.tensor(values, dtype=dtype)


def M(text, *shape):
    """A mask of ones and zeros: M('101')"""
    return torch.tensor([c == '1' for c in text], dtype=torch.bool).reshape(shape or [len(text)])


READS = {
    (): [X[...], X[None], X[True], X[False], X[0], X[None, ...], X[..., None], X[()], X[T(True, torch.bool)], X[:], X[T([0])], X[M('1')]],
    (7,): [
        X[0], X[-1], X[6], X[7], X[-7], X[-8], X[:], X[2:], X[:2], X[1:5], X[1:6:2], X[::3], X[-3:], X[:-2], X[-100:100], X[5:2], X[7:], X[100:],
        X[::-1], X[::0], X[...], X[None], X[True], X[False], X[..., 0], X[0, ...], X[[0, 2]], X[[-1, -7, 3, 3]], X[[]], X[[[0, 1], [2, 3]]],
        X[[7]], X[[-8]], X[[True, False, True, True, False, False, True]], X[[True, False]], X[[True, 2]], X[T([6, 0])], X[T([6, 0], torch.int32)],
        X[T([1, 0, 0, 1, 0, 0, 0], torch.uint8)], X[T([1, 0], torch.int16)], X[T([1, 0], torch.float32)], X[T(3)], X[T(3, torch.int16)], X[T(1, torch.uint8)],
        X[T(0, torch.uint8)], X[T(3.0, torch.float32)], X[M('1010101')], X[M('0000000')], X[M('10')], X[T([], torch.int64)], X[0, 0], X[None, 2], X[2, None], X[None, 1:3, None],
    ],
    (3, 4): [
        X[1], X[1, 2], X[-1, -1], X[3, 0], X[0, 4], X[1, :], X[:, 1], X[:, -4], X[:, 4], X[..., 1], X[1, ...], X[1:, 2:], X[::2, ::3], X[1:1], X[:, 5:], X[None, :, None, 1],
        X[[0, 2]], X[:, [0, 2]], X[[0, 2], [1, 3]], X[[[0], [2]], [1, 3]], X[[0, 1, 2], [1, 3]], X[1, [0, 2]], X[[0, 2], 1], X[[0, 2], 1:3], X[1:, [3, 0, 0]],
        X[M('101')], X[:, M('0110')], X[M('101'), M('0110')], X[M('101'), 1], X[M('101010101010', 3, 4)], X[M('1010', 2, 2)], X[M('1110')], X[M('111011', 3, 2)], X[None, M('101')],
        X[True], X[False], X[True, 1], X[1, True], X[True, True], X[True, False], X[True, [0, 1]], X[[0, 1], None, [0, 1]], X[[0, 1], None], X[None, [0, 1]], X[0, 0, 0], X[..., 0, 0, 0], X[0, 0, ...],
        X[T(1), T(2)], X[T(1), T([0, 1])], X[T([[0, 1], [2, 0]])], X[[], 0], X[[], []], X[[[]]], X[T([5])], X[:, T([-5])], X[1:, T([0, 9])],
    ],
    (2, 3, 4): [
        X[0, :, [0, 1]], X[[0, 1], :, [0, 1]], X[:, [0, 1], [0, 1]], X[:, [0, 2]], X[..., [0, 2]], X[[0, 1], ..., [0, 1]], X[0, ..., [0, 1]], X[[1, 0], 0, [2, 3]],
        X[None, [1, 0], None, [2, 1]], X[[[0], [1]], :, [1, 2, 3]], X[M('10'), :, M('0110')], X[M('101010', 2, 3)], X[M('101010', 2, 3), 1], X[M('101010', 2, 3), [0, 1, 2]],
        X[0, M('101010101010', 3, 4)], X[:, M('101010101010', 3, 4)], X[..., M('1010')], X[M('101010101010101010101010', 2, 3, 4)], X[1, 1:, ::2], X[..., 1:3, None, 0], X[:, True, [0, 1]],
        X[:, None, 1, None], X[1, [True, False, True]], X[:, :, [[0, 1], [2, 3]]], X[:, [[0, 1], [2, 0]], 1:3], X[::2, [0, 1], ::2], X[:, :, :, 0], X[True, ..., False], X[T(1), ..., T([0, 1])],
        X[[0, 1], None, :, [0, 1]], X[0, None, [0, 1]], X[M('111', 3)], X[:, M('11')], X[:, M('1010', 2, 2)], X[T([[0, 1], [1, 0]]), [0, 1]], X[[0], [0], [0]], X[..., [4]],
    ],
    (0, 3): [X[:], X[0], X[:, 1], X[[]], X[:, [0, 1]], X[M('', 0)], X[M('', 0, 3)], X[[0]], X[None], X[:, M('101')]],
    (2, 1, 3, 2): [X[0, 0, ..., 1], X[[0, 1], :, :, [0, 1]], X[:, [0], [1]], X[..., [0, 1], [1, 0]], X[1:, ..., None, [1]], X[:, 0, [0, 2], None, 1:], X[M('11', 2, 1), [0, 1]], X[[0, 1], 0, [1, 2]]],
}  # fmt: skip

F = torch.float64
WRITES = {
    (): [(X[...], 5), (X[None], T([7.0], F)), (X[True], 3.5), (X[False], 3.5), (X[0], 1), (X[()], T(2.0, F))],
    (5,): [
        (X[0], 9), (X[-1], -2.5), (X[5], 0), (X[1:3], 8), (X[1:3], T([1.0, 2.0], F)), (X[1:3], T([1.0, 2.0, 3.0], F)), (X[:], T(4.0, F)), (X[...], T([[[1.0]]], F)),
        (X[::2], T([[7.0, 8.0, 9.0]], F)), (X[[0, 2]], 5), (X[[0, 2]], T([1.0, 2.0], F)), (X[[0, 2]], T([[1.0, 2.0]], F)), (X[[0, 2]], T([1.0, 2.0, 3.0], F)), (X[[0, 0]], T([3.0, 3.0], F)),
        (X[M('10110')], -1), (X[M('10110')], T([1.0, 2.0, 3.0], F)), (X[M('10110')], T([1.0, 2.0], F)), (X[M('101')], 1), (X[M('00000')], 1), (X[[5]], 1), (X[[True, False, True, False, True]], 2),
        (X[0], T([1.0], F)), (X[0], T([1.0, 2.0], F)), (X[1:3], T([1.0, 2.0], torch.float32)), (X[1:3], T([1, 2])), (X[[0, 2]], T([1, 2])), (X[True], 6), (X[False], T([1.0, 2.0, 3.0], F)), (X[None], T([[1.0]], F)),
        (X[0], True), (X[1:1], 5), (X[[]], 5), (X[0], T(3)), (X[T([1, 0, 0, 0, 1], torch.uint8)], 3), (X[1:3], T([1.0, 2.0], F).reshape(1, 1, 2)), (X[...], T([-0.0], F)), (X[0], -0.0),
    ],
    (2, 3): [
        (X[0], T([1.0, 2.0, 3.0], F)), (X[:, 1], T([1.0, 2.0], F)), (X[:], T([1.0, 2.0, 3.0], F)), (X[:], T([[1.0], [2.0]], F)), (X[:], T([1.0, 2.0], F)), (X[[0, 1], [2, 0]], T([5.0, 6.0], F)), (X[[0, 1], [2, 0]], 5),
        (X[:, [0, 2]], T([[1.0, 2.0]], F)), (X[:, [0, 2]], T([[1.0], [2.0]], F)), (X[M('101010', 2, 3)], T([1.0, 2.0, 3.0], F)), (X[M('101010', 2, 3)], T(2.0, F)), (X[M('10'), M('101')], 4), (X[1, M('101')], T([1.0, 2.0], F)),
        (X[None, 0], T([[1.0, 2.0, 3.0]], F)), (X[..., None], T([[1.0], [2.0], [3.0]], F)), (X[1, 2], T(9.0, F)), (X[True, 1], T([[1.0, 2.0, 3.0]], F)), (X[0, 0, 0], 1), (X[2], 1), (X[:, 1:], T([[[1.0, 2.0]]], F)), (X[1, [0, 2]], T([1.0, 2.0], F)),
    ],
    (2, 3, 4): [(X[[0, 1], :, [0, 1]], T([[1.0], [2.0]], F)), (X[:, [0, 1], [0, 1]], T([1.0, 2.0], F)), (X[0, ..., [1, 3]], T([[1.0, 2.0]] * 3, F)), (X[::1, 1:, ::2], 7), (X[..., 0], T([[1.0, 2.0, 3.0]], F))],
}  # fmt: skip
# Conversions to a dtype other than float64
OTHERS = [
    ('int64', (4,), X[0], 1.9), ('int64', (4,), X[0], -1.9), ('int64', (4,), X[[0, 1]], 2.7), ('int64', (4,), X[:2], T([1.5, -1.5], F)), ('int64', (4,), X[[0, 1]], T([1.5, -1.5], F)), ('uint8', (4,), X[1], 255), ('uint8', (4,), X[1], 300),
    ('uint8', (4,), X[[1]], 300), ('bool', (4,), X[1], 2), ('bool', (4,), X[[1]], 0.5), ('bool', (4,), X[:2], False), ('float16', (4,), X[1:], 0.1), ('int32', (4,), X[M('1010')], True), ('float32', (4,), X[[1]], 0.1),
]  # fmt: skip


def case(shape, indices, dtype='float64', **value):
    return dict(shape=list(shape), dtype=dtype, indices=[index_json(i) for i in indices], **{k: index_json(v) for k, v in value.items()})


def table():
    for shape, reads in READS.items():
        yield from (case(shape, indices) for indices in reads)
    for dtype in ('bool', 'int64', 'float32'):
        yield from (case((3, 4), indices, dtype) for indices in (X[1, 1:], X[:, [0, 2]], X[M('101')], X[...]))
    for shape, writes in WRITES.items():
        yield from (case(shape, indices, value=value) for indices, value in writes)
    yield from (case(shape, indices, dtype, value=value) for dtype, shape, indices, value in OTHERS)


# ---- random cases ----

def random_case(r):
    shape = [r.choice([1, 2, 3, 4, r.randint(0, 5)]) for _ in range(r.randint(0, 4))]
    dtype = r.choice(['float64'] * 4 + ['int64', 'float32', 'bool'])
    indices, left, rest, several = [], list(shape), False, r.random() < 0.7 and r.randint(1, 3) or 0
    for _ in range(r.randint(0, 5)):
        size = left[0] if left else r.choice([1, 2])
        kind = r.choice(['int', 'slice', 'slice', 'all', 'axis', 'rest', 'bool', 'list', 'tensor', 'mask', 'mask2', 'scalar'])
        if kind == 'rest' and not rest:
            rest = True
            indices.append('...')
            left = left[r.randint(0, len(left)):]
        elif kind == 'axis':
            indices.append(None)
        elif kind == 'bool':
            indices.append(r.random() < 0.8)
        elif not left and r.random() < 0.9:
            continue
        else:
            indices.append(random_index(r, kind, size, left, several))
            left = left[2 if kind == 'mask2' else 1:]
    case = dict(shape=shape, dtype=dtype, indices=indices)
    if r.random() < 0.45:
        case['value'] = random_value(r, case)
    return case


def random_index(r, kind, size, left, several):
    def position():
        return r.randint(-size, size - 1) if size > 0 and r.random() < 0.98 else r.choice([size, -size - 1])

    def positions(shape):
        return [positions(shape[1:]) for _ in range(shape[0])] if shape else position()

    broadcast = [several or 2] if r.random() < 0.7 else r.choice([[1], [2, 1], [several or 2, several or 2], [0], [3]])
    if kind in ('int', 'rest'):
        return position()
    if kind == 'slice':
        end = lambda: r.choice([None, r.randint(-size - 1, size + 1)])
        return dict(slice=[end(), end(), r.choice([None, 1, 1, 2, 3, -1 if r.random() < 0.1 else 1])])
    if kind == 'all':
        return ':'
    if kind == 'list':
        return positions(broadcast)
    if kind == 'tensor':
        return tensor_json(torch.tensor(positions(broadcast), dtype=torch.int64).to(r.choice([torch.int64, torch.int32])))
    if kind == 'scalar':
        return tensor_json(torch.tensor(position(), dtype=r.choice([torch.int64, torch.int32, torch.int16])))
    shape = (left + [1])[:2] if kind == 'mask2' else [size]
    if r.random() < 0.03:
        shape = [n + 1 for n in shape]
    mask = torch.tensor([r.random() < 0.5 for _ in range(torch.Size(shape).numel())], dtype=torch.bool).reshape(shape)
    if kind == 'mask' and size > 0 and r.random() < 0.3:
        return mask.tolist()
    return tensor_json(mask.to(torch.uint8) if r.random() < 0.03 else mask)


def random_value(r, case):
    if r.random() < 0.3:
        return r.choice([0, 1, -3, 2.5, True])
    try:
        shape = list(counting(case)[indices_of(case)].shape)
    except (IndexError, ValueError, TypeError, RuntimeError):
        shape = [2]
    shape = [1 if r.random() < 0.2 else n for n in shape][r.choice([0, 0, 0, 1, len(shape)]):]
    if r.random() < 0.15:
        shape = [1] * r.randint(1, 2) + shape
    if r.random() < 0.05:
        shape.append(2)
    dtype = case['dtype'] if r.random() < 0.85 else 'float32'
    return tensor_json((-1 - counting(dict(shape=shape, dtype='int64'))).to(getattr(torch, dtype)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--random', type=int)
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--out', type=pathlib.Path, default=HERE / 'recorded' / 'indexing.json')
    a = p.parse_args()
    torch.set_num_threads(1)
    r = random.Random(a.seed)
    cases = [run(c) for c in (table() if a.random is None else (random_case(r) for _ in range(a.random)))]
    a.out.write_text(json.dumps(dict(torch=torch.__version__, cases=cases), allow_nan=False))
    if a.random is None:
        subprocess.run(['npx', 'prettier', '--write', '--log-level=warn', str(a.out)], cwd=HERE.parents[1], check=True)
    print(f'{len(cases)} cases, of which {sum("error" in c for c in cases)} are errors')


if __name__ == '__main__':
    main()
