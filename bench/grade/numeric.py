"""A second way to the value of an answer: a small reader of LaTeX and typed mathematics, and mpmath.

It shares nothing with the grader. It reads less, and says so: compare() gives True or False only where it read both
texts whole and evaluated them, to 40 digits, and to 1,200 where those agree (at points of both signs where there are
variables, as far as both sides are real there), else None. The checks of the pairs (check_pairs.py) and of the
rewritings (check_rewrites.py) rest on it."""
import functools
import random
import re

import mpmath
from mpmath import mp, mpf, mpc

DIGITS = (40, 1200)  # two constants differ once the first part them, and are equal if the second do not
POINTS_DIGITS = 40
mp.dps = DIGITS[-1]
N_POINTS = 8  # of either sign
MAX_BITS = 20000  # of a power or factorial


class Unreadable(Exception):
    pass


class NotReal(Exception):
    """A side has no real value at a point."""


NUMBER = re.compile(r"\d+(?:\.\d+)?[eE][-+]?\d+(?![a-zA-Z\d])|\d{1,3}(?:(?:,\\!|\{,\}|,|\\,)\d{3})+(?![\d,])(?:\.\d+)?|\d+\.\d+|\d+|\.\d+")
COMMAND = re.compile(r"\\([a-zA-Z]+|.)")
FUNCTIONS = {
    "sin": mpmath.sin, "cos": mpmath.cos, "tan": mpmath.tan, "cot": mpmath.cot, "sec": mpmath.sec, "csc": mpmath.csc,
    "arcsin": mpmath.asin, "arccos": mpmath.acos, "arctan": mpmath.atan, "asin": mpmath.asin, "acos": mpmath.acos,
    "atan": mpmath.atan, "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh, "ln": mpmath.log,
    "exp": mpmath.exp, "log": lambda z: mpmath.log(z) / mpmath.log(10), "lg": lambda z: mpmath.log(z) / mpmath.log(10),
    "floor": mpmath.floor, "ceil": mpmath.ceil, "abs": abs,
}
INVERSE = {"sin": mpmath.asin, "cos": mpmath.acos, "tan": mpmath.atan}
GREEK = "alpha beta gamma delta epsilon theta lambda mu nu rho sigma tau phi varphi omega psi chi eta zeta kappa xi".split()
SKIP = {"left", "right", "displaystyle", "!", ",", ";", ":", " ", "quad", "qquad", "big", "Big", "bigl", "bigr",
        "limits", "textstyle"}
SIGNS = {"le": "<=", "leq": "<=", "ge": ">=", "geq": ">=", "lt": "<", "gt": ">", "cdot": "*", "times": "*",
         "div": "/", "pm": "+-", "mp": "-+", "infty": "inf", "cup": "cup", "circ": "deg", "degree": "deg",
         "%": "%", "lbrace": "set{", "rbrace": "}set", "{": "set{", "}": "}set", "langle": "(", "rangle": ")",
         "lvert": "|", "rvert": "|", "vert": "|", "in": "in", "neq": "!=", "ne": "!=", "lfloor": "floor[",
         "rfloor": "]floor", "lceil": "ceil[", "rceil": "]ceil", "$": "$"}
UNICODE = {"π": r"\pi ", "√": r"\sqrt ", "×": r"\times ", "·": r"\cdot ", "÷": r"\div ", "−": "-", "∞": r"\infty ",
           "≤": r"\le ", "≥": r"\ge ", "∪": r"\cup ", "∈": r"\in ", "±": r"\pm ", "°": r"^\circ ", "½": r"\frac12 ",
           "²": "^2 ", "³": "^3 ", "θ": r"\theta ", "⟨": "(", "⟩": ")", "≠": r"\ne "}


