import torch, { nn } from 'torch-node';
import { GPT, LeNet, resnet18, vgg11, VisionTransformer } from 'torch-node/models';

describe('models', () => {
  it('learn: LeNet fits a handful of pictures', () => {
    torch.manualSeed(0);
    const net = new LeNet();
    const images = torch.randn([8, 1, 32, 32]);
    const labels = torch.arange(8).to('int64');
    const sgd = new torch.optim.SGD(net.parameters(), { lr: 0.05, momentum: 0.9 });
    const criterion = new nn.CrossEntropyLoss();
    let loss = Infinity;
    for (let i = 0; i < 60; i++)
      torch.scope(() => {
        sgd.zeroGrad();
        const now = criterion.forward(net.forward(images), labels);
        now.backward();
        sgd.step();
        loss = now.item();
      });
    expect(loss).toBeLessThan(0.1);
  });

  it('print as torchvision prints them', () => {
    expect(String(resnet18({ numClasses: 2 }).layer2)).toContain(`    (downsample): Sequential(
      (0): Conv2d(64, 128, kernel_size=(1, 1), stride=(2, 2), bias=False)
      (1): BatchNorm2d(128, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)
    )`);
    expect(String(vgg11({ classifierFeatures: 1 }).features.at(0))).toBe(
      'Conv2d(3, 64, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))',
    );
  });

  const sizes = { blockSize: 4, vocabSize: 5, numLayers: 1, numHeads: 2, embedDim: 4 };

  it('GPT shares its table, also with its copies, and goes on with tokens', () => {
    torch.manualSeed(0);
    const net = new GPT(sizes).eval();
    const state = net.stateDict();
    expect(state['lm_head.weight']!.equal(state['transformer.wte.weight']!)).toBe(true);
    const copy = net.deepcopy();
    const tokens = torch.tensor([[1n, 2n]]);
    expect(copy.forward(tokens).equal(net.forward(tokens))).toBe(true);
    torch.noGrad(() => copy.lm_head.weight.zero_());
    expect(copy.stateDict()['transformer.wte.weight']!.abs().sum().item()).toBe(0);
    const more = net.generate(tokens, 5, { topK: 2, temperature: 0.5 });
    expect(more.shape).toEqual([1, 7]);
    expect(more.narrow(1, 0, 2).equal(tokens)).toBe(true);
    // With one token to choose from nothing is drawn: the likeliest one comes.
    const [likeliest] = net.generate(tokens, 1, { topK: 1 }).select(1, -1).toArray() as number[];
    expect(net.forward(tokens).select(1, -1).argmax().item()).toBe(likeliest);
  });

  it('GPT looks back only', () => {
    const net = new GPT(sizes).eval();
    const [a, b] = [torch.tensor([[1n, 2n, 3n]]), torch.tensor([[1n, 2n, 4n]])].map((tokens) =>
      net.forward(tokens),
    );
    expect(a!.narrow(1, 0, 2).equal(b!.narrow(1, 0, 2))).toBe(true);
    expect(a!.equal(b!)).toBe(false);
  });

  const vit = { imageSize: 8, patchSize: 4, numLayers: 1, numHeads: 1, hiddenDim: 2, mlpDim: 2 };
  it('ViT takes the keys that torchvision had before', () => {
    const [net, other] = [new VisionTransformer(vit), new VisionTransformer(vit)];
    const older = Object.entries(net.stateDict()).map(([key, value]) => [
      key.replace('mlp.0.', 'mlp.linear_1.').replace('mlp.3.', 'mlp.linear_2.'),
      value,
    ]);
    expect(older.filter(([key]) => /linear_\d/.test(key as string)).length).toBe(4);
    other.loadStateDict(Object.fromEntries(older));
    const [theirs, ours] = [other.parameters(), net.parameters()];
    expect(theirs.every((parameter, i) => parameter.equal(ours[i]!))).toBe(true);
  });

  const bad: [string, () => unknown, RegExp][] = [
    ['picture', () => new VisionTransformer(vit).forward(torch.ones([1, 3, 8, 4])), /expected pictures of 8 x 8/],
    ['patch', () => new VisionTransformer({ ...vit, patchSize: 3 }), /imageSize: expected a multiple of patchSize, which is 3, got 8/],
    ['sequence', () => new GPT(sizes).forward(torch.zeros([1, 5], { dtype: 'int64' })), /expected at most 4 tokens/],
    ['head', () => new GPT({ ...sizes, numHeads: 3 }), /embedDim: expected a multiple of numHeads, which is 3, got 4/],
  ]; // prettier-ignore
  it.each(bad)('refuse what is no %s', (_, run, message) => expect(run).toThrow(message));
});
