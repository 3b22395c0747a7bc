#!/usr/bin/env python3
"""Records the text that Python PyTorch prints for tensors, for ../tensor/format.test.ts.

    python recordFormat.py                                # writes recorded/format.json
    python recordFormat.py --random 1000 --seed 7 --out FILE    # other random cases, into another file

A case is a tensor, print options in Python's names, and the text. The tensor's values are `data`, base64 of little-endian
values of its dtype, over and over until `shape` is full; then come `expand` (a shape), `permute` (dimensions),
`requires_grad`, `apply` (operators of one tensor, in order) and `device`, where a case has them.
"""
import argparse, base64, json, math, pathlib, random
import torch
from record import KEPT, write

FLOATS = ['float16', 'bfloat16', 'float32', 'float64']
INTEGERS = ['uint8', 'int8', 'int16', 'int32', 'int64']
COMPLEX = ['complex64', 'complex128']
nan, inf = math.nan, math.inf


def case(values, shape, dtype, **more):
    if not isinstance(values, torch.Tensor):
        fractions = any(isinstance(value, float) for value in values)
        values = torch.tensor(values, dtype=torch.float64 if fractions else None)
    base = values.to(getattr(torch, dtype)).reshape(-1)
    data = base64.b64encode(base.view(torch.uint8).numpy().tobytes()).decode()
    out = dict(dtype=dtype, shape=list(shape), data=data, **more)
    if 'options' in more:  # JSON has no infinity
        out['options'] = {name: 'Infinity' if value == inf else value for name, value in more['options'].items()}
    numel = math.prod(shape)
    t = base.repeat(-(-numel // len(base)))[:numel].reshape(shape)
    if 'expand' in more:
        t = t.expand(more['expand'])
    if 'permute' in more:
        t = t.permute(more['permute'])
    if 'device' in more:
        t = t.to(more['device'])
    if more.get('requires_grad'):
        t.requires_grad_()
    for name in more.get('apply', []):
        t = getattr(torch, name)(t)
    torch.set_printoptions(**{'profile': 'default', **more.get('options', {})})
    out['text'] = str(t)
    torch.set_printoptions(profile='default')
    return out


# ---- chosen cases ----

# Halves, which Python rounds to even, and numbers near them.
HALVES = [0.03125, 0.09375, -0.03125, -0.09375, 0.5, 1.5, 2.5, 0.00005, 0.00015, 0.12345, 0.99995, 0.999949]
EDGES = {
    'integers': [1, -2, 30], 'zeros': [0.0], 'negative zeros': [-0.0, 0.0], 'nothing finite': [nan, inf, -inf],
    'one zero among whole numbers': [-0.0, 1, 10], 'whole and not finite': [1, nan, -inf, 1000], 'fractions and not finite': [0.5, nan, -inf],
    'halves': HALVES, 'ratio of 1000': [1, 1000], 'ratio above 1000': [1, 1001], 'fractions, ratio above 1000': [0.5, 501],
    '1e8': [1e8, 1e8], 'above 1e8': [1.5e8, 1.5e8], '1e-4': [1e-4], 'below 1e-4': [0.9e-4, 0.9e-4], 'scientific and not finite': [1e-9, 1, nan, inf, -inf, 0.0, -0.0],
    'halves, scientific': [2.5e9, 3.5, 12345, 123450, 2**-15, 2**-30, 1.00005e10, 99999.5, 0.0],
}  # fmt: skip
LONG = [1.25, -0.5, 3, 1024.125, -7, 0.001, 9.75]


def chosen_cases():
    for dtype in FLOATS:
        for values in EDGES.values():
            yield case(values, [len(values)], dtype)
    for precision in (0, 1, 3, 9, 20):
        for sci_mode in (None, True, False):
            yield case(HALVES, [3, 4], 'float64', options=dict(precision=precision, sci_mode=sci_mode))
    yield case([2.5, 9.5, 0.5, 95, 1e22, 1e300, 5e-324], [7], 'float64', options=dict(precision=0, sci_mode=True))
    yield case([2.5, 9.5, 0.5, 95, 1e21, 1e22, 1e300, 5e-324], [8], 'float64', options=dict(precision=2, sci_mode=False))
    yield case([3, 1e22, 2**70], [3], 'float64', options=dict(sci_mode=False))
    for dtype in INTEGERS:
        limits = torch.iinfo(getattr(torch, dtype))
        yield case([limits.min, 0, limits.max], [3], dtype)
        yield case([1, 2, 3, 4], [2, 2], dtype)
        yield case([7], [], dtype)
    yield case([True, False, False], [2, 3], 'bool')
    yield case([True], [4], 'bool')
    yield case([False], [], 'bool')
    for dtype in [*FLOATS, *COMPLEX]:
        yield case([2.5], [], dtype)
        yield case([3], [], dtype, requires_grad=True)
        yield case([3], [2, 0], dtype)
        yield case([3], [2], dtype, device='meta', requires_grad=True)
    for dtype in COMPLEX:
        for values in ([1 + 2j, -3.5 - 1e-9j], [complex(nan, -inf), 1 - 0j, 0.25 + 12345.5j], [1 - 2j], [complex(0.0, -0.0)]):
            yield case(torch.tensor(values, dtype=torch.complex128), [len(values), 3], dtype)
        yield case(torch.tensor([1 + 2j, -3.5 - 4j], dtype=torch.complex128), [2], dtype, apply=['conj'])
        yield case(torch.tensor([1 + 2j, -3.5 - 4j], dtype=torch.complex128), [2, 1200], dtype, apply=['conj', 'imag'])
        yield case(torch.tensor([1 + 2j, -3.5 - 4j], dtype=torch.complex128), [40, 50], dtype, apply=['conj'])
    for shape in ([0], [0, 3], [3, 0], [2, 0, 4]):
        for dtype in ('float32', 'int64', 'bool', 'complex64'):
            yield case([1], shape, dtype)
            yield case([1], shape, dtype, device='meta')
    for shape in ([25], [3, 12], [2, 2, 3], [2, 1, 2, 2], [1, 1, 1, 1, 1], [7, 30]):
        yield case(LONG, shape, 'float32')
        yield case(range(99, 105), shape, 'int32', permute=list(range(len(shape)))[::-1])
    for shape in ([1000], [1001], [2000, 1], [1, 2000], [6, 200], [7, 200], [40, 50, 60], [6, 6, 6, 6], [2, 20, 3, 20]):
        yield case(LONG, shape, 'float32')
    for dtype in [*INTEGERS, 'bool', 'float16', 'complex64']:
        yield case([1, 0, 1, 0, 0], [70, 80], dtype, permute=[1, 0])
    yield case([1, 2, 3], [1, 3, 1], 'float32', expand=[100_000, 3, 1_000_000_000])
    for options in (
        dict(profile='short'), dict(profile='full'), dict(edgeitems=1), dict(edgeitems=0), dict(edgeitems=7), dict(threshold=0),
        dict(threshold=10), dict(threshold=10, edgeitems=0), dict(threshold=10, edgeitems=1, linewidth=20), dict(linewidth=1), dict(linewidth=40),
        dict(linewidth=200), dict(profile='short', precision=7), dict(sci_mode=True), dict(sci_mode=False), dict(threshold=inf),
    ):  # fmt: skip
        for shape in ([], [30], [4, 9], [2, 3, 8]):
            yield case(LONG, shape, 'float32', options=options)
    # Notes at the end of a line.
    for size in range(8, 13):
        yield case([1.5], [size], 'float64', requires_grad=True)
        yield case([1.5], [size], 'float64', requires_grad=True, apply=['neg'])
        yield case([1.5], [2, size], 'float16', requires_grad=True, apply=['clone'])
    for linewidth in (30, 50, 60):
        yield case([1.5], [0, 4], 'float64', requires_grad=True, device='meta', apply=['neg'], options=dict(linewidth=linewidth))


# ---- random cases ----

def floats(pick, count):
    kind = pick.randrange(9)
    def one():
        if kind == 0:
            return pick.randrange(-20, 20)
        if kind == 1:
            return pick.randrange(-4000, 4000) / 2 ** pick.randrange(1, 12)
        if kind == 2:
            return pick.gauss(0, 1)
        if kind == 3:
            return pick.gauss(0, 1) * 10 ** pick.uniform(-12, 12)
        if kind == 4:
            return pick.randrange(-(10**5), 10**5) * 10 ** pick.randrange(0, 6)
        if kind == 5:
            return pick.randrange(-3000, 3000) / 10 ** pick.randrange(1, 7)
        if kind == 6:
            return pick.choice([0.0, -0.0, nan, inf, -inf])
        if kind == 7:
            return pick.choice([0.0, -0.0, nan, inf, -inf, pick.gauss(0, 10), pick.randrange(99)])
        return math.ldexp(pick.uniform(-1, 1), pick.randrange(-1000, 1000))
    return [one() for _ in range(count)]


def random_shape(pick):
    kind = pick.random()
    if kind < 0.1:
        return [pick.choice([0, 1, 2, 3]) for _ in range(pick.randrange(0, 4))]
    if kind < 0.3:
        return [pick.randrange(1, 60)]
    if kind < 0.7:
        return [pick.randrange(1, 9) for _ in range(pick.randrange(1, 5))]
    return [pick.choice([1, 2, 5, 6, 7, 8, 11, 40, 300]) for _ in range(pick.randrange(1, 5))]


def random_options(pick):
    out = {}
    if pick.random() < 0.1:
        out['profile'] = pick.choice(['short', 'full'])
    for name, choices in dict(
        precision=[0, 1, 2, 3, 5, 8, 17], threshold=[0, 5, 20, 100, inf], edgeitems=[0, 1, 2, 4, 5], linewidth=[1, 20, 40, 79, 81, 120],
        sci_mode=[True, False],
    ).items():  # fmt: skip
        if pick.random() < 0.15:
            out[name] = pick.choice(choices)
    return out


def random_case(pick):
    shape = random_shape(pick)
    while math.prod(shape) > 200_000:
        shape = random_shape(pick)
    count = pick.randrange(1, 25)
    dtype = pick.choice([*FLOATS, *FLOATS, *FLOATS, *INTEGERS, *COMPLEX, 'bool'])
    more = {}
    if dtype in FLOATS:
        values = torch.tensor(floats(pick, count), dtype=torch.float64)
    elif dtype in COMPLEX:
        values = torch.complex(*(torch.tensor(floats(pick, count), dtype=torch.float64) for _ in range(2)))
    elif dtype == 'bool':
        values = [pick.random() < 0.5 for _ in range(count)]
    else:
        limits = torch.iinfo(getattr(torch, dtype))
        bound = min(limits.max, 10 ** pick.randrange(1, 20))
        values = torch.tensor([pick.randint(max(limits.min, -bound), bound) for _ in range(count)])
    if pick.random() < 0.4:
        more['options'] = random_options(pick)
    if pick.random() < 0.2:
        more['permute'] = pick.sample(range(len(shape)), len(shape))
    if pick.random() < 0.03:
        more['device'] = 'meta'
    if (dtype in FLOATS or dtype in COMPLEX) and pick.random() < 0.3:
        more['requires_grad'] = True
    if dtype != 'bool' and pick.random() < 0.2:
        more['apply'] = [pick.choice(['neg', 'clone', 'conj'] if dtype in COMPLEX else ['neg', 'clone'])]
    return case(values, shape, dtype, **more)


def random_cases(seed, count, longest):
    pick = random.Random(seed)
    while count > 0:
        one = random_case(pick)
        if len(one['text']) <= longest:
            yield one
            count -= 1


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--random', type=int)
    p.add_argument('--seed', type=int, default=0)
    p.add_argument('--out', type=pathlib.Path)
    a = p.parse_args()
    torch.set_num_threads(1)
    if a.random is None:
        write(KEPT, 'format', cases=[*chosen_cases(), *random_cases(a.seed, 120, 1200)])
    else:
        a.out.write_text(json.dumps(dict(cases=list(random_cases(a.seed, a.random, 40_000)))))


if __name__ == '__main__':
    main()