def tokens_of(text):
    text = re.sub(r"√(\d+)", r"\\sqrt{\1}", text)
    for sign, latex in UNICODE.items():
        text = text.replace(sign, latex)
    out, i = [], 0
    while i < len(text):
        c = text[i]
        if c.isspace() or c == "~":
            out.append(("space", ""))
            i += 1
        elif m := NUMBER.match(text, i):
            out.append(("num", m.group()))
            i = m.end()
        elif c == "\\":
            m = COMMAND.match(text, i)
            if not m:
                raise Unreadable("lone backslash")
            name, i = m.group(1), m.end()
            if name == "\\":
                out.append(("sign", "row"))
            elif name in SKIP:
                out.append(("space", ""))
            elif name in ("text", "mbox", "textbf", "textrm", "mathrm", "mathbf"):
                word, i = braced(text, i)
                if name in ("mathrm", "mathbf") and re.fullmatch("[a-zA-Z]", word):
                    out.append(("letter", word))
                elif re.search(r"[\d()]", word):
                    raise Unreadable("words with digits")
                else:
                    out.append(("word", word))
            elif name in ("dfrac", "tfrac", "cfrac", "frac"):
                out.append(("cmd", "frac"))
            elif name in ("dbinom", "tbinom", "binom"):
                out.append(("cmd", "binom"))
            elif name in ("begin", "end"):
                env, i = braced(text, i)
                if name == "begin" and env == "array" and text[i:i + 1] == "{":
                    _, i = braced(text, i)
                out.append((name, env))
            elif name in SIGNS:
                out.append(("sign", SIGNS[name]))
            else:
                out.append(("cmd", name))
        elif c.isascii() and c.isalpha():
            m = re.compile("[A-Za-z]+").match(text, i)
            i = m.end()
            out.extend(split_letters(m.group()))
        elif text[i:i + 2] in ("**", "<=", ">=", "!!"):
            out.append(("sign", {"**": "^"}.get(text[i:i + 2], text[i:i + 2])))
            i += 2
        elif c in "+-*/^_(){}[],|!<>=%;&.:":
            out.append(("sign", c))
            i += 1
        else:
            raise Unreadable(f"character {c!r}")
    return out


def braced(text, i):
    while i < len(text) and text[i] == " ":
        i += 1
    if text[i:i + 1] != "{":
        raise Unreadable("expected {")
    depth = 0
    for j in range(i, len(text)):
        depth += {"{": 1, "}": -1}.get(text[j], 0)
        if depth == 0:
            return text[i + 1:j], j + 1
    raise Unreadable("open brace")


def split_letters(run):
    """Names of functions and constants that are typed without a backslash, else single letters."""
    known = sorted([*FUNCTIONS, "sqrt", "pi", "oo", "inf", "infinity", *GREEK], key=len, reverse=True)
    if run in ("cm", "mm", "km", "kg", "ft", "lb", "am", "pm", "AM", "PM", "mi", "GB", "MB", "Pi", "or"):
        raise Unreadable("a unit or a word")
    out, i = [], 0
    while i < len(run):
        name = next((k for k in known if run.startswith(k, i) and (len(k) > 2 or run == k or k in ("pi", "ln"))), None)
        if name in ("oo", "inf", "infinity"):
            out.append(("sign", "inf"))
        elif name:
            out.append(("cmd", name))
        else:
            out.append(("letter", run[i]))
        i += len(name) if name else 1
    if sum(kind == "letter" for kind, _ in out) > 2:
        raise Unreadable(f"a word: {run}")
    return out


def number_value(digits):
    return mpf(re.sub(r"[^\d.eE+-]", "", digits))


def power(base, exponent):
    if abs(exponent) > 1 and base != 0 and abs(exponent) * abs(mpmath.log(abs(base), 2)) > MAX_BITS:
        raise Unreadable("power too large")
    if base == 0 and mpmath.re(exponent) <= 0:
        raise Unreadable("zero to a power that is not positive")
    return mpmath.power(base, exponent)


def root(radicand, degree):
    real = mpmath.im(radicand) == 0
    if real and degree == int(degree) and int(degree) % 2 == 1 and mpmath.re(radicand) < 0:
        return -mpmath.root(-mpmath.re(radicand), int(degree))
    return mpmath.power(radicand, 1 / mpf(degree))


def square_root(radicand, env):
    """Of a negative number only where there are no variables: else the point has no real value."""
    if len(env) > 1 and mpmath.im(radicand) == 0 and mpmath.re(radicand) < 0:
        raise NotReal
    return mpmath.sqrt(radicand)


def divide(a, b):
    if abs(b) < mpf(10) ** (8 - mp.dps):
        raise Unreadable("division by zero")
    return a / b


