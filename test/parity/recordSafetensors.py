#!/usr/bin/env python3
"""Records what Python's safetensors makes of files of every dtype and of odd headers, for test/checkpoints/safetensors.test.ts.

    python recordSafetensors.py [--print]

Writes recorded/safetensors.json: a list of {name, file: base64, tensors: [[name, dtype, shape], ...] in load_file's order,
metadata}, or with `error` in their place. --print prints it instead.
"""
import base64, json, pathlib, struct, subprocess, sys, tempfile
from safetensors import safe_open
from safetensors.torch import load_file

OUT = pathlib.Path(__file__).resolve().parent / 'recorded' / 'safetensors.json'
ONE = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
DATA = b'\0\0\x80?'
WIDTHS = {'BOOL': 1, 'U8': 1, 'I8': 1, 'I16': 2, 'I32': 4, 'I64': 8, 'F16': 2, 'BF16': 2, 'F32': 4, 'F64': 8, 'U16': 2, 'U32': 4,
          'U64': 8, 'C64': 8, 'F8_E4M3': 1, 'F8_E5M2': 1, 'F8_E4M3FNUZ': 1, 'F8_E5M2FNUZ': 1, 'F8_E8M0': 1, 'F4': 0.5,
          'F6_E2M3': 0.75, 'F6_E3M2': 0.75, 'C128': 16, 'I4': 0.5, 'f32': 4}  # fmt: skip


def file(header, data=DATA):
    header = header.encode() if isinstance(header, str) else header
    return struct.pack('<Q', len(header)) + header + data


def tensor(name='a', dtype='F32', shape='[1]', offsets='[0,4]', more=''):
    return f'{{"{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}{more}}}}}'


def cases():
    for dtype, width in WIDTHS.items():
        size = int(8 * width)
        data = bytes(i % 2 if dtype == 'BOOL' else 64 + i for i in range(size))
        yield f'dtype {dtype}', file(tensor(dtype=dtype, shape='[2,4]', offsets=f'[0,{size}]'), data)
    for name, header in {
        'a list': '[1]', 'a text': '"a"', 'a number': '5', 'null': 'null', 'a list of nothing': '[]',
        'tensors as null': '{"a":null}', 'an object too many': tensor() + '{}', 'more behind it': tensor() + ' x',
    }.items():  # fmt: skip
        yield name, file(header, DATA if 'more' in name or 'many' in name else b'')
    raw = tensor().encode()
    yield 'nothing in it', file('{}', b'')
    yield 'spaces around it', file(b' ' + raw + b'\n\t ')
    yield 'a byte of zero behind it', file(raw + b'\0')
    yield 'a byte order mark', file(b'\xef\xbb\xbf' + raw)
    yield 'a name that is not UTF-8', file(raw.replace(b'"a"', b'"\xff"'))
    yield 'half a character', file(tensor('\\ud800'))
    yield 'a character of two halves', file(tensor('\\ud83d\\ude00'))
    yield 'a zero in a name', file(tensor('\\u0000'))
    yield 'a line end in a name', file(raw.replace(b'"a"', b'"a\nb"'))
    yield 'no name', file(tensor(''))
    yield 'a name like a property', file(tensor('__proto__'))
    yield 'a name of brackets and quotes', file(tensor('[{\\":,\\\\'))
    metadata = {'a number': '{"a":1}', 'a list': '["a"]', 'a text': '"a"', 'objects': '{"a":{"b":"c"}}', 'null in it': '{"a":null}',
                'null': 'null', 'nothing in it': '{}', 'texts': '{"b":"1","a":"2"}', 'half a character': '{"a":"\\udc00"}'}  # fmt: skip
    for name, value in metadata.items():
        yield f'metadata: {name}', file(f'{{"__metadata__":{value},{tensor()[1:]}')
    yield 'metadata: not UTF-8', file(b'{"__metadata__":{"a":"\xff"},' + raw[1:])
    yield 'metadata: twice', file('{"__metadata__":{"a":"b"},"__metadata__":{"a":"c"},' + tensor()[1:])
    yield 'metadata: a name twice', file('{"__metadata__":{"a":"b","a":"c"},' + tensor()[1:])
    yield 'a tensor twice', file(f'{{"a":{ONE},"a":{ONE}}}')
    yield 'a tensor twice, once escaped', file(f'{{"a":{ONE},"\\u0061":{ONE}}}')
    yield 'a field twice', file(tensor(more=',"shape":[1]'))
    yield 'a field of no meaning', file(tensor(more=',"x":[1,{"y":null}]'))
    yield 'a field of no meaning, deep', file(tensor(more=',"x":' + '[' * 200 + ']' * 200))
    yield 'no shape', file('{"a":{"dtype":"F32","data_offsets":[0,4]}}')
    yield 'a tensor as a list', file('{"a":["F32",[1],[0,4]]}')
    for shape in ['[1.0]', '[1e0]', '[-1]', '[-0]', '["1"]', '[null]', '[[1]]', '1', 'null', '{}', '[]', '[1,1]', '[2]',
                  '[4294967296,4294967296,4]', '[0,9223372036854775807,9223372036854775807]']:  # fmt: skip
        yield f'the shape {shape}', file(tensor(shape=shape))
    for offsets in ['[0]', '[0,4,8]', '[4,0]', '[0,5]', '[-4,0]', '[0,4.0]', '{}', 'null']:
        yield f'the offsets {offsets}', file(tensor(offsets=offsets))
    yield 'a hole', file(tensor(offsets='[4,8]'), DATA * 2)
    yield 'bytes of no tensor', file(tensor(), DATA * 2)
    yield 'overlapping tensors', file(f'{{"a":{ONE},"b":{ONE}}}')
    places = {'z': 4, 'a': 0, '10': 8, '9': 12}
    entries = [tensor(name, offsets=f'[{at},{at + 4}]')[1:-1] for name, at in places.items()]
    yield 'another order', file('{' + ','.join(entries) + '}', DATA * 4)
    yield 'no alignment', file('{' + tensor('b', 'U8', offsets='[0,1]')[1:-1] + ',' + tensor(offsets='[1,5]')[1:], b'\1' + DATA)


def answer(name, content):
    with tempfile.NamedTemporaryFile() as out:
        out.write(content)
        out.flush()
        try:
            tensors = [[key, str(one.dtype)[6:], list(one.shape)] for key, one in load_file(out.name).items()]
            with safe_open(out.name, 'pt') as opened:
                result = dict(tensors=tensors, metadata=opened.metadata() or {})
        except Exception as error:
            result = dict(error=type(error).__name__)
    return dict(name=name, file=base64.b64encode(content).decode(), **result)


def main():
    recorded = [answer(name, content) for name, content in cases()]
    if sys.argv[1:] == ['--print']:
        return print(json.dumps(recorded))
    OUT.write_text(json.dumps(recorded))
    subprocess.run(['npx', 'prettier', '--write', '--log-level=warn', str(OUT)], cwd=OUT.parents[3], check=True)
    print(f'{OUT.name}: {OUT.stat().st_size} bytes')


if __name__ == '__main__':
    main()
