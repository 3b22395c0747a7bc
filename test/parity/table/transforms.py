"""Transforms of images: torchvision's transforms.v2, functional forms and those that draw random numbers. Run by transforms.run.ts."""
import json, pathlib
import torch

KEPT = pathlib.Path(__file__).parent / 'recorded' / 'transforms.json'
F, R = 'functional', 'random'


def torchvision():
    """torchvision's transforms.v2, also of a torchvision whose compiled operators do not fit this torch: they are not used here."""
    register = torch.library.register_fake
    torch.library.register_fake = lambda *_, **__: lambda function: function
    try:
        from torchvision.transforms import v2
    finally:
        torch.library.register_fake = register
    return v2


def calls():
    for dtype in ('uint8', 'float32'):
        for name in ('horizontal_flip', 'vertical_flip', 'rgb_to_grayscale'):
            yield F, name, [], {}, dtype
        yield F, 'rgb_to_grayscale', [], dict(num_output_channels=3), dtype
        for factor in (0.0, 0.6, 1.0, 1.7):
            for name in ('adjust_brightness', 'adjust_contrast', 'adjust_saturation'):
                yield F, name, [factor], {}, dtype
        for factor in (-0.5, -0.1, 0.0, 0.3):
            yield F, 'adjust_hue', [factor], {}, dtype
        for padding in (2, [1, 2], [1, 0, 2, 3]):
            for mode in ('constant', 'edge', 'reflect', 'symmetric'):
                yield F, 'pad', [padding], dict(padding_mode=mode), dtype
        yield F, 'pad', [2], dict(fill=1), dtype
        yield F, 'pad', [[1, 2, 3, 0]], dict(fill=[1.0, 2.0, 3.0]), dtype
        for box in ([0, 0, 4, 5], [2, 3, 4, 6], [-2, -1, 6, 20], [5, 7, 9, 9]):
            yield F, 'crop', box, {}, dtype
        for size in ([4, 5], [5, 4], [12, 6], [20, 20], 7):
            yield F, 'center_crop', [size], {}, dtype
        for size in ([4, 5], [16, 9], 6, 20):
            for mode in ('nearest', 'nearest-exact', 'bilinear', 'bicubic'):
                yield F, 'resize', [size], dict(interpolation=mode), dtype
            yield F, 'resize', [size], dict(antialias=False), dtype
        yield F, 'resize', [9], dict(max_size=10), dtype
        yield F, 'resized_crop', [1, 2, 6, 7, [5, 5]], {}, dtype
        for angle in (0.0, 30.0, 90.0, 180.0, -45.0, 270.0, 400.0):
            for mode in ('nearest', 'bilinear'):
                yield F, 'rotate', [angle], dict(interpolation=mode), dtype
        yield F, 'rotate', [30.0], dict(expand=True), dtype
        yield F, 'rotate', [30.0], dict(center=[2.0, 3.0], fill=7.0), dtype
        yield F, 'rotate', [75.0], dict(interpolation='bilinear', fill=[1.0, 2.0, 3.0]), dtype
        for target in ('uint8', 'int16', 'int32', 'float32', 'float64', 'bfloat16'):
            for scale in (False, True):
                if not (dtype == 'float32' and target == 'int32' and scale):
                    yield F, 'to_dtype', [target], dict(scale=scale), dtype
        # Under one seed each: what is drawn for an image is drawn here too.
        for name, args, options in (
            ('RandomHorizontalFlip', [], {}), ('RandomHorizontalFlip', [], dict(p=0.9)), ('RandomVerticalFlip', [], {}),
            ('RandomCrop', [8], dict(padding=2)), ('RandomCrop', [[6, 7]], {}), ('RandomCrop', [[10, 12]], {}), ('RandomCrop', [14], dict(pad_if_needed=True)),
            ('RandomCrop', [8], dict(padding=3, padding_mode='reflect')), ('RandomCrop', [8], dict(padding=[1, 2], fill=9)),
            ('RandomResizedCrop', [6], {}), ('RandomResizedCrop', [[5, 9]], dict(scale=[0.3, 0.6], ratio=[0.5, 2.0], interpolation='nearest')),
            ('RandomResizedCrop', [6], dict(scale=[0.9, 1.0], ratio=[3.0, 4.0])),
            ('RandomRotation', [30], {}), ('RandomRotation', [[10, 20]], dict(interpolation='bilinear', fill=3)), ('RandomRotation', [40], dict(expand=True)),
            ('ColorJitter', [], dict(brightness=0.4, contrast=0.3, saturation=0.5, hue=0.2)), ('ColorJitter', [], dict(brightness=[0.5, 0.7], hue=[-0.1, 0.3])),
            ('RandomErasing', [], dict(p=0.8)), ('RandomErasing', [], dict(p=1.0, value=[1.0, 2.0, 3.0], scale=[0.1, 0.4], ratio=[0.5, 2.0])),
            ('RandomErasing', [], dict(p=1.0, value='random')),
        ):  # fmt: skip
            for seed in (1, 2, 3):
                yield R, name, args, dict(options, seed=seed), dtype
        for name, args, options in (('Grayscale', [], dict(num_output_channels=3)), ('CenterCrop', [6], {}), ('Pad', [2], {}), ('Resize', [[5, 5]], {})):
            yield R, name, args, dict(options, seed=1), dtype
    yield F, 'normalize', [[0.4, 0.5, 0.6], [0.2, 0.3, 0.4]], {}, 'float32'
    yield F, 'normalize', [[0.4], [0.2]], {}, 'float32'
    yield R, 'Normalize', [[0.4, 0.5, 0.6], [0.2, 0.3, 0.4]], dict(seed=1), 'float32'
    yield R, 'ToDtype', ['float32'], dict(scale=True, seed=1), 'uint8'


