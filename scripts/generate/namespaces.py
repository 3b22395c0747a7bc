#!/usr/bin/env python3
"""Records which operators PyTorch shows to Python where, in the order in which Python tries their overloads.

    python namespaces.py > namespaces.json

PyTorch generates its Python bindings with torchgen, which its wheels carry together with native_functions.yaml: this
script asks those same functions (needs pyyaml). A line such as "add Tensor>out" says that `add` has one signature for Python, the
overload Tensor, and that out= makes it the overload out. Only names that the Python package really shows are kept.
"""
import inspect, json, pathlib, re

import torch, torchgen
from torch.nn import functional
from torchgen.gen import parse_native_yaml
from torchgen.packaged.autograd import gen_python_functions as bindings

NATIVE = pathlib.Path(torchgen.__file__).parent / 'packaged/ATen/native'
DEPRECATED = pathlib.Path(bindings.__file__).parent / 'deprecated.yaml'

# Skipped by torchgen because their bindings are written by hand in C++, which do with tensors what the operator does.
BY_HAND = re.compile(r'^(nonzero(_out)?|dim|storage_offset|get_device|set_|copy_|contiguous|'
                     r'sparse_(coo|compressed|csr|csc|bsr|bsc)_tensor)$')


def shown(function):
    # The dispatcher shows names of dimensions as plain strings, which they are not.
    if 'Dimname' in str(function.func):
        return False
    # cpp.name appends _out to the names of out= forms.
    name = bindings.cpp.name(function.func)
    return bindings.should_generate_py_binding(function) or bool(BY_HAND.match(name))


native = parse_native_yaml(str(NATIVE / 'native_functions.yaml'), str(NATIVE / 'tags.yaml')).native_functions
native = [function for function in native if shown(function)]


def names(method, belongs, has):
    pairs = bindings.load_signatures(native, str(DEPRECATED), method=method, skip_deprecated=True)
    out = {}
    for name, overloads in bindings.group_filter_overloads(pairs, belongs).items():
        groups = bindings.group_overloads(overloads)
        forms = [overload_name(group.base) + ('>' + overload_name(group.outplace) if group.outplace else '')
                 for group in groups]
        if has(str(name)):
            out[str(name)] = ' '.join(forms)
    return dict(sorted(out.items()))


def overload_name(function):
    return function.func.name.overload_name or 'default'


def module(space, prefix):
    return lambda name: not name.startswith('_') and hasattr(space, name.removeprefix(prefix))


def functions(belongs, space, prefix=''):
    return names(False, belongs, module(space, prefix))


def functional_names(nn, plain):
    """torch.nn.functional: what is an operator itself there, and what has the operator's very arguments."""
    out = {}
    for name in dir(functional):
        value = getattr(functional, name)
        if name.startswith('_') or not callable(value):
            continue
        if inspect.isbuiltin(value):
            target = value.__name__
        elif inspect.isfunction(value) and same_arguments(name, value):
            target = name
        else:
            continue
        forms = nn.get(target) or plain.get(target)
        if forms:
            out[name] = forms if target == name else f'{target}: {forms}'
    return out


def same_arguments(name, value):
    def words(default):
        return {'True': 'true', 'False': 'false'}.get(str(default), str(default)).removesuffix('.0')
    theirs = [('self' if p.name == 'input' else p.name, None if p.default is p.empty else words(p.default))
              for p in inspect.signature(value).parameters.values()]
    candidates = [f for f in native if str(f.func.name.name) == name and not f.func.is_out_fn()]
    return any(
        [('self' if a.name == 'input' else a.name, None if a.default is None else words(a.default))
         for a in f.func.arguments.flat_non_out] == theirs
        for f in candidates)


# The raw functions of torch.nn live in torch._C._nn.
nn = names(False, bindings.is_py_nn_function, lambda name: True)
plain = names(False, bindings.is_py_torch_function, lambda name: True)
record = dict(
    torch=torch.__version__.split('+')[0],
    methods=names(True, bindings.is_py_variable_method, module(torch.Tensor, '')),
    functions=functions(bindings.is_py_torch_function, torch),
    linalg=functions(bindings.is_py_linalg_function, torch.linalg, 'linalg_'),
    fft=functions(bindings.is_py_fft_function, torch.fft, 'fft_'),
    special=functions(bindings.is_py_special_function, torch.special, 'special_'),
    functional=functional_names(nn, plain),
)
print(json.dumps(record, indent=1))