class Reader:
    """Recursive descent; values are functions of an environment (letter -> number; "+-" -> 1 or -1)."""

    def __init__(self, text):
        self.toks = tokens_of(text)
        self.i = 0
        self.letters = set()
        self.is_plus_minus = False

    def skip(self):
        while self.i < len(self.toks) and self.toks[self.i][0] == "space":
            self.i += 1

    def peek(self):
        self.skip()
        return self.toks[self.i] if self.i < len(self.toks) else ("end", "")

    def next(self):
        tok = self.peek()
        self.i += 1
        return tok

    def accept(self, sign):
        if self.peek() == ("sign", sign):
            self.i += 1
            return True
        return False

    def expect(self, sign):
        if not self.accept(sign):
            raise Unreadable(f"expected {sign}, got {self.peek()}")

    # sums, products, powers

    def sum(self):
        terms = []
        sign = self.term_sign(first=True)
        while sign:
            terms.append((sign, self.product()))
            sign = self.term_sign(first=False)
        return lambda env: sum((s(env) * t(env) for s, t in terms), mpf(0))

    def term_sign(self, first):
        for sign, value in (("+-", lambda env: env["+-"]), ("-+", lambda env: -env["+-"]), ("+", lambda env: 1),
                            ("-", lambda env: -1)):
            if self.accept(sign):
                self.is_plus_minus |= sign in ("+-", "-+")
                follow = self.term_sign(first=False) if self.peek()[1] in ("+", "-") else None
                return (lambda env: value(env) * follow(env)) if follow else value
        return (lambda env: 1) if first else None

    def starts_factor(self):
        kind, what = self.peek()
        return kind in ("num", "cmd", "letter", "begin", "word") or (
            kind == "sign" and what in ("(", "{", "[", "floor[", "ceil[") and (what != "[" or self.in_brackets()))

    def in_brackets(self):
        """[x] as a bracket within a product: closed by ] with no comma before."""
        depth = 0
        for kind, what in self.toks[self.i:]:
            if kind == "sign" and what in "([{":
                depth += 1
            if kind == "sign" and what in ")]}":
                depth -= 1
                if depth == 0:
                    return what == "]"
            if kind == "sign" and what == "," and depth == 1:
                return False
        return False

    def product(self):
        value = self.factor()
        while True:
            if self.accept("*"):
                value = (lambda a, b: lambda env: a(env) * b(env))(value, self.signed_factor())
            elif self.accept("/"):
                value = (lambda a, b: lambda env: divide(a(env), b(env)))(value, self.signed_factor())
            elif self.starts_factor():
                if self.peek()[0] == "num":
                    raise Unreadable("a number after a factor")
                value = (lambda a, b: lambda env: a(env) * b(env))(value, self.factor())
            else:
                return value

    def signed_factor(self):
        if self.accept("-"):
            f = self.signed_factor()
            return lambda env: -f(env)
        return self.factor()

    def factor(self):
        value = self.atom()
        while True:
            if self.accept("!!"):
                value = (lambda v: lambda env: mpmath.fac2(small(v(env))))(value)
            elif self.accept("!"):
                value = (lambda v: lambda env: mpmath.factorial(small(v(env))))(value)
            elif self.accept("%"):
                value = (lambda v: lambda env: v(env) / 100)(value)
            elif self.accept("^"):
                value = self.raised(value)
            else:
                return value

    def raised(self, base):
        if self.peek() == ("sign", "{"):
            mark = self.i
            self.next()
            if self.accept("deg"):
                self.expect("}")
                return lambda env: base(env) * mpmath.pi / 180
            self.i = mark
        if self.accept("deg"):
            return lambda env: base(env) * mpmath.pi / 180
        exponent = self.argument(exponent=True)
        return lambda env: power(base(env), exponent(env))

    def argument(self, exponent=False):
        """What follows ^, \\frac, \\sqrt: a group, one digit, a letter, or a command with its arguments."""
        kind, what = self.peek()
        if self.accept("{"):
            value = self.sum()
            self.expect("}")
            return value
        if exponent and (kind, what) == ("sign", "("):
            return self.atom()
        if exponent and self.accept("-"):
            inner = self.argument(exponent=True)
            return lambda env: -inner(env)
        if kind == "num" and what.isdigit() and not (exponent and self.typed()):
            self.i += 1
            if len(what) > 1:
                self.i -= 1
                self.toks[self.i] = ("num", what[1:])
            digit = mpf(what[0])
            return lambda env: digit
        return self.atom()

    def typed(self):
        """x^10 of typed mathematics: a text without any command of LaTeX."""
        return all(kind != "cmd" or what in FUNCTIONS or what in ("sqrt", "pi") for kind, what in self.toks) and \
            not any(kind in ("begin", "word") for kind, _ in self.toks)

    def atom(self):
        kind, what = self.next()
        if kind == "num":
            return self.number(what)
        if kind == "letter":
            return self.letter(what)
        if kind == "cmd":
            return self.command(what)
        if kind == "word":
            return self.unit(what)
        if kind == "sign" and what in ("(", "{", "["):
            value = self.sum()
            self.expect({"(": ")", "{": "}", "[": "]"}[what])
            return value
        if kind == "sign" and what in ("floor[", "ceil["):
            value = self.sum()
            self.expect("]" + what[:-1])
            fn = FUNCTIONS[what[:-1]]
            return lambda env: fn(value(env))
        if kind == "sign" and what == "|":
            value = self.sum()
            self.expect("|")
            return lambda env: abs(value(env))
        raise Unreadable(f"unexpected {what or 'end'}")

    def number(self, digits):
        value = number_value(digits)
        if self.accept("_"):
            base = self.argument()
            return lambda env: mpf(int(digits, int(base(env).real)))
        nxt = self.peek()
        if "." in digits and nxt == ("sign", "(") and self.toks[self.i + 1][0] == "num":
            raise Unreadable("perhaps a period")
        if nxt == ("cmd", "overline") and "." in digits or nxt == ("cmd", "overline") and self.toks[self.i - 1] == ("sign", "."):
            self.next()
            return self.repeating(digits)
        if nxt == ("sign", ".") and self.toks[self.i + 1:self.i + 2] == [("cmd", "overline")]:
            self.i += 2
            return self.repeating(digits + ".")
        if digits.isdigit() and nxt == ("cmd", "frac"):
            mark = self.i
            mixed = self.mixed(value)
            if mixed:
                return mixed
            self.i = mark
        if digits.isdigit() and nxt[0] == "num" and nxt[1].isdigit() and self.toks[self.i + 1:self.i + 2] == [("sign", "/")]:
            self.next()
            self.next()
            below = self.next()
            if below[0] != "num":
                raise Unreadable("mixed number")
            return lambda env: value + number_value(nxt[1]) / number_value(below[1])
        return lambda env: value

    def mixed(self, whole):
        """3\\frac{1}{2}, if both arguments are whole numbers."""
        self.next()
        parts = []
        for _ in range(2):
            kind, what = self.peek()
            inner = self.toks[self.i + 1] if self.i + 1 < len(self.toks) else ("end", "")
            plain = kind == "num" or ((kind, what) == ("sign", "{") and inner[0] == "num" and
                                      self.toks[self.i + 2:self.i + 3] == [("sign", "}")])
            if not plain:
                return None
            parts.append(self.argument()({}))
        return lambda env: whole + divide(parts[0], parts[1])

    def repeating(self, digits):
        self.expect("{")
        kind, period = self.next()
        self.expect("}")
        if kind != "num" or not period.isdigit():
            raise Unreadable("period")
        places = len(digits.split(".")[1])
        value = number_value(digits + "0") + mpf(period) / (mpf(10) ** places * (mpf(10) ** len(period) - 1))
        return lambda env: value

    def letter(self, name):
        if name == "e":
            return lambda env: mpmath.e
        if name == "i":
            return lambda env: mpc(0, 1)
        if self.accept("_"):
            name += "_" + self.subscript()
            if re.search(r"_\d\d", name):
                raise Unreadable("perhaps a base")
        self.letters.add(name)
        return lambda env: env[name]

    def subscript(self):
        if self.accept("{"):
            out = ""
            while not self.accept("}"):
                kind, what = self.next()
                if kind == "end":
                    raise Unreadable("subscript")
                out += what
            return out
        return self.next()[1]

    def unit(self, words):
        if words.strip() in ("degree", "degrees"):
            return lambda env: mpmath.pi / 180
        name = "unit:" + words.strip()
        self.letters.add(name)
        return lambda env: env[name]

    def command(self, name):
        if name == "pi":
            return lambda env: mpmath.pi
        if name in GREEK:
            return self.letter("\\" + name)
        if name in ("frac", "binom"):
            a, b = self.argument(), self.argument()
            if name == "frac":
                return lambda env: divide(a(env), b(env))
            return lambda env: mpmath.binomial(small(a(env)), small(b(env)))
        if name == "sqrt":
            degree = None
            if self.accept("["):
                degree = self.sum()
                self.expect("]")
            value = self.atom() if self.peek() == ("sign", "(") else self.argument()
            if degree is None:
                return lambda env: square_root(value(env), env)
            return lambda env: root(value(env), degree(env))
        if name in FUNCTIONS:
            return self.call(name)
        raise Unreadable("\\" + name)

    def call(self, name):
        fn, exponent, base = FUNCTIONS[name], None, None
        while self.peek() in (("sign", "^"), ("sign", "_")):
            if self.accept("_"):
                base = self.argument()
            else:
                self.next()
                exponent = self.argument(exponent=True)
        if self.peek() == ("sign", "("):
            value = self.atom()
        else:
            value = self.call_product()
        if base is not None and name == "log":
            return lambda env: divide(mpmath.log(value(env)), mpmath.log(base(env)))
        if exponent is None:
            return lambda env: fn(value(env))

        def powered(env):
            k = exponent(env)
            if k == -1 and name in INVERSE:
                return INVERSE[name](value(env))
            return fn(value(env)) ** k
        return powered

    def call_product(self):
        """The argument of a function without brackets: factors up to the next sign or function."""
        value = self.factor()
        while self.starts_factor() and not (self.peek()[0] == "cmd" and self.peek()[1] in FUNCTIONS) and \
                self.peek() != ("sign", "("):
            value = (lambda a, b: lambda env: a(env) * b(env))(value, self.factor())
        return value


