#!/usr/bin/env python3
"""Runs the samples of PyTorch's operator database and writes down what each operator was given and what it gave.

    python operators.py --out FOLDER --dtype float32 [--from 0] [--operators add,nn.functional.conv2d]

For each OpInfo of op_db there is NUMBER.json with its calls and NUMBER.safetensors with their tensors. While a sample
runs, the overloads that it calls at the top level (before autograd, and before composite ones fall apart) are caught with
their arguments; the first samples are run in place and with out=, too. Each is then called again by itself, on copies
that require gradients where they are floating, and that is what is written: results, arguments that it changed, gradients
of the sum of the results. Lines on stdout say which operator is at work ("begin NUMBER", "end NUMBER"), so that whoever
started this can go on behind one that crashed.

Values are written as values.py says.
"""
import copy, itertools, random, signal

from values import LARGEST, Kept, Skipped, Writer, build, drive, elements, keep, tensors_in  # first: see there

import numpy
import torch
from torch._dispatch.python import enable_python_dispatcher
from torch._library.custom_ops import OPDEFS
from torch._subclasses.schema_check_mode import SchemaCheckMode
from torch.testing._internal.common_methods_invocations import op_db

SAMPLES = 16  # of an operator
CALLS_OF_SAMPLE = 4
CALLS = 32  # of an operator
OTHER_FORMS = 4  # samples that are run in place and with out=, too
SECONDS = 20  # for one operator
REPEATS = 4  # of a call, to see whether its bits are always the same
# What Python does around a literal, none of the sample's business.
HELPERS = ('aten::lift_fresh', 'aten::detach_')
# Their values are whatever lay in memory.
UNDEFINED = ('aten::empty', 'aten::new_empty', 'aten::resize')


class TooLong(BaseException):
    """Not an Exception, so that no operator's own except clause takes it."""


class Recorder(SchemaCheckMode):
    """Catches overloads as PyTorch calls them at the top level; only modes of this class may stand that early."""

    def __init__(self):
        super().__init__()
        self._dispatch_key = torch._C.DispatchKey.PreDispatch
        self.calls = []
        self.room = CALLS_OF_SAMPLE

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        schema = func._schema
        name = schema.name + (f'.{schema.overload_name}' if schema.overload_name else '')
        if name not in HELPERS and len(self.calls) < self.room:
            try:
                if schema.name in OPDEFS:
                    raise Skipped('defined in Python, not in libtorch')
                self.calls.append((func, name, keep(args), keep(kwargs)))
            except Skipped as reason:
                self.calls.append((func, name, reason, None))
        return func(*args, **kwargs)


def run(func, name, args, kwargs, writer):
    """One call, and all that is to be compared about it."""
    if elements(args) + elements(kwargs) > LARGEST:
        raise Skipped('large')
    case = dict(call=name, args=writer.encode(args), kwargs=writer.encode(kwargs))
    if name.startswith(UNDEFINED):
        case['undefined'] = True
    changing = func._schema.is_mutable
    try:
        result, inputs, given, named = call(func, args, kwargs, not changing)
    except Exception:
        if changing:
            raise
        result, inputs, given, named = call(func, args, kwargs, False)  # some refuse tensors that require gradients
    case['results'] = writer.encode(result if isinstance(result, (list, tuple)) else [result])
    if sum(tensor.numel() for tensor in tensors_in(result)) > LARGEST:
        raise Skipped('large')
    case['differentiable'] = bool(inputs)
    if 'undefined' not in case and not steady(func, args, kwargs, result, bool(inputs)):
        case['unsteady'] = True
    if changing:
        written = [(i, argument.name) for i, argument in enumerate(func._schema.arguments)
                   if argument.alias_info is not None and argument.alias_info.is_write]
        case['changed'] = [[i, writer.encode(given[i])] if i < len(given) else [name, writer.encode(named[name])]
                           for i, name in written if i < len(given) or name in named]
    outputs = [tensor for tensor in tensors_in(result) if tensor.requires_grad]
    if inputs and outputs:
        try:
            ones = [torch.ones_like(tensor) for tensor in outputs]
            case['gradients'] = writer.encode(list(torch.autograd.grad(outputs, inputs, ones, allow_unused=True)))
        except (RuntimeError, NotImplementedError) as error:
            case['noGradient'] = str(error).split('\n')[0][:120]
    return case


