// libtorch's messages in the names that there are here: Python's options, constants and dtypes become ours, and where the
// remedy is a line of code, it is told. Tables, by kinds of names.
import { camelCase } from './names.js';

/** libtorch's names of dtypes. */
const DTYPES: Readonly<Record<string, string>> = {
  Byte: 'uint8', Char: 'int8', Short: 'int16', Int: 'int32', Long: 'int64', Half: 'float16', Float: 'float32', Double: 'float64',
  Bool: 'bool', BFloat16: 'bfloat16', ComplexHalf: 'complex32', ComplexFloat: 'complex64', ComplexDouble: 'complex128',
  QInt8: 'qint8', QUInt8: 'quint8', QInt32: 'qint32', QUInt4x2: 'quint4x2', QUInt2x4: 'quint2x4', UInt16: 'uint16', UInt32: 'uint32',
  UInt64: 'uint64', Int8: 'int8', Int16: 'int16', Int32: 'int32', Int64: 'int64', UInt8: 'uint8', Float16: 'float16',
  Float32: 'float32', Float64: 'float64', Float8_e5m2: 'float8_e5m2', Float8_e4m3fn: 'float8_e4m3fn',
  Float8_e5m2fnuz: 'float8_e5m2fnuz', Float8_e4m3fnuz: 'float8_e4m3fnuz', Float8_e8m0fnu: 'float8_e8m0fnu',
  Float4_e2m1fn_x2: 'float4_e2m1fn_x2',
}; // prettier-ignore
/** C++'s. */
const C_TYPES: Readonly<Record<string, string>> = {
  int64_t: 'int64', int32_t: 'int32', int16_t: 'int16', int8_t: 'int8', uint8_t: 'uint8', uint16_t: 'uint16', uint32_t: 'uint32',
  uint64_t: 'uint64', 'signed char': 'int8', 'unsigned char': 'uint8', 'c10::Half': 'float16', 'at::Half': 'float16',
  'c10::BFloat16': 'bfloat16', 'at::BFloat16': 'bfloat16', 'c10::complex<float>': 'complex64', 'c10::complex<double>': 'complex128',
  'c10::complex<c10::Half>': 'complex32',
}; // prettier-ignore
const CONSTANTS: Readonly<Record<string, string>> = { True: 'true', False: 'false', None: 'null' };

const names = Object.keys(DTYPES).sort((a, b) => b.length - a.length).join('|'); // prettier-ignore
const cTypes = Object.keys(C_TYPES).map((name) => name.replaceAll(/[<>:]/g, '\\$&')).join('|'); // prettier-ignore
const dtype = (name: string): string => DTYPES[name]!;
const placed = (cuda: string | undefined, name: string): string => dtype(name) + (cuda ? ' on cuda' : '');

// A group that took no part in the match is undefined, whatever its type says.
type Rule = readonly [pattern: RegExp, words: string | ((...found: string[]) => string)];

