#!/usr/bin/env python3
"""Converts published BrainLM weights, pytorch_model.bin, to model.safetensors in the same folder.

    scripts/convert_brainlm.py FOLDER

Run it where PyTorch and safetensors are installed. The pickle is loaded with weights_only=True, which runs no code of
the file; brainmt itself never reads pickles. Names, shapes and values stay as they are; config.json becomes the
metadata. Afterwards: brainmt weights import in=FOLDER xyz=parcels.tsv out=weights.safetensors
"""
import pathlib
import sys


def main() -> int:
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[1])
    source, config, target = folder / "pytorch_model.bin", folder / "config.json", folder / "model.safetensors"
    for path in (source, config):
        if not path.is_file():
            print(f"{path}: expected, found no such file", file=sys.stderr)
            return 3
    if target.exists():
        print(f"{target}: exists already; remove it to convert again", file=sys.stderr)
        return 3

    import torch
    from safetensors.torch import save_file

    state = torch.load(source, map_location="cpu", weights_only=True)
    state = state.get("state_dict", state)
    tensors = {name: value.contiguous().clone() for name, value in state.items() if torch.is_tensor(value)}
    partial = target.with_suffix(".partial")
    save_file(tensors, str(partial), metadata={"format": "pt", "config": config.read_text()})
    partial.rename(target)
    print(f"{target}: {len(tensors)} tensors, {sum(t.numel() for t in tensors.values())} numbers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
