#!/usr/bin/env python3
"""Records files as numpy writes them, for test/checkpoints/numpy.test.ts.

    python recordNumpy.py

Writes recorded/numpy.json: the version of numpy; `arrays`, each {name, file: base64 of the .npy, dtype, shape, data};
`refused`, each {name, file}, of dtypes that no tensor holds; `archives`, each {name, file: base64 of the .npz, compressed}
with all of `inside` = [{name, dtype, shape, data}] in it. dtype is torch-node's, data the base64 of the values in row-major
order, little endian, of that dtype. `same` says that encodeNpy should give the very bytes of the file. `names`: dtypes' names as
a header may have them, each with what numpy makes of it, such as '<f4', or null.
"""
import base64, io, json, pathlib, subprocess, warnings, zipfile
import numpy as np

OUT = pathlib.Path(__file__).resolve().parent / 'recorded' / 'numpy.json'
WIDER = {'uint16': 'int32', 'uint32': 'int64', 'uint64': 'int64'}
DTYPES = ['bool', 'uint8', 'int8', 'uint16', 'int16', 'uint32', 'int32', 'uint64', 'int64', 'float16', 'float32', 'float64',
          'complex64', 'complex128']  # fmt: skip


def text(data):
    return base64.b64encode(data).decode()


def saved(array, version=None):
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # of versions 2.0 and 3.0, that old numpy cannot read them
        if version is None:
            np.save(out, array)
        else:
            np.lib.format.write_array(out, array, version)
    return out.getvalue()


def content(array):
    name = array.dtype.newbyteorder('=').name
    dtype = WIDER.get(name, name)
    little = array.astype(np.dtype(dtype).newbyteorder('<'))
    return dict(dtype=dtype, shape=list(array.shape), data=text(little.tobytes('C')))


