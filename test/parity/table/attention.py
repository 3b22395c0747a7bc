"""Attention and transformers."""


def case(name, args=(), inputs=None, options=None, **more):
    made = {'class': f'nn.{name}', 'args': list(args), 'options': options or {}, **more}
    return made if inputs is None else dict(made, inputs=inputs)


def function(name, inputs, options=None, **more):
    return {'function': f'nn.{name}', 'inputs': inputs, 'options': options or {}, **more}


def t(*shape, **more):
    return dict(shape=list(shape), **more)


# ---- attention ----

def bools(*rows):
    return dict(values=[list(map(bool, row)) for row in rows] if isinstance(rows[0], (list, tuple)) else list(map(bool, rows)), dtype='bool')


def attention():
    x, y, z = t(3, 2, 8), t(4, 2, 8, seed=2), t(4, 2, 8, seed=3)
    pad, causal = bools([0, 0, 1, 1], [0, 0, 0, 1]), bools([0, 1, 1], [0, 0, 1], [0, 0, 0])
    mask = bools([0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1])
    added = t(3, 4, seed=6, grad=False)
    for options in ({}, dict(bias=False), dict(add_bias_kv=True), dict(add_zero_attn=True), dict(kdim=8, vdim=8)):
        yield case('MultiheadAttention', [8, 2], [x, y, z], options, call=dict(key_padding_mask=pad, attn_mask=mask))
        yield case('MultiheadAttention', [8, 2], [x, y, z], options, call=dict(need_weights=False))
    yield case('MultiheadAttention', [8, 2], [x, t(4, 2, 5, seed=2), t(4, 2, 7, seed=3)], dict(kdim=5, vdim=7), call=dict(attn_mask=added))
    yield case('MultiheadAttention', [8, 2], [x, t(4, 2, 5, seed=2), z], dict(kdim=5, bias=False, add_bias_kv=True, add_zero_attn=True), call=dict(attn_mask=added))
    yield case('MultiheadAttention', [8, 4], [x, y, z], call=dict(average_attn_weights=False))
    yield case('MultiheadAttention', [8, 4], [x, y, z], call=dict(attn_mask=t(8, 3, 4, kind='mask', seed=3), average_attn_weights=False))
    yield case('MultiheadAttention', [8, 2], [x, y, z], call=dict(attn_mask=added, key_padding_mask=t(2, 4, seed=5, grad=False), need_weights=False))
    yield case('MultiheadAttention', [8, 2], [x, y, z], dict(dropout=0.5), seed=3)
    yield case('MultiheadAttention', [8, 2], [x, y, z], dict(dropout=0.5), call=dict(need_weights=False))
    yield case('MultiheadAttention', [8, 2], [x, y, z], dict(dropout=0.5), train=False)
    yield case('MultiheadAttention', [8, 2], [t(2, 3, 8), t(2, 4, 8, seed=2), t(2, 4, 8, seed=3)], dict(batch_first=True), call=dict(key_padding_mask=pad))
    yield case('MultiheadAttention', [8, 2], [t(3, 8), t(4, 8, seed=2), t(4, 8, seed=3)], call=dict(key_padding_mask=bools(0, 0, 0, 1)))
    yield case('MultiheadAttention', [8, 2], [t(3, 8), t(4, 8, seed=2), t(4, 8, seed=3)], call=dict(attn_mask=t(2, 3, 4, seed=4, grad=False), need_weights=False))
    yield case('MultiheadAttention', [8, 2], [x, t(3, 2, 8, seed=2), t(3, 2, 8, seed=3)], call=dict(attn_mask=causal, is_causal=True, need_weights=False))
    yield case('MultiheadAttention', [8, 2], [x, t(3, 2, 8, seed=2), t(3, 2, 8, seed=3)], call=dict(attn_mask=causal, is_causal=True))
    yield case('MultiheadAttention', [8, 2], [t(3, 2, 8, dtype='float64'), t(4, 2, 8, dtype='float64'), t(4, 2, 8, dtype='float64')], dict(dtype='float64'))
    # Self-attention projects once, and in evaluation mode without gradients takes a kernel of its own.
    same = {'same': 0}
    yield case('MultiheadAttention', [8, 2], [x, same, same], call=dict(attn_mask=causal))
    yield case('MultiheadAttention', [8, 2], [x, same, same], call=dict(need_weights=False))
    yield case('MultiheadAttention', [8, 2], [x, y, {'same': 1}], call=dict(attn_mask=mask))
    yield case('MultiheadAttention', [8, 2], [t(3, 8), same, same], dict(bias=False))
    yield case('MultiheadAttention', [8, 2], [t(2, 3, 8), same, same], dict(batch_first=True), call=dict(attn_mask=causal))
    yield case('MultiheadAttention', [8, 2], [t(2, 3, 8), t(2, 4, 8, seed=2), {'same': 1}], dict(batch_first=True), train=False)
    for call in ({}, dict(need_weights=False), dict(average_attn_weights=False), dict(attn_mask=causal), dict(key_padding_mask=bools([0, 0, 1], [0, 0, 0])),
                 dict(attn_mask=causal, key_padding_mask=bools([0, 0, 1], [0, 0, 0])), dict(attn_mask=t(4, 3, 3, kind='mask', seed=3)),
                 dict(attn_mask=t(3, 3, grad=False))):
        yield case('MultiheadAttention', [8, 2], [t(2, 3, 8), same, same], dict(batch_first=True, dropout=0.25), call=call, train=False, grad=False)
    yield case('MultiheadAttention', [9, 3], [t(2, 3, 9), same, same], dict(batch_first=True), train=False, grad=False)

    weights = [t(24, 8, seed=4), t(24, seed=5), None, None, False, 0, t(8, 8, seed=6), t(8, seed=7)]
    yield function('functional.multi_head_attention_forward', [x, y, z, 8, 2, *weights])
    yield function('functional.multi_head_attention_forward', [x, y, z, 8, 2, *weights], dict(static_k=t(4, 5, 4), static_v=t(4, 5, 4, seed=2)))


