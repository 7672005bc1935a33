#!/usr/bin/env python3
"""Pairs through Math-Verify, as its documentation says: parse(gold), parse(pred), verify(gold, pred), its defaults.

    math_verify_run.py PAIRS.jsonl VERDICTS.jsonl

One process; what is timed is parsing and comparing alone: not the import, and not one warm-up pair, which makes the
tables of its parsers. A side that it cannot parse, and a timeout (5 seconds each, its default), count as not equal, as
they do there. Prints one JSON object."""
import json
import logging
import sys
import time

from math_verify import parse, verify


class Counter(logging.Handler):
    def __init__(self):
        super().__init__()
        self.n_timeouts = 0

    def emit(self, record):
        self.n_timeouts += record.getMessage().startswith("Timeout during")


def main():
    pairs = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
    counter = Counter()
    for name in ("math_verify.parser", "math_verify.grader"):
        logging.getLogger(name).addHandler(counter)
        logging.getLogger(name).propagate = False
    verify(parse("$\\frac{1}{2}$"), parse("$x^2 = 0.5$"))
    verdicts, n_unparsed = [], 0
    start = time.perf_counter()
    for pair in pairs:
        gold, pred = parse(pair["gold"]), parse(pair["pred"])
        n_unparsed += not gold or not pred
        verdicts.append(verify(gold, pred))
    seconds = time.perf_counter() - start
    with open(sys.argv[2], "w", encoding="utf-8") as f:
        for pair, equal in zip(pairs, verdicts):
            f.write(json.dumps({"id": pair["id"], "equal": bool(equal)}) + "\n")
    print(json.dumps({"pairs": len(pairs), "seconds": seconds, "unparsed": n_unparsed, "timeouts": counter.n_timeouts}))


main()
