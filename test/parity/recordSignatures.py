#!/usr/bin/env python3
"""Records how Python takes the arguments of torch.nn.functional, of torch.nn.init and of what torch implements in Python.

    python recordSignatures.py > recorded/signatures.json

Each argument as [name, kind, default]: kind is "positional", "keyword", "variadic" or "names", the default is left out where there is none.
"""
import inspect, json

import torch
from torch.nn import functional, init

KINDS = {
    inspect.Parameter.POSITIONAL_OR_KEYWORD: 'positional', inspect.Parameter.POSITIONAL_ONLY: 'positional',
    inspect.Parameter.KEYWORD_ONLY: 'keyword', inspect.Parameter.VAR_POSITIONAL: 'variadic',
    inspect.Parameter.VAR_KEYWORD: 'names',
}


def plain(value):
    if isinstance(value, (bool, int, float, str)) or value is None:
        return value
    return [plain(each) for each in value] if isinstance(value, (tuple, list)) else str(value)


def signature(function):
    out = []
    for name, parameter in inspect.signature(function).parameters.items():
        given = [name, KINDS[parameter.kind]]
        out.append(given if parameter.default is parameter.empty else [*given, plain(parameter.default)])
    return out


def module(space, also=()):
    out = {}
    for name in sorted(dir(space)):
        function = getattr(space, name)
        # What dispatches between a function with indices and one without has the signature of the former.
        with_indices = getattr(space, f'{name}_with_indices', None)
        if name.startswith('_') or not inspect.isfunction(function):
            continue
        if function.__module__ not in (space.__name__, 'torch._jit_internal', *also):
            continue
        out[name] = signature(with_indices if inspect.isfunction(with_indices) else function)
    return out


print(json.dumps({
    'torch': torch.__version__.split('+')[0],
    'functional': module(functional),
    'init': module(init),
    # What dispatches by the results that are asked for has the signature of the implementation.
    'torch.functional': {name: signature(getattr(torch.functional, f'_{name}_impl', getattr(torch.functional, name)))
                         for name in torch.functional.__all__
                         if inspect.isfunction(getattr(torch.functional, name))},
    'Tensor': {name: signature(function) for name, function in sorted(vars(torch.Tensor).items())
               if inspect.isfunction(function) and not name.startswith('_')},
}, indent=0))
