"""A checkpoint that we wrote, opened by transformers: the same log-probabilities to 1e-4, for each
family. One JSON object on standard output; exit status 1 where they differ."""
import json
import subprocess
import sys
import tempfile

import torch
import transformers


def check(program, family):
    with tempfile.TemporaryDirectory() as folder:
        out = subprocess.run([program, family, folder], check=True, capture_output=True, text=True)
        ours = json.loads(out.stdout)
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        with torch.no_grad():
            theirs = model(torch.tensor([ours["ids"]])).logits[0].log_softmax(-1)
    return type(model).__name__, (theirs - torch.tensor(ours["logp"])).abs().max().item()


def main():
    worst = {}
    for family in ("llama", "qwen2", "qwen3"):
        name, worst[family] = check(sys.argv[1], family)
        print(f"{family}: {name}, largest difference {worst[family]:.2g}", file=sys.stderr)
    print(json.dumps(dict(what="transformers", version=transformers.__version__, largest=worst)))
    sys.exit(max(worst.values()) > 1e-4)


main()
