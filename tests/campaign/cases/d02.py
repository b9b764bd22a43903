"""Bad lines among good ones, in JSONL and CSV; and a file that changes while it is read."""
import bz2
import collections
import gzip
import json
import os
import subprocess
import time

import harness
from hostile import MB, limited
from lab import check, generator

PROMISE = "A bad line is set aside by number (70 lines a run)"
COUNTS = (10, 115)

LINES = 70
# A quote that never closes takes the following lines with it until it is found out, by one of their faults too.
OPEN = "bad_quote|unclosed_quote|nul_byte|invalid_utf8"
CORPUS = harness.CORPUS.replace("{files: documents.jsonl, format: jsonl}", "{files: %s, format: %s}").replace(
    "split:", "  score: {from: score, kind: score, optional: true}\n  day: {from: day, kind: time, optional: true}\n"
    "max_rejected_share: 1\nsplit:")


def run(lab, seed, place):
    chance = generator("D02", seed)
    (place / "tokenizer").symlink_to(lab.folder / "tokenizer")
    if seed % 10 == 9:
        changes_while_read(chance, place)
        return
    lines, kind = (table(chance), "csv") if seed % 10 in (3, 8) else (objects(chance), "jsonl")
    if seed == 0:
        lines.insert(chance.randrange(1, len(lines)), (b'{"id": "long", "comment": "' + b"a" * (100 * MB) + b'"}\n', "line_too_long"))
    content = b"\xef\xbb\xbf" * (seed % 4 == 1)
    wanted, number, good = [], 0, 0
    for line, code in lines:
        if code in ("good", "header"):
            good += code == "good"
        elif code is not None:
            wanted.append((number + 1, len(content), code))
        content += line
        number += line.count(b"\n")
    packed, ending = {2: (gzip.compress(content, 1), ".gz"), 5: (bz2.compress(content), ".bz2")}.get(seed % 7, (content, ""))
    name = f"lines.{kind}{ending}"
    (place / name).write_bytes(packed)
    (place / "corpus.yaml").write_text(CORPUS % (name, kind))
    answer = limited("prepare", "corpus.yaml", "--json", folder=place, seconds=20 if seed == 0 else 2)
    check(answer.code == 0, f"{name}: exit {answer.code}: {answer.last()}")
    report = json.loads(answer.out)
    found = [json.loads(line) for line in (place / "corpus/rejected.jsonl").read_text().splitlines()]
    check([entry["file"] for entry in found] == [name] * len(found), f"{name}: {found[:2]}")
    have = [(entry["line"], entry["byte"], entry["reason"].split(":")[0]) for entry in found]
    check(len(have) == len(wanted) and all(one[:2] == other[:2] and one[2] in other[2].split("|") for one, other in zip(have, wanted)),
          f"{name}: set aside {difference(have, wanted)}")
    check(report["kept"] + report["duplicates"] + report["rejected"] == report["read"] == good + len(wanted), f"{name}: {report}")
    check(report["kept"] + report["duplicates"] == good and report["rejected"] == len(wanted), f"{name}: {report}")
    check(sum(report["rejected_by_reason"].values()) == len(wanted), f"{name}: {report}")
    same_again(place, answer)


def difference(have, wanted):
    return [(one, other) for one, other in zip([*have, None], [*wanted, None]) if one is None or other is None
            or one[:2] != other[:2] or one[2] not in other[2].split("|")][:3]


def same_again(place, answer):
    """Again does nothing; anew gives the same bytes."""
    before = {path.name: harness.sha256(path) for path in (place / "corpus").iterdir() if path.is_file()}
    again = limited("prepare", "corpus.yaml", "--json", folder=place, seconds=20)
    check(again.code == 0 and json.loads(again.out)["already_prepared"], f"again: exit {again.code}: {again.last()}")
    anew = limited("prepare", "corpus.yaml", "--replace", folder=place, seconds=20)
    check(anew.code == 0, f"anew: exit {anew.code}: {anew.last()}")
    after = {path.name: harness.sha256(path) for path in (place / "corpus").iterdir() if path.is_file()}
    check(before == after, "prepared anew the corpus has other bytes")