def small(z):
    if abs(z) > 3000:
        raise Unreadable("factorial too large")
    return z


# Structures: ("value", fn, letters, has_plus_minus, decimal literal or None) | ("tuple"|"list"|"set", items) | ("interval", ends, "[)")
# | ("matrix", rows) | ("union", intervals) | ("relation", sides, signs, name on the left or None) | ("text", words)


def split_top(text, pattern):
    """Splits where the pattern matches outside of all brackets and arguments."""
    parts, depth, last, i = [], 0, 0, 0
    while i < len(text):
        if depth == 0 and (m := pattern.match(text, i)):
            parts.append(text[last:i])
            last = i = m.end()
            continue
        if text[i] == "\\" and text[i + 1:i + 2] in ("{", "}"):
            depth += 1 if text[i + 1] == "{" else -1
            i += 2
            continue
        if text.startswith(("\\begin{", "\\end{"), i):
            depth += 1 if text.startswith("\\begin{", i) else -1
            i = text.index("}", i) + 1
            continue
        if text[i] == "\\":
            i = COMMAND.match(text, i).end() if COMMAND.match(text, i) else i + 1
            continue
        depth += text[i] in "([{"
        depth -= text[i] in ")]}"
        i += 1
    return parts + [text[last:]]


COMMA = re.compile(r"(?<!\d),(?!\s*\\?!)|,(?!\s*\\?!|\d{3}(?!\d))|\\text\{\s*,?\s*(?:and|or)\s*\}|(?<=\s)(?:and|or)(?=\s)|;")
CUP = re.compile(r"\\cup(?![a-zA-Z])|∪")
RELATION = re.compile(r"\\(?:leq?|geq?|lt|gt)(?![a-zA-Z])|<=|>=|≤|≥|<|>|=")
NAME = re.compile(r"((?:[A-Za-z]|\\[a-z]+)(?:_\{?\w+\}?)?(?:\^\{-1\})?)(?:\([a-z](?:,\s*[a-z])*\))?")
WRAP = re.compile(r"^\s*(?:\$\$?(?P<a>[^$]*)\$\$?|\\\((?P<b>.*)\\\)|\\\[(?P<c>.*)\\\])\s*\.?\s*$", re.S)


