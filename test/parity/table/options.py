"""Options of modules: each one given to the constructor, and each one that Python's modules can be told later set later.

A row is (class, args, inputs, options that are given either way, options to set, options for the constructor only)."""


def t(*shape, **more):
    return dict(shape=list(shape), **more)


def positive(*shape, **more):
    return t(*shape, kind='positive', grad=False, **more)


D64 = dict(dtype='float64')
WITHOUT_BASE = {}  # inputs that fit the module with its option only
PICTURES = {1: [6], 2: [6, 5], 3: [4, 5, 4]}


def picture(d, channels=4, **more):
    return t(2, channels, *PICTURES[d], **more)


def sizes(d, *values):
    return tuple(values[i % len(values)] for i in range(d))


def rows():
    yield from activations()
    yield from layers()
    yield from spatial()
    yield from norms()
    yield from losses()
    yield from sequences()


def activations():
    x = t(4, 6, scale=3)
    for name in ('ReLU', 'ReLU6', 'SiLU', 'Mish', 'SELU', 'Hardsigmoid', 'Hardswish'):
        yield name, [], [x], {}, dict(inplace=True), {}
    yield 'LeakyReLU', [0.01], [x], {}, dict(negative_slope=0.5, inplace=True), {}
    yield 'Softmax', [0], [x], {}, dict(dim=1), {}
    yield 'Softmin', [0], [x], {}, dict(dim=1), {}
    yield 'LogSoftmax', [0], [x], {}, dict(dim=1), {}
    yield 'Threshold', [0.5, -1.0], [x], {}, dict(threshold=0.1, value=3.5, inplace=True), {}
    yield 'RReLU', [], [x], {}, dict(lower=0.05, upper=0.5, inplace=True), {}
    yield 'Hardtanh', [], [x], {}, dict(min_val=-0.5, max_val=2.5, inplace=True), {}
    for name in ('ELU', 'CELU'):
        yield name, [], [x], {}, dict(alpha=0.5, inplace=True), {}
    yield 'GLU', [], [x], {}, dict(dim=0), {}
    yield 'GELU', [], [x], {}, dict(approximate='tanh'), {}
    for name in ('Hardshrink', 'Softshrink'):
        yield name, [], [x], {}, dict(lambd=1.5), {}
    yield 'Softplus', [], [x], {}, dict(beta=2.0, threshold=1.0), {}
    yield 'PReLU', [], [x], {}, {}, dict(num_parameters=6, init=0.5)
    yield 'PReLU', [], [dict(x, dtype='float64')], {}, {}, D64
    yield 'Flatten', [], [t(2, 3, 2, 2)], {}, dict(start_dim=0, end_dim=2), {}
    yield 'Unflatten', [1, (2, 3)], [t(6, 6)], {}, dict(dim=0, unflattened_size=(3, 2)), {}
    for name in ('Dropout', 'AlphaDropout', 'FeatureAlphaDropout'):
        yield name, [0.5], [t(4, 6, 3)], {}, dict(p=0.25, inplace=True), {}
    for d in (1, 2, 3):
        yield f'Dropout{d}d', [0.5], [picture(d)], {}, dict(p=0.25, inplace=True), {}


