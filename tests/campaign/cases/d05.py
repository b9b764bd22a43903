"""Archives that want out of their folder, or more of the disk and the memory than there is."""
import io
import os
import struct
import sys
import tarfile
import warnings
import zipfile
import zlib

import harness
from hostile import MB, limited, mutate
from lab import check, generator

PROMISE = "Archives stay in their folder (2 archives a run)"
COUNTS = (40, 200)

FETCH = harness.HERE.parents[1] / "scripts/fetch.py"
GOOD, REFUSED, EITHER = 0, 2, None


def run(lab, seed, place):
    chance = generator("D05", seed)
    found = archives(place, chance)
    chosen = found[2 * seed:2 * seed + 2] or [damaged(found, chance), damaged(found, chance)]
    for number, (name, content, wanted) in enumerate(chosen):
        folder = place / str(number)
        folder.mkdir()
        try_one(folder, name, content() if callable(content) else content, wanted)


def try_one(place, name, content, wanted):
    (place.parent / "canary").write_text("unharmed")
    (place.parent / "outside").mkdir(exist_ok=True)
    (place / name).write_bytes(content)
    before = tree(place.parent)
    answer = limited("unpack", place / name, place / "deep/out", program=[sys.executable, FETCH], folder=place, seconds=10,
                     memory=200 * MB, space=600 * MB)
    check(answer.code in (GOOD, REFUSED), f"{name}: exit {answer.code}: {answer.last()}")
    check(wanted is EITHER or answer.code == wanted, f"{name}: exit {answer.code}, wanted {wanted}: {answer.last()}")
    check("Traceback" not in answer.err, f"{name}: {answer.err}")
    out = place / "deep/out"
    inside = f"{place.name}/deep"
    after = {path: what for path, what in tree(place.parent).items()
             if path not in (inside, f"{inside}/out") and not path.startswith(f"{inside}/out/")}
    check(after == before, f"{name}: outside of the folder there is now {set(after.items()) ^ set(before.items())}")
    check(out.exists() == (answer.code == GOOD), f"{name}: exit {answer.code}, and the folder is {out.exists()}")
    for path in out.rglob("*") if out.exists() else []:
        check(not path.is_symlink() and (path.is_dir() or path.is_file()), f"{name}: {path} is no plain file")
        check(path.stat().st_mode & 0o7022 == 0, f"{name}: {path} has mode {oct(path.stat().st_mode)}")
        check(path.is_dir() or path.stat().st_nlink == 1, f"{name}: {path} is a link")
    check(not os.path.exists("/tmp/broadsheet-evil"), f"{name}: it wrote to /tmp")


def tree(folder):
    found = {}
    for path in folder.rglob("*"):
        found[str(path.relative_to(folder))] = path.read_bytes() if path.is_file() else "folder"
    return found


def tar(*members, mode="w:gz", **options):
    """Members: (name, content) or (name, TarInfo's fields)."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode, **options) as archive:
        for name, what in members:
            info = tarfile.TarInfo(name)
            content = what if isinstance(what, bytes) else b""
            info.size = len(content)
            for field, value in what.items() if isinstance(what, dict) else []:
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content) if content else None)
    return stream.getvalue()


def zipped(*members):
    """Members: (name, content) or (name, content, mode)."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice is meant
        for name, content, *mode in members:
            info = zipfile.ZipInfo("placeholder")
            info.filename = name  # the constructor would make it harmless
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (mode[0] if mode else 0o100644) << 16
            archive.writestr(info, content)
    return stream.getvalue()


def raw_tar(name, size, kind=b"0", content=b""):
    """One header whose size says what it likes."""
    header = bytearray(512)
    header[0:len(name)] = name
    header[100:108], header[108:116], header[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    header[124:136] = (b"%011o\0" % size) if size < 8**11 else b"\x80" + size.to_bytes(11, "big")
    header[136:148], header[156:157], header[257:265] = b"00000000000\0", kind, b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + content


def overlapping_zip():
    """Fifty entries that share one member: its bytes come out fifty times."""
    data = bytes(1 << 20)
    packed = zlib.compress(data, 9)[2:-4]
    sums = (zlib.crc32(data), len(packed), len(data))
    local = struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, *sums, 1, 0) + b"a" + packed
    central = b"".join(struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, *sums, 1, 0, 0, 0, 0, 0o100644 << 16, 0) + b"a"
                       for _ in range(50))
    return local + central + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 50, 50, len(central), len(local), 0)


