"""Training the course's network in Python, in each of the ways of the contest (contestants.mjs).

    python train.py way=eager folder=DIR start=DIR threads=1 warmup=50 steps=400 ...

folder holds CIFAR-10's binary files, start the common beginning: weights.f32 (all parameters, in order) and order.i64 (the
order of the images). Prints lines of JSON: the first when the first step is finished, then the losses of the first five
steps, microseconds of a step, peak memory; with count=1 the kernels of a step instead of times."""
import json, re, sys, time
import torch
from torch import nn

settings = dict(argument.split('=', 1) for argument in sys.argv[1:])
way, device = settings['way'], settings.get('device', 'cpu')
flag = lambda name: settings.get(name) == '1'
BATCH, FIRST = 32, 5


def say(**what):
    print(json.dumps(what), flush=True)


def synchronize():
    if device != 'cpu':
        torch.cuda.synchronize()


def network():
    model = nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
    weights = torch.from_file(f"{settings['start']}/weights.f32", size=sum(p.numel() for p in model.parameters()))
    with torch.no_grad():
        for parameter, values in zip(model.parameters(), weights.split([p.numel() for p in model.parameters()])):
            parameter.copy_(values.view_as(parameter))
    return model.to(device)


def records():
    import numpy as np
    files = [f"{settings['folder']}/data_batch_{i}.bin" for i in range(1, 6)]
    return np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in files])


def order():
    import numpy as np
    return torch.from_numpy(np.fromfile(f"{settings['start']}/order.i64", np.int64))


class InMemory:
    """The whole set as normalised floats, as the reference program keeps it; a batch is gathered by index."""

    def __init__(self):
        raw = records()
        self.x = torch.from_numpy(raw[:, 1:].copy()).view(-1, 3, 32, 32).float().div_(255).sub_(0.5).div_(0.5).to(device)
        self.y = torch.from_numpy(raw[:, 0].astype('int64')).to(device)
        self.order = order().to(device)
        if flag('channelsLast'):
            self.x = self.x.contiguous(memory_format=torch.channels_last)
        self.at = 0

    def indices(self):
        if self.at + BATCH > len(self.order):
            self.at = 0
        self.at += BATCH
        return self.order[self.at - BATCH:self.at]

    def __next__(self):
        batch = self.indices()
        return self.x[batch], self.y[batch]


class Tutorial:
    """Pictures through PIL and torchvision's transforms, one by one, in a DataLoader."""

    def __init__(self, workers):
        from tutorial import pictures
        self.loader = torch.utils.data.DataLoader(
            pictures(records()), batch_size=BATCH, sampler=order().tolist(), num_workers=workers)
        self.iterator = iter(self.loader)

    def __next__(self):
        batch = next(self.iterator, None)
        if batch is None:
            self.iterator = iter(self.loader)
            batch = next(self.iterator)
        return tuple(t.to(device) for t in batch)


class Eager:
    """The usual loop. fused=1 takes SGD's fused form, channelsLast=1 the other order of memory."""

    def __init__(self, batches):
        self.batches, self.model, self.criterion = batches, network(), nn.CrossEntropyLoss()
        if flag('channelsLast'):
            self.model = self.model.to(memory_format=torch.channels_last)
        fused = dict(fused=True) if flag('fused') else {}
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.001, momentum=0.9, **fused)

    def loss(self, images, labels):
        return self.criterion(self.model(images), labels)

    def step(self):
        images, labels = next(self.batches)
        self.optimizer.zero_grad()
        loss = self.loss(images, labels)
        loss.backward()
        self.optimizer.step()
        return loss


class Compiled(Eager):
    """torch.compile of the network and its loss; the optimizer in its fused form."""

    def __init__(self, batches):
        super().__init__(batches)
        if flag('count') and device == 'cpu':
            import torch._inductor.config as inductor
            inductor.cpp.enable_kernel_profile = True
        self.loss = torch.compile(super().loss)


class CudaGraph(Eager):
    """The whole step captured by hand: it gathers the batch too, and only the batch's indices are written before a replay."""

    def __init__(self, batches):
        super().__init__(batches)
        self.index = torch.empty(BATCH, dtype=torch.int64, device=device)
        before = [p.detach().clone() for p in self.model.parameters()]
        self.index.copy_(batches.order[:BATCH])
        # What the capture needs beforehand (libraries' workspaces, the optimizer's state) comes from steps that are undone.
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.body()
        torch.cuda.current_stream().wait_stream(stream)
        self.optimizer.zero_grad(set_to_none=True)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.result = self.body(first=True)
        with torch.no_grad():
            for parameter, value in zip(self.model.parameters(), before):
                parameter.copy_(value)
            for state in self.optimizer.state.values():
                state['momentum_buffer'].zero_()

    def body(self, first=False):
        if not first:
            self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(self.batches.x[self.index], self.batches.y[self.index])
        loss.backward()
        self.optimizer.step()
        return loss

    def step(self):
        self.index.copy_(self.batches.indices())
        self.graph.replay()
        return self.result


def count_kernels(step, times=4):
    """On the CPU operators that no other operator called (and compiled kernels), on a GPU kernels, of one step."""
    from torch.profiler import ProfilerActivity, profile
    activities = [ProfilerActivity.CPU] + ([ProfilerActivity.CUDA] if device != 'cpu' else [])
    with profile(activities=activities) as recorded:
        for _ in range(times):
            step()
        synchronize()
    events = recorded.events()
    if device != 'cpu':
        from torch.autograd import DeviceType
        return len([e for e in events if e.device_type == DeviceType.CUDA and not e.name.startswith('Mem')]) / times
    operator = lambda event: re.match(r'(aten|mkldnn|inductor|mkl)::|.*cpp_fused', event.name) is not None

    def outermost(event):
        parent = event.cpu_parent
        while parent is not None:
            if operator(parent):
                return False
            parent = parent.cpu_parent
        return True

    return len([e for e in events if operator(e) and outermost(e)]) / times


def peak_mb():
    try:
        return int(re.search(r'VmHWM:\s+(\d+)', open('/proc/self/status').read())[1]) / 1024
    except OSError:
        return None  # no Linux


def main():
    if 'threads' in settings:
        torch.set_num_threads(int(settings['threads']))
    batches = Tutorial(int(settings['workers'])) if way == 'tutorial' else InMemory()
    ways = dict(tutorial=Eager, eager=Eager, compile=Compiled, graph=CudaGraph)
    began = time.perf_counter()
    training = ways[way](batches)
    losses = [training.step().item()]
    say(firstStepSeconds=time.perf_counter() - began)
    losses += [training.step().item() for _ in range(FIRST - 1)]
    say(losses=losses)
    if flag('count'):
        say(kernels=count_kernels(training.step))
        return
    for _ in range(int(settings['warmup'])):
        training.step()
    synchronize()
    steps, start = int(settings['steps']), time.perf_counter()
    for _ in range(steps):
        training.step()
    synchronize()
    say(us=1e6 * (time.perf_counter() - start) / steps, steps=steps, memoryMb=peak_mb())


main()
