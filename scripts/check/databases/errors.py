#!/usr/bin/env python3
"""Writes down the errors of PyTorch's databases: what operators, modules and optimizers are given that they have to refuse.

    python errors.py --out FOLDER [--from 0]

For each entry of op_db, module_db and optim_db that has error inputs there is NUMBER.json with its cases and NUMBER.safetensors with their
tensors. Of an operator's case are written the function with its arguments and, where the call got that far, the overload that was
called; of a module's how it is made and called; of an optimizer's its parameters (by their places in a list, so that one may come
twice) and options. What cannot be written down is counted under "skipped", by reason. Values are written as values.py says.
"""


from values import Kept, Skipped, Writer, drive, elements, keep, tensors_in  # first: see there

import torch
from torch import nn
from torch._library.custom_ops import OPDEFS
from torch._dispatch.python import enable_python_dispatcher
from torch._subclasses.schema_check_mode import SchemaCheckMode
from torch.testing._internal.common_methods_invocations import op_db
from torch.testing._internal.common_modules import module_db
from torch.testing._internal.common_optimizers import optim_db
from modulesGiven import bound, given_forward


class Last(SchemaCheckMode):
    """Remembers the last overload that was called at the top level."""

    def __init__(self):
        super().__init__()
        self._dispatch_key = torch._C.DispatchKey.PreDispatch
        self.call = None

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        schema = func._schema
        name = schema.name + (f'.{schema.overload_name}' if schema.overload_name else '')
        self.call = None
        if schema.name not in OPDEFS:
            try:
                given = keep(list(args)), keep(kwargs or {})
                if elements(given[0]) + elements(given[1]) < 150000:
                    self.call = name, *given
            except Skipped:
                pass
        return func(*args, **(kwargs or {}))


def words(error):
    text = str(error).splitlines()
    return f'{type(error).__name__}: {text[0][:120] if text else ""}'


class Sharing:
    """Encodes arguments of which some share memory with others or with themselves: {"view": [storage, shape, strides, offset]}."""

    def __init__(self, value):
        self.storages = {}
        self.seen = {}
        for t in tensors_in(value):
            if type(t) is torch.Tensor and t.layout == torch.strided and t.device.type == 'cpu':
                self.seen.setdefault(self.key(t), []).append(t)

    @staticmethod
    def key(t):
        return t.untyped_storage().data_ptr() or id(t)

    def encode(self, value, writer):
        if isinstance(value, (list, tuple)):
            return [self.encode(item, writer) for item in value]
        if isinstance(value, dict):
            return {name: self.encode(item, writer) for name, item in value.items()}
        if not isinstance(value, torch.Tensor) or type(value) is not torch.Tensor or value.layout != torch.strided or value.device.type != 'cpu':
            return writer.encode(keep(value))
        key = self.key(value)
        shared = len(self.seen.get(key, [])) > 1 or 0 in [s for s, n in zip(value.stride(), value.shape) if n > 1]
        if not shared or value.is_complex():
            return writer.encode(keep(value))
        if key not in self.storages:
            length = value.untyped_storage().nbytes() // value.element_size()
            whole = torch.empty(0, dtype=value.dtype).set_(value.untyped_storage(), 0, (length,), (1,))
            self.storages[key] = writer.encode(Kept(whole.clone()))['t']
        return {'view': [self.storages[key], list(value.shape), list(value.stride()), value.storage_offset()]}


def operator_case(op, error, writer):
    sample = error.sample_input
    # Before it is called, which may change what is given.
    sharing = Sharing([sample.input, sample.args, list(sample.kwargs.values())])
    case = {}
    try:
        case['args'] = sharing.encode([sample.input, *sample.args], writer)
        case['kwargs'] = sharing.encode(dict(sample.kwargs), writer)
        case['function'] = op.name
    except Skipped as reason:
        case['noFunction'] = str(reason)
    last = Last()
    try:
        with enable_python_dispatcher(), last:
            op(sample.input, *sample.args, **sample.kwargs)
    except Exception as raised:
        case['python'] = words(raised)
    if 'python' not in case:
        return None  # not an error on this machine
    if last.call is not None:
        try:
            case['call'] = [last.call[0], writer.encode(last.call[1]), writer.encode(last.call[2])]
        except Skipped:
            pass
    if 'function' not in case and 'call' not in case:
        raise Skipped(case['noFunction'])
    return case


def module_case(info, error, writer):
    given = error.module_error_input
    cls = info.module_cls
    args, options = bound(cls, keep(list(given.constructor_input.args)), keep(dict(given.constructor_input.kwargs)))
    case = {'class': info.name, 'args': writer.encode(args), 'options': writer.encode(options), 'python': f'{error.error_type.__name__}: {error.error_regex[:120]}'}
    if given.forward_input is not None:
        inputs, call = given_forward(cls, given.forward_input)
        case.update(inputs=writer.encode(inputs), call=writer.encode(call))
    return case


def optimizer_case(info, error, writer):
    given = error.optimizer_error_input
    tensors = []

    def encode(value):
        if isinstance(value, torch.Tensor):
            at = next((i for i, t in enumerate(tensors) if t is value), len(tensors))
            if at == len(tensors):
                tensors.append(value)
            return {'parameter': at}
        if isinstance(value, dict):
            return {'group': {k: encode(v) for k, v in value.items()}}
        if isinstance(value, (list, tuple)):
            return [encode(v) for v in value]
        return writer.encode(value)

    # The database's parameters are two matrices where it says none.
    params = given.params if given.params is not None else [nn.Parameter(torch.randn(2, 3)), nn.Parameter(torch.randn(2, 3))]
    case = {'optimizer': info.optim_cls.__name__, 'params': encode(params), 'options': encode(dict(given.kwargs))['group'],
            'python': f'{error.error_type.__name__}: {error.error_regex[:120]}'}
    case['tensors'] = []
    for t in tensors:
        sparse = t.is_sparse
        made = writer.encode(Kept((t.to_dense() if sparse else t).detach().clone()))
        gradient = None if t.grad is None or t.grad.is_sparse else writer.encode(Kept(t.grad.clone()))
        case['tensors'].append(dict(values=made, sparse=sparse, trained=isinstance(t, nn.Parameter), gradient=gradient))
    return case


def entries():
    for op in op_db:
        if op.error_inputs_func is not None:
            name = op.name + (f' ({op.variant_test_name})' if op.variant_test_name else '')
            yield 'operator', name, op, lambda op=op: op.error_inputs('cpu'), operator_case
    for info in module_db:
        if info.module_error_inputs_func is not None:
            yield 'module', info.name, info, lambda info=info: [
                e for training in (True, False)
                for e in info.module_error_inputs_func(info, device='cpu', dtype=torch.float32, requires_grad=False, training=training)], module_case
    for info in optim_db:
        yield 'optimizer', info.optim_cls.__name__, info, lambda info=info: info.optim_error_inputs_func('cpu', torch.float32), optimizer_case


def entry(one, _):
    database, info, inputs, make = one
    writer = Writer()
    out = dict(kind='error', database=database, dtype='', cases=[], skipped={})
    torch.manual_seed(0)
    for error in inputs():
        try:
            case = make(info, error, writer)
            if case is not None:
                out['cases'].append(case)
        except Skipped as reason:
            out['skipped'][str(reason)] = out['skipped'].get(str(reason), 0) + 1
    return out, writer.tensors


drive([(name, (database, *rest)) for database, name, *rest in entries()], entry)
