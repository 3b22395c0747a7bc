"""Convolutions, pooling, padding, resampling, folding, normalisation and dropout."""

D64 = 'float64'
SPATIAL = {1: [7], 2: [6, 7], 3: [5, 5, 6]}


def case(name, args=(), inputs=None, options=None, **more):
    made = {'class': f'nn.{name}', 'args': list(args), 'options': options or {}, **more}
    return made if inputs is None else dict(made, inputs=inputs)


def function(name, inputs, args=(), options=None, **more):
    return {'function': f'nn.functional.{name}', 'inputs': inputs, 'args': list(args), 'options': options or {}, **more}


def x(*shape, **more):
    return dict(shape=list(shape), **more)


def cases():
    yield from convolutions()
    yield from transposed()
    yield from pooling()
    yield from unpooling()
    yield from fractional()
    yield from adaptive()
    yield from padding()
    yield from resampling()
    yield from shuffling()
    yield from batch_norm()
    yield from instance_norm()
    yield from other_norms()
    yield from dropout()
    yield from lazy()


def every(dims, *values):
    """A size for each of so many dimensions."""
    return tuple(values[i % len(values)] for i in range(dims))


# ---- convolutions ----

def convolutions():
    for d in (1, 2, 3):
        name, picture = f'Conv{d}d', x(2, 4, *SPATIAL[d])
        for options in (
            {}, dict(stride=2), dict(stride=every(d, 1, 2)), dict(padding=1), dict(padding=every(d, 2, 1)),
            dict(padding='same'), dict(padding='same', dilation=2), dict(padding='valid', stride=2), dict(dilation=every(d, 2, 1)),
            dict(groups=2), dict(bias=False), dict(stride=2, padding=2, dilation=every(d, 1, 2), groups=4, bias=False),
        ):  # fmt: skip
            yield case(name, [4, 8, 3], [picture], options)
        for mode in ('reflect', 'replicate', 'circular'):
            yield case(name, [4, 4, 3], [picture], dict(padding=every(d, 1, 2), padding_mode=mode))
        yield case(name, [4, 4, every(d, 4, 2, 3)], [picture], dict(padding='same', padding_mode='circular'))
        yield case(name, [4, 4, every(d, 3, 2)], [picture], dict(padding='same'))
        yield case(name, [4, 4, 3], [picture], dict(padding='valid', padding_mode='reflect'))
        yield case(name, [4, 4, 1], [x(4, *SPATIAL[d])], seed=5)
        yield case(name, [4, 4, 3], [x(2, 4, *SPATIAL[d], dtype=D64)], dict(dtype=D64, padding=1))
        yield case(name, [4, 4, 3], None, dict(dtype='bfloat16'))


def transposed():
    for d in (1, 2, 3):
        name, small = f'ConvTranspose{d}d', x(2, 4, *SPATIAL[d][:-1], 3)
        for options in (
            {}, dict(stride=2), dict(stride=every(d, 2, 3)), dict(padding=1), dict(padding=every(d, 0, 1)),
            dict(stride=2, output_padding=1), dict(stride=3, output_padding=every(d, 2, 1)), dict(groups=2), dict(bias=False),
            dict(dilation=2), dict(stride=2, padding=1, output_padding=1, groups=4, bias=False, dilation=every(d, 2, 1)),
        ):  # fmt: skip
            yield case(name, [4, 8, 3], [small], options)
        yield case(name, [4, 4, every(d, 2, 3)], [x(4, *small['shape'][2:])], seed=5)
        yield case(name, [4, 4, 3], [dict(small, dtype=D64)], dict(dtype=D64))
        least = [(n - 1) * 3 - 2 + 3 for n in small['shape'][2:]]
        spatial = [n + (i + 1) % 3 for i, n in enumerate(least)]
        yield case(name, [4, 2, 3], [small], dict(stride=3, padding=1), call=dict(output_size=spatial))
        yield case(name, [4, 2, 3], [small], dict(stride=3, padding=1), call=dict(output_size=[2, 2, *spatial]))
        yield case(name, [4, 2, 3], [x(4, *small['shape'][2:])], dict(stride=3, padding=1), call=dict(output_size=[2, *spatial]))


# ---- pooling ----

