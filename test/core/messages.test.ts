// libtorch's messages speak of what there is here: no name of Python's or C++'s is left in them, and the remedy is told.
import torch, { nn, type Tensor } from 'torch-node';
import { inOurNames } from '../../lib/core/messages.js';

const INT64 = "; torch.tensor(data, { dtype: 'int64' }) makes such a tensor, x.to('int64') converts one";

// libtorch's words, and ours.
const TABLE: readonly (readonly [string, string])[] = [
  ['expected scalar type Long but found Float', `expected dtype int64 but found float32${INT64}`],
  ['tensors used as indices must be long, int, byte or bool tensors', `tensors used as indices must be int64, int32, uint8 or bool tensors${INT64}`],
  ['index_select(): Expected dtype int32 or int64 for index', `indexSelect(): Expected dtype int32 or int64 for index${INT64}`],
  ['one_hot is only applicable to index tensor of type LongTensor.', `one_hot is only applicable to index tensor of dtype int64${INT64}`],
  ['take(): Expected a long tensor for index, but got Float', `take(): Expected a tensor of int64 for index, but got float32${INT64}`],
  ['mat1 and mat2 must have the same dtype, but got Float and ComplexDouble', 'mat1 and mat2 must have the same dtype, but got float32 and complex128; x.to(dtype) converts a tensor'],
  ['Input type (torch.FloatTensor) and weight type (torch.cuda.HalfTensor) should be the same', 'Input type (float32) and weight type (float16 on cuda) should be the same; x.to(dtype) converts a tensor'],
  ['"nll_loss_out_frame" not implemented for \'Half\'', "not implemented for dtype float16; x.to('float32') converts"],
  ['RNG state must be a torch.ByteTensor', "RNG state must be a tensor of uint8; torch.tensor(data, { dtype: 'uint8' }) makes such a tensor, x.to('uint8') converts one"],
  ["result type Float can't be cast to the desired output type Long", "result type float32 can't be cast to the desired output type int64"],
  ['value cannot be converted to type int64_t without overflow', 'value cannot be converted to type int64 without overflow'],
  ['value cannot be converted to type float without overflow', 'value cannot be converted to type float32 without overflow'],
  ['value cannot be converted to type c10::Half without overflow', 'value cannot be converted to type float16 without overflow'],
  ['Check x == at::kLong is True, not False.', 'Check x == int64 is true, not false.'],
  ["torch.clamp: At least one of 'min' or 'max' must not be None", "torch.clamp: At least one of 'min' or 'max' must not be null"],
  ['None of the inputs', 'None of the inputs'],
  ['Double backwards is not supported for x', 'Double backwards is not supported for x'],
  ['fractional_max_pool2d: kernel_size must either be a single Int or tuple of Ints', 'fractionalMaxPool2d: kernelSize must either be an integer or an array of integers'],
  ['stft requires the return_complex parameter, as return_complex=True', 'stft requires the returnComplex parameter, as returnComplex: true'],
  ['Unlike NumPy, torch.sign does not. Use torch.linalg.lu_factor', 'Unlike NumPy, torch.sign does not. Use torch.linalg.luFactor'],
  ['see https://pytorch.org/docs/torch.nn.functional.log_softmax', 'see https://pytorch.org/docs/torch.nn.functional.log_softmax'],
  ['no such file: /tmp/Long_Float/log_softmax.pt', 'no such file: /tmp/Long_Float/log_softmax.pt'],
  ["The following operation failed in the TorchScript interpreter.\nkernel_size=None", "The following operation failed in the TorchScript interpreter.\nkernel_size=None"],
]; // prettier-ignore

it.each(TABLE)('%s', (theirs, ours) => {
  expect(inOurNames(theirs, ['kernel_size', 'return_complex'])).toBe(ours);
});

const FOREIGN =
  /\b(True|False|None|Variable)\b|\b(Byte|Char|Short|Int|Long|Half|Float|Double|Bool|BFloat16|Complex(Half|Float|Double))(Tensor|Type)?\b|\w=(true|false|null)\b|[a-z]_[a-z]+=|int64_t|scalar ?type/;

const ones = (...shape: number[]): Tensor => torch.ones(shape);
const ints = (...shape: number[]): Tensor => torch.ones(shape, { dtype: 'int64' });
const leaf = (): Tensor => torch.ones([2], { requiresGrad: true });
// Arguments are wrong on purpose.
type Loose = Record<string, (...args: unknown[]) => unknown>;
const F = nn.functional as unknown as Loose;
const T = torch as unknown as Loose;

