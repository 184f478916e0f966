#!/usr/bin/python3
"""BrainMT in PyTorch float64, written from its equations: the reference of the fp64 parity test.

Reads the weights, the batch and the sizes from a golden file and writes what BrainMT makes of them in double precision:
output, loss, embeddings, the gradient of the input and of every parameter. The golden files hold float32 roundings of
weights and input, and the model amplifies those roundings to about 1e-5; starting from the rounded values removes that
limit.

    /usr/bin/python3 tests/golden/make_fp64_reference.py tests/golden/NAME.safetensors tests/golden/NAME_fp64.safetensors
"""
import json
import struct
import sys

import numpy as np
import torch
import torch.nn.functional as F


def read_safetensors(path):
    with open(path, "rb") as f:
        header_bytes = struct.unpack("<Q", f.read(8))[0]
        header = json.loads(f.read(header_bytes))
        data = f.read()
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        assert entry["dtype"] == "F32", name
        tensors[name] = torch.from_numpy(np.frombuffer(data[begin:end], "<f4").reshape(entry["shape"]).astype("f8"))
    return metadata, tensors


def write_safetensors(path, tensors, metadata):
    header, offset = {"__metadata__": metadata}, 0
    for name, value in sorted(tensors.items()):
        header[name] = {"dtype": "F64", "shape": list(value.shape), "data_offsets": [offset, offset + value.nbytes]}
        offset += value.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for _, value in sorted(tensors.items()):
            f.write(np.ascontiguousarray(value).tobytes())


def conv(x, w, name, stride):
    return F.conv3d(x, w[name + ".weight"], w.get(name + ".bias"), stride=stride, padding=1)


def channel_norm(x, w, name):
    y = F.layer_norm(x.movedim(1, -1), (x.shape[1],), w[name + ".weight"], w[name + ".bias"], 1e-5)
    return y.movedim(-1, 1)


def conv_block(x, w, name):
    y = F.gelu(channel_norm(conv(x, w, name + ".conv1", 1), w, name + ".norm1"), approximate="tanh")
    return x + channel_norm(conv(y, w, name + ".conv2", 1), w, name + ".norm2")


def rms_norm(x, weight):
    return x / torch.sqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * weight


def direction(x, w, name, tail, a_name):
    """One direction of a mixer over x [B, L, E]: short convolution, step sizes, scan; not gated."""
    taps = w[f"{name}.conv1d{tail}.weight"]
    kernel = taps.shape[-1]
    u = F.conv1d(F.pad(x.transpose(1, 2), (kernel - 1, 0)), taps, w[f"{name}.conv1d{tail}.bias"], groups=taps.shape[0])
    u = F.silu(u).transpose(1, 2)
    a = -torch.exp(w[f"{name}.{a_name}"])
    projected = u @ w[f"{name}.x_proj{tail}.weight"].T
    rank, state = w[f"{name}.dt_proj{tail}.weight"].shape[1], a.shape[1]
    r, b, c = projected.split([rank, state, state], -1)
    z = r @ w[f"{name}.dt_proj{tail}.weight"].T + w[f"{name}.dt_proj{tail}.bias"]
    delta = torch.logaddexp(z, torch.zeros_like(z))
    s, ys = torch.zeros(x.shape[0], x.shape[2], state, dtype=x.dtype), []
    for t in range(x.shape[1]):
        step = delta[:, t, :, None]
        s = torch.exp(step * a) * s + step * b[:, t, None, :] * u[:, t, :, None]
        ys.append((s * c[:, t, None, :]).sum(-1))
    return torch.stack(ys, 1) + w[f"{name}.D{tail}"] * u


def mixer(x, w, name, two_way):
    x, z = (x @ w[name + ".in_proj.weight"].T).chunk(2, -1)
    y = direction(x, w, name, "", "A_log") * F.silu(z)
    if two_way:
        flipped = direction(x.flip(1), w, name, "_b", "A_b_log") * F.silu(z.flip(1))
        y = y + flipped.flip(1)
    return y @ w[name + ".out_proj.weight"].T


