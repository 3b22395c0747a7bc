#!/usr/bin/env python3
"""Records what torch.load(file, weights_only=True) makes of files of every kind of value, for test/checkpoints/fromPython.test.ts.

    python recordCheckpoints.py [--print]

Writes recorded/checkpoints.json: a list of {name, file: base64, value} or {name, file, error}; `described` says how values are
written down. --print prints the list without the files.
"""
import base64, collections, datetime, decimal, io, json, pathlib, pickle, struct, subprocess, sys, warnings, zipfile
import torch

warnings.simplefilter('ignore')
OUT = pathlib.Path(__file__).resolve().parent / 'recorded' / 'checkpoints.json'
FLOAT8 = ['float8_e4m3fn', 'float8_e4m3fnuz', 'float8_e5m2', 'float8_e5m2fnuz', 'float8_e8m0fnu']
PLAIN = ['bool', 'uint8', 'int8', 'int16', 'int32', 'int64', 'uint16', 'uint32', 'uint64', 'float16', 'bfloat16', 'float32',
         'float64', 'complex32', 'complex64', 'complex128', *FLOAT8, 'float4_e2m1fn_x2']  # fmt: skip


# ---- values in words ----


class Describer:
    """Numbers by what JavaScript has: integers as such, others by their 64 bits. Storages are numbered as they are met."""

    def __init__(self):
        self.storages = {}

    def described(self, value):
        deep, inside = 0, value
        while type(inside) in (list, tuple, dict) and len(inside) == 1:
            inside = list(inside.values() if isinstance(inside, dict) else inside)[0]
            deep += 1
        if deep > 100:
            return {'deep': deep, 'inside': self.described(inside)}
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return {'n': str(value)}
        if isinstance(value, float):
            whole = value.is_integer() and abs(value) < 2**53 and not (value == 0 and str(value)[0] == '-')
            return {'n': str(int(value)) if whole else struct.pack('>d', value).hex()}
        if isinstance(value, str):
            return {'s': value}
        if isinstance(value, (bytes, bytearray)):
            return {'b': value.hex()}
        if isinstance(value, complex):
            return {'c': [self.described(value.real), self.described(value.imag)]}
        if isinstance(value, (torch.dtype, torch.layout, torch.qscheme)):
            return {'s': str(value)[6:]}
        if isinstance(value, torch.device):
            return {'s': str(value)}
        if isinstance(value, torch.UntypedStorage):
            return self.described(torch.empty(0, dtype=torch.uint8).set_(value))
        if isinstance(value, torch.TypedStorage):
            return self.described(torch.empty(0, dtype=value.dtype).set_(value._untyped_storage))
        if isinstance(value, torch.Tensor):
            return {'tensor': self.tensor(value)}
        if isinstance(value, list):
            return {'l': [self.described(item) for item in value]}
        if isinstance(value, tuple):
            return {'t': [self.described(item) for item in value]}
        if isinstance(value, dict):
            return {'d': [[self.described(key), self.described(item)] for key, item in value.items()]}
        if isinstance(value, set):
            return {'set': sorted((self.described(item) for item in value), key=json.dumps)}
        raise TypeError(type(value))

    def tensor(self, value):
        about = dict(dtype=str(value.dtype)[6:], requiresGrad=value.requires_grad, parameter=isinstance(value, torch.nn.Parameter))
        attributes = {key: self.described(item) for key, item in sorted(vars(value).items())}
        if attributes:
            about['attributes'] = attributes
        if value.is_nested:
            return dict(about, nested=[self.tensor(one) for one in value.unbind()])
        about['shape'] = list(value.shape)
        if value.layout == torch.sparse_coo:
            return dict(about, coalesced=value.is_coalesced(), indices=self.tensor(value._indices()), values=self.tensor(value._values()))
        if value.layout in (torch.sparse_csr, torch.sparse_bsr):
            return dict(about, layout=str(value.layout)[6:], compressed=self.tensor(value.crow_indices()),
                        plain=self.tensor(value.col_indices()), values=self.tensor(value.values()))  # fmt: skip
        if value.layout in (torch.sparse_csc, torch.sparse_bsc):
            return dict(about, layout=str(value.layout)[6:], compressed=self.tensor(value.ccol_indices()),
                        plain=self.tensor(value.row_indices()), values=self.tensor(value.values()))  # fmt: skip
        about['strides'] = list(value.stride())
        if value.device.type == 'meta':
            return dict(about, meta=True)
        if value.is_quantized:
            if value.qscheme() == torch.per_tensor_affine:
                how = [self.described(value.q_scale()), self.described(value.q_zero_point())]
            else:
                how = [self.tensor(value.q_per_channel_scales())['data'], self.tensor(value.q_per_channel_zero_points())['data'],
                       self.described(value.q_per_channel_axis())]  # fmt: skip
            packed = value.dtype in (torch.quint4x2, torch.quint2x4)
            data = bytes(value.untyped_storage()) if packed else value.int_repr().contiguous().numpy().tobytes()
            return dict(about, how=how, data=data.hex())
        storage = value.untyped_storage()
        number = self.storages.setdefault(storage._cdata, len(self.storages))
        if value.is_conj() or value.is_neg():
            about.update(conj=value.is_conj(), neg=value.is_neg())
        plain = value.detach().resolve_conj().resolve_neg().contiguous()
        data = bytes(plain.reshape(-1).view(torch.uint8).tolist()).hex() if value.numel() > 0 else ''
        return dict(about, storage=number, offset=value.storage_offset(), data=data)


