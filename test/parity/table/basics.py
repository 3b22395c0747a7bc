"""Linear layers, activations, losses, containers and initialisation."""


def case(module, args=(), inputs=None, options=None, **more):
    made = {'class': f'nn.{module}', 'args': list(args), 'options': options or {}, **more}
    return made if inputs is None else dict(made, inputs=inputs)


def made(name, *args, **options):
    return {'class': f'nn.{name}', 'args': list(args), 'options': options}


def cases():
    yield from linear()
    yield from activations()
    yield from softmaxes()
    yield from losses()
    yield from containers()
    yield from initial()


def linear():
    x = dict(shape=[4, 5], scale=3)
    yield case('Linear', [5, 3], [x])
    yield case('Linear', [5, 3], [x], dict(bias=False), seed=3)
    yield case('Linear', [5, 3], [dict(x, dtype='float64')], dict(dtype='float64'))
    a, b = dict(shape=[4, 5], seed=2), dict(shape=[4, 3], seed=3)
    yield case('Bilinear', [5, 3, 2], [a, b])
    yield case('Bilinear', [5, 3, 2], [a, b], dict(bias=False))
    yield case('Bilinear', [5, 3, 7], [dict(shape=[2, 3, 5]), dict(shape=[2, 3, 3], seed=4)], seed=5)
    yield case('Bilinear', [5, 3, 2], [dict(t, dtype='float64') for t in (a, b)], dict(dtype='float64'))
    yield case('Bilinear', [40, 30, 20])
    yield case('Identity', [], [x])
    yield case('Identity', [54], [x], dict(unused=0.1))
    for args in ([], [0], [2], [1, 2], [0, -2]):
        yield case('Flatten', args, [dict(shape=[2, 3, 2, 2])])
    yield case('Unflatten', [1, (2, 3)], [dict(shape=[2, 6])])
    yield case('Unflatten', [-1, (3, -1)], [dict(shape=[2, 6])])
    yield case('Unflatten', [0, (12,)], [dict(shape=[12])])
    u, v = dict(shape=[3, 4, 5], seed=2), dict(shape=[3, 4, 5], seed=3)
    for options in ({}, dict(dim=0), dict(dim=-1), dict(eps=0.5), dict(dim=2, eps=0.1)):
        yield case('CosineSimilarity', [], [u, v], options)
    yield case('CosineSimilarity', [], [dict(t, dtype='float64') for t in (u, v)])
    yield case('CosineSimilarity', [], [dict(u, shape=[3, 1, 5]), v])
    for options in ({}, dict(p=1.0), dict(p=3.0), dict(p=float('inf')), dict(p=0.0), dict(eps=0.1), dict(keepdim=True)):
        yield case('PairwiseDistance', [], [u, v], options)
    yield case('PairwiseDistance', [], [dict(shape=[5]), dict(shape=[3, 5], seed=9)])


def activations():
    x = dict(shape=[37], scale=4)
    kinds = [x, dict(shape=[3, 5], dtype='float64', scale=4, seed=2), dict(shape=[4, 9], dtype='bfloat16', scale=4, seed=3)]
    plain = ['LogSigmoid', 'Sigmoid', 'Softsign', 'Tanh', 'Tanhshrink']
    inplace = ['ReLU', 'ReLU6', 'Hardsigmoid', 'Hardswish', 'SiLU', 'Mish', 'SELU']
    for name in plain:
        for t in kinds:
            yield case(name, [], [t])
    for name in inplace:
        for t in kinds:
            yield case(name, [], [t])
        yield case(name, [], [x], dict(inplace=True))
    for name, options in [
        ('ELU', dict(alpha=0.5)), ('CELU', dict(alpha=2.0)), ('Hardtanh', dict(min_val=-2.0, max_val=0.5)),
    ]:  # fmt: skip
        for t in kinds:
            yield case(name, [], [t])
        yield case(name, [], [x], options)
        yield case(name, [], [x], dict(inplace=True))
        yield case(name, [], [x], dict(options, inplace=True))
    yield case('Hardtanh', [], [x], dict(max_val=1e-5))
    for t in kinds:
        yield case('LeakyReLU', [], [t])
        yield case('Threshold', [0.5, -1.0], [t])
    yield case('LeakyReLU', [0.3], [x], dict(inplace=True))
    yield case('Threshold', [-0.5, 20.0], [x], dict(inplace=True))
    for name in ('Hardshrink', 'Softshrink'):
        for t in kinds:
            yield case(name, [], [t])
        yield case(name, [], [x], dict(lambd=1.5))
    for options in ({}, dict(approximate='none'), dict(approximate='tanh')):
        for t in kinds:
            yield case('GELU', [], [t], options)
    for options in ({}, dict(beta=2.0), dict(threshold=1.0), dict(beta=0.5, threshold=2.0)):
        yield case('Softplus', [], [x], options)
    yield case('Softplus', [], [kinds[1]])
    yield case('GLU', [], [dict(shape=[3, 8], scale=3)])
    yield case('GLU', [], [dict(shape=[4, 3, 5], scale=3)], dict(dim=0))
    for train in (True, False):
        for options in ({}, dict(lower=0.2, upper=0.5), dict(inplace=True), dict(lower=0.1, inplace=True)):
            yield case('RReLU', [], [x], options, train=train, seed=3)
    yield case('RReLU', [], [kinds[1]], times=2)
    channels = dict(shape=[2, 3, 4], scale=3)
    for options in ({}, dict(num_parameters=3), dict(init=0.1), dict(num_parameters=3, init=0.5)):
        yield case('PReLU', [], [channels], options)
    yield case('PReLU', [], [dict(channels, dtype='float64')], dict(num_parameters=3, dtype='float64'),
               parameters=dict(weight=dict(shape=[3], seed=4)))  # fmt: skip


