#!/usr/bin/env python3
"""Records what Python PyTorch computes, for the tests beside this file to hold torch-node against.

    python record.py [--reference ../shared/reference] [--images DIR]
    python record.py --out DIR     # modules.json, sgd.json and random.json alone, into another folder

Writes recorded/modules.json, sgd.json, random.json, steps200-synthetic.json (these two steps200 files by the
reference's train.py) and, with --images (a folder in CIFAR-10's binary layout), steps200-seed0.json. Needs torch, numpy,
node, and torch-node compiled (npm run build:all). Record on the machine and version that the tests should equal in bits.

What a file holds: a header (version, CPU) and cases. Options carry Python's names. A tensor is
{dtype, shape, data: base64 of little-endian values}; half precision is stored as float32. One of more than LARGE values
is {dtype, shape, sha256 of those bytes, every: n, data: each n-th value}. Inputs are not stored but made: see `numbers`.
"""
import argparse, base64, hashlib, json, pathlib, platform, subprocess, sys, tempfile
import numpy as np
import torch
from torch import nn

HERE = pathlib.Path(__file__).resolve().parent
KEPT = HERE / 'recorded'
LARGE = 200


# ---- what is stored ----

def values(t):
    t = t.detach()
    return (t.float() if t.dtype in (torch.float16, torch.bfloat16) else t).contiguous().numpy().ravel()


def encode(t):
    flat = values(t)
    out = dict(dtype=str(t.dtype).removeprefix('torch.'), shape=list(t.shape))
    if flat.size <= LARGE:
        return dict(out, data=base64.b64encode(flat.tobytes()).decode())
    every = flat.size // 40
    return dict(out, sha256=sha256(flat), every=every, data=base64.b64encode(flat[::every].tobytes()).decode())


def sha256(*parts):
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()


def cpu_model():
    try:
        lines = open('/proc/cpuinfo').read().splitlines()
        return next(line.split(':')[1].strip() for line in lines if line.startswith('model name'))
    except (OSError, StopIteration):
        return platform.processor()


def write(folder, name, **content):
    header = dict(torch=torch.__version__, cpuCapability=torch.backends.cpu.get_cpu_capability(), cpu=cpu_model(), threads=1)
    path = folder / f'{name}.json'
    path.write_text(json.dumps(dict(header, **content)))
    if folder != KEPT:
        return
    subprocess.run(['npx', 'prettier', '--write', '--log-level=warn', str(path)], cwd=HERE.parents[1], check=True, stderr=subprocess.DEVNULL)
    print(f'{path.relative_to(HERE)}: {path.stat().st_size} bytes')


# ---- inputs, the same here and in support.ts ----

def lcg(seed, count):
    """`count` numbers of 24 bits."""
    out, x = np.empty(count, np.int64), seed
    for i in range(count):
        x = (x * 1664525 + 1013904223) % 2**32
        out[i] = x >> 8
    return out


def numbers(shape, seed=1, scale=1, kind='uniform', dtype='float32', classes=0, ignored=None):
    """uniform: in [-scale, scale); levels: -1, 0, 1, 2 (ties); positive: in [0, 1); classes: int64 below `classes`,
    of which each third is `ignored` where that is given."""
    raw = lcg(seed, int(np.prod(shape)))
    if kind == 'classes':
        flat = (raw >> 10) % classes
        if ignored is not None:
            flat[::3] = ignored
        return torch.from_numpy(flat.reshape(shape))
    flat = dict(uniform=(raw / 2**23 - 1) * scale, levels=(raw >> 22) - 1, positive=raw / 2**24)[kind]
    return torch.from_numpy(np.asarray(flat, np.float64).reshape(shape)).to(getattr(torch, dtype))


# ---- modules ----

def python_options(options):
    made = dict(options)
    if 'dtype' in made:
        made['dtype'] = getattr(torch, made['dtype'])
    if 'weight' in made:
        made['weight'] = numbers(**made['weight'])
    return made


def build(module, args, options, parts=None):
    if parts is not None:
        return nn.Sequential(*(build(*part) for part in parts))
    return getattr(nn, module)(*args, **python_options(options))