const RULES: readonly Rule[] = [
  // A kernel's name says nothing to a caller.
  [/"\w+" not implemented for '(\w+)'/g, (_, name) => `not implemented for dtype ${DTYPES[name] ?? name}`],
  // Numbers and types of the schema language.
  [/\ba single Int or tuple of (\w+ )?Ints\b/g, 'an integer or an array of $1integers'],
  [/\b(?:Int|int)\(int32\)/g, 'int32'],
  [/\b(?:Long|long)\(int64\)/g, 'int64'],
  // dtypes: torch.cuda.LongTensor, CPULongType, kLong, int64_t, Long.
  [new RegExp(`\\b(an? )?torch\\.(?:sparse\\.)?(cuda\\.)?(?:sparse\\.)?(${names})Tensor\\b`, 'g'), (_, article, cuda, name) => `${article ? 'a tensor of ' : ''}${placed(cuda, name)}`],
  [new RegExp(`\\b(?:Variable\\[)?(?:Sparse|Quantized)?(?:CPU|(CUDA))(${names})Type\\]?`, 'g'), (_, cuda, name) => placed(cuda, name)],
  [new RegExp(`\\btensor(s?) of type (${names})Tensor\\b`, 'g'), (_, many, name) => `tensor${many} of dtype ${dtype(name)}`],
  [new RegExp(`\\b(an? )?(${names})Tensor\\b`, 'g'), (_, article, name) => `${article ? 'a tensor of ' : ''}${dtype(name)}`],
  [new RegExp(`\\b(?:at::|c10::)?k(${names})\\b`, 'g'), (_, name) => dtype(name)],
  [new RegExp(`(?<![\\w<])(?:${cTypes})(?![\\w>])`, 'g'), (name) => C_TYPES[name]!],
  [/(?<=converted to type )(float|double)\b/g, (name) => ({ float: 'float32', double: 'float64' })[name]!],
  // A sentence may begin with "Double backward".
  [new RegExp(`(?<!(?:^|[.!?] )(?=\\w+ (?!tensor|type|dtype|and|or\\b)[a-z]))(?<![\\w.'])'?\\b(${names})\\b'?(?![\\w(])`, 'g'), (_, name) => dtype(name)],
  [/\blong, int, byte or bool tensors\b/g, 'int64, int32, uint8 or bool tensors'],
  [/\ban? (long|byte) tensor\b/g, (_, name) => `a tensor of ${name === 'long' ? 'int64' : 'uint8'}`],
  [/\bdtype of long\b|\bdtype must be long int\b/g, (given) => given.replace(/long( int)?/, 'int64')],
  [/\b(?:scalar ?type|Scalar ?Type|Scalartype|ScalarType)(s?)\b/g, 'dtype$1'],
  [/(?<=\bdtypes? )(byte|char|short|int|long|half|float|double)\b/g, (name) => dtype(name[0]!.toUpperCase() + name.slice(1))],
  // Options and constants.
  [/\b([a-z]\w*)=(True|False|None)\b/g, (_, name, value) => `${camelCase(name)}: ${CONSTANTS[value]!}`],
  [/\b(?:True|False)\b|\bNone\b(?! of)/g, (name) => CONSTANTS[name]!],
  [/\(true, checkNan: (true|false)\)/g, '(true, { checkNan: $1 })'],
  // Functions, and the parts of modules: torch.nn.functional.log_softmax, .to_dense().
  [/\btorch(?:\.[a-zA-Z]\w*)+/g, (name) => name.split('.').map((part) => camelCase(part)).join('.')], // prettier-ignore
  [/(?<=\.)[a-z]\w*(?=\()|(?<![\w.:])[a-z]\w*_\w+(?=\()|^[a-z]\w*_\w+(?=: )/g, (name) => camelCase(name)],
  [/\bwith torch\.(noGrad|inferenceMode|enableGrad)\(\)/g, 'torch.$1(() => ...)'],
  [/\btorch\.(noGrad|inferenceMode|enableGrad)\(\)/g, 'torch.$1(() => ...)'],
  [/\bleaf Variable\b/g, 'leaf tensor'],
  [/\bVariable\b/g, 'Tensor'],
  [/\bPython (?:scalar|number)\b/g, 'number'],
  [/\bnumpy\(\)/g, 'data()'],
]; // prettier-ignore

/** Names of PyTorch's that are no operators' and no arguments of theirs. */
const OTHERS = new Set([
  'requires_grad', 'retain_grad', 'retain_graph', 'create_graph', 'allow_unused', 'no_grad', 'inference_mode', 'zero_grad', 'grad_fn',
  'set_detect_anomaly', 'pack_padded_sequence', 'pack_sequence', 'enforce_sorted', 'batch_first', 'attn_mask', 'is_causal', 'need_weights',
  'load_state_dict', 'state_dict', 'grad_output', 'grad_outputs', 'out_channels', 'in_channels', 'kernel_size', 'output_size', 'input_size',
]); // prettier-ignore

/** What to write, by what went wrong. */
const REMEDIES: readonly (readonly [pattern: RegExp, remedy: string | ((...found: string[]) => string)])[] = [
  [/(?:same|different) dtypes?\b|dtypes? .*to be the same|have the same type|type .* should be the same/, 'x.to(dtype) converts a tensor'],
  [
    /(?:[Ee]xpected|expects|must be|must have|should be|has to be|of (?:type|dtype)|applicable to)[^.;]*?\b(int64|uint8|bool|float32|float64)\b(?![^.;]*\bint(?:8|16)\b)[^]*/,
    (_, name) => `torch.tensor(data, { dtype: '${name}' }) makes such a tensor, x.to('${name}') converts one`,
  ],
  [/not implemented for dtype (float16|bfloat16|u?int\d+|bool)/, "x.to('float32') converts"],
  [/on the same device|different devices/, 'x.to(device) moves a tensor'],
  [/leaf tensor that requires grad is being used in an in-place operation/, 'change it inside torch.noGrad(() => ...)'],
  [/graph a second time/, 'x.backward({ retainGraph: true }) keeps the graph for another pass'],
  [/grad can be implicitly created only for scalar outputs/, 'reduce it first, as with mean() or sum(), or give a gradient of its shape: y.backward(gradient)'],
  [/does not require grad and does not have a grad_?[fF]n/, 'make what it is computed from with { requiresGrad: true }, and outside of torch.noGrad'],
]; // prettier-ignore

/**
 * A message of libtorch's in our names; `known` holds names of arguments in PyTorch's spelling. Addresses and what stands in
 * paths stay as they are, and so does all that TorchScript says, which speaks of its own source. @internal
 */
export function inOurNames(message: string, known: Iterable<string> = []): string {
  if (/TorchScript|torch::jit|Traceback/.test(message)) return message;
  const argumentNames = new Set(known);
  const parts = message.split(/(https?:\/\/\S+|(?:^|(?<=\s))\S*\/\S+)/);
  const translated = parts.map((part, i) => (i % 2 === 1 ? part : renamed(part, argumentNames))).join('');
  for (const [pattern, remedy] of REMEDIES) {
    const found = pattern.exec(translated);
    if (found === null) continue;
    const words = typeof remedy === 'string' ? remedy : remedy(...found);
    return `${translated.replace(/[.;:\s]+$/, '')}; ${words}`;
  }
  return translated;
}

function renamed(text: string, known: ReadonlySet<string>): string {
  let out = text;
  for (const [pattern, words] of RULES)
    out = typeof words === 'string' ? out.replace(pattern, words) : out.replace(pattern, words);
  return out.replace(/(?<![\w.:])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w]|\.\w|::)/g, (name) =>
    known.has(name) || OTHERS.has(name) ? camelCase(name) : name,
  );
}
