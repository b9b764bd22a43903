"""A checkpoint is damaged while nobody looks."""
import shutil

from lab import USER, Broken, Config, Run, check, checkpoints, generator, parts

PROMISE = "A damaged checkpoint is named and passed over"
COUNTS = (60, 1000)

PAGE = 4096
# As often as in the plan: 400 bit flips, 200 truncations, 150 zeroed pages, 100 swapped or repeated blocks, 100 parts of
# an older step, 50 missing or empty parts.
KINDS = ["bit flip"] * 8 + ["truncation"] * 4 + ["zeroed page"] * 3 + ["moved block"] * 2 + ["older part"] * 2 + ["no part"]
START = 90


def run(lab, seed, place):
    chance = generator("S01", seed)
    config = Config(ranks=chance.choice([1, 2, 3]))
    want, _ = lab.reference(config)
    folder = place / "run"
    lab.part_way(config, START, folder)
    whole = checkpoints(folder)
    none_left = seed % 20 == 19
    victims = whole if none_left else whole[-1 - (seed % 5 == 4):]
    damaged = [damage(chance, KINDS[seed % len(KINDS)], victim, whole) for victim in victims]

    seen = lab.broadsheet("verify", folder)
    check(seen.returncode == USER, f"verify: exit {seen.returncode} although {damaged} were damaged")
    for path in damaged:
        check(named(path, seen.stdout + seen.stderr), f"verify does not name {path}:\n{seen.stdout}{seen.stderr}")
    if none_left:
        refused(lab, config, folder, damaged)
        return
    job = lab.finish(folder, config, want)
    last = int(whole[-1 - len(victims)].name[5:])
    check(job.resumed_from() == last, f"went on from step {job.resumed_from()}, the last whole one was {last}")
    for path in damaged:
        check(named(path, job.stderr), f"the run does not name {path}:\n{job.stderr}")


def named(path, text):
    return str(path) in text or (path.name == "manifest.json" and str(path.parent) in text)


def refused(lab, config, folder, damaged):
    before = sorted(path.name for path in checkpoints(folder))
    job = Run(lab, folder, config)
    code = job.wait()
    check(code == USER, f"every checkpoint is damaged, yet the run ended with {code}")
    for path in damaged:
        check(named(path, job.stderr), f"not named: {path}:\n{job.stderr}")
    check(sorted(path.name for path in checkpoints(folder)) == before, "the refused start changed the checkpoints")


def damage(chance, kind, checkpoint, others):
    """Changes one file of it, truly; returns its path."""
    names = sorted(parts(checkpoint)) + ["manifest.json"]
    for _ in range(1000):
        path = checkpoint / chance.choice(names)
        before = path.read_bytes()
        KIND[kind](chance, path, before, others)
        if not path.exists() or path.read_bytes() != before:
            return path
    raise Broken(f"{kind}: nothing to change in {checkpoint}")


def place_in(chance, content):
    """Bytes of the length field, of the header and of the data are hit equally often."""
    if chance.random() < 0.5:
        return chance.randrange(len(content))
    return chance.randrange(min(len(content), chance.choice([8, 512, 4096])))


def flip(chance, path, content, _):
    changed = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 3])):
        changed[place_in(chance, content)] ^= 1 << chance.randrange(8)
    path.write_bytes(changed)


def truncate(chance, path, content, _):
    edge = chance.choice([512, PAGE, 8])
    size = chance.randrange(len(content) // edge + 1) * edge + chance.choice([-1, 0, 1])
    path.write_bytes(content[:max(0, min(size, len(content) - 1))])


def zero(chance, path, content, _):
    page = chance.randrange(-(-len(content) // PAGE)) * PAGE
    changed = bytearray(content)
    changed[page:page + PAGE] = bytes(len(changed[page:page + PAGE]))
    path.write_bytes(changed)


def move(chance, path, content, _):
    block = min(chance.choice([64, 512, PAGE]), max(1, len(content) // 2))
    count = len(content) // block
    one, other = chance.randrange(count) * block, chance.randrange(count) * block
    changed = bytearray(content)
    changed[one:one + block] = content[other:other + block]
    if chance.random() < 0.5:
        changed[other:other + block] = content[one:one + block]
    path.write_bytes(changed)


def older(chance, path, _, others):
    source = chance.choice([other for other in others if other != path.parent]) / path.name
    if source.exists():
        shutil.copyfile(source, path)


def lose(chance, path, _, __):
    if chance.random() < 0.5:
        path.unlink()
    else:
        path.write_bytes(b"")


KIND = {"bit flip": flip, "truncation": truncate, "zeroed page": zero, "moved block": move, "older part": older,
        "no part": lose}
