"""Unpacks zip files, wheels and tar archives (plain, gzip, bzip2, xz) that nobody vouches for. Standard library only.

What is written stays below the destination: names that leave it, odd names and names that come twice are refused, links
and devices are left out. An archive may grow to MOST_RATIO times its size, and hold MOST_MEMBERS members.
"""
import bz2
import contextlib
import errno
import gzip
import lzma
import os
import pathlib
import shutil
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib

MOST_RATIO = 200
SMALL = 16 << 20      # an archive may always grow to this many bytes
MOST_AT_ONCE = 1 << 20  # of a header: the reader of tar archives believes the sizes in them
MOST_MEMBERS = 30_000
MOST_NAME = 255       # bytes of one part of a name
MOST_PATH = 1024


class UserError(Exception):
    """The user must change something (exit 2)."""


def most_bytes(path):
    return max(SMALL, MOST_RATIO * path.stat().st_size)


class Bounded:
    """A stream for tarfile. It ends with an error where the archive grows too much, or a header wants too much memory."""

    def __init__(self, stream, most):
        self.stream, self.most, self.place = stream, most, 0

    def read(self, size=-1):
        if not 0 <= size <= MOST_AT_ONCE:
            raise UserError(f"one of its headers claims {size} bytes")
        content = self.stream.read(size)
        self.advance(self.place + len(content))
        return content

    def advance(self, place):
        if place > self.most:
            raise UserError(f"it unpacks to more than {self.most:,} bytes, {MOST_RATIO} times its own size")
        self.place = place

    def seek(self, place):
        # Step by step: going forward in a compressed stream unpacks what lies between.
        while place > self.place:
            if not self.read(min(place - self.place, MOST_AT_ONCE)):
                return self.place
        if place < self.place:
            self.stream.seek(place)
            self.place = place
        return self.place

    def tell(self):
        return self.place

    def close(self):
        self.stream.close()


def open_tar(path):
    with open(path, "rb") as stream:
        start = stream.read(6)
    opener = (gzip.open if start[:2] == b"\x1f\x8b" else bz2.open if start[:3] == b"BZh" else
              lzma.open if start == b"\xfd7zXZ\0" else open)
    return Bounded(opener(path, "rb"), most_bytes(path))


def plain_name(name):
    """The name without "." in it. Refuses what is no relative path, or may be read as another one."""
    odd = [c for c in name if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") or c == "\\"]
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if (not parts or odd or name.startswith("/") or ".." in parts or len(os.fsencode("/".join(parts))) > MOST_PATH
            or max(len(os.fsencode(part)) for part in parts) > MOST_NAME):
        raise UserError(f"it holds {name[:200]!r}, a path outside of the folder or one that is no plain name")
    return "/".join(parts)


def members_of(path):
    """Yields (name, mode, open function) of every plain file; links and devices are left out."""
    count, most = 0, most_bytes(path)
    if path.name.endswith((".whl", ".zip")):
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > most:
                raise UserError(f"it unpacks to more than {most:,} bytes, {MOST_RATIO} times its own size")
            for info in archive.infolist():
                count += 1
                check_count(count)
                mode = info.external_attr >> 16
                if not info.is_dir() and stat.S_IFMT(mode) in (0, stat.S_IFREG):
                    yield info.orig_filename, mode & 0o777, lambda info=info: archive.open(info)
        return
    with contextlib.closing(open_tar(path)) as stream, tarfile.TarFile(fileobj=stream, name=str(path)) as archive:
        for info in archive:
            count += 1
            check_count(count)
            archive.members = []  # or it keeps them all
            if info.isreg():
                if info.size > most:
                    raise UserError(f"it holds {info.name[:200]!r} of {info.size:,} bytes")
                yield info.name, info.mode & 0o777, lambda info=info: archive.extractfile(info)


def check_count(count):
    if count > MOST_MEMBERS:
        raise UserError(f"it has more than {MOST_MEMBERS:,} members")


def copy(source, sink, left):
    """Returns how many of the bytes that may still be written are left."""
    while content := source.read(MOST_AT_ONCE):
        left -= len(content)
        if left < 0:
            raise UserError(f"it unpacks to more than {MOST_RATIO} times its own size")
        sink.write(content)
    return left


def write_members(path, parts, wanted):
    """Returns the members of `wanted` that were found."""
    for _ in members_of(path):  # what is refused for its headers is refused before tens of thousands of files are made
        pass
    found, written, left = set(), set(), most_bytes(path)
    for name, mode, open_member in members_of(path):
        name = target = plain_name(name)
        if wanted:
            match = next((key for key in wanted if name == key or name.startswith(key.rstrip("/") + "/")), None)
            if match is None:
                continue
            found.add(match)
            target = plain_name(wanted[match] + name[len(match.rstrip("/")):])
        if target in written:
            raise UserError(f"it holds {name!r} twice, or two members for one place")
        written.add(target)
        place = parts / target
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with open_member() as source, open(place, "xb") as sink:
                left = copy(source, sink, left)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            raise UserError(f"it holds {name!r} both as a file and as a folder") from None
        os.chmod(place, (mode | 0o644) & 0o755)
    return found


def unreadable(error):
    return UserError(f"it is damaged, or no archive that can be read here ({error})")


def unpack(path, destination, wanted):
    """Unpacks into a folder beside destination and renames, so that destination is whole or absent.
    wanted: {member or folder in the archive: name under destination}; empty: everything."""
    path, destination = pathlib.Path(path), pathlib.Path(os.path.abspath(destination))
    parts = destination.with_name(destination.name + ".unpacking")
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    try:
        try:
            missing = set(wanted) - write_members(path, parts, wanted)
        except (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, struct.error, ValueError, KeyError,
                OverflowError, RuntimeError) as error:
            raise unreadable(error) from None
        except OSError as error:
            if error.errno not in (None, errno.EINVAL):
                raise  # the disk, not the archive
            raise unreadable(error) from None
        if missing:
            raise UserError(f"it lacks {', '.join(sorted(missing))}")
        if destination.exists():
            for entry in parts.iterdir():  # several archives into one folder
                merge(entry, destination / entry.name)
        else:
            os.replace(parts, destination)
    except UserError as error:
        raise UserError(f"{path.name}: {error}; nothing of it is kept") from None
    finally:
        shutil.rmtree(parts, ignore_errors=True)


def merge(source, target):
    if source.is_dir() and target.is_dir() and not target.is_symlink():
        for entry in source.iterdir():
            merge(entry, target / entry.name)
    else:
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        os.replace(source, target)