# ---- transformers ----

def layer(name, **options):
    return {'class': f'nn.Transformer{name}Layer', 'args': [4, 2], 'options': dict(dim_feedforward=6, **options)}


def transformers():
    sizes = dict(dim_feedforward=6)
    causal3 = bools([0, 1, 1], [0, 0, 1], [0, 0, 0])
    masks = dict(attn=causal3, pad=bools([0, 0, 1], [0, 0, 0]))
    src, tgt, memory = t(3, 2, 4), t(3, 2, 4), t(2, 2, 4, seed=2)
    kinds = [dict(), dict(norm_first=True), dict(activation='gelu', bias=False), dict(activation={'class': 'nn.Tanh'}, layer_norm_eps=0.1),
             dict(activation={'reference': 'tanh'}, norm_first=True), dict(activation={'class': 'nn.ReLU'}, dropout=0.5)]
    for i, options in enumerate(kinds):
        options = dict(sizes, **options)
        enc, dec = [('TransformerEncoderLayer', [src]), ('TransformerDecoderLayer', [tgt, memory])]
        yield case(enc[0], [4, 2], enc[1], options, call=dict(src_mask=causal3, src_key_padding_mask=masks['pad']) if i % 2 else {})
        yield case(dec[0], [4, 2], dec[1], options,
                   call=dict(tgt_mask=causal3, memory_mask=bools([0, 1], [0, 0], [1, 0]), tgt_key_padding_mask=masks['pad'],
                             memory_key_padding_mask=bools([0, 1], [0, 0])) if i % 2 else {})
    quiet = dict(sizes, dropout=0)
    yield case('TransformerEncoderLayer', [4, 2], [t(2, 3, 4)], dict(quiet, batch_first=True))
    yield case('TransformerEncoderLayer', [4, 2], [t(3, 4)], quiet)
    yield case('TransformerEncoderLayer', [4, 2], [src], quiet, call=dict(src_mask=causal3, is_causal=True))
    yield case('TransformerEncoderLayer', [4, 2], [t(3, 2, 4, dtype='float64')], dict(quiet, dtype='float64'))
    yield case('TransformerEncoderLayer', [4, 2], [src], dict(sizes), train=False)
    yield case('TransformerDecoderLayer', [4, 2], [t(2, 3, 4), t(2, 2, 4, seed=2)], dict(quiet, batch_first=True))
    yield case('TransformerDecoderLayer', [4, 2], [t(3, 4), t(2, 4, seed=2)], quiet)
    yield case('TransformerDecoderLayer', [4, 2], [tgt, memory], quiet, call=dict(tgt_mask=causal3, tgt_is_causal=True))
    yield case('TransformerDecoderLayer', [4, 2], [tgt, memory], quiet, call=dict(memory_mask=bools([0, 1], [0, 0], [0, 0]), memory_is_causal=True))
    yield case('TransformerDecoderLayer', [4, 2], [tgt, memory], dict(sizes), train=False)
    # The fused kernels of evaluation mode.
    fused = dict(sizes, batch_first=True)
    for options in (fused, dict(fused, norm_first=True), dict(fused, activation='gelu'), dict(fused, activation={'class': 'nn.GELU'}),
                    dict(fused, activation={'class': 'nn.Tanh'}), dict(fused, bias=False)):
        yield case('TransformerEncoderLayer', [4, 2], [t(2, 3, 4)], options, train=False, grad=False)
    for call in (dict(src_mask=causal3), dict(src_key_padding_mask=masks['pad']), dict(src_mask=causal3, src_key_padding_mask=masks['pad'])):
        yield case('TransformerEncoderLayer', [4, 2], [t(2, 3, 4)], fused, call=call, train=False, grad=False)
    yield case('TransformerEncoderLayer', [6, 3], [t(2, 3, 6)], fused, train=False, grad=False)

    norm = {'class': 'nn.LayerNorm', 'args': [4]}
    still = dict(dropout=0)
    for on, options, x, more in (
            (layer('Encoder'), {}, src, {}), (layer('Encoder', **still), dict(norm=norm), src, dict(call=dict(mask=causal3))),
            (layer('Encoder', batch_first=True, **still), {}, t(2, 3, 4), dict(call=dict(src_key_padding_mask=masks['pad']))),
            (layer('Encoder', **still), {}, src, dict(call=dict(mask=causal3, is_causal=True))),
            (layer('Encoder', batch_first=True), dict(norm=norm), t(2, 3, 4), dict(train=False)),
            *((layer('Encoder', batch_first=True), given, t(2, 3, 4), dict(train=False, grad=False, call=dict(src_key_padding_mask=pad)))
              for given in (dict(norm=norm), dict(enable_nested_tensor=False), dict(mask_check=False))
              for pad in (masks['pad'], *([] if 'mask_check' in given else [bools([0, 1, 0], [0, 0, 0])]))),
            (layer('Encoder', batch_first=True, norm_first=True), {}, t(2, 3, 4), dict(train=False, grad=False, call=dict(src_key_padding_mask=masks['pad']))),
            (layer('Encoder', batch_first=True), {}, t(2, 3, 4), dict(train=False, grad=False, call=dict(mask=causal3)))):
        yield case('TransformerEncoder', [on, 2], [x], options, **more)
    yield case('TransformerDecoder', [layer('Decoder'), 2], [tgt, memory], dict(norm=norm))
    yield case('TransformerDecoder', [layer('Decoder', **still), 1], [tgt, memory], call=dict(tgt_mask=causal3))
    yield case('TransformerDecoder', [layer('Decoder', **still), 1], [tgt, memory], call=dict(tgt_mask=causal3, tgt_is_causal=False))

    small = dict(d_model=4, nhead=2, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=6)
    yield case('Transformer', [], [t(2, 2, 4), t(3, 2, 4, seed=2)], small)
    yield case('Transformer', [], [t(2, 2, 4), t(3, 2, 4, seed=2)], dict(small, dropout=0, bias=False, norm_first=True, activation='gelu'),
               call=dict(tgt_mask=causal3, src_key_padding_mask=bools([0, 1], [0, 0])))
    yield case('Transformer', [], [t(2, 2, 4), t(2, 3, 4, seed=2)], dict(small, batch_first=True), train=False, grad=False,
               call=dict(src_key_padding_mask=bools([0, 1], [0, 0]), memory_key_padding_mask=bools([0, 1], [0, 0])))
    yield case('Transformer', [], [t(2, 4), t(3, 4, seed=2)], dict(small, dropout=0), call=dict(tgt_mask=causal3, tgt_is_causal=True))
    yield function('Transformer.generate_square_subsequent_mask', [3])
    yield function('Transformer.generate_square_subsequent_mask', [2], dict(dtype='float64'))


def cases():
    yield from attention()
    yield from transformers()
