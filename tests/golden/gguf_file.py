"""GGUF files without tensors: metadata read into a dictionary and written from one (format: ggml-org/ggml,
docs/gguf.md). Only what scripts here need: numbers, texts, arrays."""
import mmap
import struct

NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        value, = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return value

    def text(self):
        n = self.number("Q")
        self.at += n
        return self.data[self.at - n:self.at]

    def value(self, kind):
        if kind == STRING:
            return self.text()
        if kind != ARRAY:
            return self.number(NUMBERS[kind])
        kind, n = self.number("I"), self.number("Q")
        return [self.value(kind) for _ in range(n)]


def read(path):
    """All keys; texts are bytes."""
    with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
        r = Reader(data)
        assert data[:4] == b"GGUF", path
        r.at = 4
        r.number("I"), r.number("Q")
        return {r.text().decode(): r.value(r.number("I")) for _ in range(r.number("Q"))}


def packed(value):
    """(kind, bytes): texts, booleans, u32 for integers, f32, and lists of one kind (integers as i32)."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return STRING, struct.pack("<Q", len(value)) + value
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    if value and isinstance(value[0], int):
        return ARRAY, struct.pack("<IQ%di" % len(value), 5, len(value), *value)
    parts = [packed(v) for v in value]
    kind = parts[0][0] if parts else STRING
    return ARRAY, struct.pack("<IQ", kind, len(parts)) + b"".join(p[1] for p in parts)


def write(path, keys):
    with open(path, "wb") as f:
        f.write(b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)))
        for key, value in keys.items():
            kind, data = packed(value)
            f.write(packed(key)[1] + struct.pack("<I", kind) + data)
        f.write(b"\0" * (-f.tell() % 32))