def title(module, args, options, inputs):
    def text(value):
        return f"of {value['shape']}" if isinstance(value, dict) else repr(value)
    call = ', '.join([*map(repr, args), *(f'{k}={text(v)}' for k, v in options.items())])
    notes = [' '.join(str(i[k]) for k in ('kind', 'dtype', 'ignored') if k in i) for i in inputs]
    return f"{module}({call}) of " + ' and '.join(
        f"{i['shape']}" + (f' ({n})' if n else '') for i, n in zip(inputs, notes))


def module_case(module, args, inputs, options=None, parts=None, name=None, seed=0):
    options = options or {}
    case = dict(name=name or title(module, args, options, inputs), seed=seed, inputs=inputs)
    case.update(dict(parts=[list(part) for part in parts]) if parts else dict(module=module, args=args, options=options))
    torch.manual_seed(seed)
    net = build(module, args, options, parts)
    case['parameters'] = {k: encode(p) for k, p in net.named_parameters()}
    if case['parameters']:
        case['rngState'] = sha256(torch.get_rng_state().numpy())
    if inputs:
        given = [numbers(**spec) for spec in inputs]
        for t in given:
            t.requires_grad_(t.is_floating_point())
        out = net(*(t.clone() if options.get('inplace') else t for t in given))
        # The gradient that comes from above is made, not stored.
        out.backward(numbers(list(out.shape), seed=99, dtype=str(out.dtype).removeprefix('torch.')))
        case['output'] = encode(out)
        case['inputGradients'] = [None if t.grad is None else encode(t.grad) for t in given]
        case['parameterGradients'] = {k: encode(p.grad) for k, p in net.named_parameters()}
    return case


CNN = [('Conv2d', [3, 6, 5], {}), ('ReLU', [], {}), ('MaxPool2d', [2], {}), ('Conv2d', [6, 16, 5], {}), ('ReLU', [], {}),
       ('MaxPool2d', [2], {}), ('Flatten', [], {}), ('Linear', [400, 120], {}), ('ReLU', [], {}), ('Linear', [120, 84], {}),
       ('ReLU', [], {}), ('Linear', [84, 10], {})]


