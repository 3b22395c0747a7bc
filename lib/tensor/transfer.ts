// Tensors handed from one worker thread to another, without a copy.
import { expectNoMore } from '../core/options.js';
import { describeTensor, handleOf } from '../core/handles.js';
import { describe } from '../core/describe.js';
import { native } from '../native/binding.js';
import { named, TorchError, ArgumentTypeError } from '../core/errors.js';
import { isNativeObject } from '../operators/nativeObject.js';
import { expectTensor, Tensor } from './tensor.js';

/** A tensor on its way between threads. A plain object, to be posted in a message and given to `receive` there. */
export interface TensorParcel {
  /** What it is, as in "float32 [2, 3]". */
  readonly tensor: string;
  readonly number: number;
}

/**
 * Hands a tensor over to another thread of this process: `worker.postMessage(torch.send(t))` here, `torch.receive(message)`
 * there. The memory is not copied (but for that of `fromTypedArray`, which belongs to its thread). The tensor given is
 * released: only the receiver has it then. A parcel that nobody receives keeps its memory.
 *
 * @throws TorchError for a tensor that was released, or that has a graph behind it: send `t.detach()`.
 */
export function send(tensor: Tensor): TensorParcel {
  expectNoMore('send', arguments, 1);
  if (isNativeObject(tensor))
    throw new ArgumentTypeError(
      'send',
      `${describe(tensor)} stays on its thread: send the tensors that it is made of`,
    );
  const text = expectTensor('send', 'tensor', tensor)[describeTensor]();
  const number = named(
    'send',
    () => native.sendTensor(tensor[handleOf]),
    () => [`tensor: ${text}`],
  );
  tensor.dispose();
  return { tensor: text, number: Number(number) };
}

/**
 * The tensor of a parcel, which belongs to the current scope or the garbage collector of this thread from now on.
 *
 * @throws TorchError when it was received before, or when this is no parcel of this process
 */
export function receive(parcel: TensorParcel): Tensor {
  expectNoMore('receive', arguments, 1);
  const { number, tensor } = Object(parcel) as Partial<TensorParcel>;
  if (!Number.isSafeInteger(number))
    throw new ArgumentTypeError('receive', `expected what torch.send() gave, got ${describe(parcel)}`);
  const handle = native.receiveTensor(number!);
  if (handle === 0)
    throw new TorchError(
      'receive',
      `the parcel (${tensor}) is not under way: it was received before, or it was sent in another process`,
    );
  return new Tensor(handle);
}
