"""transformers' speed on the CPU on a GGUF file's dequantised weights, as tabiji-bench-infer measures ours.
One JSON object on standard output.

    bench/transformers_speed.py FILE.gguf [PROMPT_TOKENS] [NEW_TOKENS] [SAMPLES] [f32|bf16]
"""
import json
import os
import sys
import time

import torch
import transformers


def main():
    path = sys.argv[1]
    n_prompt, n_new, samples = (int(x) for x in (sys.argv[2:5] + ["512", "64", "16"][len(sys.argv[2:5]):]))
    dtype = torch.bfloat16 if sys.argv[5:] == ["bf16"] else torch.float32
    model = transformers.AutoModelForCausalLM.from_pretrained(os.path.dirname(path) or ".", dtype=dtype,
                                                              gguf_file=os.path.basename(path)).eval()
    n_vocab = model.config.vocab_size
    ids = torch.tensor([[1000 + i * 37 % (n_vocab // 2 - 1000) for i in range(n_prompt)]])
    with torch.no_grad():
        model(ids[:, :16])
        begin = time.perf_counter()
        cache = model(ids, use_cache=True, logits_to_keep=1).past_key_values
        prompt = n_prompt / (time.perf_counter() - begin)

        def decode(batch):
            past = model(ids.expand(batch, -1), use_cache=True, logits_to_keep=1).past_key_values
            token = torch.full((batch, 1), 7)
            begin = time.perf_counter()
            for _ in range(n_new):
                out = model(token, past_key_values=past, use_cache=True)
                past, token = out.past_key_values, out.logits[:, -1:].argmax(-1)
            return batch * n_new / (time.perf_counter() - begin)

        del cache
        print(json.dumps(dict(dtype=str(dtype), threads=torch.get_num_threads(), prompt_tokens_per_s=prompt,
                              stream_tokens_per_s=decode(1), samples=samples, samples_tokens_per_s=decode(samples),
                              version=transformers.__version__)))


main()