def unwrap(text):
    text = text.strip()
    if "<think>" in text or re.search(r"\d\.\d{3},\d", text):
        raise Unreadable("not one formula")
    at = text.rfind("\\boxed{")
    if at >= 0:
        return unwrap(braced(text, at + len("\\boxed"))[0])
    if m := WRAP.match(text):
        return unwrap(next(g for g in m.groups() if g is not None))
    text = re.sub(r"\\(?:left|right)(?![a-zA-Z])", "", text)
    return re.sub(r"\.$", "", text.strip()).strip()


def outer(text):
    """The brackets around the whole text, and what is inside."""
    for left, right in (("\\{", "\\}"), ("(", ")"), ("[", "]"), ("(", "]"), ("[", ")"), ("\\langle", "\\rangle")):
        if text.startswith(left) and text.endswith(right) and len(text) >= len(left) + len(right):
            inner, depth = text[len(left):len(text) - len(right)], 0
            for c in re.sub(r"\\[{}]", lambda m: "(" if m.group() == "\\{" else ")", inner):
                depth += c in "(["
                depth -= c in ")]"
                if depth < 0:
                    break
            if depth == 0:
                return left + right, inner
    return None, text


@functools.lru_cache(maxsize=200000)
def read(text):
    text = unwrap(text)
    if m := re.fullmatch(r"\\text(?:bf|it|rm)?\{([^{}\d]*[A-Za-z][^{}\d]*)\}", text):
        return ("text", fold(m.group(1)))
    if m := re.fullmatch(r"(?:\\frac12\s*)?\\begin\{[pb]matrix\}(.*)\\end\{[pb]matrix\}", text, re.S):
        if not text.startswith("\\frac"):
            rows = [r for r in m.group(1).split("\\\\") if r.strip()]
            return ("matrix", tuple(tuple(read(x) for x in row.split("&")) for row in rows))
    if len(parts := split_top(text, CUP)) > 1:
        return ("union", tuple(read(p) for p in parts))
    if len(parts := split_top(text, COMMA)) > 1:
        return ("list", tuple(read(p) for p in parts if p.strip()))
    if len(parts := split_top(text, RELATION)) > 1:
        signs = tuple(SIGNS.get(s.lstrip("\\"), {"≤": "<=", "≥": ">="}.get(s, s)) for s in relation_signs(text))
        if len(signs) > 0 and all(s in (">", ">=") for s in signs):
            parts, signs = parts[::-1], tuple(s.replace(">", "<") for s in signs[::-1])
        name = NAME.fullmatch(parts[0].strip())
        return ("relation", tuple(read(p) for p in parts), signs, name and name.group(1))
    brackets, inner = outer(text)
    if brackets and re.search(r"(?<!\d)\d{1,3},\d{3}(?!\d)", inner):
        raise Unreadable("a number or two")
    if brackets:
        items = [p for p in split_top(inner, COMMA) if p.strip()]
        if brackets == "\\{\\}":
            return ("set", tuple(read(p) for p in items))
        if len(items) == 2 and (brackets in ("[]", "(]", "[)") or "infty" in inner):
            return ("interval", tuple(read(p) for p in items), brackets)
        if len(items) > 1:
            return ("tuple", tuple(read(p) for p in items))
    if re.fullmatch(r"[-+−]?\s*(\\infty|∞|oo|inf)", text):
        return ("infinite", -1 if text[0] in "-−" else 1)
    if re.fullmatch(r"[A-Za-z]{3,}(?: [A-Za-z]+){0,2}", text) and not any(f in text for f in ("sqrt", "pi", "sin", "cos")):
        return ("text", fold(text))
    reader = Reader(text)
    value = reader.sum()
    if reader.peek()[0] != "end":
        raise Unreadable(f"rest: {reader.peek()}")
    literal = re.fullmatch(r"[-−+]?\s*(\d*\.\d+\s*\\?%?)", text)
    return ("value", value, frozenset(reader.letters), reader.is_plus_minus, literal and literal.group(1))