def archives(place, chance):
    """(file's name, content or what makes it, what must come of it)"""
    good, big = ("good.txt", b"good"), os.urandom(1000) * 100
    link = {"type": tarfile.SYMTYPE, "linkname": str(place / "outside")}
    here = {"type": tarfile.SYMTYPE, "linkname": "."}
    hard = {"type": tarfile.LNKTYPE, "linkname": str(place / "canary")}
    names = ["../evil", "a/../../evil", "/tmp/broadsheet-evil", "//tmp/broadsheet-evil", "a/../../../deep/evil", "..", "../", "a/..", "/",
             "..\\evil", "C:\\evil", "a\0../evil", "a\nb", "evil\u202etxt", "\ud800", "a" * 300, "a/" * 600 + "x", "\u2028", "", "."]
    found = [("good.tar.gz", tar(good, ("a/b/c.txt", b"c")), GOOD), ("good.zip", zipped(good, ("a/b/c.txt", b"c")), GOOD),
             ("good.tar.xz", tar(good, mode="w:xz"), GOOD), ("good.tar.bz2", tar(good, mode="w:bz2"), GOOD),
             ("good.tar", tar(("./", {"type": tarfile.DIRTYPE}), ("./good.txt", b"g"), mode="w:"), GOOD),
             ("random.tar.gz", tar(("big", big)), GOOD)]
    for name in names:
        encoded = name.encode("utf-8", "surrogatepass")
        # Zip and tar cannot spell all of them; a tar's header ends a name at a NUL.
        if name and "\ud800" not in name:
            found.append(("name.zip", zipped(good, (name, b"evil")), EITHER if name in ("a/..", "..", "/", ".", "../") else REFUSED))
        if len(encoded) <= 100:
            kind = b"0" if not name.endswith("/") else b"5"
            found.append(("name.tar", tar(good, mode="w:")[:1024] + raw_tar(encoded, 4, kind, b"evil" + bytes(508)) + bytes(1024),
                          EITHER if "\0" in name or name in ("", ".", "/", "../") else REFUSED))
        elif name.isascii():
            found.append(("long.tar.gz", tar(good, (name, b"evil"), format=tarfile.PAX_FORMAT), REFUSED))
    found += [
        ("link.tar.gz", tar(("d", link), ("d/evil", b"evil")), EITHER), ("link2.tar.gz", tar(good, ("canary", link), ("canary", b"x")), EITHER),
        ("link3.tar.gz", tar(("a", here), ("a/a/a/evil", b"x")), EITHER), ("hard.tar.gz", tar(good, ("h", hard)), GOOD),
        ("hard2.tar.gz", tar(good, ("h", hard), ("h", b"overwritten")), GOOD),
        ("link.zip", zipped(("d", str(place / "outside").encode(), 0o120777), ("d/evil", b"evil")), EITHER),
        ("device.tar.gz", tar(good, ("null", {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 3})), GOOD),
        ("fifo.tar.gz", tar(good, ("fifo", {"type": tarfile.FIFOTYPE})), GOOD), ("fifo.zip", zipped(good, ("f", b"", 0o010644)), GOOD),
        ("mode.tar.gz", tar(("s", {"mode": 0o7777, "size": 0})), GOOD), ("mode.zip", zipped(("s", b"x", 0o106777)), GOOD),
        ("twice.tar.gz", tar(good, good), REFUSED), ("twice.zip", zipped(good, good), REFUSED),
        ("both.tar.gz", tar(("a", b"x"), ("a/b", b"y")), REFUSED), ("both2.tar.gz", tar(("a/b", b"y"), ("a", b"x")), REFUSED),
        ("both.zip", zipped(("a", b"x"), ("a/b", b"y")), REFUSED), ("twice2.tar.gz", tar(good, ("./good.txt", b"x")), REFUSED),
        ("bomb.tar.gz", lambda: compressed(raw_tar(b"zeros", 60 * MB), 60), REFUSED),
        ("bomb.zip", lambda: zipped(*((f"zeros{number}", bytes(MB)) for number in range(60))), REFUSED),
        ("overlap.zip", overlapping_zip, REFUSED),
        ("headers.tar.gz", lambda: compressed(b"".join(raw_tar(b"f%d" % i, 0) for i in range(31_000))), REFUSED),
        ("pax.tar.gz", lambda: compressed(raw_tar(b"x", 3 << 30, b"x"), 40), REFUSED),
        ("longname.tar.gz", lambda: compressed(raw_tar(b"x", 3 << 30, b"L"), 40), REFUSED),
        ("size.tar", raw_tar(b"x", 1 << 40) + bytes(4096), REFUSED), ("size2.tar", raw_tar(b"x", 2**70) + bytes(4096), REFUSED),
        ("lie.tar", raw_tar(b"x", 5000) + bytes(1024), REFUSED), ("sparse.tar", raw_tar(b"x", 1 << 40, b"S") + bytes(4096), EITHER),
        ("cut.tar.gz", tar(good, ("big", big))[:-2000], REFUSED), ("cut.zip", zipped(good, ("big", big))[:-30], REFUSED),
        ("empty.zip", b"", REFUSED), ("empty.tar.gz", b"", EITHER), ("text.tar.gz", b"<html>404</html>" * 100, REFUSED),
        ("gzip only.tar.gz", lambda: compressed(b"", 1), EITHER), ("encrypted.zip", encrypted(zipped(good)), REFUSED),
        ("method.zip", zipped(good).replace(b"\x08\0", b"\x63\0"), REFUSED)]
    return found


def compressed(content, zero_megabytes=0):
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(content) + b"".join(packer.compress(bytes(MB)) for _ in range(zero_megabytes)) + packer.flush()


def encrypted(content):
    """The flag alone: the reader must ask for a password."""
    content = bytearray(content)
    content[6] |= 1
    at = content.rfind(b"PK\x01\x02")
    content[at + 8] |= 1
    return bytes(content)


def damaged(found, chance):
    whole = [entry for entry in found if entry[2] == GOOD]
    name, content, _ = chance.choice(whole)
    other = chance.choice(whole)[1]
    return name, mutate(chance, content, [b"\0", b"../", b"/", b"\xff", b"PK\x01\x02", b"7777777"], other), EITHER