def module_cases():
    def one(shape, **more):
        return [dict(shape=shape, **more)]

    picture = [2, 3, 5, 6]
    for args, options in [
        ([3, 3, 3], {}), ([3, 3, [2, 5]], {}), ([3, 3, 1], {}),
        ([3, 3, 3], dict(stride=2)), ([3, 3, 3], dict(stride=[1, 3])),
        ([3, 3, 3], dict(padding=1)), ([3, 3, 3], dict(padding=[2, 1])), ([3, 3, 3], dict(padding='same')),
        ([3, 3, [4, 2]], dict(padding='same')), ([3, 3, 3], dict(padding='same', dilation=2)),
        ([3, 3, 3], dict(padding='valid')),
        ([3, 3, 3], dict(dilation=2)), ([3, 3, 3], dict(dilation=[1, 2])),
        ([3, 6, 3], dict(groups=3)), ([3, 3, 3], dict(bias=False)),
        ([3, 3, 3], dict(padding=[1, 2], padding_mode='reflect')), ([3, 3, 3], dict(padding=[1, 2], padding_mode='replicate')),
        ([3, 3, 3], dict(padding=[1, 2], padding_mode='circular')), ([3, 3, [4, 3]], dict(padding='same', padding_mode='circular')),
        ([3, 3, 3], dict(stride=2, padding=2, dilation=[2, 1], groups=3, bias=False, padding_mode='replicate')),
    ]:  # fmt: skip
        yield module_case('Conv2d', [*args], one(picture), options)
    yield module_case('Conv2d', [4, 6, 3], one([2, 4, 4, 5]), dict(groups=2, padding=1))
    yield module_case('Conv2d', [3, 3, 3], one(picture, dtype='float64'), dict(padding=1, dtype='float64'))
    yield module_case('Conv2d', [3, 3, 3], one([3, 5, 6]), dict(padding=1), seed=7)
    yield module_case('Conv2d', [3, 3, 3], [], dict(dtype='bfloat16'), name="Conv2d(3, 4, 3, dtype='bfloat16')")
    yield module_case('Conv2d', [16, 32, 5], [], name='Conv2d(16, 32, 5)', seed=2**40 + 1)

    for args, options, shape, more in [
        ([5, 3], {}, [4, 5], {}), ([5, 3], dict(bias=False), [4, 5], {}), ([5, 3], {}, [5], {}), ([5, 3], {}, [2, 3, 5], {}),
        ([40, 70], {}, [33, 40], {}), ([5, 3], dict(dtype='float64'), [4, 5], dict(dtype='float64')), ([1, 1], {}, [2, 1], {}),
        ([400, 120], {}, [32, 400], {}),
    ]:  # fmt: skip
        yield module_case('Linear', args, one(shape, **more), options)
    yield module_case('Linear', [5, 3], [], dict(dtype='float16'), name="Linear(5, 3, dtype='float16')")

    pool = [1, 2, 7, 6]
    for args, options in [
        ([2], {}), ([[2, 3]], {}), ([2], dict(stride=1)), ([3], dict(stride=[2, 1])), ([3], dict(padding=1)),
        ([[3, 2]], dict(padding=[1, 0])), ([2], dict(dilation=2)), ([2], dict(dilation=[1, 2])), ([2], dict(ceil_mode=True)),
        ([3], dict(stride=2, padding=1, ceil_mode=True)), ([[3, 2]], dict(stride=[2, 1], padding=[1, 1], dilation=[2, 1])),
    ]:  # fmt: skip
        yield module_case('MaxPool2d', args, one(pool), options)
    yield module_case('MaxPool2d', [3], one(pool, kind='levels'), dict(stride=1))
    yield module_case('MaxPool2d', [2], one(pool, dtype='float64'))
    yield module_case('MaxPool2d', [2], one([2, 7, 6]))

    for module, args, options in [
        ('ReLU', [], {}), ('ReLU', [], dict(inplace=True)), ('LeakyReLU', [], {}), ('LeakyReLU', [0.2], {}),
        ('LeakyReLU', [0.3], dict(inplace=True)), ('Tanh', [], {}),
    ]:  # fmt: skip
        yield module_case(module, args, one([37], scale=4), options)
        yield module_case(module, args, one([3, 5], dtype='float64', scale=4), options)
    yield module_case('ReLU', [], one([37], kind='levels'))
    yield module_case('Tanh', [], one([37], scale=30), name='Tanh() of large numbers')
    for dim in (0, 1, -1, 2):
        yield module_case('Softmax', [dim], one([3, 3, 19], scale=4))
    yield module_case('Softmax', [1], one([3, 10], scale=80), name='Softmax(1) of large numbers')
    yield module_case('Softmax', [1], one([3, 10], dtype='float64'))
    for args in ([], [0], [2], [1, 2], [0, -2]):
        yield module_case('Flatten', args, one([2, 3, 2, 2]))

    yield from loss_cases()
    yield module_case(None, None, one([3, 3, 32, 32]), parts=CNN, name="the course's CNN on [3, 3, 32, 32]")
    yield module_case(None, None, [], parts=CNN, seed=1, name="the course's CNN, seed 1")


def loss_cases():
    weight = dict(weight=dict(shape=[5], kind='positive', seed=5))
    logits = dict(shape=[7, 5], scale=4)
    labels = dict(shape=[7], kind='classes', classes=5, seed=3)
    shares = dict(shape=[7, 5], kind='positive', seed=4)

    def loss(inputs, **options):
        return module_case('CrossEntropyLoss', [], inputs, options)

    for reduction in ('mean', 'sum', 'none'):
        for options in ({}, weight, dict(label_smoothing=0.1), dict(**weight, label_smoothing=0.3)):
            yield loss([logits, labels], **options, reduction=reduction)
            yield loss([logits, shares], **options, reduction=reduction)
        for options in ({}, weight, dict(label_smoothing=0.1)):
            yield loss([logits, labels], **options, ignore_index=2, reduction=reduction)
        yield loss([logits, dict(labels, ignored=-100)], reduction=reduction)
    yield loss([logits, dict(labels, ignored=-1)], **weight, ignore_index=-1, label_smoothing=0.2)
    yield loss([logits, labels])
    yield loss([logits, labels], label_smoothing=1.0)
    yield loss([dict(logits, dtype='float64'), labels])
    yield loss([dict(shape=[5]), dict(shape=[], kind='classes', classes=5)])
    yield loss([dict(shape=[2, 5, 3, 2]), dict(shape=[2, 3, 2], kind='classes', classes=5)], **weight)
    yield loss([dict(shape=[2, 5, 3]), dict(shape=[2, 5, 3], kind='positive', seed=8)])
    yield loss([dict(shape=[32, 10], scale=50), dict(shape=[32], kind='classes', classes=10)])


