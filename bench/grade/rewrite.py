#!/usr/bin/env python3
"""All final answers of MATH, train and test, paired with themselves rewritten, as JSON Lines.

    rewrite.py MATH_FOLDER OUT.jsonl

Each kind of rewriting keeps the value ("expected": true) or changes it (false), and is applied to every answer that it
fits; MATH_FOLDER has rllm_train_math.json.gz (field "answer") and test.jsonl.gz (the last \\boxed of "solution"). Both
texts stand as they would be handed to a grader: formulas between dollars, as Math-Verify's documentation asks,
sentences and typed text bare. Random choices depend on the answer's number and the kind alone. check_rewrites.py must
follow: it drops what does not do what its kind says."""
import gzip
import json
import os
import random
import re
import sys

import sympy
from latex2sympy2_extended import latex2sympy

import numeric

ARGUMENT = r"(\{[^{}]*\}|\d)"
FRAC = re.compile(r"\\[dt]?frac\s*" + ARGUMENT + r"\s*" + ARGUMENT)
SIMPLE_FRAC = re.compile(r"(-?)\\[dt]?frac\{?(\d+)\}?\s*\{?(\d+)\}?")
INTEGER = re.compile(r"-?\d+")
SQRT = re.compile(r"\\sqrt\{?(\d+)\}?")
UNITS = ("cm", "meters", "ft", "feet", "inches", "units", "hours", "minutes", "miles", "mph", "pounds", "points")


def last_boxed(text):
    at = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    rest = text[at:].split("{", 1)[0]
    if at < 0:
        return None
    if rest.strip() not in ("\\boxed", "\\fbox"):  # \boxed 5
        return text[at + len("\\boxed"):].strip()[:1]
    return numeric.braced(text, text.index("{", at))[0]


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
        except (numeric.Unreadable, ValueError, IndexError, AttributeError):
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


# ---- rewritings that keep the value: Answer, random.Random -> text handed to the grader, or None

def fraction_command(a, rng):
    if "frac" not in a.text:
        return None
    name = rng.choice([n for n in ("\\frac", "\\dfrac", "\\tfrac") if n + "{" not in a.text] or ["\\dfrac"])
    return in_dollars(re.sub(r"\\[dt]?frac", lambda _: name, a.text))


def fraction_braces(a, rng):
    def braced(m):
        x, y = (g if g[0] == "{" else "{" + g + "}" for g in m.groups())
        return "\\frac" + x + y
    out = FRAC.sub(braced, a.text)
    return in_dollars(out) if out != a.text else None


def slash(a, rng):
    return in_dollars(f"{a.fraction[1]}{a.fraction[2]}/{a.fraction[3]}") if a.fraction else None


def minus_inside(a, rng):
    return in_dollars(f"\\frac{{-{a.fraction[2]}}}{{{a.fraction[3]}}}") if a.fraction and a.fraction[1] else None


def unsimplified(a, rng):
    if not a.fraction:
        return None
    k = rng.choice((2, 3, 5, 7))
    return in_dollars(f"{a.fraction[1]}\\frac{{{int(a.fraction[2]) * k}}}{{{int(a.fraction[3]) * k}}}")


