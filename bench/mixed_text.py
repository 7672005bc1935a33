"""Lines of mixed text, the same on every machine: English, Japanese, Chinese, Korean and other scripts, code,
emoji, numbers, white space, random characters, contractions, texts of special tokens."""
import random
import unicodedata

ENGLISH = """the of and to in is that for it as was with be by on not he his but at are this have from or had an they
which one you were her all she there would their we him been has when who will more no if out so said what up its
about into than them can only other new some could time these two may then do first any my now such like our over man
me even most made after also did many before must through back years where much your way well down should because each
just those people how too little state good very make world still own see men work long get here between both life being
under never day same another know while last might us great old year off come since against go came right used take
three journey shortcut reasoning tokenizer language model gradient probability attention transformer international
unbelievable straightforwardly antidisestablishmentarianism Tokyo London NASA iPhone GitHub HTTPServer""".split()
CONTRACTIONS = ["it's", "we'll", "don't", "I'm", "they've", "you're", "he'd", "IT'S", "WE'LL", "DON'T", "I'M", "THEY'VE",
                "YOU'RE", "HE'D", "'tis", "rock'n'roll", "'S", "'lL", "''s", "o'clock", "y'all'd've", "’s", "it’ll", "'ſ"]
JAPANESE = ["旅路は", "一本の線", "ではない", "。", "、", "旅人は道を", "試し", "戻り", "また", "東京", "大阪", "日本語", "です", "ます",
            "した", "カタカナ", "コンピューター", "プログラム", "推論", "言語モデル", "の", "が", "を", "に", "で", "「", "」", "ー", "・",
            "間違えた", "学んだ", "失われない", "百二十三", "１２３", "ＡＢＣ", "㍿", "ｶﾅ", "ゔ", "々"]
CHINESE = ["我们", "的", "是", "不", "了", "在", "人", "有", "他", "这", "中国", "学习", "模型", "推理", "语言", "。", "，", "！", "？",
           "北京", "上海", "因为", "所以", "一个", "问题", "的答案", "数学", "計算機", "繁體字", "《", "》", "……", "２０２４年", "㐀", "𠀀", "𠮷"]
KOREAN = ["안녕하세요", "나는", "너는", "학교에", "갑니다", "그리고", "언어", "모델", "추론", "서울", "한국어", "입니다", "을", "를", "이", "가",
          "쀍", "뷁", "ㅋㅋㅋ", "ㅠㅠ", "각", "가\u0301"]
OTHERS = ["Straße", "Übermut", "déjà", "naïve", "façade", "Ångström", "señor", "Путь", "не", "прямая", "линия", "Ёлка",
          "Ο", "δρόμος", "δεν", "είναι", "الطريق", "ليس", "خطا", "مستقيما", "שלום", "עולם", "नमस्ते", "दुनिया", "สวัสดี",
          "ชาวโลก", "Tiếng", "Việt", "được", "İstanbul", "ığdır", "ŀa", "ﬁn", "e\u0301te\u0301", "A\u030a", "n\u0303",
          "\u1e9b\u0323", "ქართული", "Հայերեն", "አማርኛ", "ខ្មែរ", "မြန်မာ"]
EMOJI = ["😀", "😂", "🎉", "👍🏽", "👩‍👩‍👧", "👨🏿‍💻", "🏳️‍🌈", "❤️", "☺\ufe0f", "🇯🇵", "🇩🇪", "1️⃣", "✨", "🫠", "⚡", "→", "∑", "≠", "½", "²",
         "Ⅷ", "①", "٣", "५", "๓"]
CODE = ["for (size_t i = 0; i < n; i++) {", "    return x->next != NULL;", "def f(a, *, b=None):", "\tprint(f\"{x:>10}\")",
        "import numpy as np", "if __name__ == '__main__':", "std::vector<int> v{1, 2, 3};", "SELECT * FROM t WHERE id=?;",
        "<div class=\"a b\">&nbsp;</div>", "#include <stdio.h>", "x = y ** 2 // 3 % 5", "a[i][j] += b[j]->c;", "// TODO(me): fix",
        "/* comment */", "0xDEADBEEF", "1e-10", "3.14159", "a&&b||!c", "=>", "!==", "...", "----", "====", "{{}}", "[]()<>",
        "\\n\\t\\\\", "$HOME/.bashrc", "https://example.org/a?b=c&d=%20#e", "user@example.org", "C:\\Windows\\System32",
        "async fn main() -> Result<(), Box<dyn Error>> {", "@property", "lambda x: x", "'''doc'''", "`code`", "```python"]