def relation_signs(text):
    out, depth, i = [], 0, 0
    while i < len(text):
        if depth == 0 and (m := RELATION.match(text, i)):
            out.append(m.group())
            i = m.end()
            continue
        depth += text[i] in "([{"
        depth -= text[i] in ")]}"
        i += 1
    return out


def fold(words):
    words = re.sub(r"[^a-z0-9 ]", " ", words.lower())
    return " ".join(w for w in words.split() if w not in ("a", "an", "the"))


def points_of(letters):
    rng = random.Random(20251127)
    for sign in (1, -1) if letters else (1,):
        for _ in range(N_POINTS if letters else 1):
            yield {name: sign * mpf(rng.randint(11, 97)) / rng.randint(13, 41) for name in sorted(letters)}


def same_number(a, b):
    """To mp.dps digits. What cannot be told from zero is None."""
    size = max(abs(a), abs(b))
    if abs(a - b) <= size * mpf(10) ** (10 - mp.dps):
        return True
    return None if size < mpf(10) ** (15 - mp.dps) else False


def is_real(z):
    return abs(mpmath.im(z)) <= abs(z) * mpf(10) ** (15 - mp.dps)


def values_at(x, env):
    return [x[1]({**env, "+-": s}) for s in ((1, -1) if x[3] else (1,))]


