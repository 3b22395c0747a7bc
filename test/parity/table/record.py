#!/usr/bin/env python3
"""Records what Python PyTorch computes for the tables beside this file, for runner.ts to hold torch-node against.

    python record.py [AREA...]              # into recorded/AREA.json
    python record.py [AREA...] --out DIR    # into DIR/table/AREA.json

A table is AREA.py. It has `cases()`, which yields dicts:

    class       "nn.Conv1d", or a function that gives a module, as "nn.utils.parametrizations.weight_norm"
    function    instead of a class: "nn.functional.pad", "nn.init.orthogonal_", called with the inputs, args and options
    args        what stands by position; a list stays a list and a tuple a tuple (both are arrays in TypeScript)
    options     what stands by name, under Python's names; {"dtype": "float64"} by the name of the dtype
    inputs      forward's arguments; without them there is no forward
    first       arguments of a forward before anything is compared, for modules that are lazy
    call        forward's arguments by name
    method      another name than forward
    change      attributes to set after the module was made, under Python's names
    parameters  values to put into parameters before forward
    seed        default 0
    train       default true
    times       how often forward is called; the last time counts. Default 1
    grad        false: forward within no_grad(), no backward
    near        why bits cannot be equal; a tolerance holds then
    name        default: made of all that

Values anywhere in them may be {"shape", ...}, a tensor (see `tensor`); {"values": [...], "dtype"}, a tensor too;
{"class", "args", "options"}, an object; {"reference": "nn.functional.relu"}, a function itself; {"float": "inf"};
{"same": n}, the n-th tensor of the inputs once more.
In inputs, floating tensors require gradients unless they say "grad": false.

A table may instead have `record()`, which yields finished cases with at least "class" and "name"; AREA.run.ts then says how
they are compared.
"""
import argparse, base64, importlib.util, json, math, pathlib, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import numpy as np
import torch
from record import cpu_model, lcg, numbers, sha256, values

KEPT = HERE / 'recorded'
WHOLE = 12  # larger tensors are kept as a hash and some of their values
SAMPLES = 6


# ---- what is stored ----

def encode(t):
    """As encode of ../record.py, with fewer values and the beginning of the hash."""
    flat = values(t)
    out = dict(dtype=str(t.dtype).removeprefix('torch.'), shape=list(t.shape))
    if flat.size <= WHOLE:
        return dict(out, data=base64.b64encode(flat.tobytes()).decode())
    every = flat.size // SAMPLES
    if t.is_floating_point():
        out['largest'] = float(f'{np.abs(flat[np.isfinite(flat)]).max(initial=0):.2g}')
    return dict(out, sha256=sha256(flat)[:16], every=every, data=base64.b64encode(flat[::every].tobytes()).decode())


def maybe(t):
    return None if t is None else encode(t)


def plain(value):
    """For JSON, which has no infinities."""
    if isinstance(value, float) and not math.isfinite(value):
        return dict(float=str(value))
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value] if isinstance(value, (list, tuple)) else value


# ---- from a case to objects ----

def tensor(spec):
    """{"shape", "seed", "scale", "kind", "dtype", ...}: see `numbers` of ../record.py, and of kinds also normal (drawn by a
    generator of that seed), mask (bool) and signs (-1 or 1)."""
    if 'values' in spec:
        return torch.tensor(spec['values'], dtype=getattr(torch, spec.get('dtype', 'float32')))
    given = {k: v for k, v in spec.items() if k != 'grad'}
    kind, shape, seed = given.get('kind'), given['shape'], given.get('seed', 1)
    dtype = getattr(torch, given.get('dtype', 'float32'))
    if kind == 'normal':
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * given.get('scale', 1)
    if kind in ('mask', 'signs'):
        bits = torch.from_numpy(lcg(seed, math.prod(shape)) >> 23).reshape(shape)
        return bits.bool() if kind == 'mask' else (bits * 2 - 1).to(dtype)
    return numbers(**given)


def named(path):
    found = torch
    for part in path.removeprefix('torch.').split('.'):
        found = getattr(found, part)
    return found


class Builder:
    def __init__(self):
        self.leaves = []
        self.given = []
        self.collecting = None

    def value(self, spec):
        if isinstance(spec, (list, tuple)):
            return type(spec)(self.value(v) for v in spec)
        if not isinstance(spec, dict):
            return spec
        if 'shape' in spec or 'values' in spec:
            return self.tensor(spec)
        if 'class' in spec:
            return self.object(spec)
        if 'reference' in spec:
            return named(spec['reference'])
        if 'same' in spec:
            return self.given[spec['same']]
        if set(spec) == {'float'}:
            return float(spec['float'])
        return {k: self.value(v) for k, v in spec.items()}

    def tensor(self, spec):
        made = tensor(spec)
        if self.collecting is None:
            return made
        if made.is_floating_point() and spec.get('grad', True):
            made.requires_grad_()
        self.leaves.append(made)
        # A leaf that requires a gradient cannot be changed in place.
        self.given.append(made.clone() if self.collecting == 'clones' else made)
        return self.given[-1]

    def options(self, given):
        made = {k: self.value(v) for k, v in given.items()}
        if isinstance(made.get('dtype'), str):
            made['dtype'] = getattr(torch, made['dtype'])
        return made

    def object(self, spec):
        args = [self.value(v) for v in spec.get('args', [])]
        return named(spec['class'])(*args, **self.options(spec.get('options', {})))


def flat(value):
    """The tensors of a result, in order; None keeps its place."""
    if isinstance(value, torch.Tensor) or value is None:
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for v in value for t in flat(v)] if isinstance(value, (list, tuple)) else []


