#!/usr/bin/env python3
"""Our reader of safetensors files against the safetensors package: the same verdict on every file.

    safetensors_judge.py SAFETENSORS_FILES SEED COUNT      COUNT damaged files; SEED -: the files made by hand
    SAFETENSORS_FILES is the helper in safetensors_files.cpp.

The published rules decide. Where the package is laxer than they are (broken_rule() below has the whole list) a file is
refused by us alone; nothing else may differ.
"""
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

from safetensors import SafetensorError, deserialize, safe_open

MOST_DIMENSIONS, MOST_SIZE = 64, 2**63 - 1  # what a tensor of ours can have


def raw(header, data=0, size=None):
    header = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(header) if size is None else size) + header + b"\x11" * data


def entry(fields, data=8):
    return raw('{"a":{' + fields + "}}", data)


# --- verdicts ----------------------------------------------------------------------------------------------------------
def accepted_by_package(path):
    """Both ways that the package has of reading a file must agree."""
    verdicts = []
    for read in (lambda: safe_open(path, "np").__enter__(), lambda: deserialize(path.read_bytes())):
        try:
            read()
            verdicts.append(True)
        except (SafetensorError, OSError, OverflowError, ValueError):
            verdicts.append(False)
    assert verdicts[0] == verdicts[1], f"{path}: the package is of two minds"
    return verdicts[0]


def broken_rule(content):
    """The published rule, or our limit, that a file accepted by the package breaks; or None."""
    text = content[8:8 + int.from_bytes(content[:8], "little")]
    if text[:1] != b"{":
        return "the header begins with {"
    pairs = json.loads(text, object_pairs_hook=lambda items: items)

    def twice(items):
        names = [name for name, _ in items]
        return len(set(names)) != len(names)

    if twice(pairs):
        return "no name twice"
    for name, value in pairs:
        if name == "__metadata__":
            if value is None:
                return "metadata is an object"
            if twice(value):
                return "no name twice"
            continue
        if not isinstance(value[0], tuple):
            return "a tensor is an object"
        if twice(value):
            return "no name twice"
        fields = dict(value)
        if not isinstance(fields["dtype"], str):
            return "a dtype is a text"
        if len(fields["shape"]) > MOST_DIMENSIONS or any(size > MOST_SIZE for size in fields["shape"]):
            return "sizes that we can hold"
    return None


def judge(helper, files, folder):
    """{accepted, refused, by us alone: counts}; AssertionError names the first file on which we differ."""
    folder = pathlib.Path(folder)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    answer = subprocess.run([helper, "judge", folder], check=True, capture_output=True, text=True).stdout
    ours = dict(line.split("\t") for line in answer.splitlines())
    assert set(ours) == set(files), "the helper has not judged every file"
    counts = {"accepted": 0, "refused": 0, "by us alone": 0}
    for name, content in files.items():
        package, rule = accepted_by_package(folder / name), None
        if package:
            rule = broken_rule(content)
        wanted = package and rule is None
        assert (ours[name] == "accepted") == wanted, (
            f"{name}: ours: {ours[name]}; the package {'accepts' if package else 'refuses'} it"
            f"{f', but the rule {rule!r}' if rule else ''}: {content[:400]!r}")
        counts["accepted" if wanted else "by us alone" if package else "refused"] += 1
    return counts


# --- files -------------------------------------------------------------------------------------------------------------
GOOD = '"dtype":"F32","shape":[2],"data_offsets":[0,8]'
ROWS = '"dtype":"U8","shape":[%s],"data_offsets":[%d,%d]'