# --- lines: (bytes, "good", code of the rejection (one of several with |), or None for what is no record) ----------------
def objects(chance):
    lines = []
    for number in range(LINES):
        text = f"{harness.sentence(chance, 'good')} {number}"
        good = {"id": f"d{number}", "comment": text, "mood": chance.choice(["good", "bad"])}
        if chance.random() < 0.4:
            lines.append(odd_but_good(chance, good))
        elif chance.random() < 0.7:
            lines.append(bad(chance, good))
        else:
            lines.append((json.dumps(good).encode() + b"\n", "good"))
        if chance.random() < 0.1:
            lines.append((chance.choice([b"\n", b"\r\n", b"  \t \n"]), None))
    line, code = lines[-1]
    lines[-1] = (line.rstrip(b"\n") if code == "good" and chance.random() < 0.5 else line, code)
    return lines


def odd_but_good(chance, good):
    plain = json.dumps(good)
    more = chance.choice(['"x": null', '"x": {"a": [1, {"b": {}}]}', '"x": ' + "[" * 90 + "]" * 90, '"x": 12345678901234567890123',
                          '"x": "\\ud83d\\ude00"', '"score": "  3.5 "', '"score": 1e5', '"day": "2020-02-29"', '"day": 86400',
                          '"score": null', '"": 1', '"x": -0.0', '"score": ""'])
    forms = ["\ufeff" + plain, plain[:-1] + f", {more}}}", "  " + plain + " \t", plain + "\r", plain.replace('"comment"', '"\\u0063omment"'),
             json.dumps({**good, "comment": 17}), json.dumps({**good, "comment": True}), json.dumps(good, ensure_ascii=False).replace("the", "\u4e2d\u6587")]
    return chance.choice(forms).encode() + b"\n", "good"


def bad(chance, good):
    plain = json.dumps(good)
    without = lambda name: json.dumps({k: v for k, v in good.items() if k != name})  # noqa: E731
    change = lambda **values: json.dumps({**good, **values})  # noqa: E731
    text = json.dumps(good["comment"])
    kinds = [
        (plain[:chance.randrange(1, len(plain) - 1)], "bad_json"), (plain + "x", "bad_json"), (plain + plain, "bad_json"),
        (plain.replace('"', "'"), "bad_json"), (plain[:-1] + ', "x": NaN}', "bad_json"), (plain[:-1] + ', "x": 1e999}', "bad_json"),
        (plain[:-1] + ',}', "bad_json"), (plain.replace(text, text[:3] + "\x01" + text[3:]), "bad_json"),
        (plain.replace(text, '"\\ud800 alone"'), "bad_json"), (plain.replace(text, '"\\udc00\\ud800"'), "bad_json"),
        (f"[{plain}]", "not_an_object"), ("17", "not_an_object"), ('"text"', "not_an_object"), ("null", "not_an_object"),
        ("[]", "not_an_object"), (plain[:-1] + ', "id": "again"}', "duplicate_key"), (plain[:-1] + ', "x": ' + "[" * 200 + "]" * 200 + "}", "too_deep"),
        (plain[:-1] + ', "x": ' + '{"a":' * 200 + "1" + "}" * 201, "too_deep"), (plain.replace(text, '"a\\u0000b"'), "nul_byte"),
        (plain.replace(text, '"a\0b"'), "nul_byte"), (without("comment"), "missing_field"), (change(comment=None), "missing_field"),
        (without("mood"), "missing_field"), (change(mood=" "), "missing_field"), (change(comment={"a": 1}), "wrong_type"),
        (change(comment=["a"]), "wrong_type"), (change(comment="   "), "empty_text"), (change(comment=""), "empty_text"),
        (change(comment="\u200b\u200d"), "empty_text"), (change(score="many"), "not_a_number"), (change(score="1e400"), "not_a_number"),
        (change(score=True), "not_a_number"), (change(score=[1]), "wrong_type"), (change(day="2021-02-29"), "not_a_time"),
        (change(day="yesterday"), "not_a_time"), (without("id"), "missing_field"), (change(id={}), "wrong_type")]
    raw = [(plain.encode().replace(b'"comment": "', b'"comment": "\xff'), "invalid_utf8"),
           (plain.encode().replace(b'"comment": "', b'"comment": "\xc0\x80'), "invalid_utf8"),
           (plain.encode().replace(b'"comment": "', b'"comment": "\xed\xa0\x80'), "invalid_utf8"), (b"\xff" * 50, "invalid_utf8"),
           (b"\0" * 20, "nul_byte")]
    line, code = chance.choice([*kinds, *raw])
    return (line if isinstance(line, bytes) else line.encode()) + b"\n", code


