"""Configuration files that nobody would write: mutations of ours, and bombs. A run is 50 mutated files; the first has the
bombs as well."""
import pathlib
import re
import shutil

import harness
from hostile import limited, mutate
from lab import RUN, check, generator

PROMISE = "YAML cannot hurt (50 files a run)"
COUNTS = (20, 2000)

FILES = 50
CONFIGS = harness.HERE.parent / "configs"
WORDS = [b"[", b"]", b"{", b"}", b": ", b"\n", b"\n  ", b"- ", b"&a ", b"*a", b"<<: ", b'"', b"'", b"|", b">", b"#", b"!!x ", b"? ",
         b"---\n", b"...\n", b"%YAML 9.9\n", b"\t", b"\0", b"\xff", b"\xc3\xa9", b"1e999", b"-", b"~", b"${env:", b"}", b"0x", b"[[[[[[[[",
         b"\\u0000", b"@", b"`", b",", b"1e309", b"9223372036854775808", b"\xef\xbb\xbf", b"\r", b"\xe2\x80\xa8", b"null", b".nan", b".inf"]
# Faults of a file as a whole have no line.
WHOLE = re.compile(r"is larger than the|the file (is empty|has )|holds nothing|wanted a map|this is no configuration|missing, wanted|found neither")


def run(lab, seed, place):
    chance = generator("Q12", seed)
    for name in ("corpus", "tokenizer", "documents.jsonl"):
        (place / name).symlink_to(lab.folder / name)
    (place / "model").mkdir()
    shutil.copy(CONFIGS / "model/README.md", place / "model")
    texts = [RUN.encode(), harness.CORPUS.encode(), *(path.read_bytes() for path in sorted(CONFIGS.glob("*/*.yaml")))]
    slowest = 0.0
    if seed == 0:
        for name, content, accepted in bombs():
            slowest = max(slowest, judge(place, content, name, accepted))
    for number in range(FILES):
        one, other = chance.choice(texts), chance.choice(texts)
        slowest = max(slowest, judge(place, mutate(chance, one, WORDS, other), f"file {number} of seed {seed}"))
    return {"CPU seconds of one file": slowest}


def judge(place, content, name, accepted=None):
    path = place / "file.yaml"
    path.write_bytes(content)
    answer = limited("check", "file.yaml", folder=place, seconds=2.0)
    check(answer.code in (0, 2), f"{name}: exit {answer.code}: {answer.last()}: {content[:300]!r}")
    if accepted is not None:
        check((answer.code == 0) == accepted, f"{name}: exit {answer.code}: {answer.last()}")
    if answer.code == 2:
        for line in answer.err.splitlines():
            # Each fault on a line of its own: broadsheet: file.yaml:3:7: key: what; remedy
            placed = re.search(r"file\.yaml:\d+(:\d+)?: ", line)
            check(placed or WHOLE.search(line) or "file.yaml" not in line, f"{name}: no line is named: {line[:300]}")
        check("file.yaml" in answer.err or "model" in answer.err or "corpus" in answer.err, f"{name}: {answer.last()}")
    return answer.seconds


def bombs():
    """(name, content, whether it is a good file; None: either)"""
    good = RUN.encode()

    def with_value(key, value):
        value = value if isinstance(value, bytes) else value.encode()
        return re.sub(rb"(?m)\b" + key.encode() + rb": [^,}\n]+", lambda _: key.encode() + b": " + value, good, count=1)

    levels = b"a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    for i in range(1, 12):
        levels += b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 10))
    maps = b"a0: &a0 {x: 1}\n" + b"".join(b"a%d: &a%d {p: *a%d, q: *a%d}\n" % (i, i, i - 1, i - 1) for i in range(1, 40))
    deep_block = b"".join(b" " * i + b"a:\n" for i in range(1000))
    return [
        ("good", good, True), ("one comma", b",", False), ("commas", b"," * 100_000, False), ("nothing", b"", False),
        ("deep lists", b"[" * 100_000, False), ("deep maps", b"{" * 100_000, False), ("deep pairs", b"{a: " * 20_000, False),
        ("deep in a value", with_value("name", "[" * 5000 + "]" * 5000), False), ("deep block", deep_block, False),
        ("dashes", b"- " * 50_000, False), ("questions", b"? " * 50_000, False), ("colons", b": " * 50_000, False),
        ("nine levels of aliases", levels, False), ("maps of aliases", maps, False),
        ("alias of itself", b"a: &a [*a]\n", False), ("many anchors", b"".join(b"k%d: &a%d 1\n" % (i, i) for i in range(30_000)), False),
        ("a key 30,000 times", b"a: 1\n" * 30_000, False), ("many keys", b"".join(b"k%d: 1\n" % i for i in range(50_000)), False),
        ("duplicate section", good + b"train: {}\n", False), ("1e309", with_value("learning_rate", "1e309"), False),
        ("-1e309", with_value("learning_rate", "-1e309"), False), ("not a number", with_value("learning_rate", ".nan"), False),
        ("a number of 100,000 digits", with_value("max_steps", "9" * 100_000), False), ("hex", with_value("seed", "0x10"), False),
        ("NUL", good.replace(b"reference", b"refer\0ence"), False), ("UTF-16", good.decode().encode("utf-16"), False),
        ("bad UTF-8", good.replace(b"reference", b"\xff\xfe"), False), ("a scalar of 10 MB", with_value("name", "x" * 10_000_000), False),
        ("a scalar of 900 KB", with_value("name", "x" * 900_000), False), ("a key of 900 KB", b"x" * 900_000 + b": 1\n", False),
        ("a quote of 900 KB", b'name: "' + b"\\n" * 450_000 + b'"\n', False), ("an open quote", b'name: "' + b"x" * 900_000, False),
        ("a block of 900 KB", b"name: |\n" + b"  x\n" * 225_000, False), ("900 KB of blanks", b" " * 900_000, False),
        ("900 KB of lines", b"\n" * 900_000, False), ("900 KB of comments", b"#\n" * 450_000, False), ("tabs", b"\t" * 100_000, False),
        ("900 KB of tags", b"!" * 900_000, False), ("many documents", b"---\n" * 100_000, False), ("directives", b"%A\n" * 100_000, False),
        ("an environment variable of 900 KB", with_value("name", "${env:" + "X" * 900_000 + "}"), False),
        ("many environment variables", with_value("name", '"' + "${env:PATH}" * 20_000 + '"'), False),
        ("escape sequences", with_value("name", '"\\u001b[2J"'), False), ("path out of the folder", with_value("name", "../../x"), False),
        ("itself as a value", b"kind: run\nschema: &a {b: *a}\n", False), ("merge bomb", b"a: &a {b: 1}\nc: {<<: [*a, *a, *a]}\n", False),
    ]
