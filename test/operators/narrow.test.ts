// Conversions by name, and the checks that tell the compiler what a tensor is: they look at the tensor itself.
import torch, { type Tensor } from 'torch-node';
import { withoutLeaks } from '../support/leaks.js';

const thrown = (run: () => unknown): unknown => {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

it('the conversions of each dtype', () => {
  withoutLeaks(() => {
    const t = torch.tensor([0, 1.5, 2]);
    const all = [
      t.bool(),
      t.byte(),
      t.char(),
      t.short(),
      t.int(),
      t.long(),
      t.half(),
      t.bfloat16(),
      t.double(),
    ];
    expect(all.map((each) => each.dtype)).toEqual(
      ['bool', 'uint8', 'int8', 'int16', 'int32', 'int64', 'float16', 'bfloat16', 'float64'], // prettier-ignore
    );
    expect(t.long().toArray()).toEqual([0, 1, 2]);
    expect(t.bool().toArray()).toEqual([false, true, true]);
    expect(t.float()).toBe(t);
  });
});

it('dtypes, devices and shapes are asked for and expected', () => {
  withoutLeaks(() => {
    const t: Tensor = torch.zeros([2, 3]);
    expect([t.isDtype('float32'), t.isDtype('float64')]).toEqual([true, false]);
    expect([t.isDevice('cpu'), t.isDevice('cuda'), t.isDevice('cp')]).toEqual([true, false, false]);
    expect([t.isShape(2, 3), t.isShape(-1, 3), t.isShape(2), t.isShape(2, 4)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(t.expectDtype('float32')).toBe(t);
    expect(t.expectDevice('cpu')).toBe(t);
    expect(t.expectShape(-1, 3)).toBe(t);
    expect(torch.tensor(1).isShape()).toBe(true);
  });
});

it('what is expected and not there is a TorchError that says what to do', () => {
  withoutLeaks(() => {
    const t: Tensor = torch.zeros([2, 3]);
    expect(thrown(() => t.expectDtype('int64'))).toMatchObject({
      name: 'TorchError',
      operator: 'Tensor.expectDtype',
      message: "Tensor.expectDtype: expected a tensor of int64, got float32 [2, 3]: to('int64') converts it",
    });
    expect(thrown(() => t.expectDevice('cuda'))).toMatchObject({
      name: 'TorchError',
      message: "Tensor.expectDevice: expected a tensor on cuda, got one on cpu: to('cuda') copies it",
    });
    expect(thrown(() => t.expectShape(-1, 4))).toMatchObject({
      name: 'TorchError',
      message:
        'Tensor.expectShape: expected a tensor of shape [-1, 4] (-1 stands for any size), got float32 [2, 3]',
    });
    expect(String(thrown(() => t.expectDtype(3 as never)))).toContain('expected a tensor of 3, got float32');
  });
});

it('a shape is the sizes that it is given', () => {
  expect(torch.shape(2, 3)).toEqual([2, 3]);
  expect(torch.shape()).toEqual([]);
});