# ---- files ----


def saved(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


def archive(data, records={}, root='archive', **more):
    """By hand: `data` is a pickle, `records` the bytes of storages."""
    files = {'data.pkl': data, 'version': b'3\n', **{f'data/{key}': content for key, content in records.items()}, **more}
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        for name, content in files.items():
            if content is not None:
                z.writestr(f'{root}/{name}', content)
    return out.getvalue()


def text(value):
    raw = value.encode('utf-8', 'surrogatepass')
    return b'X' + struct.pack('<I', len(raw)) + raw


def storage(kind='FloatStorage', key='0', location='cpu', count=3, module='torch'):
    return b'(' + text('storage') + f'c{module}\n{kind}\n'.encode() + text(key) + text(location) + b'M' + struct.pack('<H', count) + b'tQ'


def big_endian(value):
    """As it would lie on a machine of the other order."""
    source = zipfile.ZipFile(io.BytesIO(saved(value)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        for entry in source.infolist():
            content = b'big' if entry.filename.endswith('byteorder') else source.read(entry)
            z.writestr(entry.filename, content)
    return out.getvalue()


def repacked(value, **options):
    source = zipfile.ZipFile(io.BytesIO(saved(value)))
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', **options) as z:
        for entry in source.infolist():
            z.writestr(entry.filename, source.read(entry))
    return out.getvalue()


class Odd(torch.nn.Module):
    pass


def values():
    """Values by name, each of them saved in both formats."""
    for name in PLAIN:
        dtype = getattr(torch, name)
        if name == 'float4_e2m1fn_x2':
            yield name, torch.arange(6, dtype=torch.uint8).reshape(2, 3).view(dtype)
        elif name == 'float8_e8m0fnu':
            yield name, torch.tensor([[1., 2], [4, 0.5]]).to(dtype)
        elif name == 'complex32':
            yield name, torch.view_as_complex(torch.arange(4, dtype=torch.float16).reshape(2, 2))
        else:
            yield name, torch.tensor([[0, 1], [1, 0]]).to(dtype)
    base = torch.arange(12.0).reshape(3, 4)
    yield 'views that share', [base, base.t()[1:], base[1], base[:0], base.view(-1)[::5]]
    yield 'no elements', [torch.empty(0), torch.empty(0, 3), torch.empty(2, 0, dtype=torch.int64)]
    yield 'a scalar', torch.tensor(2.5)
    yield 'expanded', torch.ones(1).expand(4)
    yield 'a leaf', torch.ones(2, requires_grad=True)
    yield 'not a leaf', torch.ones(2, requires_grad=True) * 2
    yield 'parameters', [torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.tensor([1]), requires_grad=False)]
    yield 'a buffer', torch.nn.Buffer(torch.arange(3.0))
    yield 'a buffer that does not persist', {'b': torch.nn.Buffer(torch.arange(3.0), persistent=False)}
    tensor = torch.arange(3.0)
    tensor.names_of_it, tensor.deep, tensor.other = ['a', 'b'], {'x': {1: (2,)}}, torch.ones(2)
    yield 'attributes', tensor
    parameter = torch.nn.Parameter(torch.ones(2))
    parameter.rate, parameter.tags = 0.5, ('a', None)
    yield 'attributes of a parameter', [parameter, parameter]
    yield 'a module', torch.nn.Linear(2, 2).state_dict()
    yield 'a lazy module', torch.nn.BatchNorm1d(2).state_dict()
    linear = torch.nn.Linear(2, 2)
    adam = torch.optim.Adam(linear.parameters(), amsgrad=True)
    linear(torch.ones(1, 2)).sum().backward()
    adam.step()
    yield 'an optimizer', adam.state_dict()
    yield 'a schedule', torch.optim.lr_scheduler.MultiStepLR(adam, [2, 2, 5]).state_dict()
    coo = torch.sparse_coo_tensor([[1, 0, 1], [2, 0, 2]], [1.0, 2, 3], (2, 3))
    yield 'sparse', [coo, coo.coalesce(), torch.sparse_coo_tensor(torch.empty(2, 0, dtype=torch.int64), [], (2, 3))]
    yield 'sparse of one dense dimension', torch.sparse_coo_tensor([[1, 0]], [[1, 2], [3, 4]], (2, 2), dtype=torch.int32)
    dense = torch.arange(16.0).reshape(4, 4).tril()
    yield 'sparse rows', [dense.to_sparse_csr(), dense.to_sparse_csc()]
    yield 'sparse blocks', [dense.to_sparse_bsr((2, 2)), dense.to_sparse_bsc((2, 2))]
    for dtype in [torch.qint8, torch.quint8, torch.qint32]:
        yield f'quantized {dtype}', torch.quantize_per_tensor(torch.tensor([[1.0, -2, 3], [0, 1, 2]]), 0.5, 2, dtype)
    weights = torch.arange(6.0).reshape(2, 3)
    yield 'quantized by channel', torch.quantize_per_channel(weights, torch.tensor([0.5, 0.25]), torch.tensor([0, 1]), 0, torch.qint8)
    yield 'quantized by the last channel', torch.quantize_per_channel(weights, torch.ones(3), torch.tensor([0, 1, 2]), 1, torch.quint8)
    zeros = torch.tensor([0.5, 1.5])
    yield 'quantized by channel with floats', torch.quantize_per_channel(weights, torch.tensor([0.5, 0.25]), zeros, 0, torch.quint8)
    yield 'quantized, four bits', torch.quantize_per_channel(weights.repeat(1, 2), torch.tensor([0.5, 0.25]), zeros, 0, torch.quint4x2)
    quantized = torch.quantize_per_tensor(torch.arange(24.0).reshape(1, 2, 3, 4), 0.5, 2, torch.quint8)
    yield 'quantized views', [quantized, quantized.permute(0, 2, 3, 1), quantized[:, 1]]
    yield 'nested', torch.nested.nested_tensor([torch.ones(2, 3), torch.arange(3.0).reshape(1, 3)])
    yield 'meta', [torch.empty(2, 3, device='meta'), torch.empty(2, 3, device='meta', dtype=torch.int8).t()]
    z = torch.tensor([1 + 2j, 3 - 4j])
    yield 'conjugated', [z, z.conj(), z.conj().imag, z[1:].conj(), torch._neg_view(base)]
    yield 'conjugated, of a leaf', torch.tensor([1 + 2j]).conj().requires_grad_()
    yield 'storages', [base.untyped_storage(), base.storage(), base, z.storage(), torch.ones(2, dtype=torch.uint8).untyped_storage()]
    yield 'one storage', torch.tensor([1, 2, 3]).storage()
    yield 'one untyped storage', torch.tensor([1.0, 2]).untyped_storage()
    yield 'dtypes', [torch.float32, torch.int1, torch.uint7, torch.qint8, torch.bits8, torch.float8_e5m2, torch.complex32]
    yield 'layouts', [torch.strided, torch.sparse_coo, torch.sparse_csr]
    yield 'ways of quantizing', [torch.per_tensor_affine, torch.per_channel_affine_float_qparams]
    yield 'devices', [torch.device('cpu'), torch.device('cuda', 1), torch.device('meta')]
    yield 'plain values', [None, True, False, 0, -1, 255, 256, 65536, -(2**31), 2**31, 2**53, 2**63, -(2**64), 2**70, 0.5, -0.0, 1e300,
                           float('inf'), float('nan'), 1.0, 1 + 2j, 'häuser', '', b'\x00\xff', bytearray(b'ab'), torch.Size([1, 2]),
                           (), (1,), (1, (2, [3])), [], {}, set(), {1, 'a', (2, 3)}]  # fmt: skip
    yield 'no bytes', b''
    yield 'halves of characters', ['\ud800', 'a\udfffb\ud83d\ude00', '\ud83d' + '\ude00x']
    yield 'tuple keys', {(1, 2): 3, (1, (2, 'x')): [4], (): None, ('a',): {(5,): 6}}
    yield 'keys of many kinds', {1: 'a', 'b': 2, None: 3, 2.5: 4, True: 5, (1,): 6, b'x': 7, torch.float32: 8}
    yield 'texts that are numbers', {'10': 1, '2': 2, 'a': 3, '01': 4, '-1': 5, '__proto__': 6, 'constructor': 7}
    yield 'texts that are numbers, in order', {'0': 1, '1': 2, 'a': 3}
    yield 'numbers for keys', {10: 1, 2: 2}
    yield 'a counter', [collections.Counter('abca'), collections.Counter([3, 3, 1]), collections.Counter()]
    yield 'an ordered dictionary', collections.OrderedDict([('b', 1), ('a', collections.OrderedDict([(2, 3)]))])
    shared = [1, 2]
    yield 'what is shared', {'a': shared, 'b': shared, 'c': (shared, shared)}
    deep = 7
    for _ in range(400):
        deep = [deep]
    yield 'deep lists', deep
    # What is refused there, and here.
    yield 'a class', Odd
    yield 'an object', Odd()
    yield 'a date', datetime.date(2020, 1, 1)
    yield 'a decimal', decimal.Decimal(1)
    yield 'a dictionary with a default', collections.defaultdict(list)
    yield 'a frozen set', frozenset([1])
    yield 'a range', range(3)
    yield 'a function', print
    yield 'a path', pathlib.PurePosixPath('a')


def by_hand():
    base = torch.arange(4.0)
    torch.serialization.set_crc32_options(False)
    yield 'no checksums', saved([base, {'a': 1}])
    torch.serialization.set_crc32_options(True)
    yield 'repacked', repacked([base, 'a'])
    yield 'compressed', repacked([torch.randn(300, generator=torch.Generator().manual_seed(0)), 'a'], compression=zipfile.ZIP_DEFLATED)
    for dtype in ['int16', 'float32', 'complex64', 'complex128', 'int8', 'bfloat16', 'bool']:
        yield f'of the other order of bytes: {dtype}', big_endian(torch.tensor([1, 0]).to(getattr(torch, dtype)))
    yield 'nothing', b''
    yield 'a text', b'no checkpoint at all'
    yield 'a bare pickle', pickle.dumps({'a': 1}, protocol=2)
    content = struct.pack('<3f', 1, 2, 3)
    yield 'another root', archive(b'\x80\x02K\x07.', root='häuser')
    yield 'a deep list', archive(b'\x80\x02' + b']' * 5000 + b'a' * 4999 + b'.')
    yield 'a deep dictionary', archive(b'\x80\x02' + b'}K\x01' * 3000 + b'N' + b's' * 3000 + b'.')
    yield 'a deep tuple', archive(b'\x80\x02N' + b'\x85' * 5000 + b'.')
    build = b'(' + storage() + b'K\x01K\x02\x85K\x01\x85tb.'
    yield 'a tensor of PyTorch 0.1', archive(b'\x80\x02ctorch\nFloatTensor\n)R' + build, {'0': content})
    yield 'a tensor of PyTorch 0.1, made otherwise', archive(b'\x80\x02ctorch\nFloatTensor\n)\x81' + build, {'0': content})
    rebuild = b'ctorch._utils\n_rebuild_tensor\n(' + storage() + b'K\x00K\x03\x85K\x01\x85tR'
    yield 'a tensor of PyTorch 0.2', archive(b'\x80\x02' + rebuild + b'.', {'0': content})
    yield 'a parameter of PyTorch 0.3', archive(b'\x80\x02ctorch.nn.parameter\nParameter\n' + rebuild + b'\x88\x86R.', {'0': content})
    yield 'a parameter of PyTorch 0.3, made otherwise', archive(b'\x80\x02ctorch.nn.parameter\nParameter\n' + rebuild + b'\x85\x81.', {'0': content})
    yield 'a set of Python 2', archive(b'\x80\x02c__builtin__\nset\n](K\x01K\x02e\x85R.')
    yield 'a text of Python 2', archive(b'\x80\x02U\x03abc.')
    yield 'bytes with another encoding', archive(b'\x80\x02c_codecs\nencode\n' + text('hä') + text('utf-8') + b'\x86R.')
    yield 'an untyped storage for a tensor', archive(b'\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(' + storage('UntypedStorage', module='torch.storage') + b'K\x00K\x03\x85K\x01\x85\x89ccollections\nOrderedDict\n)RtR.', {'0': b'abc'})
    # Archives.
    one = b'\x80\x02K\x07.'
    for name, version in {'1': b'1', '10': b'10', '11': b'11', '0': b'0', '-1': b'-1', 'x': b'x', 'nothing': b'', '3 and more': b' 3abc'}.items():
        yield f'version {name}', archive(one, version=version)
    yield 'no version', archive(one, version=None)
    yield 'a version of its own', archive(one, version=None, **{'.data/version': b'4'})
    yield 'bytes in no order', archive(one, byteorder=b'middle')
    yield 'no folder', zipped({'data.pkl': one, 'version': b'3'})
    yield 'a pickle beside the folder', zipped({'a/version': b'3', 'data.pkl': one})
    yield 'a pickle in a folder of the folder', zipped({'a/version': b'3', 'a/b/data.pkl': one})
    yield 'backslashes', zipped({'a\\data.pkl': one, 'a\\version': b'3'})
    yield 'a pickle in another folder', zipped({'a/version': b'3', 'b/data.pkl': one, 'b/version': b'3'})
    yield 'no pickle', zipped({'a/version': b'3', 'a/data/0': b'x'})
    yield 'the bytes of a storage are missing', archive(b'\x80\x02' + rebuild + b'.')


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as z:
        for name, content in files.items():
            info = zipfile.ZipInfo('x')
            info.filename = name
            z.writestr(info, content)
    return out.getvalue()


def cases():
    for name, value in values():
        yield name, lambda: saved(value)
        yield f'{name}, as before 1.6', lambda: saved(value, _use_new_zipfile_serialization=False)
    for name, content in by_hand():
        yield name, lambda: content


def main():
    torch.manual_seed(0)
    recorded = []
    for name, make in cases():
        try:
            content = make()
        except Exception:
            continue  # what Python cannot save
        case = dict(name=name, file=base64.b64encode(content).decode())
        try:
            value = torch.load(io.BytesIO(content), weights_only=True)
        except Exception as error:
            case['error'] = type(error).__name__
        else:
            case['value'] = Describer().described(value)
        recorded.append(case)
    if sys.argv[1:] == ['--print']:
        return print(json.dumps([{key: item for key, item in case.items() if key != 'file'} for case in recorded]))
    OUT.write_text(json.dumps(recorded))
    print(f'{OUT.name}: {OUT.stat().st_size} bytes')


if __name__ == '__main__':
    main()