// Calls that libtorch refuses, and what the message has to say.
const CALLS: Record<string, readonly [() => unknown, RegExp]> = {
  'crossEntropy of float classes': [() => F['crossEntropy']!(ones(2, 3), torch.tensor([0, 1])), /int64 or uint8, but got float32.*dtype: 'int64'.*to\('int64'\)/],
  'nllLoss of float classes': [() => F['nllLoss']!(ones(2, 3), torch.tensor([0, 1])), /dtype: 'int64'/],
  'embedding of floats': [() => F['embedding']!(torch.tensor([0, 1]), ones(3, 2)), /dtype: 'int64'/],
  'oneHot of floats': [() => F['oneHot']!(torch.tensor([0, 1])), /dtype: 'int64'/],
  'gather by floats': [() => ones(2, 2).gather(0, ones(2, 2)), /int64.*dtype: 'int64'/],
  'indexSelect by floats': [() => ones(2, 2).indexSelect(0, torch.tensor([0])), /int64/],
  'scatter by floats': [() => ones(2, 2).scatter(0, ones(2, 2), 1), /int64/],
  'take by floats': [() => ones(2, 2).take(torch.tensor([0])), /int64/],
  'index by floats': [() => ones(2, 2).at(torch.tensor([0])), /int64|integer/],
  'maskedSelect by numbers': [() => ones(2).maskedSelect(torch.tensor([1, 0])), /bool/],
  'where by numbers': [() => torch.where(torch.tensor([1, 0]), ones(2), ones(2)), /bool/],
  'matmul of two dtypes': [() => ones(2, 2).matmul(ones(2, 2).double()), /float32.*float64|dtype.*x\.to\(dtype\)/],
  'linear of integers': [() => F['linear']!(ints(2, 2), ones(2, 2)), /int64|dtype/],
  'conv2d of two dtypes': [() => F['conv2d']!(ones(1, 1, 3, 3).double(), ones(1, 1, 2, 2)), /float64|dtype/],
  'softmax of integers': [() => ints(2).softmax(0), /not implemented for dtype int64; x\.to\('float32'\)/],
  'exp_ of integers': [() => ints(2).exp_(), /float32.*int64/],
  'div_ of integers': [() => ints(2).div_(2), /float32.*int64/],
  'add_ of floats to integers': [() => ints(2).add_(ones(2)), /float32.*int64/],
  'mean of integers': [() => ints(2).mean(), /int64/],
  'requiresGrad of integers': [() => ints(2).requiresGrad_(), /floating point/],
  'a second backward pass': [() => { const y = leaf().exp().sum(); y.backward(); y.backward(); }, /retainGraph: true/],
  'backward of several elements': [() => leaf().exp().backward(), /scalar outputs; .*mean\(\).*y\.backward\(gradient\)/],
  'backward without a graph': [() => ones(1).backward(), /requiresGrad: true/],
  'a leaf changed in place': [() => leaf().add_(1), /leaf tensor.*torch\.noGrad\(\(\) => \.\.\.\)/],
  'a value changed under a graph': [() => { const y = leaf().exp(); const z = y.mul(y).sum(); y.detach().add_(1); z.backward(); }, /float32 \[2\].*torch\.autograd\.setDetectAnomaly\(true, \{ checkNan: false \}\)/],
  'an unused input': [() => torch.grad(leaf().sum(), leaf()), /allowUnused: true/],
  'setRngState of floats': [() => torch.setRngState(ones(16)), /uint8/],
  'multinomial of integers': [() => ints(2).multinomial(1), /float|dtype/],
  'bitwiseAnd of floats': [() => ones(2).bitwiseAnd(ones(2)), /float32/],
  'item of several': [() => ones(2).item(), /item\(\) reads/],
  'stft without returnComplex': [() => T['stft']!(ones(100), 10), /returnComplex/],
  'clamp of nothing': [() => ones(2).clamp(), /null/],
  'cholesky of integers': [() => torch.linalg.cholesky(ints(2, 2)), /int64/],
  'lerp of two dtypes': [() => ones(2).lerp(ones(2).double(), 0.5), /float64/],
  'addmm of two dtypes': [() => torch.addmm(ones(2, 2), ones(2, 2).double(), ones(2, 2)), /dtype|float64/],
  'bmm of two dtypes': [() => ones(1, 2, 2).bmm(ones(1, 2, 2).half()), /float16|dtype/],
  'layerNorm of two dtypes': [() => F['layerNorm']!(ones(2, 2).double(), [2], ones(2)), /float|dtype/],
  'pack of an unsorted batch': [() => nn.utils.rnn.packPaddedSequence(ones(3, 2, 1), torch.tensor([1n, 3n])), /enforceSorted/],
}; // prettier-ignore

it.each(Object.keys(CALLS))('%s', (name) => {
  const [call, says] = CALLS[name]!;
  let error: Error | undefined;
  torch.scope(() => {
    try {
      call();
    } catch (thrown) {
      error = thrown as Error;
    }
  });
  expect(error?.name).toBe('TorchError');
  const [message] = error!.message.split('\n  ');
  expect(message!.replaceAll(/\w+Backward\d*/g, '')).not.toMatch(FOREIGN);
  expect(message).toMatch(says);
});