def by_hand():
    """{name: content}: one file for each rule, and for each thing that the rules leave open."""
    u8 = lambda name, shape, begin, end: f'"{name}":{{{ROWS % (shape, begin, end)}}}'  # noqa: E731
    files = {
        "good": entry(GOOD), "no tensor": raw("{}"), "only metadata": raw('{"__metadata__":{}}'),
        "empty": b"", "seven bytes": bytes(7), "header of 0": raw(""), "header longer than the file": raw("{}", 0, 3),
        "header of 2^63": raw("{}", 0, 2**63), "header of 2^64-1": raw("{}", 0, 2**64 - 1),
        "header above 100 MB": raw("{}", 0, 100_000_001), "header of 100 MB": raw("{}", 0, 100_000_000),
        "a list": raw("[]"), "a text": raw('"a"'), "null": raw("null"), "a number": raw("7"),
        "blank before": raw(' {"a":{' + GOOD + "}}", 8), "blanks after": raw('{"a":{' + GOOD + "}} \n\t\r ", 8),
        "NUL after": raw('{"a":{' + GOOD + "}}\0", 8), "text after": raw('{"a":{' + GOOD + "}}x", 8),
        "two objects": raw('{"a":{' + GOOD + "}}{}", 8), "unfinished": raw('{"a":{' + GOOD + "}", 8),
        "byte order mark": raw(b"\xef\xbb\xbf{}"), "comment": raw("{/**/}"), "trailing comma": raw('{"a":{' + GOOD + "},}", 8),
        "single quotes": raw("{'a':1}"), "bad UTF-8": raw(b'{"\xff":{' + GOOD.encode() + b"}}", 8),
        "overlong UTF-8": raw(b'{"\xc0\x80":{' + GOOD.encode() + b"}}", 8),
        "UTF-8 of a surrogate": raw(b'{"\xed\xa0\x80":{' + GOOD.encode() + b"}}", 8),
        "lone surrogate": raw('{"\\ud800":{' + GOOD + "}}", 8), "pair": raw('{"\\ud83d\\ude00":{' + GOOD + "}}", 8),
        "raw tab in a name": raw(b'{"a\tb":{' + GOOD.encode() + b"}}", 8), "DEL in a name": raw('{"a\x7fb":{' + GOOD + "}}", 8),
        "NUL in a name": raw('{"a\\u0000b":{' + GOOD + "}}", 8), "escape in a name": raw('{"\\u001b[2J":{' + GOOD + "}}", 8),
        "no name": raw('{"":{' + GOOD + "}}", 8), "long name": raw('{"' + "n" * 5000 + '":{' + GOOD + "}}", 8),
        "a name twice": raw('{"a":{' + GOOD + '},"a":{' + GOOD + "}}", 8),
        "a name twice, other range": raw("{" + u8("a", 1, 0, 1) + "," + u8("a", 1, 1, 2) + "}", 2),
        "metadata twice": raw('{"__metadata__":{},"__metadata__":{}}'),
        "metadata key twice": raw('{"__metadata__":{"a":"1","a":"2"}}'), "metadata null": raw('{"__metadata__":null}'),
        "metadata list": raw('{"__metadata__":["a"]}'), "metadata number": raw('{"__metadata__":{"a":1}}'),
        "metadata nested": raw('{"__metadata__":{"a":{}}}'), "metadata of null": raw('{"__metadata__":{"a":null}}'),
        "escaped metadata": raw('{"__meta\\u0064ata__":{"a":"b"}}'),
        "tensor null": raw('{"a":null}'), "tensor number": raw('{"a":1}'), "tensor list": raw('{"a":["F32",[2],[0,8]]}', 8),
        "tensor empty list": raw('{"a":[]}'), "tensor empty": raw('{"a":{}}'), "tensor text": raw('{"a":"b"}'),
        "no dtype": entry('"shape":[2],"data_offsets":[0,8]'), "no shape": entry('"dtype":"F32","data_offsets":[0,8]'),
        "no offsets": entry('"dtype":"F32","shape":[2]'), "dtype twice": entry('"dtype":"F32",' + GOOD),
        "shape twice": entry('"shape":[2],' + GOOD), "offsets twice": entry('"data_offsets":[0,8],' + GOOD),
        "unknown field": entry(GOOD + ',"stride":[1]'), "unknown field first": entry('"x":{"dtype":[{}]},' + GOOD),
        "unknown field twice": entry(GOOD + ',"x":1,"x":2'), "unknown NaN": entry(GOOD + ',"x":NaN'),
        "unknown 1e999": entry(GOOD + ',"x":1e999'), "unknown 1e-999": entry(GOOD + ',"x":1e-999'),
        "unknown deep": entry(GOOD + ',"x":' + "[" * 125 + "]" * 125), "unknown too deep": entry(GOOD + ',"x":' + "[" * 126 + "]" * 126),
        "unknown deep objects": entry(GOOD + ',"x":' + '{"a":' * 125 + "1" + "}" * 125),
        "unknown too deep objects": entry(GOOD + ',"x":' + '{"a":' * 126 + "1" + "}" * 126),
        "dtype unknown": entry(GOOD.replace("F32", "F33")), "dtype small": entry(GOOD.replace("F32", "f32")),
        "dtype number": entry(GOOD.replace('"F32"', "32")), "dtype object": entry(GOOD.replace('"F32"', '{"F32":null}')),
        "dtype escaped": entry(GOOD.replace("F32", "\\u004632")), "key escaped": entry(GOOD.replace("dtype", "\\u0064type")),
        "shape number": entry(GOOD.replace("[2]", "2")), "shape nested": entry(GOOD.replace("[2]", "[[2]]")),
        "shape negative": entry(GOOD.replace("[2]", "[-2]")), "shape float": entry(GOOD.replace("[2]", "[2.0]")),
        "shape exponent": entry(GOOD.replace("[2]", "[2e0]")), "shape leading zero": entry(GOOD.replace("[2]", "[02]")),
        "shape -0": entry('"dtype":"U8","shape":[-0],"data_offsets":[0,0]', 0), "shape plus": entry(GOOD.replace("[2]", "[+2]")),
        "shape above 64 bits": entry(GOOD.replace("[2]", "[36893488147419103232]")),
        "shape wraps": entry(GOOD.replace("[2]", "[4611686018427387906,1]")),
        "shape wraps in three": entry(GOOD.replace("[2]", "[4294967296,4294967296,2]")),
        "bits wrap": entry(GOOD.replace("[2]", "[576460752303423490]")),
        "shape too small": entry(GOOD.replace("[2]", "[1]")), "shape too large": entry(GOOD.replace("[2]", "[3]")),
        "no dimension": entry('"dtype":"F64","shape":[],"data_offsets":[0,8]'), "no dimension, two": entry(GOOD.replace("[2]", "[]")),
        "64 dimensions": entry(GOOD.replace("[2]", "[2" + ",1" * 63 + "]")), "65 dimensions": entry(GOOD.replace("[2]", "[2" + ",1" * 64 + "]")),
        "zero, then huge": entry('"dtype":"F32","shape":[0,4294967296,4294967296],"data_offsets":[0,0]', 0),
        "huge, then zero": entry('"dtype":"F32","shape":[4294967296,4294967296,0],"data_offsets":[0,0]', 0),
        "zero and 2^63": entry('"dtype":"F32","shape":[0,9223372036854775808],"data_offsets":[0,0]', 0),
        "one offset": entry(GOOD.replace("[0,8]", "[0]")), "three offsets": entry(GOOD.replace("[0,8]", "[0,8,8]")),
        "offsets object": entry(GOOD.replace("[0,8]", '{"0":0,"1":8}')), "offsets swapped": entry(GOOD.replace("[0,8]", "[8,0]")),
        "offset negative": entry(GOOD.replace("[0,8]", "[-8,0]")), "offset text": entry(GOOD.replace("[0,8]", '["0","8"]')),
        "offset wraps": entry(GOOD.replace("[0,8]", "[18446744073709551608,0]")), "data missing": entry(GOOD, 7), "data left": entry(GOOD, 9),
        "data without tensor": raw("{}", 1), "hole at the start": entry(GOOD.replace("[0,8]", "[1,9]"), 9),
        "hole between": raw("{" + u8("a", 1, 0, 1) + "," + u8("b", 1, 2, 3) + "}", 3),
        "overlap": raw("{" + u8("a", 2, 0, 2) + "," + u8("b", 2, 1, 3) + "}", 3),
        "same bytes": raw("{" + u8("a", 2, 0, 2) + "," + u8("b", 2, 0, 2) + "}", 2),
        "one inside another": raw("{" + u8("a", 4, 0, 4) + "," + u8("b", 1, 1, 2) + "}", 4),
        "empty inside": raw("{" + u8("a", 4, 0, 4) + "," + u8("b", 0, 2, 2) + "}", 4),
        "empty at the start": raw("{" + u8("a", 4, 0, 4) + "," + u8("b", 0, 0, 0) + "}", 4),
        "empty at the end": raw("{" + u8("b", 0, 4, 4) + "," + u8("a", 4, 0, 4) + "}", 4),
        "empty outside": raw("{" + u8("a", 4, 0, 4) + "," + u8("b", 0, 5, 5) + "}", 4),
        "other order": raw("{" + u8("b", 1, 1, 2) + "," + u8("a", 1, 0, 1) + "}", 2),
        "raw pickle": b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}q\0.", "zip": b"PK\x03\x04" + bytes(40), "web page": b"<!DOCTYPE html><html></html>",
        "LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"}
    kinds = "BOOL U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ I16 U16 F16 BF16 I32 U32 F32 F64 I64 U64 C64 C128 F4 " \
            "F6_E2M3 F6_E3M2 I4 U4 F128 STR"
    for kind in kinds.split():
        for bits in (4, 6, 8, 16, 32, 64, 128):
            files[f"{kind} of {bits} bits"] = entry(f'"dtype":"{kind}","shape":[8],"data_offsets":[0,{bits}]', bits)
        for items, size in ((1, 1), (2, 1), (3, 2), (4, 3), (3, 3), (4, 2)):
            files[f"{items} {kind} in {size}"] = entry(f'"dtype":"{kind}","shape":[{items}],"data_offsets":[0,{size}]', size)
    return {name.replace("/", "_"): content for name, content in files.items()}


