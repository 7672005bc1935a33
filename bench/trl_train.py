"""TRL's side of the comparison: SFTTrainer or DPOTrainer in f32 on the CPU, examples in the file's order, AdamW with
a learning rate that falls linearly, one measurement a process, one JSON object as the last line of standard output.

    python trl_train.py MODEL FILE.jsonl sft|dpo --batch 8 --updates 50 --lr 2e-5
"""
import argparse
import json
import re
import statistics
import tempfile
import time

import datasets
import torch
import transformers
import trl


def status_mib(key):
    with open("/proc/self/status", encoding="ascii") as f:
        return int(re.search(rf"{key}:\s+(\d+) kB", f.read()).group(1)) / 1024


def recording(trainer):
    """The trainer, noting each update's exact loss (its logs are rounded) and seconds, and its peak memory."""

    class Recording(trainer):
        def training_step(self, model, inputs, num_items_in_batch=None):
            if not hasattr(self, "seen"):
                self.seen = dict(losses=[], tokens=[])
            loss = super().training_step(model, inputs, num_items_in_batch)
            mask = inputs.get("attention_mask")
            self.seen["losses"].append(loss.item())
            self.seen["tokens"].append(int(mask.sum()) if mask is not None else inputs["input_ids"].numel())
            return loss

    class Clock(transformers.TrainerCallback):
        def __init__(self):
            self.seconds, self.begun = [], None

        def on_step_begin(self, *_, **__):
            self.begun = time.perf_counter()

        def on_step_end(self, *_, **__):
            self.seconds.append(time.perf_counter() - self.begun)
            if len(self.seconds) == 1:  # the peak of training, not of loading
                with open("/proc/self/clear_refs", "w", encoding="ascii") as f:
                    f.write("5")

    return Recording, Clock()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("file")
    p.add_argument("method", choices=["sft", "dpo"])
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--updates", type=int, default=50)
    p.add_argument("--lr", type=float, default=2e-5)
    p.add_argument("--beta", type=float, default=0.1)
    p.add_argument("--recompute", action="store_true")
    p.add_argument("--padding-free", action="store_true")
    p.add_argument("--threads", type=int, default=2)
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    before = status_mib("VmRSS")
    model = transformers.AutoModelForCausalLM.from_pretrained(a.model, dtype=torch.float32, attn_implementation="sdpa")
    tokenizer = transformers.AutoTokenizer.from_pretrained(a.model)
    data = datasets.load_dataset("json", data_files=a.file, split="train", cache_dir=tempfile.mkdtemp())
    common = dict(output_dir=tempfile.mkdtemp(), per_device_train_batch_size=a.batch, max_steps=a.updates,
                  learning_rate=a.lr, lr_scheduler_type="linear", warmup_steps=0, weight_decay=0.0, adam_beta1=0.9,
                  adam_beta2=0.999, adam_epsilon=1e-8, max_grad_norm=1.0, bf16=False, fp16=False, use_cpu=True,
                  train_sampling_strategy="sequential", gradient_checkpointing=a.recompute, logging_steps=1,
                  save_strategy="no", report_to="none", disable_tqdm=True, max_length=None,
                  dataloader_pin_memory=False)
    if a.method == "sft":
        trainer, clock = recording(trl.SFTTrainer)
        config = trl.SFTConfig(completion_only_loss=True, packing=False, padding_free=a.padding_free, **common)
    else:
        trainer, clock = recording(trl.DPOTrainer)
        config = trl.DPOConfig(beta=a.beta, precompute_ref_log_probs=True, **common)
    run = trainer(model=model, args=config, train_dataset=data, processing_class=tokenizer, callbacks=[clock])
    run.train()
    state = 16 * sum(q.numel() for q in model.parameters()) / 2**20  # weights, gradients, two moments
    tokens = run.seen["tokens"][1:]
    seconds = clock.seconds[1:]
    out = dict(method=a.method, file=a.file, losses=run.seen["losses"], n_tokens=sum(run.seen["tokens"]),
               tokens_per_s=statistics.median(n / s for n, s in zip(tokens, seconds)) if seconds else None,
               beyond_mib=status_mib("VmHWM") - before - state, recompute=a.recompute, padding_free=a.padding_free,
               threads=a.threads, trl=trl.__version__, torch=torch.__version__,
               transformers=transformers.__version__)
    for name in ("rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "logps/chosen",
                 "logps/rejected"):
        values = [log[name] for log in run.state.log_history if name in log]
        if values:
            out[name] = values
    print(json.dumps(out))


main()
