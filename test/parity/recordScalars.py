#!/usr/bin/env python3
"""Records what Python PyTorch gives for scalars of all types and for quantized layers: recorded/scalars.json, which
test/tensor/scalars.test.ts and nativeObjects.test.ts hold torch-node against.

    python recordScalars.py

Scalar cases are calls {op, tensor: dtype or null, scalars: [[type, text], ...]} with the result's dtype and values, or
"raises". The tensor is [1, 2, 3] of the dtype ([True, False, True] of bool). A value is [real, imaginary] as text.
Inputs of the layers are made by `ramp`, here and in the test.
"""
import json, pathlib, warnings
import torch
from record import cpu_model

HERE = pathlib.Path(__file__).resolve().parent
warnings.simplefilter('ignore')

SCALARS = [2.0, 2, True, 1.5, 1 + 2j, 2 + 0j, float('inf')]
TENSORS = ['int64', 'int32', 'uint8', 'bool', 'float32', 'float64', 'complex64']
BINARY = {
    'add': lambda t, s: t.add(s),
    'sub': lambda t, s: t.sub(s),
    'mul': lambda t, s: t.mul(s),
    'div': lambda t, s: t.div(s),
    'pow': lambda t, s: t.pow(s),
    'rpow': lambda t, s: torch.pow(s, t),
    'remainder': lambda t, s: t.remainder(s),
    'eq': lambda t, s: t.eq(s),
    'where': lambda t, s: torch.where(t.ne(2), t, s),
    'clamp': lambda t, s: t.clamp(min=s),
    'fill_': lambda t, s: t.fill_(s),
    'masked_fill': lambda t, s: t.masked_fill(t.eq(1), s),
    'set': lambda t, s: t.__setitem__(0, s) or t,
    'full_like': lambda t, s: torch.full_like(t, s),
}
MAKERS = {
    'full': lambda a: torch.full([2], a),
    'tensor': lambda a: torch.tensor([a, a]),
    'scalar_tensor': lambda a: torch.scalar_tensor(a),
    'arange': lambda a: torch.arange(a),
    'linspace': lambda a: torch.linspace(0, a, 3),
}


def scalar(value):
    return [type(value).__name__, repr(complex(value).real), repr(complex(value).imag)]


def outcome(run):
    try:
        result = run()
    except Exception:
        return dict(raises=True)
    wide = result.resolve_conj().to(torch.complex128)
    values = [[repr(v.real), repr(v.imag)] for v in wide.reshape(-1).tolist()]
    return dict(dtype=str(result.dtype)[6:], values=values)


def scalar_cases():
    for name, make in MAKERS.items():
        for value in SCALARS:
            if name in ('tensor', 'scalar_tensor') or value != float('inf'):
                yield dict(op=name, tensor=None, scalar=scalar(value), **outcome(lambda: make(value)))
    for name, apply in BINARY.items():
        for dtype in TENSORS:
            for value in SCALARS:
                first = [True, False, True] if dtype == 'bool' else [1, 2, 3]
                t = torch.tensor(first, dtype=getattr(torch, dtype))
                yield dict(op=name, tensor=dtype, scalar=scalar(value), **outcome(lambda: apply(t, value)))


def ramp(*shape):
    """-1, -0.9, ... in float32, each step by one operator."""
    count = 1
    for size in shape:
        count *= size
    return torch.arange(count, dtype=torch.float32).mul(0.1).sub(1).reshape(shape)


def stored(t):
    if not t.is_quantized:
        return dict(dtype=str(t.dtype)[6:], shape=list(t.shape), values=t.reshape(-1).tolist())
    return dict(dtype=str(t.dtype)[6:], shape=list(t.shape), values=t.int_repr().reshape(-1).tolist(),
                scale=t.q_scale(), zeroPoint=t.q_zero_point())


def quantized_cases():
    q, ops = torch.quantize_per_tensor, torch.ops.quantized
    x = q(ramp(3, 4), 0.02, 60, torch.quint8)
    linear = ops.linear_prepack(q(ramp(2, 4), 0.01, 0, torch.qint8), torch.tensor([0.5, -0.25]))
    yield 'linear', ops.linear(x, linear, 0.05, 10)
    yield 'linear_relu', ops.linear_relu(x, linear, 0.05, 10)
    yield 'linear_dynamic', ops.linear_dynamic(ramp(3, 4), linear)
    images = q(ramp(1, 2, 5, 5), 0.05, 30, torch.quint8)
    conv = ops.conv2d_prepack(q(ramp(3, 2, 3, 3), 0.04, 0, torch.qint8), torch.tensor([0.5, -0.25, 0.0]), [1, 1], [1, 1],
                              [1, 1], 1)
    yield 'conv2d', ops.conv2d.new(images, conv, 0.2, 40)
    yield 'conv2d_relu', ops.conv2d_relu.new(images, conv, 0.2, 40)
    weight, bias = ops.linear_unpack(linear)
    yield 'unpacked_weight', weight
    yield 'unpacked_bias', bias
    table = torch.quantize_per_channel(ramp(4, 8), torch.full([4], 0.1), torch.full([4], 3.0), 0, torch.quint8)
    packed = ops.embedding_bag_prepack(table)
    yield 'embedding_byte', ops.embedding_byte(packed, torch.tensor([2, 0, 3]))


header = dict(torch=torch.__version__, cpuCapability=torch.backends.cpu.get_cpu_capability(), cpu=cpu_model(), threads=1)
torch.set_num_threads(1)
content = dict(header, scalars=list(scalar_cases()), quantized={name: stored(t) for name, t in quantized_cases()})
(HERE / 'recorded' / 'scalars.json').write_text(json.dumps(content))
print(len(content['scalars']), 'scalar cases,', len(content['quantized']), 'of quantized layers')
