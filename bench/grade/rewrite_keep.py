"""Rewritings that keep the value: functions of an Answer and a random.Random that give the text that a grader gets, or
None where the kind does not fit."""
import re

import sympy
from latex2sympy2_extended import latex2sympy

import numeric
from answers import FRAC, in_dollars, joined

UNITS = ("cm", "meters", "ft", "feet", "inches", "units", "hours", "minutes", "miles", "mph", "pounds", "points")


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
    wide = re.sub(r"(?<=[\d}a-z)])([+=])", r" \1 ", a.text)
    wide = re.sub(r"(?<=[^\\!{]),(?!\d)", r",\\,", wide) if "!" not in a.text else a.text
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
    return rng.choice(("Adding these up, the final answer is $\\boxed{%s}$.",
                       "The final answer is $%s$. I hope it is correct.",
                       "So we have 3 cases and 12 steps, and the answer is $\\boxed{%s}$.")) % a.text


def in_parentheses(a, rng):
    return in_dollars(f"\\left({a.bare}\\right)") if a.is_formula else None


def add_zero(a, rng):
    return in_dollars(rng.choice(("%s+0", "0+%s")) % a.bare) if a.is_number and a.bare[0] != "-" else None


def times_and_over(a, rng):
    k = rng.randint(2, 9)
    if not a.is_formula or "\\pm" in a.text:
        return None
    inner = f"\\left({a.bare}\\right)" if len(a.terms()) > 1 or a.bare[0] == "-" else a.bare
    return in_dollars(f"\\frac{{{k} \\cdot {inner}}}{{{k}}}")


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
    fits = parts and a.shape == "list" and "=" not in a.bare
    return in_dollars("\\{" + ", ".join(parts[1]) + "\\}") if fits else None


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
    forms = ("$%s^{\\circ}$", "%s°", "$%s\\text{ degrees}$", "%s degrees")
    return rng.choice(forms) % m[1] if m else None


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
    out = re.sub(r"(?<=\d),\\!(?=\d{3})", "", text)
    out = re.sub(r"\\[!,;: ]|\\left|\\right|~", "", out)
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
    forms = ("The answer is (%s).", "$\\textbf{(%s)}$", "$\\boxed{%s}$")
    return rng.choice(forms) % next(g for g in m.groups() if g) if m else None


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


KEEP = {fn.__name__: fn for fn in (
    fraction_command, fraction_braces, slash, minus_inside, unsimplified, terminating_decimal, trailing_zero,
    spacing, left_right, display, boxed, sentence, in_parentheses, add_zero, times_and_over, split_sum, named,
    other_order_of_terms, other_order_of_elements, list_as_set, separators, percent_as_fraction, degree_sign,
    unit_left_out, unicode_signs, typed, radical, bare_words, words_in_other_case, choice_form, as_inequality,
    other_order_of_union, matrix_brackets, scientific, equation_scaled)}
KEEP["expanded"] = by_sympy(sympy.expand)
KEEP["factored"] = by_sympy(sympy.factor)