def terminating_decimal(a, rng):
    if not a.fraction:
        return None
    above, below = int(a.fraction[2]), int(a.fraction[3])
    places = next((p for p in range(1, 13) if above * 10 ** p % below == 0), None) if below else None
    if places is None:
        return None
    digits = str(above * 10 ** places // below).zfill(places + 1)
    return in_dollars(f"{a.fraction[1]}{digits[:-places]}.{digits[-places:]}")


def trailing_zero(a, rng):
    return in_dollars(a.text + (".0" if a.is_integer else "0")) if re.fullmatch(r"-?\d+(\.\d+)?", a.text) else None


def spacing(a, rng):
    tight = re.sub(r"(?<![a-zA-Z\\])\s+|\s+(?=[^a-zA-Z0-9])", "", a.text) if not a.has_words else a.text
    wide = re.sub(r"(?<=[^\\!{]),(?!\d)", r",\\,", re.sub(r"(?<=[\d}a-z)])([+=])", r" \1 ", a.text)) if "!" not in a.text else a.text
    return next((in_dollars(t) for t in rng.sample([tight, wide], 2) if t != a.text), None)


def left_right(a, rng):
    if "\\left" in a.text:
        return in_dollars(re.sub(r"\\(left|right)(?![a-zA-Z])\s*", "", a.text))
    if a.shape in ("tuple", "interval") and a.text[0] in "([" and a.text[-1] in ")]":
        return in_dollars(f"\\left{a.text[0]}{a.text[1:-1]}\\right{a.text[-1]}")
    return None


def display(a, rng):
    return rng.choice((f"\\[{a.text}\\]", f"\\({a.text}\\)", f"$${a.text}$$"))


def boxed(a, rng):
    return f"$\\boxed{{{a.text}}}$"


def sentence(a, rng):
    return rng.choice(("Adding these up, the final answer is $\\boxed{%s}$.", "The final answer is $%s$. I hope it is correct.",
                       "So we have 3 cases and 12 steps, and the answer is $\\boxed{%s}$.")) % a.text


def in_parentheses(a, rng):
    return in_dollars(f"\\left({a.bare}\\right)") if a.is_formula else None


def add_zero(a, rng):
    return in_dollars(rng.choice(("%s+0", "0+%s")) % a.bare) if a.is_number and a.bare[0] != "-" else None


def times_and_over(a, rng):
    k = rng.randint(2, 9)
    return in_dollars(f"\\frac{{{k}\\left({a.bare}\\right)}}{{{k}}}") if a.is_formula and "\\pm" not in a.text else None


def split_sum(a, rng):
    if not a.is_integer or len(a.text) > 9:
        return None
    k = rng.randint(1, 40)
    return in_dollars(f"{int(a.text) - k}+{k}")


def named(a, rng):
    return in_dollars(f"{rng.choice('xykn')} = {a.bare}") if a.is_number and "\\pm" not in a.text else None


def other_order_of_terms(a, rng):
    terms = a.terms()
    return in_dollars(joined(terms[::-1])) if len(terms) > 1 else None


def other_order_of_elements(a, rng):
    parts = a.items()
    if parts is None or a.shape == "tuple":
        return None
    return in_dollars(parts[0] + ", ".join(parts[1][::-1]) + parts[2])


def list_as_set(a, rng):
    parts = a.items()
    return in_dollars("\\{" + ", ".join(parts[1]) + "\\}") if parts and a.shape == "list" and "=" not in a.bare else None


def separators(a, rng):
    plain = re.sub(r"(?<=\d)(?:,\\!|\{,\}|,)(?=\d{3}(?!\d))", "", a.text)
    if plain != a.text and a.shape == "value" and a.text[0] != "(":
        return in_dollars(plain)
    return in_dollars(f"{int(a.text):,}".replace(",", rng.choice((",", "{,}", ",\\!")))) \
        if a.is_integer and len(a.text.lstrip("-")) > 3 else None


def percent_as_fraction(a, rng):
    m = re.fullmatch(r"(\d+)\\?%", a.text)
    return in_dollars(f"\\frac{{{m[1]}}}{{100}}") if m else None


def degree_sign(a, rng):
    m = re.fullmatch(r"(-?[\d.]+)\s*\^\{?\\circ\}?", a.text)
    return rng.choice((f"${m[1]}^{{\\circ}}$", f"{m[1]}°", f"${m[1]}\\text{{ degrees}}$", f"{m[1]} degrees")) if m else None


def unit_left_out(a, rng):
    m = re.fullmatch(r"(-?[\d.]+)\s*\\?,?\s*\\(?:text|mbox)\{\s*([^{}]*)\}", a.text)
    return in_dollars(m[1]) if m and m[2].strip() in UNITS else None


def unicode_signs(a, rng):
    out = a.text
    for latex, sign in ((r"\\pi(?![a-zA-Z])", "π"), (r"\\infty(?![a-zA-Z])", "∞"), (r"\\cup(?![a-zA-Z])", "∪"),
                        (r"\\sqrt\{(\d+)\}", r"√(\1)"), (r"\\leq?(?![a-zA-Z])", "≤"), (r"\\cdot(?![a-zA-Z])", "·"),
                        (r"\^\{?2\}?(?!\d)", "²")):
        out = re.sub(latex, sign, out)
    return in_dollars(out) if out != a.text else None


def typed_form(text):
    """LaTeX as people type it: 2\\sqrt{41} as 2*sqrt(41)."""
    out = re.sub(r"\\[!,;: ]|\\left|\\right|~", "", text)
    out = re.sub(r"(?<=\d)(?:\{,\})(?=\d{3})", "", out)
    out = re.sub(r"(?<=\d)\s*\\[dt]?frac\{?(\d+)\}?\s*\{?(\d+)\}?$", r" \1/\2", out)  # mixed numbers
    while True:
        again = FRAC.sub(lambda m: "(%s)/(%s)" % tuple(g.strip("{}") for g in m.groups()), out)
        again = re.sub(r"\\sqrt\{([^{}]*)\}|\\sqrt(\d)", lambda m: f"sqrt({m[1] or m[2]})", again)
        again = re.sub(r"\^\{([^{}]*)\}", r"^(\1)", again)
        if again == out:
            break
        out = again
    for latex, word in (("cdot", "*"), ("times", "*"), ("pi", "pi"), ("infty", "inf"), ("ln", "ln"), ("sin", "sin"),
                        ("cos", "cos"), ("tan", "tan"), ("le", "<="), ("leq", "<="), ("ge", ">="), ("geq", ">=")):
        out = re.sub(r"\\%s(?![a-zA-Z])" % latex, word, out)
    out = re.sub(r"(?<=[\d)])\s*(?=sqrt|pi|\()|(?<=\d)\s+(?=[a-z])", "*", out)
    return re.sub(r"\(([\da-z])\)(?=/)|(?<=/)\(([\da-z])\)", lambda m: m[1] or m[2], out).strip()


def typed(a, rng):
    if a.shape not in ("value", "tuple", "list", "interval") or a.has_words or a.is_integer or "\\$" in a.text:
        return None
    out = typed_form(a.bare)
    return out if "\\" not in out and "{" not in out and out != a.text else None


def radical(a, rng):
    m = re.fullmatch(r"(\d*)\\sqrt\{?(\d+)\}?", a.text)
    if not m or int(m[2]) == 0:
        return None
    k = int(m[1] or 1)
    return in_dollars(rng.choice((f"\\sqrt{{{k * k * int(m[2])}}}", f"\\frac{{{k * int(m[2])}}}{{\\sqrt{{{m[2]}}}}}",
                                  f"{k}\\cdot {m[2]}^{{1/2}}")))


def by_sympy(change):
    def rewrite(a, rng):
        if not a.is_formula or not a.letters or len(a.text) > 60 or re.search(r"\\pm|(?<!\\)[A-Z]|[fgh]\(", a.text):
            return None
        try:
            expression = latex2sympy(a.bare)
            if not expression.is_rational_function() or len(expression.free_symbols) > 3:
                return None
            out = sympy.latex(change(expression))
        except Exception:  # whatever this parser raises on texts that are not for it
            return None
        return in_dollars(out) if out.replace(" ", "") != a.text.replace(" ", "") else None
    return rewrite


def bare_words(a, rng):
    m = re.fullmatch(r"\\text\{([A-Za-z ]+)\}", a.text)
    return f"The answer is {m[1].strip()}." if m and len(m[1].strip()) > 1 else None


def words_in_other_case(a, rng):
    m = re.fullmatch(r"\\text\{(?![A-Z]+\})([A-Za-z ]{3,})\}", a.text)  # ABC may be points
    return in_dollars("\\text{%s}" % (m[1].swapcase() if m[1] == m[1].lower() else m[1].lower())) if m else None


def choice_form(a, rng):
    m = re.fullmatch(r"(?:\\text\{\(([A-F])\)\}|\(\\text\{([A-F])\}\)|\\text\{([A-F])\})", a.text)
    letter = m and next(g for g in m.groups() if g)
    return rng.choice((f"The answer is ({letter}).", f"$\\textbf{{({letter})}}$", f"$\\boxed{{{letter}}}$")) if m else None


def as_inequality(a, rng):
    if a.shape != "interval" or "," not in a.bare:
        return None
    low, high = (p.strip() for p in numeric.split_top(a.bare[1:-1], numeric.COMMA))
    below = f"{low} {'<' if a.bare[0] == '(' else chr(92) + 'le'} " if "infty" not in low else ""
    above = f" {'<' if a.bare[-1] == ')' else chr(92) + 'le'} {high}" if "infty" not in high else ""
    return in_dollars(f"{below}x{above}") if below or above else None


def other_order_of_union(a, rng):
    parts = numeric.split_top(a.text, numeric.CUP)
    return in_dollars(" \\cup ".join(p.strip() for p in parts[::-1])) if a.shape == "union" else None


def matrix_brackets(a, rng):
    return in_dollars(a.text.replace("pmatrix", "bmatrix")) if a.shape == "matrix" else None


def scientific(a, rng):
    m = re.fullmatch(r"(\d)(\d*?)(0{2,})", a.text)
    exponent = len(m[2]) + len(m[3]) if m else 0
    return in_dollars(f"{m[1]}{'.' if m[2] else ''}{m[2]}\\times 10^{{{exponent}}}") if m else None


def equation_scaled(a, rng):
    """Both sides of an equation, doubled and swapped."""
    if a.shape != "relation" or a.tree[2] != ("=",) or a.tree[3]:
        return None
    left, right = a.bare.split("=")
    return in_dollars(f"2\\left({right.strip()}\\right) = 2\\left({left.strip()}\\right)")


KEEP = [fraction_command, fraction_braces, slash, minus_inside, unsimplified, terminating_decimal, trailing_zero, spacing,
        left_right, display, boxed, sentence, in_parentheses, add_zero, times_and_over, split_sum, named,
        other_order_of_terms, other_order_of_elements, list_as_set, separators, percent_as_fraction, degree_sign,
        unit_left_out, unicode_signs, typed, radical, bare_words, words_in_other_case, choice_form, as_inequality,
        other_order_of_union, matrix_brackets, scientific, equation_scaled]


# ---- rewritings that change the value

def nth_replaced(pattern, text, rng, change):
    """One match of the pattern, chosen at random, replaced by change(match)."""
    found = list(pattern.finditer(text))
    if not found:
        return None
    m = rng.choice(found)
    new = change(m)
    return None if new is None or new == m.group() else text[:m.start()] + new + text[m.end():]


def dollars_or_none(text):
    return None if text is None else in_dollars(text)


def sign_flipped(a, rng):
    if not a.is_formula:
        return None
    return in_dollars(a.bare[1:].strip() if re.fullmatch(r"-[^+-]*", a.bare) else f"-\\left({a.bare}\\right)"
                      if len(a.terms()) > 1 else "-" + a.bare)


def plus_one(a, rng):
    return in_dollars(str(int(a.text) + 1) if a.is_integer else f"{a.bare}+1") if a.is_formula else None


def integer_changed(a, rng):
    if a.shape == "unread" and not a.has_words:
        return None
    return dollars_or_none(nth_replaced(INTEGER, a.text, rng, lambda m: str(int(m.group()) + rng.choice((1, 2, 10)))))


def digits_swapped(a, rng):
    def swap(m):
        d = m.group()
        i = rng.randrange(len(d) - 1)
        return d[:i] + d[i + 1] + d[i] + d[i + 2:]
    return dollars_or_none(nth_replaced(re.compile(r"(?<![\d.])[1-9]\d+(?![\d.])"), a.text, rng, swap))


def numerator_changed(a, rng):
    return in_dollars(f"{a.fraction[1]}\\frac{{{int(a.fraction[2]) + 1}}}{{{a.fraction[3]}}}") if a.fraction else None


def upside_down(a, rng):
    return in_dollars(f"{a.fraction[1]}\\frac{{{a.fraction[3]}}}{{{a.fraction[2]}}}") if a.fraction else None


def wrong_rounding(a, rng):
    """Cut off, or one too high, in the last of three to five digits."""
    if not a.is_number or a.is_integer or a.tree[4] or "\\pm" in a.text:
        return None
    try:
        value = a.tree[1]({})
    except (numeric.Unreadable, ValueError, ZeroDivisionError):
        return None
    if not numeric.is_real(value) or not 0.1 < abs(value) < 10000:
        return None
    places = rng.randint(3, 5)
    unit = numeric.mpf(10) ** -places
    right = numeric.mpmath.nint(value / unit)
    wrong = int(right) + rng.choice((1, -1))
    digits = str(abs(wrong)).zfill(places + 1)
    return in_dollars(f"{'-' if wrong < 0 else ''}{digits[:-places]}.{digits[-places:]}")


def entries_swapped(a, rng):
    parts = a.items()
    if parts is None or a.shape != "tuple" or len(parts[1]) < 2:
        return None
    i = rng.randrange(len(parts[1]) - 1)
    parts[1][i], parts[1][i + 1] = parts[1][i + 1], parts[1][i]
    return in_dollars(parts[0] + ", ".join(parts[1]) + parts[2])


def element_dropped(a, rng):
    parts = a.items()
    if parts is None or len(parts[1]) < 2:
        return None
    parts[1].pop(rng.randrange(len(parts[1])))
    return in_dollars(parts[0] + ", ".join(parts[1]) + parts[2])


def element_added(a, rng):
    parts = a.items()
    if parts is None:
        return in_dollars(f"{a.bare}, {rng.randint(101, 199)}") if a.is_number else None
    return in_dollars(parts[0] + ", ".join(parts[1] + [str(rng.randint(101, 199))]) + parts[2])


def other_end(a, rng):
    """An end that is open for one that is closed, or the other way round; never at infinity."""
    if a.shape not in ("interval", "union"):
        return None
    ends = re.compile(r"[(\[](?=\s*-?[\d\\])(?!\s*-?\\infty)(?!\s*-\s*\\infty)|(?<!\\infty)(?<!\\infty )[)\]](?=\s*(?:\\cup|$))")
    return dollars_or_none(nth_replaced(ends, a.bare, rng, lambda m: {"(": "[", "[": "(", ")": "]", "]": ")"}[m.group()]))


def doubled(a, rng):
    return in_dollars(f"2\\left({a.bare}\\right)") if a.is_formula and "\\pm" not in a.text else None


def exponent_changed(a, rng):
    power = re.compile(r"\^\{?(\d+)\}?")
    if not a.is_formula or not a.letters:
        return None
    return dollars_or_none(nth_replaced(power, a.text, rng, lambda m: f"^{{{int(m[1]) + 1}}}"))


def variable_changed(a, rng):
    letters = sorted(x for x in a.letters if len(x) == 1 and x.islower())  # a capital may be a choice
    if not a.is_formula or not letters:
        return None
    old = rng.choice(letters)
    new = rng.choice([c for c in "abcmnpqrstuvwxyz" if c not in a.letters and c != old])
    return in_dollars(re.sub(r"(?<![a-zA-Z\\])%s(?![a-zA-Z])" % old, new, a.text))


def operator_changed(a, rng):
    terms = a.terms()
    if len(terms) < 2:
        return None
    i = rng.randrange(1, len(terms))
    terms[i] = {"+": "-", "-": "+"}[terms[i][0]] + terms[i][1:]
    return in_dollars(joined(terms))


def radicand_changed(a, rng):
    return dollars_or_none(nth_replaced(SQRT, a.text, rng, lambda m: f"\\sqrt{{{int(m[1]) + 1}}}"))


def root_left_out(a, rng):
    return dollars_or_none(nth_replaced(SQRT, a.text, rng, lambda m: f"\\cdot {m[1]}" if m.start() else m[1]))


def pi_left_out(a, rng):
    out = re.sub(r"\\pi(?![a-zA-Z])", "1" if re.search(r"[{(]\\pi|^\\pi", a.text) else "", a.text)
    return in_dollars(out) if a.is_number and out != a.text and "1" not in a.text else None


def point_moved(a, rng):
    m = re.fullmatch(r"(-?)(\d*)\.(\d)(\d*)", a.text)
    return in_dollars(f"{m[1]}{m[2]}{m[3]}.{m[4] or '0'}") if m else None


def unit_changed(a, rng):
    units = {"cm": "mm", "meters": "cm", "ft": "inches", "feet": "inches", "inches": "feet", "hours": "minutes",
             "minutes": "hours", "miles": "km", "pounds": "kg", "mph": "km/h", "degrees": "radians"}
    m = re.fullmatch(r"(-?[\d.]+)\s*(\\?,?\s*)\\(?:text|mbox)\{\s*([^{}]*)\}", a.text)
    new = m and units.get(m[3].strip())
    return in_dollars(f"{m[1]}\\text{{ {new}}}") if new else None


def matrix_entries_swapped(a, rng):
    if a.shape != "matrix":
        return None
    m = re.fullmatch(r"\\begin\{(.matrix)\}(.*)\\end\{.matrix\}", a.bare, re.S)
    rows = [[x.strip() for x in row.split("&")] for row in m[2].split("\\\\") if row.strip()]
    cells = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
    (i, j), (k, n) = rng.sample(cells, 2) if len(cells) > 1 else (cells[0], cells[0])
    rows[i][j], rows[k][n] = rows[k][n], rows[i][j]
    return in_dollars("\\begin{%s} %s \\end{%s}" % (m[1], " \\\\ ".join(" & ".join(r) for r in rows), m[1]))


CHANGE = [sign_flipped, plus_one, integer_changed, digits_swapped, numerator_changed, upside_down, wrong_rounding,
          entries_swapped, element_dropped, element_added, other_end, doubled, exponent_changed, variable_changed,
          operator_changed, radicand_changed, root_left_out, pi_left_out, point_moved, unit_changed,
          matrix_entries_swapped]


def another_answer(answers):
    """The answer of another problem, of the same shape; in the same shape of words another word."""
    by_shape = {}
    for a in answers:
        by_shape.setdefault((a.shape, a.is_integer, bool(a.letters)), []).append(a)

    def rewrite(a, rng):
        other = rng.choice(by_shape[(a.shape, a.is_integer, bool(a.letters))])
        if re.sub(r"\W", "", other.text).lower() == re.sub(r"\W", "", a.text).lower():
            return None
        return rng.choice(("$%s$", "The final answer is $\\boxed{%s}$.")) % other.text
    return rewrite


def main():
    folder, out_path = sys.argv[1:]
    answers = [Answer(name, text) for name, text in answers_of(folder)]
    kinds = [(fn.__name__, fn, True) for fn in KEEP]
    kinds += [("expanded", by_sympy(sympy.expand), True), ("factored", by_sympy(sympy.factor), True)]
    kinds += [(fn.__name__, fn, False) for fn in CHANGE]
    kinds += [("another_answer", another_answer(answers), False)]
    counts = dict.fromkeys((name for name, _, _ in kinds), 0)
    with open(out_path, "w", encoding="utf-8") as f:
        for a in answers:
            for kind, rewrite, keeps in kinds:
                pred = rewrite(a, random.Random(f"{a.name} {kind}"))
                if pred is not None:
                    counts[kind] += 1
                    json.dump({"id": f"{a.name}-{kind}", "kind": kind, "gold": in_dollars(a.text), "pred": pred,
                               "expected": keeps}, f, ensure_ascii=False)
                    f.write("\n")
    for kind, _, keeps in kinds:
        print(f"{counts[kind]:7} {'keeps' if keeps else 'changes'} {kind}")
    print(f"{len(answers)} answers, {sum(counts.values())} pairs")


if __name__ == "__main__":
    main()