WORDS = [b"[", b"]", b"{", b"}", b",", b":", b'"', b"-1", b"1e999", b"0", b"null", b"\xff", b"18446744073709551615", b" ", b"\0",
         b'"x":[{"y":1}],', b"\\u0000", b"\\ud800", b"\n", b"[0,0]", b"U8", b"F4", b"BF16", b"true"]
VALUES = [0, 1, 2, 3, 4, 8, 60, 120, 126, -1, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 0.5, 2.0, None, True, "2", [], {},
          [0], [0, 8]]
TYPES = ["F32", "I16", "U8", "F4", "F6_E2M3", "F64", "C64", "BOOL", "F33", "", "BF16", None, 5]


def some_header(chance):
    """A valid header with its size of data: the ranges fill it, in any order."""
    size, header, names = {"F32": 4, "I16": 2, "U8": 1, "F64": 8, "BF16": 2, "F8_E4M3": 1, "U64": 8}, [], []
    end = 0
    for number in range(chance.randrange(5)):
        kind = chance.choice(list(size))
        shape = [chance.choice([0, 1, 1, 2, 3]) for _ in range(chance.randrange(4))]
        count = size[kind]
        for dimension in shape:
            count *= dimension
        names.append(chance.choice(["a", "layer.weight", "neu\u00e9", "x" * 70]) + str(number))
        header.append((names[-1], {"dtype": kind, "shape": shape, "data_offsets": [end, end + count]}))
        end += count
    chance.shuffle(header)
    if chance.random() < 0.4:
        header.insert(0, ("__metadata__", {"format": "pt", "k": "v"}))
    return dict(header), end


