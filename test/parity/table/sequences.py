"""Recurrent nets, sequences of different lengths, tables of vectors."""


def case(name, args=(), inputs=None, options=None, **more):
    made = {'class': f'nn.{name}', 'args': list(args), 'options': options or {}, **more}
    return made if inputs is None else dict(made, inputs=inputs)


def function(name, inputs, options=None, **more):
    return {'function': f'nn.{name}', 'inputs': inputs, 'options': options or {}, **more}


def t(*shape, **more):
    return dict(shape=list(shape), **more)


# ---- recurrent nets ----

def states(net, *shape, proj=None):
    """An LSTM has two."""
    h = t(*shape[:-1], proj or shape[-1], seed=3)
    return (h, t(*shape, seed=4)) if net == 'LSTM' else h


def packed(lengths, features=3, batch_first=False, enforce_sorted=True):
    shape = [len(lengths), max(lengths), features] if batch_first else [max(lengths), len(lengths), features]
    return {'class': 'nn.utils.rnn.pack_padded_sequence', 'args': [t(*shape), list(lengths)],
            'options': dict(batch_first=batch_first, enforce_sorted=enforce_sorted)}


def recurrent():
    for net in ('RNN', 'LSTM', 'GRU'):
        x = t(4, 2, 3)
        kinds = [dict(), dict(num_layers=2), dict(bias=False), dict(bidirectional=True), dict(num_layers=2, bidirectional=True, bias=False)]
        kinds += dict(RNN=[dict(nonlinearity='relu'), dict(nonlinearity='relu', num_layers=2, bidirectional=True)],
                      LSTM=[dict(proj_size=2), dict(proj_size=2, num_layers=2, bidirectional=True), dict(proj_size=1, bias=False)],
                      GRU=[]).get(net)
        for i, options in enumerate(kinds):
            layers = options.get('num_layers', 1) * (2 if options.get('bidirectional') else 1)
            proj = options.get('proj_size')
            # With and without states, in turns.
            some = [states(net, layers, 3, 4, proj=proj)]
            yield case(net, [3, 4], [t(4, 3, 3), *(some if i % 2 else [])], options)
            yield case(net, [3, 4], [packed([2, 4, 1], enforce_sorted=False), *([] if i % 2 else some)], options)
        yield case(net, [3, 4], [x], dict(num_layers=2), train=False)
        yield case(net, [3, 4], [t(2, 4, 3), states(net, 1, 2, 4)], dict(batch_first=True))
        yield case(net, [3, 4], [packed([3, 3, 2], batch_first=True)], dict(batch_first=True))
        yield case(net, [3, 4], [t(4, 3)])
        yield case(net, [3, 4], [t(4, 3), states(net, 1, 4)])
        yield case(net, [3, 4], [t(4, 3)], dict(batch_first=True))
        yield case(net, [3, 4], [x], dict(num_layers=2, dropout=0.5), seed=4)
        yield case(net, [3, 4], [packed([4, 2])], dict(num_layers=2, dropout=0.25))
        yield case(net, [3, 4], [x], dict(num_layers=2, dropout=1))
        yield case(net, [3, 4], [x], dict(num_layers=2, dropout=0.5), train=False)
        yield case(net, [3, 4], [t(4, 2, 3, dtype='float64')], dict(dtype='float64'))
        yield case(net, [1, 1], [t(1, 1, 1)])
    for net in ('RNNCell', 'LSTMCell', 'GRUCell'):
        base = net.removesuffix('Cell')
        for options in (dict(), dict(bias=False), *([dict(nonlinearity='relu')] if base == 'RNN' else [])):
            yield case(net, [3, 4], [t(2, 3)], options)
            yield case(net, [3, 4], [t(2, 3), states(base, 2, 4)], options)
        yield case(net, [3, 4], [t(3)])
        yield case(net, [3, 4], [t(3), states(base, 4)])
        yield case(net, [3, 4], [t(2, 3, dtype='float64')], dict(dtype='float64'))