def softmaxes():
    x = dict(shape=[3, 3, 19], scale=4)
    for name in ('Softmax', 'Softmin', 'LogSoftmax'):
        for dim in (0, 1, -1, 2):
            yield case(name, [dim], [x])
        yield case(name, [1], [dict(shape=[3, 10], scale=80)], name=f'{name}(1) of large numbers')
        yield case(name, [1], [dict(shape=[3, 10], dtype='float64')])
    yield case('Softmax2d', [], [dict(shape=[2, 3, 4, 5], scale=4)])
    yield case('Softmax2d', [], [dict(shape=[3, 4, 5], scale=4)])
    for options in ({}, dict(tau=0.5), dict(hard=True), dict(dim=0, hard=True)):
        yield {'function': 'nn.functional.gumbel_softmax', 'inputs': [dict(shape=[4, 5], scale=3)], 'options': options, 'seed': 2}
    for name in ('softmax', 'softmin', 'log_softmax'):
        for options in ({}, dict(dtype='float64')):
            yield {'function': f'nn.functional.{name}', 'inputs': [dict(shape=[4, 5], scale=3)], 'args': [1], 'options': options}
    for options in ({}, dict(p=1.0), dict(p=3.0, dim=0), dict(dim=-1), dict(eps=5.0)):
        yield {'function': 'nn.functional.normalize', 'inputs': [dict(shape=[3, 4, 2], scale=2)], 'options': options}

    features, target = dict(shape=[9, 16], scale=2, seed=3), dict(shape=[9], kind='classes', classes=20, seed=5)
    name = 'AdaptiveLogSoftmaxWithLoss'
    for args, options in [
        ([16, 20, [5, 10]], {}), ([16, 20, [5, 10]], dict(div_value=2.0)), ([16, 20, [10]], dict(head_bias=True)),
        ([16, 20, [2, 4, 12]], dict(div_value=1.5, head_bias=True)),
    ]:  # fmt: skip
        yield case(name, args, [features, target], options)
        yield case(name, args, [features], options, method='log_prob')
        yield case(name, args, [features], options, method='predict')
    yield case(name, [16, 20, [5, 10]], [dict(shape=[16], seed=2), dict(values=17, dtype='int64')])
    yield case(name, [16, 20, [5, 10]], [dict(shape=[16], seed=2), dict(values=2, dtype='int64')])
    yield case(name, [16, 20, [19]], [features, dict(target, classes=19)])
    yield case(name, [16, 20, [5, 10]], [dict(features, dtype='float64'), target], dict(dtype='float64'))


REDUCTIONS = [{}, dict(reduction='mean'), dict(reduction='sum'), dict(reduction='none')]