def pooling():
    for d in (1, 2, 3):
        picture = x(2, 3, *SPATIAL[d])
        for options in (
            {}, dict(stride=1), dict(stride=every(d, 2, 1)), dict(padding=1), dict(dilation=every(d, 1, 2)), dict(ceil_mode=True),
            dict(return_indices=True), dict(stride=every(d, 2, 1), padding=1, dilation=every(d, 1, 2), ceil_mode=True, return_indices=True),
        ):  # fmt: skip
            yield case(f'MaxPool{d}d', [2], [picture], options)
        yield case(f'MaxPool{d}d', [every(d, 3, 2)], [x(3, *SPATIAL[d])], dict(return_indices=True))
        yield case(f'MaxPool{d}d', [2], [dict(picture, kind='levels')])
        yield case(f'MaxPool{d}d', [2], [dict(picture, dtype=D64)])
        for options in (
            {}, dict(stride=1), dict(stride=every(d, 2, 1)), dict(padding=1), dict(ceil_mode=True),
            dict(padding=1, count_include_pad=False), dict(padding=every(d, 1, 0), ceil_mode=True, count_include_pad=False),
            *([dict(divisor_override=5), dict(padding=1, divisor_override=2)] if d > 1 else []),
        ):  # fmt: skip
            yield case(f'AvgPool{d}d', [3], [picture], options)
        yield case(f'AvgPool{d}d', [every(d, 3, 2)], [x(3, *SPATIAL[d], dtype=D64)])
        for norm in (1, 2, 3, 0.5, {'float': 'inf'}, {'float': '-inf'}):
            yield case(f'LPPool{d}d', [norm, 2], [dict(picture, kind='positive')])
        for options in (dict(stride=1), dict(stride=every(d, 2, 1)), dict(ceil_mode=True)):
            yield case(f'LPPool{d}d', [2, 3], [picture], options)
        # Python's lp_pool1d takes no tuple, and multiplies by what it is given.
        if d > 1:
            yield case(f'LPPool{d}d', [2, every(d, 2, 3)], [picture])
        yield case(f'LPPool{d}d', [2, 2], [x(3, *SPATIAL[d], dtype=D64)])
        yield function(f'max_pool{d}d', [picture], [2], dict(stride=1, padding=1, return_indices=True))
        yield function(f'max_pool{d}d', [picture], [2])
        yield function(f'lp_pool{d}d', [picture], [2, 2], dict(ceil_mode=True))


