"""llama.cpp's speed on a GGUF file, as tabiji-bench-infer measures ours: the same ids, a prompt read once by
all branches, one stream, SAMPLES streams decoded together, and a tree whose levels are decoded together (no
sampling: what it would cost is left out in llama.cpp's favour). One JSON object on standard output.

    bench/llama_speed.py FILE.gguf [PROMPT_TOKENS] [NEW_TOKENS] [SAMPLES] [THREADS] [plain]

plain: without llama.cpp's repacked weights, among them AMX's, whose kernel crashes on some shapes.
"""
import json
import sys
import time

import llama_cpp as L


class Runner:
    def __init__(self, path, threads, samples, plain):
        model_params = L.llama_model_default_params()
        model_params.use_extra_bufts = not plain
        model = L.llama_model_load_from_file(path.encode(), model_params)
        params = L.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_seq_max, params.kv_unified = 8192, 512, samples, True
        params.n_threads = params.n_threads_batch = threads
        self.ctx = L.llama_init_from_model(model, params)
        self.n_vocab = L.llama_vocab_n_tokens(L.llama_model_get_vocab(model))
        self.batch = L.llama_batch_init(512, 0, samples)

    def decode(self, tokens):
        """tokens: (id, position, sequences, whether logits are wanted)."""
        b = self.batch
        b.n_tokens = len(tokens)
        for i, (token, pos, seqs, wanted) in enumerate(tokens):
            b.token[i], b.pos[i], b.n_seq_id[i], b.logits[i] = token, pos, len(seqs), wanted
            for j, s in enumerate(seqs):
                b.seq_id[i][j] = s
        assert L.llama_decode(self.ctx, b) == 0
        L.llama_synchronize(self.ctx)

    def copy(self, source, target):
        memory = L.llama_get_memory(self.ctx)
        L.llama_memory_seq_rm(memory, target, -1, -1)
        L.llama_memory_seq_cp(memory, source, target, -1, -1)

    def forget(self):
        L.llama_memory_clear(L.llama_get_memory(self.ctx), True)


def measure(path, n_prompt, n_new, samples, threads, plain):
    r = Runner(path, threads, samples, plain)
    ids = [1000 + i * 37 % (r.n_vocab // 2 - 1000) for i in range(n_prompt)]

    def read(seqs):
        begin = time.perf_counter()
        for at in range(0, n_prompt, 512):
            part = ids[at:at + 512]
            r.decode([(x, at + i, seqs, at + i + 1 == n_prompt) for i, x in enumerate(part)])
        return n_prompt / (time.perf_counter() - begin)

    read([0])
    r.forget()
    prompt = read([0])
    begin = time.perf_counter()
    for n in range(n_new):
        r.decode([(7 + n, n_prompt + n, [0], True)])
    stream = n_new / (time.perf_counter() - begin)
    r.forget()
    read(list(range(samples)))
    begin = time.perf_counter()
    for n in range(n_new):
        r.decode([(7 + s + n, n_prompt + n, [s], True) for s in range(samples)])
    many = samples * n_new / (time.perf_counter() - begin)
    r.forget()
    read([0])
    return dict(threads=threads, plain=plain, prompt_tokens_per_s=prompt, stream_tokens_per_s=stream, samples=samples,
                samples_tokens_per_s=many, tree_tokens_per_s=grow(r, n_prompt))


def grow(r, pos, width=3, kept=3, depth=10, step=20):
    """A tree from the prompt in sequence 0: at each level, `width` steps after each node that is grown on."""
    tokens = 0
    begin = time.perf_counter()
    nodes = [0]
    for _ in range(depth):
        for child in range(len(nodes) * width - 1, -1, -1):  # downwards: no node is overwritten before it is copied
            if nodes[child // width] != child:
                r.copy(nodes[child // width], child)
        n = len(nodes) * width
        for i in range(step):
            r.decode([(7 + s + i, pos + i, [s], True) for s in range(n)])
        tokens += n * step
        pos += step
        nodes = list(range(kept))
    return tokens / (time.perf_counter() - begin)


def main():
    plain = sys.argv[-1] == "plain"
    path, *numbers = sys.argv[1:-1] if plain else sys.argv[1:]
    numbers = [int(x) for x in numbers]
    n_prompt, n_new, samples, threads = (numbers + [512, 128, 16, 2][len(numbers):])[:4]
    L.llama_backend_init()
    print(json.dumps(dict(measure(path, n_prompt, n_new, samples, threads, plain), version=L.__version__)))


main()