def losses():
    def each(name, inputs, *options, reductions=REDUCTIONS, **more):
        for reduction in reductions:
            for option in options or ({},):
                yield case(name, [], inputs, dict(option, **reduction), **more)

    x, y = dict(shape=[4, 5], scale=2, seed=2), dict(shape=[4, 5], scale=2, seed=3, grad=False)
    signs = dict(shape=[4, 5], kind='signs', seed=5, grad=False)
    weight, positive = dict(shape=[5], kind='positive', seed=5), dict(shape=[4, 5], kind='positive', seed=8, grad=False)
    chances = dict(shape=[4, 5], kind='positive', seed=6)
    labels = dict(shape=[4], kind='classes', classes=5, seed=3)
    double = lambda *specs: [dict(s, dtype='float64') if s.get('kind') != 'classes' else s for s in specs]

    yield from each('L1Loss', [x, y])
    yield from each('MSELoss', [x, y])
    yield from each('MSELoss', [x, dict(y, grad=True)])
    yield from each('SmoothL1Loss', [x, y], {}, dict(beta=0.5), dict(beta=0.0))
    yield from each('HuberLoss', [x, y], {}, dict(delta=0.5))
    for name in ('L1Loss', 'MSELoss', 'SmoothL1Loss', 'HuberLoss'):
        yield case(name, [], double(x, y))
        yield case(name, [], [dict(x, shape=[]), dict(y, shape=[])])
    for name in ('l1_loss', 'mse_loss', 'huber_loss'):
        for reduction in REDUCTIONS:
            yield {'function': f'nn.functional.{name}', 'inputs': [x, y], 'options': dict(reduction, weight=positive)}

    picture = [dict(shape=[2, 5, 3, 2], seed=4), dict(shape=[2, 3, 2], kind='classes', classes=5, seed=7)]
    choices = [{}, dict(weight=weight), dict(ignore_index=2), dict(weight=weight, ignore_index=1)]
    yield from each('NLLLoss', [x, labels], *choices)
    yield from each('NLLLoss', picture, {}, dict(weight=weight))
    yield case('NLLLoss', [], [dict(shape=[5]), dict(shape=[], kind='classes', classes=5)])
    yield case('NLLLoss', [], [x, dict(labels, ignored=-100)])
    yield case('NLLLoss', [], double(x, labels))
    shares = dict(shape=[4, 5], kind='positive', seed=4)
    choices.append(dict(label_smoothing=0.1))
    choices.append(dict(weight=weight, label_smoothing=0.3))
    yield from each('CrossEntropyLoss', [x, labels], *choices)
    yield from each('CrossEntropyLoss', [x, shares], {}, dict(weight=weight), dict(label_smoothing=0.1))
    yield from each('CrossEntropyLoss', picture, {}, dict(weight=weight))
    for options in choices:
        yield {'function': 'nn.functional.cross_entropy', 'inputs': [x, labels], 'options': options}
    features = dict(shape=[4, 6], seed=4)
    for args, inputs, options in [
        ([6, 5], [features, labels], {}), ([6, 5], [features, labels], dict(bias=True)),
        ([6, 5], [features, labels], dict(weight=weight, reduction='sum')), ([6, 5], [features, labels], dict(ignore_index=2, reduction='none')),
        ([6, 5], [features, shares], dict(label_smoothing=0.2)), ([6, 5], [features, labels], dict(bias=True, label_smoothing=0.5)),
        ([6, 5], [features, dict(labels, shape=[4, 2, 3])], dict(out_features=(2, 3), bias=True)),
        ([6, 5], [dict(features, shape=[6]), dict(labels, shape=[])], {}),
        ([6, 5], [features, dict(labels, shape=[4, 2])], dict(out_features=(2,), reduction='sum')),
        ([6, 5], double(features, labels), dict(dtype='float64')),
    ]:  # fmt: skip
        yield case('LinearCrossEntropyLoss', args, inputs, options)

    counts = dict(shape=[4, 5], kind='classes', classes=6, seed=4)
    for options in ({}, dict(full=True), dict(log_input=False), dict(log_input=False, full=True, eps=0.1)):
        rate = x if options.get('log_input', True) else chances
        yield from each('PoissonNLLLoss', [rate, counts], options)
        yield case('PoissonNLLLoss', [], [rate, y], options)
    for variance in (dict(shape=[4, 5], kind='positive', seed=9), dict(shape=[4], kind='positive', seed=9),
                     dict(shape=[4, 1], kind='positive', seed=9), 0.7):  # fmt: skip
        yield from each('GaussianNLLLoss', [x, y, variance], {}, dict(full=True), dict(eps=0.5))
    logs = dict(shape=[4, 5], scale=3, seed=7)
    for reduction in (*REDUCTIONS, dict(reduction='batchmean')):
        yield case('KLDivLoss', [], [logs, positive], reduction)
        yield case('KLDivLoss', [], [logs, dict(y, grad=True)], dict(log_target=True, **reduction))
        yield case('KLDivLoss', [], [logs, dict(positive, grad=True)], reduction)
    yield case('KLDivLoss', [], [dict(logs, shape=[]), dict(positive, shape=[])], dict(reduction='batchmean'))

    yield from each('BCELoss', [chances, positive], {}, dict(weight=weight), dict(weight=positive))
    yield case('BCELoss', [], double(chances, positive))
    yield case('BCELoss', [], [chances, dict(positive, grad=True)])
    yield from each('BCEWithLogitsLoss', [x, positive], {}, dict(weight=weight), dict(pos_weight=weight),
                    dict(weight=positive, pos_weight=dict(weight, seed=7)))  # fmt: skip
    yield case('BCEWithLogitsLoss', [], [dict(x, scale=90), positive], name='BCEWithLogitsLoss() of large numbers')
    yield case('BCEWithLogitsLoss', [], double(x, positive))
    yield from each('HingeEmbeddingLoss', [x, signs], {}, dict(margin=0.3))
    yield from each('SoftMarginLoss', [x, signs])
    yield from each('MarginRankingLoss', [x, dict(y, grad=True), signs], {}, dict(margin=0.5))
    several = dict(values=[[3, 0, -1, 1, 2], [-1, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, -1, -1, -1, -1]], dtype='int64')
    yield from each('MultiLabelMarginLoss', [x, several])
    yield case('MultiLabelMarginLoss', [], [dict(shape=[5]), dict(values=[3, 0, -1, 1, 2], dtype='int64')])
    yield from each('MultiLabelSoftMarginLoss', [x, positive], {}, dict(weight=weight))
    yield case('MultiLabelSoftMarginLoss', [], [dict(shape=[5]), dict(shape=[5], kind='positive', grad=False)])
    yield case('MultiLabelSoftMarginLoss', [], double(x, positive))
    yield from each('CosineEmbeddingLoss', [x, dict(y, grad=True), dict(signs, shape=[4])], {}, dict(margin=0.4))
    yield case('CosineEmbeddingLoss', [], [dict(shape=[5]), dict(shape=[5], seed=2), dict(values=-1.0)], dict(margin=-0.5))
    for p in ({}, dict(p=2)):
        yield from each('MultiMarginLoss', [x, labels], p, dict(p, margin=0.5), dict(p, weight=weight))
    yield case('MultiMarginLoss', [], [dict(shape=[5]), dict(shape=[], kind='classes', classes=5)])
    triple = [x, dict(y, grad=True), dict(shape=[4, 5], scale=2, seed=11)]
    yield from each('TripletMarginLoss', triple, {}, dict(margin=5.0), dict(p=1.0), dict(swap=True, margin=3.0), dict(eps=0.1))
    yield case('TripletMarginLoss', [], double(*triple))
    yield from each('TripletMarginWithDistanceLoss', triple, {}, dict(margin=5.0), dict(swap=True, margin=3.0),
                    dict(distance_function={'reference': 'nn.functional.cosine_similarity'}),
                    dict(distance_function=made('PairwiseDistance', p=1.0)))  # fmt: skip

    logits = dict(shape=[12, 4, 6], scale=2, seed=4)
    targets = dict(values=[[1, 2, 3], [4, 4, 2], [5, 1, 1], [2, 3, 5]], dtype='int64')
    row = dict(values=[1, 2, 3, 4, 4, 5, 1, 2, 3, 5], dtype='int64')
    lengths = [dict(values=[12, 10, 9, 12], dtype='int64'), dict(values=[3, 2, 2, 3], dtype='int64')]
    short = [dict(values=[12, 2, 9, 12], dtype='int64'), lengths[1]]
    for options in ({}, dict(zero_infinity=True)):
        yield from each('CTCLoss', [logits, targets, *lengths], options)
    yield from each('CTCLoss', [logits, targets, *short], dict(zero_infinity=True))
    yield case('CTCLoss', [], [logits, row, *lengths])
    yield case('CTCLoss', [], [logits, row, (12, 10, 9, 12), (3, 2, 2, 3)])
    yield case('CTCLoss', [], [logits, dict(targets, values=[[0, 2, 3], [4, 4, 2], [0, 1, 1], [2, 3, 4]]), *lengths], dict(blank=5))
    yield case('CTCLoss', [], [dict(logits, dtype='float64'), targets, *lengths])
    yield case('CTCLoss', [], [dict(logits, shape=[12, 6]), dict(values=[1, 2, 3], dtype='int64'), dict(values=12, dtype='int64'),
                               dict(values=3, dtype='int64')])  # fmt: skip


