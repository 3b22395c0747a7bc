#!/usr/bin/env python3
"""Records what Python PyTorch does with integers at and beyond the ends of dtypes, wherever numbers enter: recorded/integers.json,
which test/tensor/integers.test.ts holds torch-node against, and makes again where there is Python.

    python recordIntegers.py [--out FOLDER]

A case is [operation, dtype, value as text, outcome]: values as text, or null where it raises.
"""
import argparse, json, pathlib, warnings
import torch
from record import cpu_model

HERE = pathlib.Path(__file__).resolve().parent
warnings.simplefilter('ignore')

DTYPES = ['uint8', 'int8', 'int16', 'int32', 'int64', 'uint16', 'uint32', 'uint64', 'bool', 'float32', 'float64']
VALUES = [0, 1, -1, 127, 128, -128, -129, 255, 256, 300, 2**15, 2**16, 2**31 - 1, 2**31, -2**31, -2**31 - 1, 2**32, 2**53 - 1,
          2**53 + 1, -2**53 - 1, 2**60, 2**63 - 1, -2**63, 2**63, 2**64 - 1, 2**64, -2**63 - 1, -2**64, 10**30]
# t is [0, 1, 44] of the dtype, or [False, True, True].
OPERATIONS = {
    'tensor': lambda t, v: torch.tensor([v], dtype=t.dtype),
    'full': lambda t, v: torch.full([1], v, dtype=t.dtype),
    'full_like': lambda t, v: torch.full_like(t, v),
    'new_full': lambda t, v: t.new_full([1], v),
    'fill_': lambda t, v: t.fill_(v),
    'set': lambda t, v: t.__setitem__(0, v) or t,
    'masked_fill': lambda t, v: t.masked_fill(torch.tensor([True, False, True]), v),
    'index_fill': lambda t, v: t.index_fill(0, torch.tensor([1]), v),
    'clamp': lambda t, v: t.clamp(max=v),
    'eq': lambda t, v: t.eq(v),
    'lt': lambda t, v: t.lt(v),
    'add': lambda t, v: t.add(v),
    'mul': lambda t, v: t.mul(v),
    'floor_divide': lambda t, v: t.floor_divide(v),
    'remainder': lambda t, v: t.remainder(v),
    'item': lambda t, v: torch.tensor([v], dtype=t.dtype).item(),
}


def outcome(run, dtype, value):
    t = torch.tensor([0, 1, 44]).to(getattr(torch, dtype))
    try:
        result = run(t, value)
    except Exception:
        return None
    return [str(v).lower() for v in result.tolist()] if isinstance(result, torch.Tensor) else str(result).lower()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', type=pathlib.Path, default=HERE / 'recorded')
    out = parser.parse_args().out
    cases = [[name, dtype, str(value), outcome(run, dtype, value)]
             for name, run in OPERATIONS.items() for dtype in DTYPES for value in VALUES]
    header = dict(torch=torch.__version__.split('+')[0], cpuCapability=torch.backends.cpu.get_cpu_capability(), cpu=cpu_model(), threads=1)
    rows = ',\n'.join(json.dumps(case, separators=(',', ':')) for case in cases)
    (out / 'integers.json').write_text(json.dumps(header)[:-1] + ', "cases": [\n' + rows + '\n]}\n')


main()