def attention(x, w, name, heads):
    batch, length, width = x.shape
    qkv = F.linear(x, w[name + ".qkv.weight"], w[name + ".qkv.bias"]).reshape(batch, length, 3, heads, width // heads)
    q, k, v = qkv.permute(2, 0, 3, 1, 4)
    p = torch.softmax(q @ k.transpose(-1, -2) * (width // heads) ** -0.5, -1)
    return F.linear((p @ v).transpose(1, 2).reshape(batch, length, width), w[name + ".proj.weight"],
                    w[name + ".proj.bias"])


def brainmt(x, w, depth, heads, two_way):
    batch, frames = x.shape[:2]
    h = x.flatten(0, 1)
    h = F.relu(conv(h, w, "patch_embed.conv_down.0", 2))
    h = F.relu(conv(h, w, "patch_embed.conv_down.2", 2))
    for i in range(2):
        h = conv(conv_block(h, w, f"conv_block{i}"), w, f"downsample{i}.reduction.0", 2)
    width = h.shape[1]
    h = h.flatten(2).transpose(1, 2).reshape(batch, frames, -1, width)
    position, temporal = w["pos_embed"][0], w["temporal_pos_embedding"][0]
    h = h + position[1:] + temporal[:, None, :]
    cls = (w["cls_token"][0] + position[:1]).expand(batch, 1, width)
    residual = torch.cat([cls, h.transpose(1, 2).reshape(batch, -1, width)], 1)

    hidden = None
    for i in range(depth[0]):
        residual = residual if hidden is None else residual + hidden
        hidden = mixer(rms_norm(residual, w[f"layers.{i}.norm.weight"]), w, f"layers.{i}.mixer", two_way)
    h = rms_norm(residual + hidden, w["norm_f.weight"])

    def norm(t):
        return F.layer_norm(t, (width,), w["norm.weight"], w["norm.bias"], 1e-5)

    for i in range(depth[1]):
        h = h + attention(norm(h), w, f"blocks.{i}", heads)
        m = F.gelu(F.linear(norm(h), w["mlp.fc1.weight"], w["mlp.fc1.bias"]))
        h = h + F.linear(m, w["mlp.fc2.weight"], w["mlp.fc2.bias"])
    return F.linear(h[:, 0], w["head.weight"], w["head.bias"]), h[:, 0], h[:, 1:].mean(1)


def train(golden, metadata, steps=10):
    """Steps of AdamW on the one batch; yields what each forward and backward pass made, then updates the weights."""
    w = {k.removeprefix("weights/"): v.requires_grad_() for k, v in golden.items() if k.startswith("weights/")}
    no_decay = ("cls_token", "pos_embed", "temporal_pos_embedding")
    groups = [[v for k, v in w.items() if (v.dim() == 1 or k in no_decay) is spared] for spared in (False, True)]
    adamw = torch.optim.AdamW([{"params": groups[0], "weight_decay": 0.05}, {"params": groups[1], "weight_decay": 0.0}],
                              lr=2e-4, betas=(0.9, 0.999), eps=1e-6)
    x, label = golden["input"].requires_grad_(), golden["target"]
    for _ in range(steps):
        adamw.zero_grad()
        x.grad = None
        output, cls, mean = brainmt(x, w, json.loads(metadata["depth"]), int(metadata["num_heads"]),
                                    metadata["bidirectional"] == "True")
        if metadata["task"] == "classification":
            loss = F.binary_cross_entropy_with_logits(output[:, 0], label)
        else:
            loss = F.mse_loss(output[:, 0], label)
        loss.backward()
        yield {"output": output, "loss": loss.reshape(1), "cls_embedding": cls, "mean_embedding": mean,
               "grad_input": x.grad, **{"grad/" + k: v.grad for k, v in w.items()}}
        adamw.step()
        yield {"after_first_step/" + k: v for k, v in w.items()}


def main(source, target):
    metadata, golden = read_safetensors(source)
    result, losses = {}, []
    for i, made in enumerate(train(golden, metadata)):
        if i < 2:
            result.update({k: v.detach().clone().numpy() for k, v in made.items()})
        losses.append(made.get("loss"))
    result["losses"] = torch.cat([v for v in losses if v is not None]).detach().numpy()
    write_safetensors(target, result, {"precision": "float64", **metadata})
    for name in ("output", "cls_embedding", "mean_embedding", "grad_input", "losses"):
        distance = np.linalg.norm(result[name] - golden[name].detach().numpy()) / golden[name].norm().item()
        print(f"{name}: {distance:.2e} from {source}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