def containers():
    x = dict(shape=[4, 5], scale=3)
    net = [made('Linear', 5, 3), made('Tanh'), made('Linear', 3, 2)]
    yield case('Sequential', net, [x])
    yield case('Sequential', [made('Sequential', *net), made('ReLU')], [x], seed=2)
    yield case('Sequential', [])
    yield case('ModuleList', [[made('Linear', 5, 3), made('ReLU'), made('ReLU'), made('Linear', 3, 2)]])
    yield case('ModuleList', [])
    yield case('ModuleList', [[made('Sequential', *net), made('Sequential', *net)]])
    yield case('ModuleDict', [{'z': made('Linear', 5, 3), 'a': made('PReLU'), 'list': made('ModuleList', [made('ReLU')])}])
    yield case('ModuleDict', [])
    yield case('ModuleDict', [[('b', made('Linear', 5, 3)), ('a', made('ReLU'))]])
    t = [dict(shape=[2, 3]), dict(shape=[], dtype='float64', seed=2), dict(shape=[4], seed=3)]
    yield case('ParameterList', [t])
    yield case('ParameterList', [])
    yield case('ParameterList', [[t[0]]])
    yield case('ParameterDict', [{'z': t[0], 'a': t[1], 'm': t[2]}])
    yield case('ParameterDict', [[('z', t[0]), ('a', t[2])]])
    yield case('ParameterDict', [])