def values(dtype, *shape):
    """Every kind of bit pattern that a conversion might spoil: the ends of the range, signs, infinities, not a number."""
    kind = np.dtype(dtype).kind
    if kind == 'b':
        ends = [True, False, False, True]
    elif kind in 'iu':
        info = np.iinfo(dtype)
        ends = [info.max if dtype != 'uint64' else 2**63 - 1, info.min, 1, info.max // 3]
    else:
        info = np.finfo(dtype)
        ends = [info.max, -info.tiny, -0.0, np.inf, np.nan, 0.1]
    flat = np.resize(np.array(ends, dtype=dtype), int(np.prod(shape)))
    if kind == 'c':
        flat = flat + 1j * np.arange(flat.size).astype(flat.real.dtype)
    return flat.astype(dtype).reshape(shape)


def arrays():
    def one(name, array, version=None, same=False):
        return dict(name=name, file=text(saved(array, version)), same=same, **content(array))

    for dtype in DTYPES:
        a = values(dtype, 2, 3)
        yield one(dtype, a, same=dtype not in WIDER)
        yield one(f'{dtype}, big endian, Fortran order', np.asfortranarray(a.astype(a.dtype.newbyteorder('>'))))
    cube = np.arange(24, dtype='<f4').reshape(2, 3, 4)
    yield one('0-d', np.array(7, dtype='<i8'), same=True)
    yield one('0-d bool', np.array(True), same=True)
    yield one('no elements', np.zeros((0,), dtype='<f4'), same=True)
    yield one('no elements in the middle', np.zeros((3, 0, 2), dtype='<i2'), same=True)
    yield one('no elements, Fortran order', np.zeros((3, 0, 2), dtype='<i2', order='F'))
    yield one('a vector', np.arange(5, dtype='<i4'), same=True)
    yield one('long', np.arange(1000, dtype='<i2'), same=True)
    yield one('three dimensions', cube, same=True)
    yield one('three dimensions, Fortran order', np.asfortranarray(cube))
    yield one('transposed', cube[:, :, 0].T)
    yield one('strided', cube[:, ::2, 1:], same=True)
    yield one('many dimensions', np.ones([1] * 40 + [2], dtype='<f8'), same=True)
    yield one('a header that ends at 64 bytes or just beyond', np.zeros([1] * 14, dtype='|u1'), same=True)
    yield one('version 2.0', cube, version=(2, 0))
    yield one('version 3.0', cube, version=(3, 0))
    # As Python 2 wrote sizes, and with other spaces and quotes.
    header = b'{"shape": (2L, 3L), "fortran_order":True,\n\t"descr":\'>i2\'}\n'
    data = np.arange(6, dtype='>i2').tobytes()
    file = b'\x93NUMPY\x01\x00' + len(header).to_bytes(2, 'little') + header + data
    yield dict(name='by hand', file=text(file), same=False, **content(np.load(io.BytesIO(file))))


def refused():
    for name, array in {
        'objects': np.array([1, 'a', None], dtype=object),
        'records': np.zeros(2, dtype=[('x', '<f4'), ('y', '<i4', (2,))]),
        'raw': np.zeros(2, dtype='V2'),
        'byte strings': np.array([b'ab', b'c']),
        'strings': np.array(['ab', 'c']),
        'dates': np.array(['2020-01-02'], dtype='datetime64[D]'),
        'durations': np.array([3], dtype='timedelta64[ms]'),
        'long doubles': np.zeros(2, dtype=np.longdouble),
        'complex long doubles': np.zeros(2, dtype=np.clongdouble),
        'too large': np.array([1, 2**63], dtype='uint64'),
    }.items():
        yield dict(name=name, file=text(saved(array)))


def archives(inside):
    for name, save in dict(savez=np.savez, savez_compressed=np.savez_compressed).items():
        out = io.BytesIO()
        save(out, **inside)
        out.seek(0)
        methods = {entry.compress_type for entry in zipfile.ZipFile(out).infolist()}
        yield dict(name=name, file=text(out.getvalue()), compressed=methods == {zipfile.ZIP_DEFLATED})


def names():
    widths = [kind + width for kind, widths in dict(b='1', i='1 2 4 8', u='1 2 4 8', f='2 4 8', c='8 16').items() for width in widths.split()]  # fmt: skip
    letters = '? b B h H i I l L q Q p P n N e f d F D'.split()
    words = ('bool bool_ int8 uint8 int16 uint16 int32 uint32 int64 uint64 float16 float32 float64 complex64 complex128 byte ubyte '
             'short ushort intc uintc int int_ uint long ulong longlong ulonglong intp uintp half single double float csingle '
             'cdouble complex').split()  # fmt: skip
    wrong = ['f1', 'f3', 'i3', 'u3', 'f12', 'i16', 'c4', 'b2', 'Float32', 'bool8', 'float_', 'f4 ', '(2)f4', 'F4', '']
    for order in ['', '<', '>', '=', '|', '!', '<>']:
        for name in widths + letters + words + wrong:
            try:
                yield order + name, np.dtype(order + name).str
            except TypeError:
                yield order + name, None


def main():
    inside = {'weight': values('float32', 2, 3), 'layer/bias': values('int64', 4), 'häuser': values('float16', 1, 1),
              'none': np.zeros((0, 2), dtype='uint8'), 'arr_0': np.array(3.5), 'many': np.zeros((40, 50), dtype='<i4')}  # fmt: skip
    recorded = dict(numpy=np.__version__, arrays=list(arrays()), refused=list(refused()), archives=list(archives(inside)),
                    inside=[dict(name=name, **content(array)) for name, array in inside.items()], names=dict(names()))  # fmt: skip
    OUT.write_text(json.dumps(recorded))
    subprocess.run(['npx', 'prettier', '--write', '--log-level=warn', str(OUT)], cwd=OUT.parents[3], check=True)
    print(f'{OUT.name}: {OUT.stat().st_size} bytes')


if __name__ == '__main__':
    main()
