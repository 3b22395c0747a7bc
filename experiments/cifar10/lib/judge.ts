// What a trained network makes of twenty images of the test set.
import torch, { nn, type data, type Tensor } from 'torch-node';
import type { JudgedPicture } from './report/part1/types.js';

/** Images of each class, chosen at random by the seed, with the network's answers; in the order of the classes. */
export function judgePictures(
  net: nn.Module,
  set: data.ImageSet,
  seed: number,
  perClass = 2,
): JudgedPicture[] {
  return torch.scope(() =>
    torch.noGrad(() => {
      const labels = numbers(set.labels);
      const generator = new torch.Generator().manualSeed(seed);
      const order = numbers(torch.randperm(set.length, { generator }));
      const chosen = set.classes.flatMap((_, label) =>
        order.filter((i) => labels[i] === label).slice(0, perClass),
      );
      const index = torch.tensor(chosen, { dtype: 'int64' }).to(set.device);
      const probabilities = new nn.Softmax(1).forward(net.forward(set.batch(index).images));
      const predictions = numbers(probabilities.argmax(1));
      const bytes = set.images.indexSelect(0, index).dataSync() as Uint8Array;
      const size = bytes.length / chosen.length;
      return chosen.map((place, i) => ({
        image: bytes.slice(i * size, (i + 1) * size),
        label: labels[place]!,
        prediction: predictions[i]!,
        probability: probabilities.select(0, i).select(0, predictions[i]!).item(),
        index: place,
      }));
    }),
  );
}

function numbers(tensor: Tensor): number[] {
  return Array.from(tensor.dataSync(), Number);
}
