"""torch.nn.utils: parametrisations, and parameters as vectors."""


def t(*shape, **more):
    return dict(shape=list(shape), **more)


def module(name, *args, **options):
    return {'class': f'nn.{name}', 'args': list(args), 'options': options}


def case(name, on, inputs=None, options=None, **more):
    made = {'class': f'nn.utils.{name}', 'args': [on], 'options': options or {}, **more}
    return made if inputs is None else dict(made, inputs=inputs)


LINEAR, WIDE = module('Linear', 4, 3), module('Linear', 3, 5)
X = t(2, 4)


def parametrisations():
    for name in ('parametrizations.weight_norm', 'weight_norm'):
        for options in ({}, dict(dim=1), dict(dim=None), dict(dim=-1)):
            yield case(name, LINEAR, [X], options)
        yield case(name, module('Linear', 4, 3), [X], dict(name='bias'))
        yield case(name, module('Conv2d', 2, 3, 3, padding=1), [t(1, 2, 4, 4)])
        yield case(name, module('Conv2d', 2, 4, 3, stride=2, padding=1, groups=2, padding_mode='reflect'), [t(1, 2, 5, 5)], dict(dim=1))
        yield case(name, module('Conv1d', 2, 3, 3), [t(1, 2, 5)])
        yield case(name, module('GRU', 3, 2), [t(3, 1, 3)], dict(name='weight_hh_l0'))
        yield case(name, module('Embedding', 5, 3), [t(4, kind='classes', classes=5)])
        yield case(name, module('MultiheadAttention', 4, 2), [t(3, 1, 4), t(3, 1, 4, seed=2), t(3, 1, 4, seed=3)], dict(name='in_proj_weight'))
    yield case('parametrizations.weight_norm', module('Linear', 4, 3, bias=False), [X], train=False)

    spectral = 'parametrizations.spectral_norm'
    for options in ({}, dict(n_power_iterations=3), dict(dim=1), dict(dim=-1), dict(eps=0.5)):
        yield case(spectral, LINEAR, [X], options)
    for more in (dict(times=3), dict(train=False), dict(seed=5, times=2)):
        yield case(spectral, LINEAR, [X], **more)
    yield case(spectral, LINEAR, [X], dict(name='bias'))
    yield case(spectral, module('Conv2d', 2, 3, 2), [t(1, 2, 4, 4)], times=2)
    yield case(spectral, module('ConvTranspose1d', 2, 3, 2), [t(1, 2, 4)])
    yield case(spectral, case(spectral, module('Linear', 4, 3)), [X], dict(name='bias'))

    orthogonal = 'parametrizations.orthogonal'
    for on, x in ((module('Linear', 3, 3), t(2, 3)), (LINEAR, X), (WIDE, t(2, 3))):
        for options in ({}, *(dict(orthogonal_map=kind) for kind in ('matrix_exp', 'cayley', 'householder'))):
            yield case(orthogonal, on, [x], options)
            yield case(orthogonal, on, [x], dict(options, use_trivialization=False))
    yield case(orthogonal, module('Linear', 3, 3, dtype='float64'), [t(2, 3, dtype='float64')])
    yield case(orthogonal, module('Bilinear', 3, 3, 2), [t(1, 3), t(1, 3, seed=2)])


def cases():
    yield from parametrisations()
    yield {'function': 'nn.utils.parameters_to_vector', 'inputs': [[t(2, 3), t(3, seed=2), t(1, 2, 2, seed=3)]]}