def change(header, chance):
    """One value of the tree becomes another one, moves, goes, or comes twice."""
    tensors = [name for name in header if name != "__metadata__"]
    if not tensors or chance.random() < 0.1:
        header[chance.choice(["", "z", "__metadata__", "\x1b[2J"])] = chance.choice([*VALUES, {"a": "b"}, {"a": 1}])
        return
    name = chance.choice(tensors)
    fields = header[name]
    if not isinstance(fields, dict):
        return
    kind = chance.randrange(8)
    if kind == 0:
        fields["dtype"] = chance.choice(TYPES)
    elif kind == 1 and fields.get("shape"):
        shape = fields["shape"] if isinstance(fields["shape"], list) else [fields["shape"]]
        shape.insert(chance.randrange(len(shape) + 1), chance.choice(VALUES))
        fields["shape"] = shape
    elif kind == 2 and isinstance(fields.get("data_offsets"), list):
        fields["data_offsets"][chance.randrange(max(1, len(fields["data_offsets"]))):][:1] = []
        fields["data_offsets"] = [chance.choice([value, chance.choice(VALUES)]) for value in fields["data_offsets"]]
    elif kind == 3:
        fields[chance.choice(["x", "stride", "dtype ", "Shape"])] = chance.choice(VALUES)
    elif kind == 4:
        fields.pop(chance.choice(["dtype", "shape", "data_offsets"]), None)
    elif kind == 5:
        header[name + "'"] = fields
    elif kind == 6:
        header[name] = chance.choice([*VALUES, [fields.get("dtype"), fields.get("shape"), fields.get("data_offsets")]])
    else:
        fields["shape"] = list(reversed(fields["shape"])) if isinstance(fields.get("shape"), list) else []


def mutated(chance):
    header, size = some_header(chance)
    by_tree = chance.random() < 0.5
    for _ in range(chance.randint(0, 2) if by_tree else 0):
        change(header, chance)
    data = bytearray(raw(json.dumps(header, ensure_ascii=chance.random() < 0.5) + " " * chance.randrange(9),
                         max(0, size + chance.choice([0] * 12 + [-1, 1]))))
    for _ in range(0 if by_tree else chance.randint(1, 3)):
        at, length = chance.randrange(len(data)), chance.randint(1, 6)
        kind = chance.randrange(5)
        if kind == 0:
            data[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del data[at:at + length]
        elif kind == 2:
            data[at:at] = chance.choice(WORDS)
        elif kind == 3:
            data[at:at] = data[at:at + length]
        else:
            data[at:at + 1] = str(chance.choice([0, 1, 2, 9])).encode()
        data = data or bytearray(1)
    # Often the frame is made right again, so that the mutation is judged by the header and not by its length.
    end = data.rfind(b"}", 8) + 1
    if chance.random() < 0.7 and end > 8:
        while chance.random() < 0.5 and data[end:end + 1] == b" ":
            end += 1
        data[:8] = struct.pack("<Q", end - 8)
    return bytes(data)


def damaged(seed, count):
    chance = random.Random(f"safetensors:{seed}")
    return {f"{seed}-{number:05}": mutated(chance) for number in range(count)}


def main():
    helper, seed, count = sys.argv[1:4]
    with tempfile.TemporaryDirectory() as folder:
        files = by_hand() if seed == "-" else damaged(seed, int(count))
        print(json.dumps(judge(helper, files, folder)))


if __name__ == "__main__":
    main()