def unpooling():
    for d in (1, 2, 3):
        size, pooled = SPATIAL[d], [n // 2 for n in SPATIAL[d]]
        count = 1
        for n in pooled:
            count *= 2 * n
        values, indices = x(2, 3, *pooled), x(2, 3, *pooled, kind='classes', classes=count, seed=2)
        # Of two values for one place the last one stays, which threads would race for; places are all different in the pooled forms.
        yield case(f'MaxUnpool{d}d', [2], [values, indices])
        yield case(f'MaxUnpool{d}d', [every(d, 2)], [values, indices], call=dict(output_size=size))
        yield case(f'MaxUnpool{d}d', [2], [values, indices], call=dict(output_size=[2, 3, *size]))
        yield case(f'MaxUnpool{d}d', [every(d, 3)], [values, indices], dict(stride=2))
        yield case(f'MaxUnpool{d}d', [4], [values, indices], dict(stride=every(d, 2), padding=1))
        yield case(f'MaxUnpool{d}d', [2], [x(3, *pooled, dtype=D64), x(3, *pooled, kind='classes', classes=count, seed=3)])
        yield function(f'max_unpool{d}d', [values, indices], [2], dict(stride=2, padding=0, output_size=size))


def fractional():
    for d in (2, 3):
        picture = x(2, 3, *SPATIAL[d])
        for options in (
            dict(output_size=3), dict(output_size=every(d, 2, 3)), dict(output_ratio=0.5), dict(output_ratio=every(d, 0.6, 0.5)),
            dict(output_size=3, return_indices=True),
        ):  # fmt: skip
            yield case(f'FractionalMaxPool{d}d', [2], [picture], options, seed=3)
        yield case(f'FractionalMaxPool{d}d', [every(d, 2, 1)], [x(3, *SPATIAL[d], dtype=D64)], dict(output_size=2))
        yield function(f'fractional_max_pool{d}d', [picture], [2], dict(output_ratio=every(d, 0.7, 0.6), return_indices=True), seed=4)


def adaptive():
    for d in (1, 2, 3):
        picture = x(2, 3, *SPATIAL[d])
        for kind in ('Max', 'Avg'):
            name = f'Adaptive{kind}Pool{d}d'
            sizes = [1, 3, every(d, 5, 2), *([(None, *every(d - 1, 2, None))] if d > 1 else [])]
            for size in sizes:
                yield case(name, [size], [picture])
            yield case(name, [2], [x(3, *SPATIAL[d], dtype=D64)])
            if kind == 'Max':
                yield case(name, [3], [picture], dict(return_indices=True))
                yield function(f'adaptive_max_pool{d}d', [picture], [2], dict(return_indices=True))
            elif d > 1:
                yield function(f'adaptive_avg_pool{d}d', [picture], [(None, *every(d - 1, 2))])


# ---- padding ----

def padding():
    for d in (1, 2, 3):
        picture, alone = x(2, 3, *SPATIAL[d]), x(3, *SPATIAL[d], dtype=D64)
        sides = (1, 2, 0, 1, 2, 1)[: 2 * d]
        for kind in ('Zero', 'Reflection', 'Replication', 'Circular'):
            for pad in (2, sides):
                yield case(f'{kind}Pad{d}d', [pad], [picture])
            yield case(f'{kind}Pad{d}d', [1], [alone])
        yield case(f'ZeroPad{d}d', [(-1, 2, *sides[2:])], [picture])
        for pad, value in ((2, 3.5), (sides, -1), ((-2, 1, *sides[2:]), 0.25)):
            yield case(f'ConstantPad{d}d', [pad, value], [picture])
        yield case(f'ConstantPad{d}d', [1, 2.5], [alone])
        for mode in ('constant', 'reflect', 'replicate', 'circular'):
            yield function('pad', [picture], [sides], dict(mode=mode))
        yield function('pad', [picture], [sides], dict(value=1.5))
    yield function('pad', [x(4)], [(2, 1)])
    yield function('pad', [x(2, 3, 4)], [(0, 1, 2, 0, 1, 1)], dict(mode='constant', value=-2.5))
    yield function('pad', [x(2, 3, 5)], [(-1, 2)], dict(mode='circular'))
    yield function('pad', [x(5, kind='classes', classes=9)], [(1, 1)], dict(value=3))


# ---- resampling ----

MODES = {1: ['nearest', 'nearest-exact', 'area', 'linear'], 2: ['nearest', 'nearest-exact', 'area', 'bilinear', 'bicubic'],
         3: ['nearest', 'nearest-exact', 'area', 'trilinear']}  # fmt: skip


def resampling():
    for d in (1, 2, 3):
        picture = x(2, 2, *SPATIAL[d])
        for mode in MODES[d]:
            for target in (
                dict(size=every(d, 9, 3)), dict(scale_factor=every(d, 1.7, 0.6)), dict(scale_factor=1.3, recompute_scale_factor=True),
            ):  # fmt: skip
                yield case('Upsample', [], [picture], dict(**target, mode=mode))
                if mode.endswith(('linear', 'cubic')):
                    yield case('Upsample', [], [picture], dict(**target, mode=mode, align_corners=True))
            yield function('interpolate', [dict(picture, dtype=D64)], [], dict(scale_factor=1.5, mode=mode))
        yield case('Upsample', [], [picture], dict(size=4))
        yield case('Upsample', [], [picture], dict(scale_factor=2, recompute_scale_factor=False))
        yield function('interpolate', [picture], [], dict(size=4))
    flat = x(1, 2, 9, 8)
    for mode in ('bilinear', 'bicubic', 'lanczos'):
        for target in (dict(size=(4, 5)), dict(scale_factor=0.4), dict(size=12)):
            yield function('interpolate', [flat], [], dict(**target, mode=mode, antialias=True))
            if mode != 'lanczos':
                yield function('interpolate', [flat], [], dict(**target, mode=mode, antialias=True, align_corners=True))
    for options in (dict(size=5), dict(size=(3, 9)), dict(scale_factor=3), dict(scale_factor=(1.5, 2.0))):
        yield case('UpsamplingNearest2d', [], [flat], options)
        yield case('UpsamplingBilinear2d', [], [flat], options)

    for d, places in ((2, x(2, 3, 4, 2, scale=1.3, seed=2)), (3, x(2, 2, 3, 2, 3, scale=1.3, seed=2))):
        for mode in ('bilinear', 'nearest', *(['bicubic'] if d == 2 else [])):
            for outside in ('zeros', 'border', 'reflection'):
                for align in (True, False):
                    options = dict(mode=mode, padding_mode=outside, align_corners=align)
                    yield function('grid_sample', [x(2, 2, *SPATIAL[d]), places], [], options)
        yield function('grid_sample', [x(2, 2, *SPATIAL[d], dtype=D64), dict(places, dtype=D64)], [], dict(align_corners=False))
        for align in (True, False):
            yield function('affine_grid', [x(2, d, d + 1)], [(2, 1, *SPATIAL[d])], dict(align_corners=align))


def shuffling():
    yield case('PixelShuffle', [2], [x(2, 8, 3, 2)])
    yield case('PixelShuffle', [3], [x(9, 2, 2, dtype=D64)])
    yield case('PixelUnshuffle', [2], [x(2, 3, 4, 6)])
    yield case('PixelUnshuffle', [3], [x(1, 3, 6, dtype=D64)])
    yield case('ChannelShuffle', [2], [x(2, 6, 3, 2)])
    yield case('ChannelShuffle', [3], [x(1, 6, 4)])
    options = [{}, dict(dilation=2), dict(padding=1), dict(stride=2), dict(dilation=(1, 2), padding=(2, 1), stride=(2, 3))]
    for one in options:
        yield case('Unfold', [3], [x(2, 3, 6, 7)], one)
    yield case('Unfold', [(2, 3)], [x(3, 6, 7, dtype=D64)])
    for one, windows in zip(options, (20, 6, 42, 6, 8)):
        yield case('Fold', [(6, 7), 3], [x(2, 2 * 9, windows)], one)
    yield case('Fold', [5, (2, 3)], [x(2 * 6, 12, dtype=D64)])
    yield function('unfold', [x(1, 2, 4, 4)], [2], dict(stride=2))
    yield function('fold', [x(1, 8, 4)], [4, 2], dict(stride=2))


# ---- normalisation ----

AFFINE = dict(weight=x(4, seed=7), bias=x(4, seed=8))


def norm_inputs(d):
    return x(3, 4, *SPATIAL[d])


def batch_norm():
    for d in (1, 2, 3):
        name, inputs = f'BatchNorm{d}d', [norm_inputs(d)]
        for options in (
            {}, dict(momentum=0.3), dict(momentum=None), dict(eps=0.01), dict(affine=False), dict(bias=False),
            dict(track_running_stats=False), dict(affine=False, track_running_stats=False),
        ):  # fmt: skip
            given = {k: v for k, v in AFFINE.items() if options.get('affine', True) and (k == 'weight' or options.get('bias', True))}
            for train in (True, False):
                yield case(name, [4], inputs, options, parameters=given, train=train)
        yield case(name, [4], inputs, dict(momentum=None), times=3)
        yield case(name, [4], inputs, times=2)
        yield case(name, [4], [dict(inputs[0], dtype=D64)], dict(dtype=D64))
    for train in (True, False):
        yield case('BatchNorm1d', [4], [x(5, 4)], train=train)
    stats = [x(4, seed=3, grad=False), x(4, seed=4, kind='positive', grad=False)]
    for options in ({}, dict(weight=x(4, seed=7), bias=x(4, seed=8)), dict(training=True, momentum=0.2), dict(eps=0.1)):
        yield function('batch_norm', [x(3, 4, 5), *stats], [], options)
    yield function('batch_norm', [x(3, 4, 5)], [None, None], dict(training=True))


def instance_norm():
    for d in (1, 2, 3):
        name, inputs = f'InstanceNorm{d}d', [norm_inputs(d)]
        for options in (
            {}, dict(affine=True), dict(affine=True, bias=False), dict(track_running_stats=True), dict(eps=0.01),
            dict(affine=True, track_running_stats=True, momentum=0.3), dict(track_running_stats=True, momentum=None),
        ):  # fmt: skip
            given = {k: v for k, v in AFFINE.items() if options.get('affine') and (k == 'weight' or options.get('bias', True))}
            for train in (True, False):
                yield case(name, [4], inputs, options, parameters=given, train=train)
        yield case(name, [4], [x(4, *SPATIAL[d])], dict(affine=True))
        yield case(name, [4], [dict(inputs[0], dtype=D64)], dict(dtype=D64, affine=True))
        yield case(name, [4], inputs, dict(track_running_stats=True), times=2)
        yield case(name, [9], inputs)
    yield function('instance_norm', [x(2, 4, 5)], [], dict(weight=x(4, seed=7), bias=x(4, seed=8), eps=0.1))
    yield function('instance_norm', [x(2, 4, 5)])


def other_norms():
    for shape in (6, (6,), (5, 6)):
        last = [shape] if isinstance(shape, int) else list(shape)
        for options in ({}, dict(eps=0.1), dict(elementwise_affine=False), dict(bias=False)):
            given = {k: x(*last, seed=7) for k in ('weight', 'bias') if options.get('elementwise_affine', True) and options.get(k, True)}
            yield case('LayerNorm', [shape], [x(3, 5, 6)], options, parameters=given)
        for options in ({}, dict(eps=0.1), dict(elementwise_affine=False)):
            given = dict(weight=x(*last, seed=7)) if options.get('elementwise_affine', True) else {}
            yield case('RMSNorm', [shape], [x(3, 5, 6)], options, parameters=given)
    yield case('LayerNorm', [6], [x(6, dtype=D64)], dict(dtype=D64))
    yield case('RMSNorm', [6], [x(6, dtype=D64)], dict(dtype=D64))
    for groups in (1, 2, 4):
        for options in ({}, dict(eps=0.1), dict(affine=False), dict(bias=False)):
            given = {k: v for k, v in AFFINE.items() if options.get('affine', True) and options.get(k, True)}
            yield case('GroupNorm', [groups, 4], [x(3, 4, 5, 2)], options, parameters=given)
    yield case('GroupNorm', [2, 4], [x(5, 4, dtype=D64)], dict(dtype=D64))
    for size in (1, 2, 3, 5):
        yield case('LocalResponseNorm', [size], [x(2, 4, 6)])
        yield case('LocalResponseNorm', [size], [x(2, 4, 3, 3)], dict(alpha=0.5, beta=0.3, k=2))
    for size in (2, 3, 5):  # with 1 Python's own backward throws
        yield case('CrossMapLRN2d', [size], [x(2, 4, 3, 3)])
        yield case('CrossMapLRN2d', [size], [x(2, 7, 3, 2, dtype=D64)], dict(alpha=0.5, beta=0.3, k=2))
    yield case('LocalResponseNorm', [3], [x(2, 4, 2, 3, 2, dtype=D64)], dict(alpha=0.2))
    yield function('layer_norm', [x(3, 5, 6)], [(5, 6)], dict(weight=x(5, 6, seed=7), bias=x(5, 6, seed=8), eps=0.1))
    yield function('group_norm', [x(3, 4, 5)], [2], dict(weight=x(4, seed=7)))
    yield function('local_response_norm', [x(3, 4, 5)], [2], dict(k=1.5))


# ---- dropout ----

SHAPES = {'Dropout': [[5, 7], [40]], 'Dropout1d': [[3, 5, 4], [9, 4]], 'Dropout2d': [[3, 5, 2, 2], [3, 5, 4]],
          'Dropout3d': [[3, 5, 2, 2, 1], [9, 2, 2, 1]], 'AlphaDropout': [[5, 7]], 'FeatureAlphaDropout': [[3, 5, 2, 2], [4, 6]]}  # fmt: skip


def dropout():
    for name, shapes in SHAPES.items():
        for shape in shapes:
            for args in ([], [0.2], [0], [1]):
                yield case(name, args, [x(*shape)], seed=2)
            yield case(name, [0.3], [x(*shape)], dict(inplace=True), seed=3)
            yield case(name, [0.3], [x(*shape)], train=False)
        yield case(name, [0.4], [x(*shapes[0], dtype=D64)], times=2)
    for name in ('dropout', 'dropout1d', 'dropout2d', 'dropout3d', 'alpha_dropout', 'feature_alpha_dropout'):
        shape = SHAPES[''.join(part.capitalize() for part in name.split('_'))][0]
        yield function(name, [x(*shape)], [0.4], seed=4)
        yield function(name, [x(*shape)], [0.4], dict(training=False))
        yield function(name, [x(*shape)], [0.4], dict(training=True), seed=4)


# ---- lazy modules ----

def lazy():
    def one(name, args, first, options=None):
        return case(f'Lazy{name}', args, [dict(first, seed=2)], options, first=[first], seed=6)

    for options in ({}, dict(bias=False), dict(dtype=D64)):
        yield one('Linear', [3], x(2, 5, **options) if 'dtype' in options else x(2, 5), options)
    for d in (1, 2, 3):
        picture = x(2, 4, *SPATIAL[d])
        for options in ({}, dict(stride=2, padding=1, groups=2, bias=False), dict(padding='same', padding_mode='circular')):
            yield one(f'Conv{d}d', [6, 3], picture, options)
        for options in ({}, dict(stride=2, padding=1, output_padding=1, groups=2), dict(bias=False)):
            yield one(f'ConvTranspose{d}d', [6, 3], picture, options)
        yield one(f'Conv{d}d', [6, 3], x(4, *SPATIAL[d]))
        for options in ({}, dict(momentum=None), dict(affine=False), dict(bias=False), dict(track_running_stats=False)):
            yield one(f'BatchNorm{d}d', [], picture, options)
        for options in (dict(affine=True), dict(track_running_stats=True)):
            yield one(f'InstanceNorm{d}d', [], picture, options)
