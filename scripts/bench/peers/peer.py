"""What the benchmark measures on Python's side, the workloads of ours.mjs: the same network, seed, batches and loop as
../shared/reference/train.py has, in PyTorch's ordinary eager style.

python peer.py <workload> '<options as JSON>' prints one line of JSON."""
import json, re, sys, time
import torch
from torch import nn


def network():
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def load(folder, files):
    import numpy as np  # here: firstStep has no use for it
    raw = np.concatenate([np.fromfile(f'{folder}/{f}', np.uint8).reshape(-1, 3073) for f in files])
    x = torch.from_numpy(raw[:, 1:].copy()).view(-1, 3, 32, 32).float().div_(255).sub_(0.5).div_(0.5)
    return x, torch.from_numpy(raw[:, 0].astype(np.int64))


class Part1:
    def __init__(self, folder, threads):
        torch.set_num_threads(threads)
        self.x, self.y = load(folder, [f'data_batch_{i}.bin' for i in range(1, 6)])
        torch.manual_seed(0)
        self.model, self.criterion = network(), nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.001, momentum=0.9)

    def epoch(self):
        """Gives the loss after every step."""
        order = torch.randperm(len(self.x))
        for i in range(0, len(self.x), 32):
            batch = order[i:i + 32]
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(self.x[batch]), self.y[batch])
            loss.backward()
            self.optimizer.step()
            yield loss

    @torch.no_grad()
    def evaluate(self, x, y):
        loss, right = 0.0, 0
        for i in range(0, len(x), 1000):
            out = self.model(x[i:i + 1000])
            loss += self.criterion(out, y[i:i + 1000]).item() * len(out)
            right += (out.argmax(1) == y[i:i + 1000]).sum().item()
        return loss / len(x), 100 * right / len(x)


def peak_mb():
    try:
        return int(re.search(r'VmHWM:\s+(\d+)', open('/proc/self/status').read())[1]) / 1024
    except OSError:
        return None  # no Linux


def about():
    return dict(torch=torch.__version__, python=sys.version.split()[0], threads=torch.get_num_threads(), cuda=torch.cuda.is_available())


def losses(folder, threads, steps):
    epoch = Part1(folder, threads).epoch()
    return dict(losses=[next(epoch).item() for _ in range(steps)])


def step(folder, threads, warmup, steps):
    epoch = Part1(folder, threads).epoch()
    for _ in range(warmup):
        next(epoch)
    start = time.perf_counter()
    for _ in range(steps):
        next(epoch)
    return dict(us=1e6 * (time.perf_counter() - start) / steps)


def add(count):
    torch.set_num_threads(1)
    a, b = torch.rand(8), torch.rand(8)
    for _ in range(count // 10):
        a.add(b)
    start = time.perf_counter()
    for _ in range(count):
        a.add(b)
    return dict(ns=1e9 * (time.perf_counter() - start) / count)


def operators(count):
    """Single operators, without and with a gradient to record: the median of 21 slices."""
    torch.set_num_threads(1)
    # Otherwise a convolution's time is that of a warning written to stderr (native/kernels/kernels.cpp says why).
    if not torch.backends.nnpack.is_available():
        torch.backends.nnpack.set_flags(False)
    ns = {}

    def measure(name, times, call):
        slices = []
        for number in range(24):
            start = time.perf_counter()
            for _ in range(times // 21):
                call()
            if number >= 3:
                slices.append(1e9 * (time.perf_counter() - start) / (times // 21))
        ns[name] = sorted(slices)[10]

    for grad in (False, True):
        leaf = lambda *shape: torch.rand(*shape, requires_grad=grad)
        a, b, m, n = leaf(8), leaf(8), leaf(32, 84), leaf(84, 10)
        x, w, c = leaf(1, 3, 8, 8), leaf(4, 3, 3, 3), leaf(4)
        suffix = ' grad' if grad else ''
        measure(f'add{suffix}', count, lambda: a.add(b))
        measure(f'mul{suffix}', count, lambda: a.mul(b))
        measure(f'matmul{suffix}', count // 2, lambda: m.matmul(n))
        measure(f'view{suffix}', count, lambda: m.view(84, 32))
        measure(f'sum{suffix}', count, lambda: a.sum())
        measure(f'conv2d{suffix}', count // 2, lambda: nn.functional.conv2d(x, w, c))
    return dict(ns=ns)


def readSafetensors(file):
    """Seconds to load the file, and to load it and read every value once."""
    from safetensors.torch import load_file
    torch.set_num_threads(1)
    start = time.perf_counter()
    tensors = load_file(file)
    loaded = time.perf_counter()
    for tensor in tensors.values():
        tensor.sum().item()
    return dict(load=loaded - start, read=time.perf_counter() - start)


def firstStep():
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, momentum=0.9)
    loss = nn.CrossEntropyLoss()(model(torch.randn(32, 3, 32, 32)), torch.randint(0, 10, (32,)))
    loss.backward()
    optimizer.step()
    return dict(loss=loss.item())


def part1(folder, threads):
    """One epoch, then measuring on both sets: what train.py does, for a machine without it."""
    part = Part1(folder, threads)
    test = load(folder, ['test_batch.bin'])
    for _ in part.epoch():
        pass
    return dict(train=part.evaluate(part.x, part.y), test=part.evaluate(*test))


def tutorial(folder, reference, models=None):
    """The networks of part 2, an epoch each, as PyTorch's tutorial on CIFAR-10 trains and measures: pictures go through PIL
    and transforms one by one, in a DataLoader with two workers; threads are left at their default."""
    sys.path.insert(0, reference)
    import numpy as np, train
    from tutorial import pictures
    read = lambda files: np.concatenate([np.fromfile(f'{folder}/{f}', np.uint8).reshape(-1, 3073) for f in files])
    loader = lambda files, size, shuffle: torch.utils.data.DataLoader(
        pictures(read(files)), batch_size=size, shuffle=shuffle, num_workers=2)
    batches = [f'data_batch_{i}.bin' for i in range(1, 6)]
    learn, sets = loader(batches, 32, True), [loader(batches, 1000, False), loader(['test_batch.bin'], 1000, False)]
    criterion, measured = nn.CrossEntropyLoss(), {}
    for name in models or train.MODELS:
        build, lr = train.MODELS[name]
        torch.manual_seed(0)
        model = build()
        optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
        for images, labels in learn:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            for loaded in sets:
                right = sum((model(x).argmax(1) == y).sum().item() for x, y in loaded)
                measured.setdefault(name, []).append(100 * right / len(loaded.dataset))
    return dict(accuracies=measured)


workload, options = sys.argv[1], json.loads(sys.argv[2] if len(sys.argv) > 2 else '{}')
measured = globals()[workload](**options)
print(json.dumps(dict(measured, memoryMb=peak_mb())), flush=True)
