"""PyTorch's side of the training benchmark: the same shapes, batches and optimiser as tabiji-bench,
one measurement a process, one JSON object on standard output."""
import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

SHAPES = {
    "demo": dict(vocab=160, width=128, layers=4, heads=4, kv=4, head=32, ffn=384),
    "135m": dict(vocab=49152, width=576, layers=30, heads=9, kv=3, head=64, ffn=1536),
}


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.s = s
        q, kv = s["heads"] * s["head"], s["kv"] * s["head"]
        self.norm1, self.norm2 = nn.RMSNorm(s["width"]), nn.RMSNorm(s["width"])
        self.qkv = nn.Linear(s["width"], q + 2 * kv, bias=False)
        self.out = nn.Linear(q, s["width"], bias=False)
        self.up = nn.Linear(s["width"], 2 * s["ffn"], bias=False)
        self.down = nn.Linear(s["ffn"], s["width"], bias=False)

    def forward(self, x, cos, sin):
        s = self.s
        b, t, _ = x.shape
        qkv = self.qkv(self.norm1(x)).view(b, t, s["heads"] + 2 * s["kv"], s["head"]).transpose(1, 2)
        q, k, v = qkv.split([s["heads"], s["kv"], s["kv"]], dim=1)
        q, k = rope(q, cos, sin), rope(k, cos, sin)
        a = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=s["heads"] != s["kv"])
        x = x + self.out(a.transpose(1, 2).reshape(b, t, -1))
        gate, up = self.up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


def rope(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1).to(x.dtype)


class Model(nn.Module):
    def __init__(self, s, length):
        super().__init__()
        self.embed = nn.Embedding(s["vocab"], s["width"])
        nn.init.normal_(self.embed.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(s) for _ in range(s["layers"]))
        self.norm = nn.RMSNorm(s["width"])
        at = torch.arange(length)[:, None] / 10000 ** (torch.arange(0, s["head"], 2) / s["head"])
        self.register_buffer("cos", at.cos(), persistent=False)
        self.register_buffer("sin", at.sin(), persistent=False)

    def forward(self, ids):
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        logits = F.linear(self.norm(x[:, :-1]), self.embed.weight)
        return F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())


def main():
    p = argparse.ArgumentParser()
    p.add_argument("shape", choices=SHAPES)
    p.add_argument("dtype", choices=["f32", "bf16"])
    p.add_argument("chains", type=int)
    p.add_argument("length", type=int)
    p.add_argument("updates", type=int)
    p.add_argument("--compile", action="store_true")
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(1)
    s = SHAPES[a.shape]
    model = Model(s, a.length)
    opt = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    ids = torch.randint(0, s["vocab"], (a.chains, a.length))
    run = torch.compile(model) if a.compile else model
    seconds = []
    for u in range(a.updates + 2):
        begin = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=a.dtype == "bf16"):
            loss = run(ids)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        opt.step()
        opt.zero_grad(set_to_none=True)
        if u >= 2:
            seconds.append(time.perf_counter() - begin)
    rate = a.chains * a.length / statistics.median(seconds)
    print(json.dumps(dict(what="train", shape=a.shape, dtype=a.dtype, compiled=a.compile,
                          chains=a.chains, length=a.length, tokens_per_s=rate, threads=a.threads,
                          torch=torch.__version__,
                          peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)))


main()
