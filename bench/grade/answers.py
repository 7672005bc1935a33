"""The final answers of MATH, and what of them the rewritings look at."""
import gzip
import json
import os
import re

import formula
import numeric

ARGUMENT = r"(\{[^{}]*\}|\d)"
FRAC = re.compile(r"\\[dt]?frac\s*" + ARGUMENT + r"\s*" + ARGUMENT)
SIMPLE_FRAC = re.compile(r"(-?)\\[dt]?frac\{?(\d+)\}?\s*\{?(\d+)\}?")


def last_boxed(text):
    at = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    rest = text[at:].split("{", 1)[0]
    if at < 0:
        return None
    if rest.strip() not in ("\\boxed", "\\fbox"):  # \boxed 5
        return text[at + len("\\boxed"):].strip()[:1]
    return formula.braced(text, text.index("{", at))[0]


def answers_of(folder):
    with gzip.open(os.path.join(folder, "rllm_train_math.json.gz"), "rt", encoding="utf-8") as f:
        train = [one["answer"] for one in json.load(f)]
    with gzip.open(os.path.join(folder, "test.jsonl.gz"), "rt", encoding="utf-8") as f:
        test = [last_boxed(json.loads(line)["solution"]) for line in f]
    for part, answers in (("train", train), ("test", test)):
        for i, text in enumerate(answers):
            if text is not None and text.strip():
                yield f"{part}-{i}", text.strip()


class Answer:
    """An answer, what it is (numeric.py's structure, "unread" where that cannot tell), and its parts."""

    def __init__(self, name, text):
        self.name = name
        self.text = text
        self.bare = re.sub(r"\\(?:left|right)(?![a-zA-Z])\s*", "", text).rstrip(". ")
        try:
            self.tree = numeric.read(text)
        except (formula.Unreadable, ValueError, IndexError, AttributeError):
            self.tree = ("unread",)
        self.shape = self.tree[0]
        self.letters = self.tree[2] if self.shape == "value" else frozenset()
        self.has_words = "\\text" in text or "\\mbox" in text
        self.is_formula = self.shape == "value" and not self.has_words and "\\circ" not in text and "%" not in text
        self.is_integer = re.fullmatch(r"-?\d+", text) is not None
        self.is_number = self.is_formula and not self.letters and "\\$" not in text
        self.fraction = SIMPLE_FRAC.fullmatch(text)

    def items(self):
        """(left, [items], right) of a tuple, list or set; None for anything else."""
        brackets, inner = (None, self.bare) if self.shape == "list" else numeric.outer(self.bare)
        if self.shape not in ("list", "tuple", "set") or self.has_words:
            return None
        parts = [p.strip() for p in numeric.split_top(inner, numeric.COMMA)]
        half = len(brackets) // 2 if brackets else 0
        return (brackets or "")[:half], parts, (brackets or "")[half:]

    def terms(self):
        """The signed terms of a sum: "2-x" is ["+2", "-x"]."""
        if not self.is_formula or "\\pm" in self.text:
            return []
        out, depth, start = [], 0, 0
        for i, c in enumerate(self.bare):
            if c in "+-" and depth == 0 and self.bare[:i].strip() and self.bare[:i].rstrip()[-1] not in "+-^_*/=(":
                out.append(self.bare[start:i].strip())
                start = i
            depth += c in "([{|" if c != "|" else 0
            depth -= c in ")]}"
        out.append(self.bare[start:].strip())
        return [t if t[:1] in "+-" else "+" + t for t in out]


def in_dollars(text):
    return f"${text}$"


def joined(terms):
    return re.sub(r"^\+", "", "".join(terms))
