"""Makes the last operator call of a fuzzer's report in Python PyTorch: whether it ends the process there too.

    node scripts/fuzz/operators.mjs --seed 1 --only 1234 | python scripts/fuzz/replay.py
"""

import json
import sys

import torch


def value(given):
    if isinstance(given, list):
        return [value(item) for item in given]
    if not isinstance(given, dict):
        return getattr(torch, given) if isinstance(given, str) and isinstance(getattr(torch, given, None), torch.dtype) else given
    if "integer" in given:
        return int(given["integer"])
    if "float" in given:
        return float(given["float"].replace("Infinity", "inf"))
    if "generator" in given:
        return torch.Generator()
    if "tensor" not in given or "values" not in given:
        sys.exit(f"cannot be made again: {given}")
    dtype = getattr(torch, given["tensor"])
    if dtype.is_complex:
        parts = [float(part.replace("Infinity", "inf")) for part in given["values"]]
        made = torch.view_as_complex(torch.tensor(parts, dtype=torch.float64).reshape(-1, 2)).to(dtype)
    elif dtype.is_floating_point:
        made = torch.tensor([float(each.replace("Infinity", "inf")) for each in given["values"]], dtype=dtype)
    else:
        made = torch.tensor([int(each) for each in given["values"]], dtype=dtype)
    made = made.reshape(given["shape"]).to(given["device"])
    strides = given["strides"]
    if list(made.stride()) != strides:
        # The same steps over memory of its own, which may have the values in another order.
        room = 1 + sum((size - 1) * step for size, step in zip(given["shape"], strides)) if made.numel() else 0
        made = torch.zeros(room, dtype=dtype).as_strided(given["shape"], strides)
    return made.requires_grad_(given["requiresGrad"])


def main():
    calls = [json.loads(line) for line in sys.stdin if line.startswith('{"operator"')]
    name, given = calls[-1]["operator"], calls[-1]["values"]
    space, _, rest = name.partition("::")
    base, _, overload = rest.partition(".")
    operator = getattr(getattr(getattr(torch.ops, space), base), overload or "default")
    torch.set_num_threads(1)
    positional, named = [], {}
    for argument, each in zip(operator._schema.arguments, given):
        if each == {"missing": True}:
            if argument.has_default_value():
                continue
            each = None  # an optional value without a default: torch-node lets it be left out
        made = value(each)
        if str(argument.type) == "Device" and isinstance(made, str):
            made = torch.device(made)
        if argument.kwarg_only or len(positional) < operator._schema.arguments.index(argument):
            named[argument.name] = made
        else:
            positional.append(made)
    print(f"{name} with {len(given)} arguments", flush=True)
    try:
        operator(*positional, **named)
        print("gave a result")
    except Exception as error:  # whatever the operator throws: it did not end the process
        print(f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")


main()
