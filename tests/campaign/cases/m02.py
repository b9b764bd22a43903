"""tokenizer.json and config.json by people who mean ill, and mutations of good ones. A run is five files made by hand while
there are some, then five mutations; each must be refused with its key, or be read, within a second and 256 MB."""
import functools
import importlib.util
import json
import shutil

import harness
from hostile import MB, fine_tuning, limited, mutate, refused, tiny_model
from lab import check, generator

PROMISE = "Hostile tokenizer.json and config.json are errors that name the key (5 files a run)"
COUNTS = (26, 200)

FILES = 5
WORDS = [b"[", b"]", b"{", b"}", b",", b":", b'"', b"-1", b"1e999", b"0", b"null", b"true", b"\xff", b"18446744073709551615", b"1000000000",
         b"\\u0000", b"\\ud800", b"\0", b'"a":{', b"[[[[[[", b"99999999999999999999999", b'""', b"##"]


def run(lab, seed, place):
    chance = generator("M02", seed)
    shutil.copytree(tiny_model(lab), place / "model")
    (place / "tokenizer").mkdir()
    text = ["a" * 100_000, "the mayor " * 10_000, "\u0301" * 50_000, " " * 100_000 + "a", "[MASK]" * 20_000, "\u4e2d" * 30_000]
    (place / "documents.jsonl").write_text("".join(json.dumps({"id": str(i), "comment": one + f" {i}", "mood": "good"}) + "\n"
                                                   for i, one in enumerate(text)))
    (place / "corpus.yaml").write_text(harness.CORPUS)
    fine_tuning(lab, place)
    good = (place / "model/config.json").read_bytes()
    chosen = by_hand()[FILES * seed:FILES * seed + FILES]
    for which, name, content, key in chosen:
        # The file is kept small enough to be told: what is slow is then the reader.
        judge(lab, place, which, name, content() if callable(content) else content, key)
    for number in range(0 if chosen else FILES):
        which, base = chance.choice([("tokenizer.json", tokenizer_json().encode()), ("config.json", good)])
        judge(lab, place, which, f"mutation {number} of seed {seed}", mutate(chance, base, WORDS), None)


def judge(lab, place, which, name, content, key):
    """key: None: read or refused; "": read; else refused with these words."""
    content = content if isinstance(content, bytes) else content.encode()
    if which == "config.json":
        (place / "model/config.json").write_bytes(content)
        answer = limited("check", "run.yaml", folder=place)
    else:
        (place / "tokenizer" / which).write_bytes(content)
        for other in ("tokenizer.json", "vocab.txt", "tokenizer_config.json"):
            if other != which and not (which == "tokenizer_config.json" and other == "vocab.txt"):
                (place / "tokenizer" / other).unlink(missing_ok=True)
        if which == "tokenizer_config.json":
            (place / "tokenizer/vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n")
        shutil.rmtree(place / "corpus", ignore_errors=True)
        answer = limited("prepare", "corpus.yaml", folder=place, seconds=1.0 if len(content) < 5 * MB else 6.0,
                         memory=256 * MB if len(content) < 5 * MB else 700 * MB)
    check(answer.code in (0, 2), f"{which}, {name}: exit {answer.code}: {answer.last()}")
    if key == "":
        check(answer.code == 0, f"{which}, {name}: refused: {answer.last()}")
    elif key is not None:
        refused(answer, key)
    if answer.code == 2:
        check(which in answer.err or "config.json" in answer.err or "tokenizer" in answer.err or "model" in answer.err,
              f"{which}, {name}: the file is not named: {answer.last()}")
        check(len(answer.err) < 20_000, f"{which}, {name}: the message has {len(answer.err)} bytes")