def steady(func, args, kwargs, result, differentiable):
    """Whether the same call gives the same bits when its tensors lie elsewhere in memory."""
    before = list(map(raw, tensors_in(result)))
    elsewhere = []
    for i in range(REPEATS):
        elsewhere.append(torch.empty(1 + 5 * i))
        if list(map(raw, tensors_in(call(func, args, kwargs, differentiable)[0]))) != before:
            return False
    return True


def raw(tensor):
    return Kept(tensor).values.reshape(-1).view(torch.uint8).numpy().tobytes()


def call(func, args, kwargs, differentiable):
    inputs = []
    given = build(args, inputs, differentiable)
    named = build(kwargs, inputs, differentiable)
    torch.manual_seed(0)
    with torch.set_grad_enabled(differentiable):
        return func(*given, **named), inputs, given, named


def chosen(samples):
    """SAMPLES of them, spread evenly over the first hundred."""
    first = list(itertools.islice(samples, 100))
    if len(first) <= SAMPLES:
        return first
    return [first[i * len(first) // SAMPLES] for i in range(SAMPLES)]


def record_call(recorder, function, sample, **options):
    recorder.room = len(recorder.calls) + CALLS_OF_SAMPLE
    with enable_python_dispatcher(), recorder:
        return function(sample.input, *sample.args, **sample.kwargs, **options)


def record_other_forms(recorder, op, sample, result):
    """In place and with out=, where the operator has such forms and they can take this sample."""
    before = len(recorder.calls)
    if op.inplace_variant is not None and isinstance(sample.input, torch.Tensor) and not sample.broadcasts_input:
        try:
            inplace = copy.copy(sample)
            inplace.input = sample.input.clone()
            record_call(recorder, op.inplace_variant, inplace)
        except Exception:
            del recorder.calls[before:]  # not with these dtypes, say
    before = len(recorder.calls)
    if op.supports_out and len(tensors_in(result)) > 0 and 'out' not in sample.kwargs:
        try:
            several = isinstance(result, (list, tuple))
            out = tuple(map(torch.zeros_like, result)) if several else torch.zeros_like(result)
            record_call(recorder, op, sample, out=out)
        except Exception:
            del recorder.calls[before:]


def record(op, dtype):
    """The calls of an operator's samples; what was skipped, by reason; the tensors."""
    torch.manual_seed(0), numpy.random.seed(0), random.seed(0)
    cases, skipped, writer = [], {}, Writer()

    def skip(reason):
        skipped[reason] = skipped.get(reason, 0) + 1

    try:
        signal.alarm(SECONDS)
        for number, sample in enumerate(chosen(op.sample_inputs('cpu', dtype, requires_grad=False))):
            recorder = Recorder()
            try:
                result = record_call(recorder, op, sample)
            except Exception as error:
                skip(f'Python raises {type(error).__name__}: {str(error).splitlines()[0][:80] if str(error) else ""}')
            else:
                if number < OTHER_FORMS:
                    record_other_forms(recorder, op, sample, result)
            for func, name, args, kwargs in recorder.calls:
                if len(cases) == CALLS:
                    break
                try:
                    if isinstance(args, Skipped):
                        raise args
                    cases.append(run(func, name, args, kwargs, writer))
                except Skipped as reason:
                    skip(str(reason))
                except Exception as error:
                    skip(f'{name} by itself raises {type(error).__name__}')
            if len(cases) == CALLS:
                break
    except TooLong:
        skip(f'stopped after {SECONDS} s')
    except Exception as error:
        skip(f'no samples: {type(error).__name__}')
    finally:
        signal.alarm(0)
    return cases, skipped, writer.tensors


def entry(op, dtype):
    out = dict(cases=[], skipped={})
    tensors = {}
    if getattr(torch, dtype) in op.supported_dtypes('cpu'):
        out['cases'], out['skipped'], tensors = record(op, getattr(torch, dtype))
    else:
        out['unsupported'] = True
    return out, tensors


def stop(*_):
    raise TooLong


signal.signal(signal.SIGALRM, stop)
names = [op.name + (f' ({op.variant_test_name})' if op.variant_test_name else '') for op in op_db]
drive(
    list(zip(names, op_db)), entry,
    wanted=lambda op, options: not options.operators or op.name in options.operators,
    add=lambda parser: parser.add_argument('--operators', type=lambda text: text.split(',')),
)