# ---- SGD ----

STEPS = 8
NET = [('Linear', [5, 4], {}), ('Tanh', [], {}), ('Linear', [4, 3], {})]


def sgd_case(name, options, groups=None, late=None, rates=None, zero=False, frozen=None, dtype='float32'):
    """late: this parameter has a gradient only from step 3 on. frozen: this one gets none from step 3 on. rates: the first group's lr at each step. zero: gradients
    are filled with zeros between steps instead of forgotten."""
    torch.manual_seed(0)
    net = build(None, None, None, [(m, a, dict(o, dtype=dtype) if m == 'Linear' else o) for m, a, o in NET])
    parameters = list(net.parameters())
    given = [dict(g, params=[parameters[i] for i in g['params']]) for g in groups] if groups else parameters
    sgd = torch.optim.SGD(given, **options)
    images, labels = numbers([6, 5], seed=11, dtype=dtype, scale=2), numbers([6], seed=12, kind='classes', classes=3)
    losses = []
    for step in range(STEPS):
        if rates:
            sgd.param_groups[0]['lr'] = rates[step]
        if frozen is not None and step == 3:
            parameters[frozen].requires_grad_(False)
        sgd.zero_grad(set_to_none=not zero)
        loss = nn.functional.cross_entropy(net(images), labels)
        loss.backward()
        if late is not None and step < 3:
            parameters[late].grad = None
        sgd.step()
        losses.append(loss.detach())
    ordered = [p for g in sgd.param_groups for p in g['params']]
    buffers = [sgd.state[p].get('momentum_buffer') for p in ordered]
    return dict(name=name, options=options, groups=groups, late=late, rates=rates, zero=zero, frozen=frozen, dtype=dtype,
                losses=encode(torch.stack(losses)), parameters=[encode(p) for p in parameters],
                momentumBuffers=[None if b is None else encode(b) for b in buffers])


def sgd_cases():
    for form, choice in [('default', {}), ('foreach', dict(foreach=True)), ('fused', dict(fused=True)),
                         ('single', dict(foreach=False))]:
        for options in [
            {}, dict(lr=0.1), dict(lr=0.1, momentum=0.9), dict(lr=0.1, momentum=0.9, dampening=0.3), dict(lr=0.1, weight_decay=0.05),
            dict(lr=0.1, momentum=0.9, weight_decay=0.05), dict(lr=0.1, momentum=0.9, nesterov=True), dict(lr=0.1, maximize=True),
            dict(lr=0.1, momentum=0.9, weight_decay=0.05, maximize=True), dict(lr=0.1, momentum=0.9, dampening=-0.5),
            dict(lr=0.1, momentum=0.8, weight_decay=0.01, nesterov=True, maximize=True),
        ]:  # fmt: skip
            if form == 'single' and len(options) != 3:
                continue  # what the default chooses on the CPU: a few suffice
            yield sgd_case(f'{form}: ' + (', '.join(f'{k} {v}' for k, v in options.items()) or 'no options'), {**options, **choice})
        if form == 'single':
            continue
        moving = dict(lr=0.1, momentum=0.9, **choice)
        yield sgd_case(f'{form}: groups', moving, [
            dict(params=[0, 1], lr=0.3, weight_decay=0.1), dict(params=[2], momentum=0.5, nesterov=True), dict(params=[3], maximize=True)])
        yield sgd_case(f'{form}: groups in another order', moving, [dict(params=[3, 2]), dict(params=[1, 0], lr=0.01)])
        yield sgd_case(f'{form}: the learning rate changes', moving, rates=[0.1 / (i + 1) for i in range(STEPS)])
        yield sgd_case(f'{form}: zeros for gradients', dict(moving, nesterov=True), zero=True, frozen=2)
        yield sgd_case(f'{form}: no gradients for a parameter any more', moving, frozen=2)
        yield sgd_case(f'{form}: float64', dict(moving, weight_decay=0.05), dtype='float64')
        if form != 'fused':  # PyTorch's fused form refuses it
            yield sgd_case(f'{form}: a parameter that learns later', dict(moving, dampening=0.2), late=1)


# ---- random numbers ----

