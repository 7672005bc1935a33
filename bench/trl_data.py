"""Data for the comparison with TRL, from a folder of GSM8K (github.com/openai/grade-school-math: train.jsonl and
example_model_solutions.jsonl, gzipped or not) and the tokenizer of a model's folder. Writes into OUT:

    short.jsonl    the first problems, each with its solution
    long.jsonl     chains of problems, as many whole lines as fit into LENGTH tokens: no sharing, hardly any padding
    shared.jsonl   problems with four solutions each after long prompts of worked examples
    pairs.jsonl    problems with a right solution, chosen, and a wrong one, rejected, both by models

    python trl_data.py GSM8K MODEL OUT --rows 400 --length 512
"""
import argparse
import gzip
import json
import os

from transformers import AutoTokenizer

SOLUTIONS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
PROMPT_TOKENS = 384  # of worked examples before a problem with four solutions


def rows(folder, name):
    path = os.path.join(folder, name)
    opened = open(path, encoding="utf-8") if os.path.exists(path) else gzip.open(path + ".gz", "rt", encoding="utf-8")
    with opened as f:
        return [json.loads(line) for line in f]


def write(folder, name, examples):
    with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
        for example in examples:
            f.write(json.dumps(example, ensure_ascii=False) + "\n")


def texts(problem, right):
    """The problem's solutions that are right, or wrong."""
    return [problem[key]["solution"] for key in SOLUTIONS if problem[key]["is_correct"] == right]


def lines_within(size, text, n_tokens):
    """The most whole lines of the text that are at most n_tokens."""
    kept = ""
    for line in text.splitlines(keepends=True):
        if size(kept + line) > n_tokens:
            break
        kept += line
    return kept


def chain(problems, first, n):
    return "\n\n".join(f"{p['question']}\n{p['answer']}" for p in problems[first:first + n])


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("gsm8k")
    p.add_argument("model")
    p.add_argument("out")
    p.add_argument("--rows", type=int, default=400)
    p.add_argument("--length", type=int, default=512)
    a = p.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(a.model)

    def size(text):
        return len(tokenizer(text)["input_ids"])

    train = rows(a.gsm8k, "train.jsonl")
    solved = rows(a.gsm8k, "example_model_solutions.jsonl")
    os.makedirs(a.out, exist_ok=True)
    write(a.out, "short.jsonl", [dict(prompt=r["question"] + "\n", completion=r["answer"]) for r in train[:a.rows]])
    pairs = [dict(prompt=r["question"] + "\n", chosen=right[0], rejected=wrong[0]) for r in solved
             if (right := texts(r, True)) and (wrong := texts(r, False))]
    write(a.out, "pairs.jsonl", pairs[:a.rows // 10])
    long, shared = [], []
    for i in range(a.rows):
        prompt = train[i * 8]["question"] + "\n"
        rest = train[i * 8]["answer"] + "\n\n" + chain(train, i * 8 + 1, 7)
        long.append(dict(prompt=prompt, completion=lines_within(size, rest, a.length - 1 - size(prompt))))
    for i in range(a.rows // len(SOLUTIONS)):
        shots = lines_within(size, chain(train, i * 8, 8), PROMPT_TOKENS)
        prompt = shots + "\n" + solved[i]["question"] + "\n"
        shared += [dict(prompt=prompt, completion=solved[i][key]["solution"]) for key in SOLUTIONS]
    write(a.out, "long.jsonl", long)
    write(a.out, "shared.jsonl", shared)


main()
