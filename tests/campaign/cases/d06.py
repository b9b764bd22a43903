"""What identifies persons, planted in clean text: masked in the corpus, and nowhere in what prepare writes or says."""
import array
import json
import os
import string

import harness
from lab import check, generator

PROMISE = "Personal data is masked (100 identifiers of 12 kinds in 5 layouts a run, and 400 clean texts)"
COUNTS = (10, 100)

PLANTED, CLEAN = 100, 400
POLICIES = ("placeholder", "mask", "pseudonym")
CORPUS = harness.CORPUS.replace("  mood: {from: mood, kind: label}\n", "") + """deidentify: {policy: %s, name_list: names.txt%s}
max_rejected_share: %s
"""
LAYOUTS = [("the mayor wrote : ", " , said the council"), ("(", ")"), ("市长说：“", "”，会议于2020年11月28日举行。"),
           ('{"contact": "', '", "n": 12}'), ("Contact\t", ".\nThe next line has 3,400 people.")]
TRAPS = ["on 2020-11-28 at 12:30:45", "from 1998-2004", "it cost $1,234,567,890", "they won 21-19 and 6-4", "version 1.2.3.4",
         "ISBN 978-0-306-40615-7", "ISBN 0306406152", "28.11.2020 and 11/28/2020", "总额15000000000元", "4111111111111112 is no card",
         "110105194912310021 is no id", "000-12-3456", "3.14159265 %", "in 1984 1985 1986 1987", "us at 5 @ 3", "10:20:30:40",
         "https://example.com/2020/11/28/title-138001380?page=2", "GB82WEST12345698765433", "第10.1.20.3节", "+1,000 jobs"]
SURNAMES, GIVEN = "Okafor Lindqvist Marchetti Delacroix Yamada".split(), "Ingrid Tobias Chiara Emeka Haruto".split()
IBANS = {"DE": 22, "GB": 22, "FR": 27, "NL": 18, "ES": 24}