DRAWS = [  # function, arguments, options
    ('randn', [[5]], {}), ('randn', [[16]], {}), ('randn', [[3, 11]], {}), ('randn', [[7]], dict(dtype='float64')),
    ('randn', [[18]], dict(dtype='float64')), ('rand', [[9]], {}), ('rand', [[2, 9]], dict(dtype='float64')), ('randn', [[]], {}),
    ('randperm', [10], {}), ('randperm', [1], {}), ('randperm', [97], {}), ('randint', [0, 10, [20]], {}),
    ('randint', [-5, 6, [7]], dict(dtype='int32')), ('randint', [0, 2**40, [5]], {}), ('randint', [0, 256, [6]], dict(dtype='uint8')),
    ('randint', [0, 2, [4]], dict(dtype='float32')), ('rand', [[5]], dict(dtype='bfloat16')), ('randn', [[20]], dict(dtype='float16')),
    ('rand', [[0]], {}), ('rand', [[1000]], {}), ('randn', [[1001]], {}), ('randperm', [50000], {}),
]  # fmt: skip


def drawn(draws, generator=None):
    for function, args, options in draws:
        result = getattr(torch, function)(*args, **python_options(options), **({} if generator is None else dict(generator=generator)))
        yield dict(function=function, args=args, options=options, result=encode(result))


def random_cases():
    for seed in (0, 42, 2**40 + 1, 2**53 - 1, -1):
        torch.manual_seed(seed)
        draws = list(drawn(DRAWS if seed in (0, 42) else DRAWS[:11]))
        yield dict(name=f'seed {seed}', seed=seed, draws=draws, rngState=sha256(torch.get_rng_state().numpy()))
    # Every second draw from the generator, the others from the default one.
    torch.manual_seed(3)
    generator = torch.Generator().manual_seed(5)
    draws = [dict(next(drawn([draw], generator if i % 2 else None)), own=bool(i % 2)) for i, draw in enumerate(DRAWS[:14])]
    yield dict(name='a generator beside the default one', seed=3, generatorSeed=5, draws=draws,
               rngState=sha256(torch.get_rng_state().numpy()), generatorState=sha256(generator.get_state().numpy()))
    generator = torch.Generator()
    torch.manual_seed(0)
    yield dict(name='a generator that nobody seeded', seed=0, generatorSeed=None,
               draws=[dict(d, own=True) for d in drawn(DRAWS[:3], generator)],
               rngState=sha256(torch.get_rng_state().numpy()), generatorState=sha256(generator.get_state().numpy()))


def saved_state():
    """A state in the middle of things (half of a pair of normal numbers is still in it), and what is drawn from it."""
    torch.manual_seed(8)
    torch.randn(3)
    state = torch.get_rng_state()
    data = base64.b64encode(state.numpy().tobytes()).decode()
    return dict(state=dict(dtype='uint8', shape=list(state.shape), data=data), draws=list(drawn(DRAWS[:6])))


# ---- Part 1 ----

def steps(reference, data):
    command = [sys.executable, str(reference / 'train.py'), '--data', str(data), '--models', 'original', '--seeds', '0',
               '--threads', '1', '--steps', '200']
    row = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    files = [(data / f'{name}.bin').read_bytes() for name in [*(f'data_batch_{i}' for i in range(1, 6)), 'test_batch']]
    return dict(seed=0, imagesSha256=sha256(*files), parametersSha256=row['parametersSha256'],
                losses=encode(torch.tensor(row['losses'], dtype=torch.float32)))


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--reference', type=pathlib.Path, default=HERE.parents[2] / 'shared' / 'reference')
    p.add_argument('--images', type=pathlib.Path)
    p.add_argument('--out', type=pathlib.Path, default=KEPT)
    a = p.parse_args()
    torch.set_num_threads(1)
    write(a.out, 'modules', cases=list(module_cases()))
    write(a.out, 'sgd', cases=list(sgd_cases()))
    write(a.out, 'random', cases=list(random_cases()), saved=saved_state())
    write(a.out, 'resumed', cases=resumed.record(a.out))
    if a.out != KEPT:
        return
    # As many pictures as make 200 steps one epoch, of which the last batch is smaller.
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['node', str(HERE / 'write-synthetic.mjs'), folder, '1276'], check=True)
        write(a.out, 'steps200-synthetic', recordsPerFile=1276, **steps(a.reference, pathlib.Path(folder)))
    if a.images:
        write(a.out, 'steps200-seed0', **steps(a.reference, a.images))


if __name__ == '__main__':
    import resumed  # which imports this

    main()