def rng():
    return sha256(torch.get_rng_state().numpy())[:16]


# ---- a case ----

def record_case(case):
    out = dict(case, name=case['name'])
    out['class'] = case.get('class', case.get('function'))
    build = Builder()
    torch.manual_seed(case.get('seed', 0))
    module = build.object(case) if 'class' in case else None
    parameters = {}
    if module is not None:
        if 'first' in case:
            with torch.no_grad():
                module(*build.value(list(case['first'])))
        for name, value in case.get('change', {}).items():
            setattr(module, name, build.value(value))
        parameters = dict(module.named_parameters())
        out['initial'] = {k: encode(p) for k, p in parameters.items()}
        out['keys'] = list(module.state_dict())
        if parameters:
            out['rngState'] = rng()
        out['repr'] = repr(module)
        with torch.no_grad():
            for name, spec in case.get('parameters', {}).items():
                parameters[name].copy_(tensor(spec))
        module.train(case.get('train', True))
    if module is not None and 'inputs' not in case:
        return out

    inplace = {**case.get('options', {}), **case.get('change', {})}.get('inplace')
    build.collecting = 'clones' if inplace else 'leaves'
    given = build.value(list(case['inputs']))
    build.collecting = None
    if module is None:
        given += [build.value(v) for v in case.get('args', [])]
        run, call = named(case['function']), build.options(case.get('options', {}))
    else:
        run, call = getattr(module, case.get('method', 'forward')), build.options(case.get('call', {}))
    with torch.set_grad_enabled(case.get('grad', True)):
        for _ in range(case.get('times', 1)):
            result = run(*given, **call)
    outputs = flat(result)
    out['outputs'] = [maybe(t) for t in outputs]
    out['rngStateAfter'] = rng()
    if module is not None:
        out['buffers'] = {k: encode(b) for k, b in module.named_buffers()}
    upwards = [t for t in outputs if t is not None and t.requires_grad and t.is_floating_point()]
    if upwards and case.get('grad', True):
        # The gradients that come from above are made, not stored.
        above = [numbers(list(t.shape), seed=99 + i).to(t.dtype) for i, t in enumerate(upwards)]
        torch.autograd.backward(upwards, above)
        out['inputGradients'] = [maybe(t.grad) for t in build.leaves]
        out['parameterGradients'] = {k: maybe(p.grad) for k, p in parameters.items()}
    return out


def words(spec):
    if isinstance(spec, dict):
        if 'class' in spec:
            return title(spec)
        if 'reference' in spec:
            return spec['reference'].split('.')[-1]
        if 'same' in spec:
            return f"the same as {spec['same']}"
        if 'shape' in spec:
            notes = ' '.join(str(spec[k]) for k in ('kind', 'dtype', 'ignored') if k in spec)
            return f"{list(spec['shape'])}" + (f' ({notes})' if notes else '')
        if 'values' in spec:
            return str(spec['values'])
        return '{' + ', '.join(f'{k}: {words(v)}' for k, v in spec.items()) + '}'
    if isinstance(spec, (list, tuple)):
        return '[' + ', '.join(words(v) for v in spec) + ']'
    return repr(spec)


def title(case):
    name = case.get('class', case.get('function')).split('.')[-1]
    call = ', '.join([*map(words, case.get('args', [])), *(f'{k}={words(v)}' for k, v in case.get('options', {}).items())])
    return f'{name}({call})'


def full_title(case):
    parts = [title(case)]
    if 'inputs' in case:
        parts.append('of ' + ', '.join([*map(words, case['inputs']), *(f'{k}={words(v)}' for k, v in case.get('call', {}).items())]))
    if 'change' in case:
        parts.append('with ' + ', '.join(f'{k} = {words(v)}' for k, v in case['change'].items()))
    if not case.get('train', True):
        parts.append('in evaluation mode')
    parts += [f'{k} {case[k]}' for k in ('method', 'times', 'seed') if k in case]
    return ' '.join(parts)


# ---- files ----

def load(area):
    spec = importlib.util.spec_from_file_location(f'table_{area}', HERE / f'{area}.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def recorded(area):
    table = load(area)
    if hasattr(table, 'record'):
        yield from table.record()
        return
    seen = {}
    for case in table.cases():
        name = case.get('name') or full_title(case)
        seen[name] = seen.get(name, 0) + 1
        case = dict(case, name=name if seen[name] == 1 else f'{name}, {seen[name]}')
        try:
            yield record_case(case)
        except Exception as error:
            raise RuntimeError(f'{area}: {case["name"]}: {error}') from error


def compact(value):
    return json.dumps(value, separators=(',', ':'))


def main():
    areas = sorted(path.stem for path in HERE.glob('*.py') if path.name not in ('record.py', 'trajectory.py'))
    p = argparse.ArgumentParser()
    p.add_argument('areas', nargs='*', metavar='AREA', help=f'default: {", ".join(areas)}')
    p.add_argument('--out', type=pathlib.Path)
    a = p.parse_args()
    torch.set_num_threads(1)
    folder = KEPT if a.out is None else a.out / 'table'
    folder.mkdir(parents=True, exist_ok=True)
    for area in a.areas or areas:
        cases = [compact(plain(case)) for case in recorded(area)]
        header = dict(torch=torch.__version__, cpuCapability=torch.backends.cpu.get_cpu_capability(), cpu=cpu_model(), threads=1)
        path = folder / f'{area}.json'
        # A case a line: changes stay readable.
        path.write_text(f'{compact(header)[:-1]},"cases":[\n' + ',\n'.join(cases) + '\n]}\n')
        print(f'{area}: {len(cases)} cases, {path.stat().st_size} bytes')


if __name__ == '__main__':
    main()