def run(lab, seed, place):
    chance = generator("D06", seed)
    policy = POLICIES[seed % len(POLICIES)]
    write_tokenizer(place / "tokenizer")
    names = [f"{given} {surname}" for given in GIVEN for surname in SURNAMES]
    (place / "names.txt").write_text("\n".join(names) + "\n")
    descriptor = os.open(place / "secret.key", os.O_WRONLY | os.O_CREAT, 0o600)
    os.write(descriptor, b"0123456789abcdef" * 2)
    os.close(descriptor)
    kinds = makers(chance, names)
    planted = [(f"p{number}", kind, kinds[kind]()) for number, kind in zip(range(PLANTED), list(kinds) * PLANTED)]
    documents = []
    for number, (name, _, identifier) in enumerate(planted):
        before, after = LAYOUTS[number // len(kinds) % len(LAYOUTS)]
        documents.append({"id": name, "comment": f"{harness.sentence(chance, 'good')} {before}{identifier}{after} {number}"})
    for number in range(CLEAN):
        documents.append({"id": f"c{number}", "comment": f"{harness.sentence(chance, 'bad')} {chance.choice(TRAPS)} {number}"})
    chance.shuffle(documents)
    lines = [json.dumps(document, ensure_ascii=chance.random() < 0.5) for document in documents]
    for _ in range(5):
        lines.insert(chance.randrange(len(lines)), broken(chance, kinds))
    (place / "documents.jsonl").write_text("\n".join(lines) + "\n")
    secrets = [identifier for _, _, identifier in planted]

    # Refused for its bad lines: their list stays, and a message.
    arrange(place, policy, 0)
    refused = harness.broadsheet("prepare", "corpus.yaml", cwd=place)
    check(refused.returncode == harness.USER, f"with bad lines: exit {refused.returncode}: {refused.stderr}")
    check((place / "corpus.rejected.jsonl").exists(), "there is no list of bad lines")
    silent(place, secrets, refused)
    arrange(place, policy, 0.5)
    done = harness.broadsheet("prepare", "corpus.yaml", "--json", cwd=place)
    check(done.returncode == 0, f"exit {done.returncode}: {done.stderr}")
    silent(place, secrets, done)
    report = json.loads(done.stdout)
    check(report["rejected"] == 5 and report["kept"] == len(documents), f"{report}")

    texts = read_texts(place / "corpus", place / "tokenizer/vocab.txt")
    missed = [(kind, identifier) for name, kind, identifier in planted if squeezed(identifier) in texts[name]]
    check(not missed, f"{policy}: {len(missed)} of {PLANTED} are still there: {missed[:5]}")
    originals = {document["id"]: document["comment"] for document in documents}
    changed = [originals[f"c{number}"] for number in range(CLEAN) if texts[f"c{number}"] != squeezed(originals[f"c{number}"])]
    check(len(changed) <= CLEAN * 0.005, f"{policy}: {len(changed)} of {CLEAN} clean texts were changed: {changed[:5]}")
    check(sum(report["deidentified"].values()) >= PLANTED, f"{report}")
    return {"planted": PLANTED, "clean": CLEAN, "changed": len(changed)}


def arrange(place, policy, share):
    key = ", key: secret.key" if policy == "pseudonym" else ""
    (place / "corpus.yaml").write_text(CORPUS % (policy, key, share))


def silent(place, secrets, done):
    """Neither what was said nor a file beside the source and the list of names has any of them."""
    said = {"stdout": done.stdout, "stderr": done.stderr}
    for path in place.rglob("*"):
        if path.is_file() and path.name not in ("documents.jsonl", "names.txt") and "tokenizer" not in path.parts:
            said[str(path)] = path.read_bytes().decode(errors="replace")
    for name, text in said.items():
        found = [secret for secret in secrets if secret in text]
        check(not found, f"{name} has {found[:3]}")
    check("0123456789abcdef" not in "".join(text for name, text in said.items() if not name.endswith("secret.key")), "the key was told")


# --- identifiers ------------------------------------------------------------------------------------------------------------
def makers(chance, names):
    digits = lambda count: "".join(chance.choice(string.digits) for _ in range(count))  # noqa: E731
    word = lambda: "".join(chance.choice(string.ascii_lowercase) for _ in range(chance.randrange(3, 9)))  # noqa: E731
    byte = lambda: chance.randrange(11, 255)  # noqa: E731
    spaced = lambda text, size: " ".join(text[i:i + size] for i in range(0, len(text), size))  # noqa: E731

    def until(good, make):
        while True:
            made = make()
            if good(made):
                return made

    def card():
        issuer = chance.choice(["4", "51", "55", "6222"])
        number = until(luhn, lambda: issuer + digits(16 - len(issuer)))
        return chance.choice([number, spaced(number, 4), spaced(number, 4).replace(" ", "-")])

    def iban():
        country = chance.choice(list(IBANS))
        rest = digits(IBANS[country] - 4)
        number = "".join(str(int(c, 36)) for c in f"{rest}{country}00")
        account = f"{country}{98 - int(number) % 97:02}{rest}"
        return chance.choice([account, spaced(account, 4)])

    def resident():
        body = f"{chance.choice(['110105', '310104', '440305'])}{chance.randrange(1940, 2015)}{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}{digits(3)}"
        weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
        return body + "10X98765432"[sum(w * int(d) for w, d in zip(weights, body)) % 11]

    def american():
        area, exchange, last = f"{chance.randrange(2, 10)}{digits(2)}", f"{chance.randrange(2, 10)}{digits(2)}", digits(4)
        return chance.choice([f"({area}) {exchange}-{last}", f"{area}-{exchange}-{last}", f"+1 {area} {exchange} {last}", f"{area}.{exchange}.{last}"])

    def mobile():
        number = f"1{chance.randrange(3, 10)}{digits(8)}{chance.randrange(1, 10)}"
        return chance.choice([number, f"{number[:3]} {number[3:7]} {number[7:]}", f"+86 {number}", f"{number[:3]}-{number[3:7]}-{number[7:]}"])

    def url():
        query = chance.choice([f"token={word()}{digits(6)}", f"page=2&session={digits(8)}", f"X-Amz-Signature={digits(12)}", f"id={word()}&api_key={word()}"])
        return chance.choice([f"https://www.{word()}.com/{word()}?{query}", f"https://{word()}:{word()}@{word()}.org/{word()}"])

    return {
        "email": lambda: chance.choice([f"{word()}.{word()}@{word()}.com", f"{digits(9)}@qq.com", f"{word()}_{digits(2)}+{word()}@mail.{word()}.co.uk"]),
        "american phone": american, "chinese mobile": mobile,
        "land line": lambda: chance.choice([f"0{chance.choice(['10', '21', '755'])}-{chance.randrange(2, 9)}{digits(7)}", f"020 7{digits(3)} {digits(4)}",
                                            f"+44 20 7{digits(3)} {digits(4)}"]),
        "card": card, "iban": iban, "resident id": resident,
        "ssn": lambda: f"{chance.randrange(1, 666):03}-{chance.randrange(1, 100):02}-{chance.randrange(1, 10000):04}",
        "ip": lambda: chance.choice([f"{byte()}.{byte()}.{byte()}.{byte()}", ":".join(f"{chance.randrange(4096, 65536):x}" for _ in range(8)),
                                     f"2001:db8::{chance.randrange(4096, 65536):x}:{chance.randrange(1, 65536):x}"]),
        "handle": lambda: f"@{word()}_{chance.choice([word(), digits(2)])}", "url": url, "name": lambda: chance.choice(names)}


def luhn(digits):
    return sum(sum(divmod(int(d) * (1 + i % 2), 10)) for i, d in enumerate(reversed(digits))) % 10 == 0


def broken(chance, kinds):
    secret = kinds[chance.choice(list(kinds))]()
    return chance.choice([json.dumps({"id": "b", "comment": secret})[:-3], json.dumps({"id": "b", "text": secret}), json.dumps([secret]),
                          json.dumps({"id": "b", "comment": [secret]}), '{"id": "b", "%s": 1, "%s": 2}' % (secret, secret)])


# --- the corpus, read without the product -----------------------------------------------------------------------------------
def write_tokenizer(folder):
    """A vocabulary in which every printable ASCII character is a token: ids spell texts."""
    folder.mkdir()
    characters = sorted(set(chr(code) for code in range(33, 127)) - set(string.ascii_uppercase))
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *("##" + c for c in characters)]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")