@functools.lru_cache
def fuzz():
    spec = importlib.util.spec_from_file_location("fuzz", harness.HERE.parent / "fuzz/fuzz.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tokenizer_json(**changes):
    return fuzz().tokenizer_json(**changes)


def by_hand():
    """(file, name, content, what the refusal must say)"""
    files = []

    def tokenizer(name, key, change):
        value = json.loads(tokenizer_json())
        other = change(value)
        files.append(("tokenizer.json", name, json.dumps(value if other is None else other), key))

    def model(name, key, **changes):
        tokenizer(name, key, lambda value: value["model"].update(changes))

    def vocabulary(name, key, change):
        tokenizer(name, key, lambda value: change(value["model"]["vocab"]))

    def added(name, key, *tokens):
        tokenizer(name, key, lambda value: value["added_tokens"].extend(
            {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True, **token} for token in tokens))

    tokenizer("good", "", lambda value: None)
    vocabulary("id of 10^9", "model.vocab.the", lambda v: v.update(the=10**9))
    vocabulary("id of 2^64", "model.vocab.the", lambda v: v.update(the=2**64))
    vocabulary("id of 2^63", "model.vocab.the", lambda v: v.update(the=2**63))
    vocabulary("id below zero", "model.vocab.the", lambda v: v.update(the=-1))
    vocabulary("id with a fraction", "model.vocab.the", lambda v: v.update(the=5.0))
    vocabulary("id as a text", "model.vocab.the", lambda v: v.update(the="5"))
    vocabulary("id is null", "model.vocab.the", lambda v: v.update(the=None))
    vocabulary("id is a list", "model.vocab.the", lambda v: v.update(the=[5]))
    vocabulary("id twice", "model.vocab", lambda v: v.update(more=5))
    vocabulary("no unknown token", "model.unk_token", lambda v: v.pop("[UNK]") and None)
    vocabulary("an empty token", "model.vocab", lambda v: v.update({"": 10}))
    vocabulary("a NUL token", "", lambda v: v.update({"\0": 10}))
    vocabulary("a token of 1 MB", "", lambda v: v.update({"x" * MB: 10}))
    vocabulary("tokens of every length", "", lambda v: v.update({"a" * n: n for n in range(10, 1500)}))
    vocabulary("letters that are never whole", "", lambda v: v.update({"##" + "a" * n + "b": n for n in range(10, 1500)}))
    vocabulary("a gap of 2,000", "model.vocab.the", lambda v: v.update(the=2030))
    vocabulary("no vocabulary at all", "vocab", lambda v: v.clear())
    for name, value in (("a list", []), ("a text", "x"), ("null", None), ("a number", 5), ("a list of pairs", [["a", 0.5]])):
        model(f"vocabulary is {name}", "model.vocab", vocab=value)
    for name, value in (("10^9", 10**9), ("0", 0), ("-1", -1), ("2^64", 2**64), ("a text", "100"), ("1e3", 1e3), ("null", None), ("a list", [])):
        model(f"max_input_chars_per_word is {name}", "max_input_chars_per_word", max_input_chars_per_word=value)
    model("max_input_chars_per_word is 10,000", "", max_input_chars_per_word=10_000)
    model("prefix is a number", "continuing_subword_prefix", continuing_subword_prefix=7)
    model("prefix is empty", "", continuing_subword_prefix="")
    model("prefix of 1 MB", "", continuing_subword_prefix="#" * MB)
    model("unk_token is null", "unk_token", unk_token=None)
    model("unk_token is a number", "unk_token", unk_token=1)
    model("BPE with cyclic merges and a key of WordPiece", "model.max_input_chars_per_word", type="BPE", merges=["a b", "b a", "ab ab", "a a"])
    model("Unigram without bytes", "model.type", type="Unigram", byte_fallback=True)
    model("type is a list", "model.type", type=["WordPiece"])
    model("an unknown key", "model.merges", merges=[])
    tokenizer("no model", "model", lambda value: value.pop("model") and None)
    tokenizer("model is a list", "model", lambda value: value.update(model=[]))
    tokenizer("no normalizer", "normalizer", lambda value: value.pop("normalizer") and None)
    tokenizer("normalizer with nested quantifiers", "normalizer.type",
              lambda value: value.update(normalizer={"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": ""}))
    tokenizer("two hundred nested normalizers", "nested", lambda value: value.update(normalizer=nested(200)))
    tokenizer("pre-tokenizer with a regular expression", "pre_tokenizer.type",
              lambda value: value.update(pre_tokenizer={"type": "Split", "pattern": {"Regex": "(x+x+)+y"}, "behavior": "Isolated"}))
    tokenizer("pre-tokenizer is missing", "pre_tokenizer", lambda value: value.pop("pre_tokenizer") and None)
    tokenizer("decoder is a text", "decoder", lambda value: value.update(decoder="WordPiece"))
    tokenizer("lowercase is a text", "normalizer.lowercase", lambda value: value["normalizer"].update(lowercase="yes"))
    tokenizer("version 99", "version", lambda value: value.update(version="99"))
    tokenizer("version is a number", "version", lambda value: value.update(version=1.0))
    tokenizer("post-processor calls code", "post_processor", lambda value: value.update(post_processor={"type": "Python", "code": "x"}))
    tokenizer("post-processor of another frame", "post_processor.single",
              lambda value: value.update(post_processor={"type": "TemplateProcessing", "single": [{"SpecialToken": {}}] * 1000}))
    tokenizer("single is a text", "post_processor.single", lambda value: value.update(post_processor={"type": "TemplateProcessing", "single": "xyz"}))
    tokenizer("an unknown section", "extra", lambda value: value.update(extra={"auto_map": "evil.py"}))
    added("added id of 10^9", "added_tokens[5].id", {"id": 10**9, "content": "x"})
    added("added id below zero", "added_tokens[5].id", {"id": -1, "content": "x"})
    added("added id of another token", "added_tokens[5].id", {"id": 6, "content": "x"})
    added("added token is empty", "added_tokens[5]", {"id": 10, "content": ""})
    added("added token twice", "added_tokens[6]", {"id": 10, "content": "x"}, {"id": 11, "content": "x"})
    added("added token is a number", "added_tokens[5].content", {"id": 10, "content": 5})
    added("added token of blanks that strips", "", {"id": 10, "content": " ", "lstrip": True, "rstrip": True})
    added("added tokens of every length", "", *({"id": 8 + n, "content": "a" * n + "x"} for n in range(2, 1000)))
    added("normalized away", "added_tokens", {"id": 10, "content": "\u0301", "normalized": True})
    tokenizer("added_tokens is an object", "added_tokens", lambda value: value.update(added_tokens={}))
    tokenizer("added_tokens of null", "added_tokens[0]", lambda value: value.update(added_tokens=[None]))
    good = tokenizer_json()
    for name, content, key in (("nothing", "", "tokenizer.json"), ("a list", "[]", "JSON"), ("null", "null", "JSON"), ("cut", good[:-5], "JSON"),
                               ("text after it", good + "x", "JSON"), ("a key twice", '{"a":1,"a":2}', "twice"), ("NUL", good.replace("the", "t\0e"), "JSON"),
                               ("bad UTF-8", good.encode().replace(b"the", b"\xff"), "JSON"), ("a lone surrogate", good.replace('"the"', '"\\ud800"'), "JSON"),
                               ("100,000 brackets", "[" * 100_000, "nested"), ("100,000 objects", '{"a":' * 100_000, "nested"),
                               ("a number of 100,000 digits", '{"version": ' + "9" * 100_000 + "}", "tokenizer.json")):
        files.append(("tokenizer.json", name, content, key))
    files.append(("tokenizer.json", "300,000 tokens", lambda: big_vocabulary(300_000), ""))
    files.append(("tokenizer.json", "ids apart", lambda: big_vocabulary(1000, 5), "model.vocab"))
    vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nthe\n"
    for name, content, key in (("nothing", "", "vocab.txt"), ("no unknown token", "a\nb\n", "[UNK]"), ("bad UTF-8", vocab.encode() + b"\xff\n", "UTF-8"),
                               ("1,000,000 empty lines", vocab + "\n" * 1_000_000, None), ("a line of 4 MB", vocab + "x" * 4_000_000, ""),
                               ("one line again and again", vocab + "the\n" * 200_000, ""), ("NUL", vocab + "a\0b\n", ""),
                               ("carriage returns", vocab.replace("\n", "\r"), "")):
        files.append(("vocab.txt", name, content, key))
    for name, value, key in (("a class with code", {"tokenizer_class": "Evil", "auto_map": {"AutoTokenizer": ["evil.py", None]}}, "tokenizer_class"),
                             ("do_lower_case is a text", {"do_lower_case": "no"}, "do_lower_case"), ("mask_token is a number", {"mask_token": 5}, "mask_token"),
                             ("pad_token is empty", {"pad_token": ""}, "pad_token"), ("unk_token of 1 MB", {"unk_token": "u" * MB}, "vocab.txt"),
                             ("content is a list", {"sep_token": {"content": []}}, "sep_token"), ("class is a number", {"tokenizer_class": 5}, ""),
                             ("chat template", {"chat_template": "{{ ''.__class__.__mro__ }}"}, "")):
        files.append(("tokenizer_config.json", name, json.dumps(value), key))
    return files + configs()


def configs():
    base = {"model_type": "bert", "vocab_size": 76, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
            "max_position_embeddings": 64, "type_vocab_size": 2}
    files = []
    for key in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "max_position_embeddings",
                "type_vocab_size"):
        for value in (0, -1, 2**31, 2**63, 2**64, 1e3, "32", [], True):
            if len(files) < 36 or value in (0, 2**64):
                files.append(("config.json", f"{key} is {value!r}", json.dumps({**base, key: value}), f"{key}: found"))
    more = [("num_attention_heads", 3), ("pad_token_id", 76), ("pad_token_id", -2), ("hidden_dropout_prob", 1), ("hidden_dropout_prob", "0.1"),
            ("layer_norm_eps", -1), ("initializer_range", 1e9), ("hidden_act", "evil"), ("hidden_act", {"module": "evil"}), ("is_decoder", True),
            ("position_embedding_type", "relative_key"), ("tie_word_embeddings", 1), ("model_type", "evil"), ("model_type", 5),
            ("classifier_dropout", 2), ("add_cross_attention", True)]
    for key, value in more:
        files.append(("config.json", f"{key} is {value!r}", json.dumps({**base, key: value}), key if key != "model_type" else "model of type"))
    files += [("config.json", name, content, key) for name, content, key in (
        ("nothing", "", "config.json"), ("a list", "[]", "config.json"), ("a key twice", '{"model_type":"bert","model_type":"bert"}', "twice"),
        ("deep", '{"a":' * 50_000, "nested"), ("deep lists", '{"a":' + "[" * 50_000, "nested"), ("NUL", '{"a\0":1}', "NUL"),
        ("1e999", json.dumps(base)[:-1] + ', "layer_norm_eps": 1e999}', "config.json"), ("20 MB", '{"a":"' + "x" * 20_000_000 + '"}', "config.json"),
        ("code to load", json.dumps({**base, "auto_map": {"AutoModel": "evil.Model"}, "torch_dtype": "evil"}), None),
        ("100,000 keys", json.dumps({**base, **{f"k{i}": i for i in range(100_000)}}), None),
        ("labels without end", json.dumps({**base, "id2label": {str(i): "x" * 50 for i in range(20_000)}}), None))]
    return files


def nested(depth):
    value = {"type": "BertNormalizer"}
    for _ in range(depth):
        value = {"type": "Sequence", "normalizers": [value]}
    return value


def big_vocabulary(count, step=1):
    value = json.loads(tokenizer_json())
    value["model"]["vocab"].update({f"w{i}": 10 + step * i for i in range(count)})
    return json.dumps(value)