def layers():
    x = t(4, 5)
    yield 'Linear', [5, 3], [x], {}, {}, dict(bias=False)
    yield 'Linear', [5, 3], [dict(x, dtype='float64')], {}, {}, D64
    yield 'Bilinear', [5, 3, 2], [x, t(4, 3, seed=2)], {}, {}, dict(bias=False)
    yield 'Bilinear', [5, 3, 2], [dict(x, dtype='float64'), t(4, 3, dtype='float64')], {}, {}, D64
    yield 'CosineSimilarity', [], [t(3, 4, 5), t(3, 4, 5, seed=2)], {}, dict(dim=2, eps=0.9), {}
    yield 'PairwiseDistance', [], [t(3, 5), t(3, 5, seed=2)], {}, dict(eps=0.1, keepdim=True), dict(p=1.0)
    ids = t(3, 4, kind='classes', classes=6)
    table = dict(padding_idx=2, max_norm=0.75, norm_type=1, scale_grad_by_freq=True)
    yield 'Embedding', [6, 3], [ids], dict(max_norm=1.25), table, D64
    yield 'EmbeddingBag', [6, 3], [ids], dict(max_norm=1.25), dict(table, mode='sum'), D64
    name = 'AdaptiveLogSoftmaxWithLoss'
    yield name, [16, 20, [5, 10]], [t(9, 16), t(9, kind='classes', classes=20, seed=5)], {}, {}, dict(div_value=2.0, head_bias=True)
    yield name, [16, 20, [5, 10]], [t(9, 16, dtype='float64'), t(9, kind='classes', classes=20, seed=5)], {}, {}, D64
    # Bits that a product and then a sum do not have.
    for dtype in ('float32', 'bfloat16', 'float16'):
        yield 'Linear', [256, 256], [t(16, 64, 256, dtype=dtype)], dict(dtype=dtype), {}, {}
        yield 'TransformerEncoderLayer', [32, 4], [t(12, 6, 32, dtype=dtype)], dict(dim_feedforward=64, dropout=0, dtype=dtype), {}, {}
        yield 'TransformerDecoderLayer', [32, 4], [t(12, 6, 32, dtype=dtype), t(9, 6, 32, dtype=dtype)], dict(dim_feedforward=64, dropout=0, dtype=dtype), {}, {}


def spatial():
    for d in (1, 2, 3):
        x = picture(d)
        conv = dict(stride=sizes(d, 2, 1), padding=sizes(d, 1, 2), dilation=sizes(d, 1, 2), padding_mode='circular')
        yield f'Conv{d}d', [4, 4, 3], [x], {}, conv, dict(groups=2, bias=False)
        yield f'Conv{d}d', [4, 4, 3], [x], {}, dict(padding='same'), {}
        yield f'Conv{d}d', [4, 4, 3], [x], dict(padding=sizes(d, 1, 2)), dict(padding_mode='reflect', padding='valid'), {}
        yield f'Conv{d}d', [4, 4, 3], [dict(x, dtype='float64')], {}, {}, D64
        yield f'LazyConv{d}d', [4, 3], [x], {}, {}, dict(stride=2, padding=1, groups=2, bias=False, padding_mode='circular', dilation=sizes(d, 1, 2))
        turned = dict(stride=sizes(d, 2, 1), padding=sizes(d, 1, 0), dilation=sizes(d, 1, 2))
        yield f'ConvTranspose{d}d', [4, 4, 3], [x], {}, turned, dict(groups=2, bias=False)
        yield f'ConvTranspose{d}d', [4, 4, 3], [x], dict(stride=2), dict(output_padding=sizes(d, 1, 0)), {}
        unpooled = [t(2, 3, *[3] * d), t(2, 3, *[3] * d, kind='classes', classes=6**d, seed=2)]
        yield f'MaxUnpool{d}d', [2], unpooled, {}, dict(stride=sizes(d, 3)), {}
        yield f'MaxUnpool{d}d', [2], unpooled, dict(stride=3), dict(padding=sizes(d, 1)), {}
        pool = dict(stride=sizes(d, 1, 2), padding=1, ceil_mode=True)
        yield f'MaxPool{d}d', [2], [x], {}, dict(pool, dilation=sizes(d, 1, 2), return_indices=True), {}
        yield f'MaxPool{d}d', [2], [x], {}, dict(stride=1), {}
        yield f'AvgPool{d}d', [3], [x], {}, dict(pool, stride=sizes(d, 1, 2), padding=sizes(d, 1, 0)), {}
        yield f'AvgPool{d}d', [3], [x], dict(padding=sizes(d, 1)), dict(count_include_pad=False), {}
        if d > 1:
            yield f'AvgPool{d}d', [3], [x], {}, dict(divisor_override=5), {}
        yield f'LPPool{d}d', [2, 3], [x], {}, dict(stride=1, ceil_mode=True, norm_type=3), {}
        yield f'AdaptiveMaxPool{d}d', [2], [x], {}, dict(return_indices=True, output_size=3), {}
        yield f'AdaptiveAvgPool{d}d', [2], [x], {}, dict(output_size=3), {}
        pads = (1, 2, 0, 1, 2, 1)[: 2 * d]
        for kind in ('Zero', 'Reflection', 'Replication', 'Circular'):
            yield f'{kind}Pad{d}d', [1], [x], {}, dict(padding=pads), {}
        yield f'ConstantPad{d}d', [1, 0.5], [x], {}, dict(padding=pads, value=-2.5), {}
    for d in (2, 3):
        options = dict(output_size=sizes(d, 2))
        yield f'FractionalMaxPool{d}d', [2], [picture(d)], options, dict(return_indices=True, output_size=sizes(d, 2, 3)), {}
    yield 'Upsample', [], [picture(2)], dict(scale_factor=2.0, mode='bilinear'), dict(mode='bicubic', align_corners=True, recompute_scale_factor=True), {}
    yield 'Upsample', [], [picture(2)], dict(size=4), dict(size=7), {}
    for name in ('UpsamplingNearest2d', 'UpsamplingBilinear2d'):
        yield name, [], [picture(2)], dict(size=4), dict(size=7), {}
        yield name, [], [picture(2)], dict(scale_factor=2.0), dict(scale_factor=3.0), {}
    yield 'PixelShuffle', [1], [t(2, 8, 3, 2)], {}, dict(upscale_factor=2), {}
    yield 'PixelUnshuffle', [1], [t(2, 3, 4, 6)], {}, dict(downscale_factor=2), {}
    yield 'ChannelShuffle', [1], [t(2, 6, 3, 2)], {}, dict(groups=2), {}
    yield 'Unfold', [2], [t(2, 3, 6, 7)], {}, dict(dilation=2, padding=1, stride=(2, 1), kernel_size=(3, 2)), {}
    for option, windows in ((dict(dilation=2), 6), (dict(padding=1), 42), (dict(stride=2), 6)):
        yield 'Fold', [(6, 7), 3], [t(2, 18, windows)], {}, option, WITHOUT_BASE


