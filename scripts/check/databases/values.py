"""Values of PyTorch's databases, as files of this folder's scripts hold them.

null, booleans, strings (dtypes, devices, layouts and memory formats too) and lists stand for themselves, {"i": "5"} is an integer,
{"f": "1.5"} a float, {"c": ["1.0", "2.0"]} a complex number, {"t": name, "strides": [...]} a tensor; one of complex numbers has
{"complex": true} and is stored with a last dimension of two. {"view": [name, shape, strides, offset]} is a view
of a storage that other arguments may share; {"reference": "nn.functional.relu"} is a function itself, {"class",
"args", "options"} a module to be made.
"""
import argparse, json, pathlib, sys, types, unittest, warnings

try:
    import expecttest  # noqa: F401
except ModuleNotFoundError:
    # op_db's modules import it for a base class of their tests, which are not run here: an empty one will do.
    stub = types.ModuleType('expecttest')
    stub.TestCase = unittest.TestCase
    stub.assert_expected_inline = None
    sys.modules['expecttest'] = stub

import torch
from safetensors.torch import save_file
from torch import nn

LARGEST = 150000  # elements of a call's tensors together
STORED = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.bfloat16,
          torch.float32, torch.float64, torch.complex64, torch.complex128)


class Skipped(Exception):
    """A call that cannot be written down, and why."""


def keep(value):
    """A copy of arguments as they are now, tensors as functions that make them anew."""
    if isinstance(value, torch.Tensor):
        return Kept(value)
    if isinstance(value, (list, tuple)):
        return [keep(item) for item in value]
    if isinstance(value, dict):
        return {name: keep(item) for name, item in value.items()}
    plain = (bool, int, float, complex, str, torch.dtype, torch.device, torch.layout, torch.memory_format)
    if value is None or isinstance(value, (*plain, Made)):
        return value
    if isinstance(value, nn.Module) and hasattr(value, 'given'):
        return Made(type(value), *value.given)
    for path in ('nn.functional', ''):
        name = getattr(value, '__name__', '')
        if callable(value) and getattr(named(path), name, None) is value:
            return Made(None, f'{path}.{name}'.lstrip('.'))
    raise Skipped(f'takes a {type(value).__name__}')


def named(path):
    found = torch
    for part in filter(None, path.split('.')):
        found = getattr(found, part)
    return found


class Made:
    """A module, to be made of kept arguments; or a function, by its name."""

    def __init__(self, kind, args, options=None):
        self.kind, self.args, self.options = kind, args, options

    def build(self):
        if self.kind is None:
            return named(self.args)
        return self.kind(*build(self.args, [], False), **build(self.options, [], False))


class Kept:
    """A tensor's values, and its strides where they are not those of a contiguous one and no two elements share memory."""

    def __init__(self, tensor):
        if type(tensor) is not torch.Tensor or tensor.layout != torch.strided or tensor.is_nested:
            raise Skipped('sparse, nested or a subclass of Tensor')
        if tensor.is_quantized:
            raise Skipped('quantized')
        if tensor.dtype not in STORED:
            raise Skipped(f'dtype {str(tensor.dtype)[6:]}')
        if tensor.device.type != 'cpu':
            raise Skipped(f'device {tensor.device.type}')
        if tensor.numel() > LARGEST:
            raise Skipped('large')
        self.values = tensor.detach().clone(memory_format=torch.contiguous_format).resolve_conj().resolve_neg()
        steps = sorted((stride, size) for stride, size in zip(tensor.stride(), tensor.shape) if size > 1)
        apart = tensor.numel() > 0 and all(
            stride * size <= following for (stride, size), (following, _) in zip(steps, steps[1:]))
        apart = apart and (not steps or steps[0][0] > 0)
        self.strides = list(tensor.stride()) if apart and not tensor.is_contiguous() else None

    def build(self):
        if self.strides is None:
            return self.values.clone()
        length = 1 + sum(stride * (size - 1) for stride, size in zip(self.strides, self.values.shape))
        storage = torch.zeros(length, dtype=self.values.dtype)
        return storage.as_strided(self.values.shape, self.strides).copy_(self.values).detach()


class Writer:
    """Encodes values; the tensors go to one file."""

    def __init__(self):
        self.tensors = {}

    def encode(self, value):
        if isinstance(value, Made):
            if value.kind is None:
                return {'reference': value.args}
            return {'class': f'nn.{value.kind.__name__}', 'args': self.encode(value.args), 'options': self.encode(value.options)}
        if isinstance(value, Kept):
            out = self.tensor(value.values)
            if value.strides is not None:
                out['strides'] = value.strides
            return out
        if isinstance(value, torch.Tensor):
            kept = Kept(value)
            out = self.tensor(kept.values)
            out['strides'] = list(value.stride())
            return out
        if isinstance(value, (list, tuple)):
            return [self.encode(item) for item in value]
        if isinstance(value, dict):
            return {name: self.encode(item) for name, item in value.items()}
        if isinstance(value, bool) or value is None or isinstance(value, str):
            return value
        if isinstance(value, int):
            return {'i': str(value)}
        if isinstance(value, float):
            return {'f': repr(value)}
        if isinstance(value, complex):
            return {'c': [repr(value.real), repr(value.imag)]}
        if isinstance(value, torch.device):
            return str(value)
        if isinstance(value, (torch.dtype, torch.layout)):
            return str(value)[6:]
        if isinstance(value, torch.memory_format):
            return str(value)[6:].removesuffix('_format')
        raise Skipped(f'gives a {type(value).__name__}')

    def tensor(self, values):
        name = str(len(self.tensors))
        out = dict(t=name)
        if values.is_complex():
            out['complex'] = True
            values = torch.view_as_real(values)
        self.tensors[name] = values.clone(memory_format=torch.contiguous_format)
        return out


def build(value, inputs, differentiable):
    if isinstance(value, Kept):
        out = value.build()
        if differentiable and (out.is_floating_point() or out.is_complex()):
            out.requires_grad_()
            inputs.append(out)
        return out
    if isinstance(value, Made):
        return value.build()
    if isinstance(value, list):
        return [build(item, inputs, differentiable) for item in value]
    if isinstance(value, dict):
        return {name: build(item, inputs, differentiable) for name, item in value.items()}
    return value


def tensors_in(value):
    if isinstance(value, (list, tuple)):
        return [tensor for item in value for tensor in tensors_in(item)]
    return [value] if isinstance(value, torch.Tensor) else []


def elements(value):
    if isinstance(value, Kept):
        return value.values.numel()
    if isinstance(value, dict):
        value = list(value.values())
    return sum(map(elements, value)) if isinstance(value, list) else 0


def drive(entries, record, wanted=lambda entry, options: True, add=lambda parser: None):
    """Records the entries of a database, each in two files of the folder --out by its number. `entries` gives [name, entry];
    `record(entry, dtype)` gives an object of what is written, and its tensors. --from is where to go on behind one that ended
    the process, which begin and end tell."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--out', type=pathlib.Path, required=True)
    parser.add_argument('--dtype', default='')  # optimizers and errors say their own
    parser.add_argument('--from', type=int, default=0, dest='first')
    add(parser)
    options = parser.parse_args()
    warnings.simplefilter('ignore')
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    for number, (name, entry) in enumerate(entries):
        if number < options.first or not wanted(entry, options):
            continue
        print('begin', number, name, flush=True)
        out, tensors = record(entry, options.dtype)
        save_file(tensors, options.out / f'{number}.safetensors')
        (options.out / f'{number}.json').write_text(json.dumps({'operator': name, 'dtype': options.dtype, **out}))
        print('end', number, flush=True)