def same_at(a, b, env):
    """None where a side is not real, and there are variables."""
    try:
        left, right = values_at(a, env), values_at(b, env)
    except NotReal:
        return None
    if env and not all(is_real(z) for z in left + right):
        return None
    for these, those in ((left, right), (right, left)):
        for x in these:
            found = [same_number(x, y) for y in those]
            if not any(found):
                return None if None in found else False
    return True


def same_value(a, b):
    letters = a[2] | b[2]
    if not letters and bool(a[4]) != bool(b[4]):
        return rounds_to(*((a, b) if a[4] else (b, a)))
    seen = []
    for env in points_of(letters):
        for digits in (POINTS_DIGITS,) if letters else DIGITS:
            with mp.workdps(digits):
                at = same_at(a, b, env)
            if at is False:
                return False
        seen.append(at)
    if not letters and seen == [None]:  # both as good as zero: to be told by the size that is written
        raise Unreadable("too close to zero to tell")
    if seen.count(True) < (N_POINTS / 2 if letters else 1):
        raise Unreadable("too few points where both sides are real")
    return True


def rounds_to(decimal, exact):
    """The rule of docs/grader.md: at least three significant digits, correctly rounded, and only where the exact value
    does not terminate."""
    x, y = decimal[1]({}), exact[1]({})
    if same_number(x, y):
        return True
    if not is_real(y):
        return False
    scaled = y * mpf(10) ** 60
    if abs(scaled - mpmath.nint(scaled)) < mpf(10) ** -500:
        return False
    digits = decimal[4].replace("%", "")
    places = len(digits.split(".")[1]) + (2 if "%" in decimal[4] else 0)
    significant = len(digits.replace(".", "").lstrip("0"))
    return significant >= 3 and abs(x - y) <= mpf(10) ** -places / 2


def same_items(a, b, ordered):
    if len(a) != len(b):
        return False
    if ordered:
        return all(same(x, y) for x, y in zip(a, b))
    rest = list(b)
    for x in a:
        hit = next((k for k, y in enumerate(rest) if same(x, y)), None)
        if hit is None:
            return False
        rest.pop(hit)
    return True


def without_repetition(items):
    out = []
    for x in items:
        if not any(same(x, y) for y in out):
            out.append(x)
    return out


def named(x):
    """x = 5 as 5; f(x) = x + 1 as x + 1."""
    return x[1][1] if x[0] == "relation" and x[2] == ("=",) and x[3] else x


def names_of(x):
    if x[0] == "list":
        return frozenset().union(*(names_of(item) for item in x[1]))
    return frozenset([x[3]]) if x[0] == "relation" and x[3] else frozenset()


def expanded(x):
    """All answers of a text, in a list: +- and sets and "x = 1, x = 2" written out."""
    x = named(x)
    if x[0] == "value" and x[3]:
        return [("value", (lambda f, s: lambda env: f({**env, "+-": s}))(x[1], s), x[2], False, None) for s in (1, -1)]
    if x[0] in ("list", "set"):
        return [y for item in x[1] for y in expanded(item)]
    return [x]