def norms():
    for d in (1, 2, 3):
        for train in (True, False):
            yield f'BatchNorm{d}d', [4], [picture(d)], {}, dict(eps=0.1, momentum=0.3), dict(affine=False, track_running_stats=False, bias=False), train
            yield f'BatchNorm{d}d', [4], [picture(d)], {}, dict(momentum=None), {}, train
        tracked = dict(track_running_stats=True)
        yield f'InstanceNorm{d}d', [4], [picture(d)], tracked, dict(eps=0.1, momentum=0.3), dict(affine=True)
        yield f'InstanceNorm{d}d', [4], [picture(d)], {}, {}, tracked
        yield f'InstanceNorm{d}d', [4], [picture(d)], dict(affine=True), {}, dict(bias=False)
    yield 'LayerNorm', [6], [t(3, 6)], {}, dict(eps=0.1), dict(elementwise_affine=False, bias=False)
    yield 'LayerNorm', [6], [t(3, 6, dtype='float64')], {}, {}, D64
    yield 'GroupNorm', [2, 4], [t(3, 4, 5)], {}, dict(eps=0.1, num_groups=4), dict(affine=False, bias=False)
    yield 'GroupNorm', [2, 4], [t(3, 4, 5, dtype='float64')], {}, {}, D64
    yield 'RMSNorm', [6], [t(3, 6)], {}, dict(eps=0.1), dict(elementwise_affine=False)
    yield 'RMSNorm', [6], [t(3, 6, dtype='float64')], {}, {}, D64
    for name in ('LocalResponseNorm', 'CrossMapLRN2d'):
        yield name, [2], [t(2, 4, 3, 3)], {}, dict(alpha=0.5, beta=0.3, k=2.5), {}