def images(dtype, shape):
    from record import numbers
    made = numbers(shape, seed=7, kind='positive')
    return made.mul(255).floor().to(torch.uint8) if dtype == 'uint8' else made


def kept(error):
    for case in json.loads(KEPT.read_text())['cases']:
        yield dict(case, near=f'recorded elsewhere: no torchvision here ({type(error).__name__})')


def record():
    from __main__ import encode, rng
    try:
        v2 = torchvision()
    except Exception as error:  # ImportError, or whatever a torchvision of another version fails with
        yield from kept(error)
        return
    modes = {'nearest': v2.InterpolationMode.NEAREST, 'nearest-exact': v2.InterpolationMode.NEAREST_EXACT,
             'bilinear': v2.InterpolationMode.BILINEAR, 'bicubic': v2.InterpolationMode.BICUBIC}  # fmt: skip
    for kind, name, args, options, dtype in calls():
        shape = [2, 3, 10, 12] if kind == F else [3, 10, 12]
        given = dict(options)
        seed = given.pop('seed', 0)
        if 'interpolation' in given:
            given['interpolation'] = modes[given['interpolation']]
        python = [getattr(torch, a) if name in ('to_dtype', 'ToDtype') else a for a in args]
        torch.manual_seed(seed)
        image = images(dtype, shape)
        result = getattr(v2.functional, name)(image, *python, **given) if kind == F else getattr(v2, name)(*python, **given)(image)
        words = ', '.join([*map(str, args), *(f'{k}={v}' for k, v in options.items())])
        yield {'class': f'transforms.functional.{name}' if kind == F else f'transforms.{name}', 'name': f'{name}({words}) of {dtype} {shape}', 'kind': kind,
               'call': name, 'args': args, 'options': {k: v for k, v in options.items() if k != 'seed'}, 'seed': seed, 'shape': shape, 'dtype': dtype,
               'result': encode(result.contiguous()), 'rngStateAfter': rng()}