SPACES = [" ", "  ", "   ", "    ", "        ", "\t", "\t\t", " \t ", "\u00a0", "\u3000", "\u2003", "\r", " \r", "\r\r",
          "\u200b", "\u2028", "\x0b", "\x0c", "\x85", "\u1680", "\ufeff", "\u200d"]
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<bos>", "<eos>", "<pad>", "<unk>",
           "<start_of_turn>", "<end_of_turn>", "<tool_call>", "<repo_name>", "<file_sep>", "[multimodal]", "<unused7>",
           "<0x0A>", "<0xE3>", "<|im_start", "<im_end|>", "<<eos>>", "▁", "▁▁", "Ġthe", "Ċ", "<table>", "</h1>"]
# Characters whose properties every library at hand agrees on: assigned in Unicode 14 and neither surrogates nor
# private. U+180E is white space to some.
KNOWN = [c for c in map(chr, range(1, 0x110000))
         if unicodedata.category(c) not in ("Cn", "Cs", "Co") and c not in "\n\u180e"]
BMP = [c for c in KNOWN if ord(c) < 0x10000]


def words(rng, pool, joint, n):
    return joint.join(rng.choice(pool) for _ in range(n))


def number(rng):
    n = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 12)))
    return rng.choice([n, n, n + "." + n[:3], "-" + n, "$" + n, n[:2] + ":" + n[2:4], n + "%", n[:3] + "," + n[3:6]])


def english(rng):
    line = [rng.choice(ENGLISH) if rng.random() < 0.9 else rng.choice(CONTRACTIONS) for _ in range(rng.randint(3, 20))]
    if rng.random() < 0.7:
        line[0] = line[0].capitalize()
    if rng.random() < 0.2:
        line.insert(rng.randrange(len(line)), number(rng))
    text = " ".join(line)
    return text.replace(" and ", ", and ") + rng.choice([".", ".", "?", "!", ";", " ", ""])


def misspelt(rng):
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.randint(1, 15)))


def characters(rng):
    pool = rng.choice([KNOWN, BMP, KNOWN[:0x500]])
    return "".join(rng.choice(pool) for _ in range(rng.randint(1, 20)))


PARTS = [
    (30, english),
    (10, lambda r: words(r, JAPANESE, "", r.randint(3, 15))),
    (10, lambda r: words(r, CHINESE, "", r.randint(3, 15))),
    (6, lambda r: words(r, KOREAN, " ", r.randint(2, 8))),
    (10, lambda r: words(r, CODE, " ", r.randint(1, 3))),
    (4, lambda r: words(r, EMOJI, r.choice(["", " "]), r.randint(1, 6))),
    (6, lambda r: words(r, OTHERS, " ", r.randint(1, 8))),
    (4, number),
    (4, lambda r: words(r, SPACES, "", r.randint(1, 4))),
    (4, lambda r: words(r, SPECIAL, r.choice(["", " "]), r.randint(1, 3))),
    (4, characters),
    (4, misspelt),
    (4, lambda r: words(r, CONTRACTIONS, r.choice(["", " "]), r.randint(1, 5))),
]
WEIGHTS = [w for w, _ in PARTS]


def broken(rng, data):
    """With bytes in it that may not be UTF-8."""
    at = rng.randint(0, len(data))
    wrong = bytes(rng.choice(b"\x80\x9f\xbf\xc0\xc2\xe0\xe2\xed\xef\xf0\xf1\xf4\xf5\xff") for _ in range(rng.randint(1, 4)))
    return data[:at] + wrong + data[at + rng.randint(0, 2):]


def lines(n, seed=1):
    """Bytes, of which one line in fifty is not UTF-8."""
    rng = random.Random(seed)
    for _ in range(n):
        parts = rng.choices(PARTS, WEIGHTS, k=rng.choice([1, 1, 1, 2, 3]))
        data = rng.choice(["", " "]).join(make(rng) for _, make in parts).encode()
        yield broken(rng, data) if rng.random() < 0.02 else data