def losses():
    x, y = t(4, 5, scale=2, seed=2), t(4, 5, scale=2, seed=3, grad=False)
    signs, labels = t(4, 5, kind='signs', seed=5, grad=False), t(4, kind='classes', classes=5, seed=3)
    weight, chances = positive(5, seed=5), positive(4, 5, seed=6)
    reduction = dict(reduction='sum')
    for name in ('L1Loss', 'MSELoss'):
        yield name, [], [x, y], {}, reduction, {}
    yield 'SoftMarginLoss', [], [x, signs], {}, reduction, {}
    yield 'SmoothL1Loss', [], [x, y], {}, dict(reduction, beta=0.5), {}
    yield 'HuberLoss', [], [x, y], {}, dict(reduction, delta=0.5), {}
    yield 'NLLLoss', [], [x, labels], dict(weight=positive(5, seed=9)), dict(reduction, weight=weight, ignore_index=2), {}
    yield 'CrossEntropyLoss', [], [x, labels], dict(weight=positive(5, seed=9)), dict(reduction, weight=weight, ignore_index=2, label_smoothing=0.1), {}
    yield 'CrossEntropyLoss', [], [x, labels], {}, dict(reduction='none', weight=weight), {}
    linear = dict(reduction, ignore_index=2, label_smoothing=0.2)
    yield 'LinearCrossEntropyLoss', [6, 5], [t(4, 6), labels], {}, linear, dict(bias=True, weight=weight)
    yield 'LinearCrossEntropyLoss', [6, 5], [t(4, 6), t(4, 2, kind='classes', classes=5)], dict(out_features=(2,)), {}, dict(bias=True)
    yield 'LinearCrossEntropyLoss', [6, 5], [t(4, 6, dtype='float64'), labels], {}, {}, D64
    yield 'PoissonNLLLoss', [], [dict(chances, grad=True), t(4, 5, kind='classes', classes=6, seed=4)], {}, dict(reduction, log_input=False, full=True, eps=0.1), {}
    yield 'GaussianNLLLoss', [], [x, y, chances], {}, dict(reduction, full=True, eps=0.5), {}
    yield 'KLDivLoss', [], [x, y], {}, dict(reduction='batchmean', log_target=True), {}
    yield 'BCELoss', [], [dict(chances, grad=True), positive(4, 5, seed=8)], dict(weight=positive(5, seed=9)), dict(reduction, weight=weight), {}
    yield 'BCEWithLogitsLoss', [], [x, chances], dict(weight=positive(5, seed=9), pos_weight=positive(5, seed=11)), dict(reduction, weight=weight, pos_weight=weight), {}
    yield 'MarginRankingLoss', [], [x, dict(y, grad=True), signs], {}, dict(reduction, margin=0.5), {}
    yield 'HingeEmbeddingLoss', [], [x, signs], {}, dict(reduction, margin=0.3), {}
    yield 'CosineEmbeddingLoss', [], [x, dict(y, grad=True), dict(signs, shape=[4])], {}, dict(reduction, margin=0.4), {}
    yield 'MultiLabelMarginLoss', [], [x, dict(values=[[3, 0, -1, 1, 2]] * 4, dtype='int64')], {}, reduction, {}
    yield 'MultiLabelSoftMarginLoss', [], [x, chances], dict(weight=positive(5, seed=9)), dict(reduction, weight=weight), {}
    yield 'MultiMarginLoss', [], [x, labels], dict(weight=positive(5, seed=9)), dict(reduction, p=2, margin=0.5, weight=weight), {}
    triple = [x, dict(y, grad=True), t(4, 5, scale=2, seed=11)]
    yield 'TripletMarginLoss', [], triple, dict(margin=3.0), dict(reduction, margin=5.0, p=1.0, eps=0.1, swap=True), {}
    distance = {'class': 'nn.PairwiseDistance', 'options': dict(p=1.0)}
    yield 'TripletMarginWithDistanceLoss', [], triple, dict(margin=3.0), dict(reduction, margin=5.0, swap=True), dict(distance_function=distance)
    logits, targets = t(12, 4, 6, scale=2, seed=4), dict(values=[[1, 2, 3], [4, 4, 2], [3, 1, 1], [2, 3, 4]], dtype='int64')
    lengths = [dict(values=[12, 2, 9, 12], dtype='int64'), dict(values=[3, 2, 2, 3], dtype='int64')]
    yield 'CTCLoss', [], [logits, targets, *lengths], dict(zero_infinity=True), dict(reduction, blank=5), {}
    yield 'CTCLoss', [], [logits, targets, *lengths], {}, dict(zero_infinity=True), {}