def same_equation(a, b):
    """Equal up to a constant factor, tried at points."""
    def side(x):
        left, right = x[1]
        return lambda env: left[1](env) - right[1](env)
    if any(s[0] != "value" for x in (a, b) for s in x[1]):
        raise Unreadable("equation of structures")
    letters = frozenset().union(*(s[2] for x in (a, b) for s in x[1]))
    with mp.workdps(POINTS_DIGITS):
        ratios = [divide(side(a)({**env, "+-": 1}), side(b)({**env, "+-": 1})) for env in points_of(letters)]
        return bool(ratios[0]) and all(same_number(r, ratios[0]) for r in ratios)


def same_relation(a, b):
    if a[2] == b[2] == ("=",):
        if a[3] and b[3] and a[3] == b[3] and same(a[1][1], b[1][1]):
            return True
        return same_equation(a, b)
    if len(a[2]) != len(b[2]):
        raise Unreadable("relations of different shape")
    sides = [same(x, y) for x, y in zip(a[1], b[1])]
    constants = all(x[0] != "value" or not x[2] for k, pair in enumerate(zip(a[1], b[1])) if not sides[k] for x in pair)
    if all(sides):
        return a[2] == b[2]
    if not constants or a[2] != b[2]:
        raise Unreadable("relations that only a proof can compare")
    return False


def as_interval(x):
    """a < x <= b as (a, b]; other things as they are."""
    if x[0] != "relation" or not all(s in ("<", "<=") for s in x[2]) or len(x[1]) > 3:
        return x
    free = [s[0] == "value" and bool(s[2]) for s in x[1]]
    if any(f and (len(s[2]) != 1 or s[1](dict.fromkeys(s[2], -7)) != -7) for f, s in zip(free, x[1])):
        return x  # more than a lone letter
    if free == [False, True, False]:
        ends, signs = (x[1][0], x[1][2]), x[2]
    elif free == [True, False]:
        ends, signs = (("infinite", -1), x[1][1]), ("<", x[2][0])
    elif free == [False, True]:
        ends, signs = (x[1][0], ("infinite", 1)), (x[2][0], "<")
    else:
        return x
    return ("interval", ends, "[("[signs[0] == "<"] + "])"[signs[1] == "<"])


def same(a, b):
    if {a[0], b[0]} == {"interval", "relation"}:
        a, b = as_interval(a), as_interval(b)
    kinds = {a[0], b[0]}
    if kinds == {"relation"}:
        return same_relation(a, b)
    names = [names_of(x) for x in (a, b)]
    if max(map(len, names)) > 1 or (names[0] and names[1] and names[0] != names[1]):
        raise Unreadable("several names")
    a, b = named(a), named(b)
    kinds = {a[0], b[0]}
    if kinds & {"list", "set"} or any(x[0] == "value" and x[3] for x in (a, b)):
        if kinds & {"tuple", "interval", "matrix", "text", "relation", "union"}:
            raise Unreadable("list against another structure")
        items = [expanded(x) for x in (a, b)]
        if "set" in kinds:
            items = [without_repetition(x) for x in items]
        return same_items(*items, ordered=False)
    if kinds == {"value"}:
        return same_value(a, b)
    if kinds in ({"text"}, {"infinite"}):
        return a[1] == b[1]
    if kinds == {"tuple"}:
        return same_items(a[1], b[1], ordered=True)
    if kinds == {"interval"}:
        return a[2] == b[2] and same_items(a[1], b[1], ordered=True)
    if kinds == {"union"}:
        if any(x[0] != "interval" for u in (a, b) for x in u[1]):
            raise Unreadable("union of other sets than intervals")
        return same_items(a[1], b[1], ordered=False)
    if kinds == {"matrix"}:
        return len(a[1]) == len(b[1]) and all(same_items(x, y, ordered=True) for x, y in zip(a[1], b[1]))
    if kinds == {"value", "infinite"}:
        return False
    raise Unreadable(f"{a[0]} against {b[0]}")


def compare(gold, pred):
    """True, False, or None where either text is beyond this reader."""
    try:
        return same(read(gold), read(pred))
    except (Unreadable, NotReal, ValueError, ZeroDivisionError, OverflowError, IndexError, KeyError, TypeError, RecursionError,
            AttributeError, mpmath.libmp.ComplexResult, NotImplementedError):
        return None
