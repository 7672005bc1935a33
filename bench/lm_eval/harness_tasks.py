"""Tasks of lm-evaluation-harness over local files: its own YAML, its own code, no download.

The data sets that its tasks name are read from a folder laid out like this project's copies:
gsm8k/{test.jsonl,train.jsonl.gz}, math500/test.jsonl, math/test.jsonl.gz, math/train/*.json,
mgsm/mgsm_{ja,en,zh}.tsv."""
import gzip
import json
import pathlib

import datasets
from lm_eval.tasks import TaskManager

DATA = None  # pathlib.Path, set by use()
MANAGER = None
SUBJECTS = {"algebra": "Algebra", "counting_and_probability": "Counting & Probability", "geometry": "Geometry",
            "intermediate_algebra": "Intermediate Algebra", "number_theory": "Number Theory",
            "prealgebra": "Prealgebra", "precalculus": "Precalculus"}


def lines(path):
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as f:
        return [json.loads(line) for line in f]


def gsm8k():
    return {"test": lines(DATA / "gsm8k/test.jsonl"), "train": lines(DATA / "gsm8k/train.jsonl.gz")}


def math500():
    return {"test": lines(DATA / "math500/test.jsonl")}


def math(subject):
    test = [{k: r[k] for k in ("problem", "level", "type", "solution")}
            for r in lines(DATA / "math/test.jsonl.gz") if r["type"] == SUBJECTS[subject]]
    train = json.loads((DATA / f"math/train/{subject}.json").read_text(encoding="utf-8"))
    return {"test": test, "train": train}


WORDS = {"en": ("Question: ", "Step-by-Step Answer: "), "ja": ("問題：", "ステップごとの答え: "),
         "zh": ("问题：", "逐步解答: ")}


def mgsm_shots(language):
    """Examples of the form of MGSM's own, which are not at hand: a few of its problems, with made-up workings."""
    question, answer = WORDS[language]
    rows = [line.rstrip("\n").split("\t") for line in open(DATA / f"mgsm/mgsm_{language}.tsv", encoding="utf-8")]
    return [{"question": question + q, "answer": f"{answer}1 + 1 = 2. {a}", "answer_number": int(a.replace(",", "")),
             "equation_solution": "1 + 1 = 2"} for q, a in rows[-8:]]


def mgsm(language):
    rows = [line.rstrip("\n").split("\t") for line in open(DATA / f"mgsm/mgsm_{language}.tsv", encoding="utf-8")]
    return {"test": [{"question": q, "answer": None, "answer_number": int(a.replace(",", "")),
                      "equation_solution": None} for q, a in rows], "train": mgsm_shots(language)}


def load_dataset(path, name=None, **kwargs):
    rows = (gsm8k() if path.endswith("gsm8k") else math500() if path.endswith("MATH-500")
            else math(name) if path.endswith("hendrycks_math") else mgsm(name))
    return datasets.DatasetDict({split: datasets.Dataset.from_list(r) for split, r in rows.items()})


def use(folder):
    """Makes the harness read its data sets from a folder."""
    global DATA
    DATA = pathlib.Path(folder)
    datasets.load_dataset = load_dataset


def task(name, shots=None, seed=1234):
    global MANAGER
    MANAGER = MANAGER or TaskManager()  # it reads thousands of files
    t = MANAGER.load([name])["tasks"][name]
    if shots is not None:
        t.set_config(key="num_fewshot", value=shots)
    t.set_fewshot_seed(seed=seed)
    return t