def sequences():
    for net in ('RNN', 'GRU', 'LSTM'):
        made = dict(num_layers=2, bias=False, bidirectional=True)
        yield net, [3, 4], [t(2, 2, 3)], {}, dict(batch_first=True), dict(made, **(dict(proj_size=2) if net == 'LSTM' else {}), **(dict(nonlinearity='relu') if net == 'RNN' else {}))
        yield net, [3, 4], [t(2, 2, 3)], dict(num_layers=2), dict(dropout=0.5), {}
        yield net, [3, 4], [t(2, 2, 3, dtype='float64')], {}, {}, D64
        yield f'{net}Cell', [3, 4], [t(2, 3)], {}, dict(nonlinearity='relu') if net == 'RNN' else {}, dict(bias=False)
    x, y = t(3, 2, 8), t(4, 2, 8, seed=2)
    made = dict(bias=False, add_bias_kv=True, kdim=8, vdim=8)
    yield 'MultiheadAttention', [8, 2], [x, y, dict(y, seed=3)], {}, dict(dropout=0.5, add_zero_attn=True), made
    yield 'MultiheadAttention', [8, 2], [x, dict(x, seed=2), dict(x, seed=3)], {}, dict(batch_first=True), {}
    small = dict(dim_feedforward=6, dropout=0)
    layer = dict(dim_feedforward=5, dropout=0.5, activation='gelu', layer_norm_eps=0.1, batch_first=True, bias=False)
    yield 'TransformerEncoderLayer', [4, 2], [t(3, 2, 4)], small, dict(norm_first=True), layer
    yield 'TransformerDecoderLayer', [4, 2], [t(3, 2, 4), t(3, 2, 4, seed=2)], small, dict(norm_first=True), layer
    sized = dict(d_model=4, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=6, dropout=0)
    yield 'Transformer', [], [t(2, 2, 4), t(2, 2, 4, seed=2)], sized, {}, dict(layer, norm_first=True, num_encoder_layers=2, num_decoder_layers=2)


def cases():
    for name, args, inputs, base, later, only, *train in rows():
        common = {'class': f'nn.{name}', 'args': args}
        if inputs is not None:
            common['inputs'] = inputs
        if name.startswith('Lazy'):
            common['first'] = inputs
        if train:
            common['train'] = train[0]
        # Inputs of float64 fit a module of float64 only.
        if only is not D64 and only is not WITHOUT_BASE:
            yield dict(common, options=base)
        for option, value in {**later, **only}.items():
            # As arguments stand by position in Python and here, they can only be set.
            if option not in POSITIONAL.get(name, ()):
                yield dict(common, options={**base, option: value})
        for option, value in later.items():
            yield dict(common, options=base, change={option: value})


POSITIONAL = {
    'LeakyReLU': ['negative_slope'], 'Softmax': ['dim'], 'Softmin': ['dim'], 'LogSoftmax': ['dim'], 'Threshold': ['threshold', 'value'],
    'Flatten': ['start_dim', 'end_dim'], 'Unflatten': ['dim', 'unflattened_size'], 'PixelShuffle': ['upscale_factor'],
    'PixelUnshuffle': ['downscale_factor'], 'ChannelShuffle': ['groups'], 'Unfold': ['kernel_size'], 'GroupNorm': ['num_groups'],
    **{f'{kind}Pad{d}d': ['padding', 'value'] for kind in ('Zero', 'Reflection', 'Replication', 'Circular', 'Constant') for d in (1, 2, 3)},
    **{f'Adaptive{kind}Pool{d}d': ['output_size'] for kind in ('Max', 'Avg') for d in (1, 2, 3)},
    **{f'LPPool{d}d': ['norm_type'] for d in (1, 2, 3)}, **{name: ['p'] for name in ('Dropout', 'AlphaDropout', 'FeatureAlphaDropout')},
    **{f'Dropout{d}d': ['p'] for d in (1, 2, 3)},
}  # fmt: skip