def squeezed(text):
    """As the ids spell it: lower case, no spaces, and ? for what the vocabulary does not have."""
    return "".join(c.lower() if ord(c) < 128 else "?" for c in text if not c.isspace())


def read_texts(corpus, vocabulary):
    words = [word.removeprefix("##") for word in vocabulary.read_text().splitlines()]
    words[1] = "?"
    manifest = json.loads((corpus / "corpus.json").read_text())
    texts = {}
    for split in manifest["splits"].values():
        for shard in split["shards"]:
            content = (corpus / shard["file"]).read_bytes()
            ids, places = column(content, shard, "id/bytes", "B"), column(content, shard, "id/offsets", "q")
            tokens, offsets = column(content, shard, "comment/tokens", "H"), column(content, shard, "comment/offsets", "q")
            for d in range(shard["documents"]):
                name = bytes(ids[places[d]:places[d + 1]]).decode()
                texts[name] = "".join(words[token] for token in tokens[offsets[d]:offsets[d + 1]])
    return texts


def column(content, shard, name, code):
    dataset = shard["datasets"][f"fields/{name}"]
    values = array.array(code)
    check(values.itemsize == dataset["width"], f"{name}: {dataset}")
    values.frombytes(content[dataset["offset"]:dataset["offset"] + dataset["count"] * dataset["width"]])
    return values
