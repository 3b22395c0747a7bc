"""Writes the TorchScript archives in files/ and what Python computes with them (files/expected.json).

    python test/jit/record.py [FOLDER]
"""

import json
import os
import sys
from typing import Dict, List, Optional, Tuple

import torch
from torch import nn

FOLDER = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "files")


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8, 8)
        self.norm = nn.BatchNorm1d(8)

    def forward(self, x):
        return x + torch.tanh(self.norm(self.linear(x)))


class Net(nn.Module):
    """Submodules, buffers, attributes, and a method beside forward."""

    steps: int

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.block = Block()
        self.head = nn.Linear(8, 3)
        self.dropout = nn.Dropout(0.5)
        self.register_buffer("scale", torch.tensor([2.0]))
        self.steps = 3
        self.names = ["a", "b", "c"]

    def forward(self, x):
        x = torch.relu(self.conv(x)).flatten(1)
        for _ in range(self.steps):
            x = self.block(x)
        return self.head(self.dropout(x)) * self.scale

    @torch.jit.export
    def probabilities(self, x, temperature: float = 1.0):
        return torch.softmax(self.forward(x) / temperature, 1)

    @torch.jit.export
    def positive(self, x):
        if bool((x < 0).any()):
            raise ValueError("negative input")
        return x


class Kinds(nn.Module):
    """Arguments and results of every kind."""

    def forward(
        self,
        tensors: List[torch.Tensor],
        table: Dict[str, torch.Tensor],
        pair: Tuple[int, str],
        maybe: Optional[torch.Tensor] = None,
    ) -> Tuple[torch.Tensor, Dict[str, List[int]], Optional[torch.Tensor], List[Tuple[str, float]]]:
        total = torch.zeros_like(tensors[0])
        for tensor in tensors:
            total = total + tensor
        for name in table:
            total = total * table[name]
        sizes: Dict[str, List[int]] = {}
        for name in table:
            sizes[name] = table[name].size()
        return total, sizes, maybe, [(pair[1], float(pair[0]))]

    @torch.jit.export
    def nothing(self, flag: bool) -> None:
        assert flag, "the flag is off"


def recorded(tensor):
    return {"shape": list(tensor.shape), "values": tensor.flatten().tolist()}


def picture(*shape):
    """The same numbers everywhere, without a generator."""
    count = 1
    for size in shape:
        count *= size
    return ((torch.arange(count) * 37 % 101).float() / 50.0 - 1.0).reshape(shape)


def keep(module, name, **options):
    """Saves without the debug files, which hold paths of this machine."""
    file = os.path.join(FOLDER, name)
    torch.jit.save(module, file, **options)
    reader = torch._C.PyTorchFileReader(file)
    records = {
        record: reader.get_record(record)
        for record in reader.get_all_records()
        if not record.endswith(".debug_pkl") and not record.startswith(".data/") and record not in ("version", "byteorder")
    }
    writer = torch._C.PyTorchFileWriter(file)
    for record, content in records.items():
        writer.write_record(record, content, len(content))
    writer.write_end_of_file()


def main():
    torch.set_num_threads(1)
    os.makedirs(FOLDER, exist_ok=True)
    torch.manual_seed(0)
    net = Net()
    net.train()
    x = picture(4, 1, 4, 4)
    with torch.no_grad():
        net(x)  # for the running statistics
    scripted = torch.jit.script(net)
    keep(scripted, "net.pt", _extra_files={"labels.txt": "cat\ndog\nfrog\n"})
    loaded = torch.jit.load(os.path.join(FOLDER, "net.pt"))
    loaded.eval()
    rows = picture(3, 8)
    traced = torch.jit.trace(nn.Sequential(Block(), nn.Linear(8, 2)).eval(), rows)
    keep(traced, "traced.pt")
    keep(torch.jit.script(Kinds()), "kinds.pt")
    torch.save({"weight": torch.ones(2)}, os.path.join(FOLDER, "checkpoint.pt"))
    with torch.no_grad():
        expected = {
            "eval": recorded(loaded(x)),
            "traced": recorded(torch.jit.load(os.path.join(FOLDER, "traced.pt"))(rows)),
            "probabilities": recorded(loaded.probabilities(x, 2.0)),
        }
    # Training: dropout draws nothing where it is off.
    loaded.train()
    loaded.dropout.eval()
    sgd = torch.optim.SGD(loaded.parameters(), lr=0.1, momentum=0.9)
    losses = []
    for _ in range(3):
        sgd.zero_grad()
        loss = loaded(x).square().mean()
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    expected["losses"] = losses
    expected["keys"] = list(loaded.state_dict().keys())
    expected["parameters"] = [name for name, _ in loaded.named_parameters()]
    expected["buffers"] = [name for name, _ in loaded.named_buffers()]
    expected["headAfter"] = recorded(loaded.state_dict()["head.weight"])
    expected["code"] = loaded.positive.code
    with open(os.path.join(FOLDER, "expected.json"), "w") as file:
        json.dump(expected, file, indent=1)
        file.write("\n")


main()