def initial():
    def init(name, shape, *args, seed=0, dtype='float32', **options):
        return {'function': f'nn.init.{name}', 'inputs': [dict(shape=shape, dtype=dtype, grad=False)], 'args': list(args),
                'options': options, 'seed': seed}  # fmt: skip

    shapes = [[3, 4], [20, 30], [4, 3, 3], [6, 4, 3, 2], [3, 2, 2, 3, 2]]
    for shape in ([7], [20, 30], []):
        yield init('uniform_', shape)
        yield init('normal_', shape)
        yield init('ones_', shape)
        yield init('zeros_', shape)
        yield init('constant_', shape, 0.3)
        yield init('trunc_normal_', shape)
    yield init('uniform_', [9], a=-2.0, b=3.0, seed=4)
    yield init('uniform_', [9], a=-2.0, dtype='float64')
    yield init('normal_', [9], mean=1.0, std=0.1, seed=4)
    yield init('normal_', [40], std=3.0, dtype='bfloat16')
    for options in (dict(std=0.02), dict(mean=0.5, std=2.0), dict(a=0.5, b=0.7), dict(a=2.0, b=3.0), dict(mean=1.0, std=0.5, a=1.2, b=1.5)):
        yield init('trunc_normal_', [20, 30], **options)
        yield init('trunc_normal_', [9], dtype='float64', seed=5, **options)
    yield init('trunc_normal_', [50], dtype='bfloat16')
    for shape in ([3, 3], [3, 5], [5, 3]):
        yield init('eye_', shape)
    for shape, options in [([4, 3, 3], {}), ([3, 4, 2, 5], {}), ([2, 2, 3, 3, 2], {}), ([6, 3, 3], dict(groups=2)), ([6, 2, 3, 3], dict(groups=3))]:
        yield init('dirac_', shape, **options)
    for name in ('xavier_uniform_', 'xavier_normal_'):
        for shape in shapes:
            yield init(name, shape)
        yield init(name, [9, 8], gain=2.5, seed=7)
        yield init(name, [9, 8], dtype='float64')
    for name in ('kaiming_uniform_', 'kaiming_normal_'):
        for shape in shapes:
            yield init(name, shape)
        for options in (dict(a=0.2), dict(mode='fan_out'), dict(nonlinearity='relu'), dict(nonlinearity='tanh', mode='fan_out'),
                        dict(nonlinearity='selu'), dict(nonlinearity='conv2d'), dict(nonlinearity='sigmoid')):  # fmt: skip
            yield init(name, [9, 8, 2], seed=3, **options)
        yield init(name, [9, 8], dtype='float64')
    for shape in ([5, 5], [3, 7], [7, 3], [4, 3, 2, 2], [2, 20]):
        yield init('orthogonal_', shape)
    yield init('orthogonal_', [6, 4], gain=1.5, dtype='float64', seed=3)
    for sparsity, options in ((0.1, {}), (0.5, dict(std=1.0)), (0.0, {}), (1.0, {})):
        yield init('sparse_', [10, 6], sparsity, **options)