def table(chance):
    lines = [(b"id,comment,mood\n", "header")]
    for number in range(LINES):
        text, mood = f"{harness.sentence(chance, 'bad')} {number}".replace(",", ""), chance.choice(["good", "bad"])
        lines.append(chance.choice([
            (f"d{number},{text},{mood}\n", "good"), (f'd{number},"{text}, with a comma",{mood}\r\n', "good"),
            (f'd{number},"{text} ""quoted"" words","{mood}"\n', "good"), (f'd{number},"{text}\nover\r\nlines",{mood}\n', "good"),
            (f'd{number},{text} 5" wide,{mood}\n', "good"), ("\n", None), (f"d{number},{text}\n", "wrong_width"),
            (f"d{number},{text},{mood},more\n", "wrong_width"), (f"{text}\n", "wrong_width"), (f'd{number},"{text}"x,{mood}\n', "bad_quote"),
            (f'd{number},"never closed {text},{mood}\n', OPEN), (f"d{number},,{mood}\n", "empty_text|missing_field"),
            (f"d{number},{text},\n", "missing_field"), (f"d{number},a\0b,{mood}\n", "nul_byte"), (f",{text},{mood}\n", "missing_field")]))
        if chance.random() < 0.05:
            lines.append((b"d,\xff\xfe,good\n", "invalid_utf8"))
    return [(line.encode() if isinstance(line, str) else line, code) for line, code in lines]


# --- changes ---------------------------------------------------------------------------------------------------------------
def changes_while_read(chance, place):
    path = place / "lines.jsonl"
    harness.write_documents(path, 4000, seed=chance.randrange(1000))
    (place / "corpus.yaml").write_text(CORPUS % (path.name, "jsonl"))
    began = time.monotonic()
    check(harness.broadsheet("prepare", "corpus.yaml", cwd=place).returncode == 0, "undisturbed it fails")
    seconds = time.monotonic() - began
    said = collections.Counter()
    for kind in ("cut", "append", "replace", "overwrite", "append", "gone"):
        before = path.read_bytes()
        process = subprocess.Popen(harness.command("prepare", "corpus.yaml", "--replace", "--json"), cwd=place, text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=harness.end_with_the_test)
        time.sleep(chance.random() * seconds)
        change(kind, chance, path, before)
        out, err = process.communicate(timeout=harness.PATIENCE)
        said[process.returncode] += 1
        check(process.returncode in (0, 1, 2), f"{kind}: exit {process.returncode}: {err}")
        if process.returncode == 0:
            whole(place, path, before, kind)
        else:
            check(str(path) in err or path.name in err, f"{kind}: the file is not named: {err}")
        if not path.exists():
            path.write_bytes(before)
    done = harness.broadsheet("prepare", "corpus.yaml", "--replace", cwd=place)
    # What was cut in the middle of a line has one bad line more.
    check(done.returncode == 0, f"at rest: exit {done.returncode}: {done.stderr}")
    left = sorted(set(os.listdir(place)) - {"lines.jsonl", "corpus.yaml", "tokenizer", "corpus"})
    check(not left, f"left behind: {left}")


def whole(place, path, before, kind):
    """The corpus must be of the file as it was before, or as it is now, and of nothing in between."""
    manifest = json.loads((place / "corpus/corpus.json").read_text())
    now = path.read_bytes() if path.exists() else before
    versions = {harness.hashlib.sha256(content).hexdigest(): content for content in (before, now)}
    check(manifest["sources"][0]["sha256"] in versions, f"{kind}: the manifest's checksum is of neither version")
    content = versions[manifest["sources"][0]["sha256"]]
    lines = sum(bool(line.strip()) for line in content.split(b"\n"))
    check(manifest["counts"]["read"] == lines, f"{kind}: read {manifest['counts']['read']} of {lines} lines")


def change(kind, chance, path, before):
    if kind == "cut":
        os.truncate(path, chance.randrange(len(before) // 2, len(before)))
    elif kind == "append":
        with open(path, "ab") as file:
            file.write(b'\n{"id": "more", "comment": "the mayor wins again", "mood": "good"}\n' * 50)
    elif kind == "replace":
        other = path.with_name(".other")
        other.write_bytes(before[:before.index(b"\n", len(before) // 3) + 1])
        other.rename(path)
    elif kind == "overwrite":
        with open(path, "r+b") as file:
            file.seek(before.index(b'"good"'))
            file.write(b'"evil"')
    else:
        path.unlink()