def sequences():
    ragged = [t(4, 2), t(1, 2, seed=2), t(3, 2, seed=3)]
    for options in ({}, dict(batch_first=True), dict(padding_value=-1.5), dict(padding_side='left', batch_first=True)):
        yield function('utils.rnn.pad_sequence', [ragged], options)
    yield function('utils.rnn.pack_sequence', [ragged], dict(enforce_sorted=False))
    yield function('utils.rnn.pack_sequence', [[ragged[0], ragged[2], ragged[1]]])
    yield function('utils.rnn.unpad_sequence', [t(3, 2, 2, grad=False), dict(values=[3, 1], dtype='int64')], dict(batch_first=False))
    yield function('utils.rnn.unpad_sequence', [t(2, 3), dict(values=[3, 1], dtype='int64')], dict(batch_first=True))
    yield function('utils.rnn.unpack_sequence', [packed([3, 1, 2], enforce_sorted=False)])
    yield function('utils.rnn.pack_padded_sequence', [t(3, 2, 2), dict(values=[3, 1], dtype='int64')])
    yield function('utils.rnn.invert_permutation', [dict(values=[2, 0, 3, 1], dtype='int64')])
    for options in ({}, dict(batch_first=True), dict(padding_value=9.0), dict(total_length=6)):
        yield function('utils.rnn.pad_packed_sequence', [packed([4, 2, 1])], options)
        yield function('utils.rnn.pad_packed_sequence', [packed([1, 4, 2], enforce_sorted=False)], options)


# ---- tables of vectors ----

def tables():
    ids = t(3, 4, kind='classes', classes=6)
    for options in ({}, dict(padding_idx=2), dict(padding_idx=-1), dict(max_norm=1.5), dict(max_norm=0.5, norm_type=1), dict(scale_grad_by_freq=True),
                    dict(padding_idx=0, max_norm=0.75, scale_grad_by_freq=True), dict(dtype='float64')):
        yield case('Embedding', [6, 3], [ids], options)
    yield case('Embedding', [6, 3], [dict(values=[[5, 0], [1, 5]], dtype='int32')])
    yield case('Embedding', [6, 3], [dict(values=4, dtype='int64')])
    yield case('Embedding', [6, 3], [ids], dict(sparse=True), grad=False)
    for options in ({}, dict(freeze=False), dict(freeze=False, padding_idx=1), dict(max_norm=0.5), dict(freeze=False, scale_grad_by_freq=True)):
        yield case('Embedding.from_pretrained', [t(6, 3)], [ids], options)
    yield function('functional.embedding', [ids, t(6, 3)], dict(padding_idx=-2))
    yield function('functional.embedding', [ids, t(6, 3)], dict(scale_grad_by_freq=True))

    flat = t(8, kind='classes', classes=6)
    starts = dict(values=[0, 3, 3, 5], dtype='int64')
    ends = dict(values=[0, 3, 3, 8], dtype='int64')
    for mode in ('sum', 'mean', 'max'):
        for options in ({}, dict(padding_idx=3), dict(max_norm=1.25), dict(max_norm=0.5, norm_type=1, padding_idx=-1), dict(dtype='float64')):
            options = dict(options, mode=mode)
            yield case('EmbeddingBag', [6, 3], [ids], options)
            yield case('EmbeddingBag', [6, 3], [flat], options, call=dict(offsets=starts))
        yield case('EmbeddingBag', [6, 3], [flat], dict(mode=mode, include_last_offset=True), call=dict(offsets=ends))
        if mode != 'max':
            yield case('EmbeddingBag', [6, 3], [ids], dict(mode=mode, scale_grad_by_freq=True))
            yield case('EmbeddingBag', [6, 3], [ids], dict(mode=mode, sparse=True), grad=False)
        yield case('EmbeddingBag.from_pretrained', [t(6, 3)], [ids], dict(mode=mode, freeze=mode == 'max'))
    yield case('EmbeddingBag', [6, 3], [ids], train=False)
    for inputs, offsets in ((ids, {}), (flat, dict(offsets=starts))):
        yield case('EmbeddingBag', [6, 3], [inputs], dict(mode='sum'), call=dict(offsets, per_sample_weights=t(*inputs['shape'], seed=5)))
    yield function('functional.embedding_bag', [ids, t(6, 3)], dict(mode='max', padding_idx=-2))


def cases():
    yield from recurrent()
    yield from sequences()
    yield from tables()
