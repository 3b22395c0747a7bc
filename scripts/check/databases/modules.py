#!/usr/bin/env python3
"""Runs the samples of PyTorch's module database and writes down what each module was given and what it gave.

    python modules.py --out FOLDER --dtype float32

For each ModuleInfo of module_db there is NUMBER.json with its cases and NUMBER.safetensors with their tensors. A case: the module is
made under the seed 0, converted to the dtype, put into training or evaluation, and called; written are the results, the gradients with
respect to inputs and parameters, the gradients of those (times themselves), and the buffers afterwards. What comes from above is
`numbers` of test/parity/record.py. Lines on stdout say which module is at work, as operators.py's do. Values are written as values.py says.
"""
import pathlib, sys

from values import LARGEST, Skipped, Writer, build, drive, elements, keep, tensors_in  # first: see there

sys.path.append(str(pathlib.Path(__file__).resolve().parents[3] / 'test/parity'))
import numpy
import torch
from record import numbers
from torch import nn
from torch.testing._internal.common_modules import module_db
from modulesGiven import bound, given_forward, remember, title

SAMPLES = 16  # of a module, in training and in evaluation


def chosen(samples):
    if len(samples) <= SAMPLES:
        return samples
    return [samples[i * len(samples) // SAMPLES] for i in range(SAMPLES)]


def is_floating(t):
    return t.is_floating_point() or t.is_complex()


def from_above(t, i):
    return numbers(list(t.shape), seed=99 + i).to(t.dtype)


def run(info, sample, dtype, training, writer):
    cls = info.module_cls
    args, options = bound(cls, keep(list(sample.constructor_input.args)), keep(dict(sample.constructor_input.kwargs)))
    inputs, call = given_forward(cls, sample.forward_input)
    if elements(inputs) + elements(call) > LARGEST:
        raise Skipped('large')
    case = {'class': info.name, 'args': writer.encode(args), 'options': writer.encode(options), 'training': training,
            'inputs': writer.encode(inputs), 'call': writer.encode(call)}
    torch.manual_seed(0)
    module = cls(*build(args, [], False), **build(options, [], False)).to(dtype).train(training)
    leaves = []
    # Modules that work in place cannot be given leaves: they get copies.
    given, named = build(inputs, leaves, True), build(call, leaves, True)
    if options.get('inplace'):
        given = [x.clone() if isinstance(x, torch.Tensor) and x.requires_grad else x for x in given]
    torch.manual_seed(1)
    result = module(*given, **named)
    results = result if isinstance(result, (list, tuple)) else [result]
    case['results'] = writer.encode(results)
    if sum(t.numel() for t in tensors_in(results)) > LARGEST:
        raise Skipped('large')
    case['buffers'] = writer.encode([b for _, b in module.named_buffers()])
    leaves += [p for _, p in module.named_parameters() if is_floating(p)]
    outputs = [t for t in tensors_in(results) if t.requires_grad]
    if not leaves or not outputs:
        return case
    above = [from_above(t, i) for i, t in enumerate(outputs)]
    gradients = torch.autograd.grad(outputs, leaves, above, allow_unused=True, create_graph=True)
    case['gradients'] = writer.encode(list(gradients))
    again = [g for g in gradients if g is not None and g.requires_grad]
    if again:
        try:
            second = torch.autograd.grad(again, leaves, [g.detach() for g in again], allow_unused=True)
            case['second'] = writer.encode(list(second))
        except (RuntimeError, NotImplementedError) as error:
            case['noSecond'] = str(error).split('\n')[0][:120]
    return case


def record(info, dtype):
    cases, skipped, writer = [], {}, Writer()

    def skip(reason):
        skipped[reason] = skipped.get(reason, 0) + 1

    for training in (True, False):
        torch.manual_seed(0), numpy.random.seed(0)
        with remember():
            samples = info.module_inputs_func(info, device='cpu', dtype=dtype, requires_grad=False, training=training)
        for sample in chosen(list(samples)):
            if sample.forward_input is None:
                continue
            try:
                cases.append(dict(run(info, sample, dtype, training, writer), title=title(sample)))
            except Skipped as reason:
                skip(str(reason))
            except Exception as error:
                skip(f'Python raises {type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ""}')
    return cases, skipped, writer.tensors


def entry(info, dtype):
    out = dict(kind='module', cases=[], skipped={})
    tensors = {}
    if getattr(torch, dtype) in info.dtypes:
        out['cases'], out['skipped'], tensors = record(info, getattr(torch, dtype))
    else:
        out['unsupported'] = True
    return out, tensors


drive([(info.name, info) for info in module_db], entry)
