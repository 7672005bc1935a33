#!/usr/bin/env python3
"""Checks rewrite.py's pairs by numbers (numeric.py), and draws the sample of the side-by-side.

    check_rewrites.py PAIRS.jsonl CHECKED.jsonl SAMPLE.jsonl [--sample N]

A pair stays if numbers say of it what its kind says. What they contradict is dropped (mostly a change that does not
change: 0 doubled, a swap of equal digits), and so is what they cannot read, but for the kinds of BY_FORM, which cannot
go wrong: they change brackets, dollars, words around an answer. The sample has half of either verdict and takes from
each kind as evenly as the kinds' sizes allow, so that no easy kind outweighs the rest; it is the same in every run."""
import argparse
import collections
import functools
import json
import random

import numeric

BY_FORM = {"fraction_command", "display", "boxed", "sentence", "spacing", "left_right", "bare_words", "choice_form",
           "words_in_other_case", "degree_sign", "matrix_brackets", "other_order_of_union", "other_order_of_elements"}
BY_RULE = {"unit_left_out"}  # its number is the same text


def judge(pair, compare):
    got = compare(pair["gold"], pair["pred"])
    if pair["kind"] in BY_RULE:
        return "by form"
    if got is None:
        return "by form" if pair["kind"] in BY_FORM else "unread"
    return "agrees" if got == pair["expected"] else "contradicted"


def draw(pairs, n, rng):
    """n pairs, as even over the kinds as their sizes allow."""
    by_kind = collections.defaultdict(list)
    for pair in pairs:
        by_kind[pair["kind"]].append(pair)
    for kind in by_kind.values():
        rng.shuffle(kind)
    out, left = [], n
    for i, kind in enumerate(sorted(by_kind.values(), key=len)):
        share = min(len(kind), left // (len(by_kind) - i))
        out += kind[:share]
        left -= share
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("pairs")
    p.add_argument("checked")
    p.add_argument("sample")
    p.add_argument("--sample", dest="n_sample", type=int, default=20000)
    a = p.parse_args()
    compare = functools.lru_cache(maxsize=None)(numeric.compare)
    counts = collections.defaultdict(collections.Counter)
    kept = []
    for line in open(a.pairs, encoding="utf-8"):
        pair = json.loads(line)
        verdict = judge(pair, compare)
        counts[pair["expected"], pair["kind"]][verdict] += 1
        if verdict in ("agrees", "by form"):
            kept.append(pair)
    rng = random.Random(20251127)
    sample = [x for keeps in (True, False)
              for x in draw([pair for pair in kept if pair["expected"] is keeps], a.n_sample // 2, rng)]
    rng.shuffle(sample)
    for path, pairs in ((a.checked, kept), (a.sample, sample)):
        with open(path, "w", encoding="utf-8") as f:
            f.writelines(json.dumps(pair, ensure_ascii=False) + "\n" for pair in pairs)
    in_sample = collections.Counter(pair["kind"] for pair in sample)
    print(f"{'kind':>26} {'agrees':>7} {'by form':>8} {'unread':>7} {'contradicted':>13} {'sample':>7}")
    for (keeps, kind), c in sorted(counts.items(), key=lambda x: (not x[0][0], x[0][1])):
        print(f"{kind:>26} {c['agrees']:7} {c['by form']:8} {c['unread']:7} {c['contradicted']:13} {in_sample[kind]:7}")
    n_keep = sum(pair["expected"] for pair in kept)
    print(f"{len(kept)} pairs of {sum(sum(c.values()) for c in counts.values())}: {n_keep} keep the value, "
          f"{len(kept) - n_keep} change it; {len(sample)} in the sample")


if __name__ == "__main__":
    main()
