"""Watches from outside: when a line appears in a file, and how to end a command with everything that it started."""

import ctypes
import os
import pathlib
import select
import signal
import struct
import time

EVENTS = 0x2 | 0x80 | 0x100  # IN_MODIFY, IN_MOVED_TO, IN_CREATE
libc = ctypes.CDLL(None, use_errno=True)


class Follower:
    """The lines that appear in a file after now, each with the time at which it was seen. inotify wakes us: no polling.

    A file that is replaced by another of the same name is read from its beginning.
    """

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.inode, self.offset, self.rest = None, 0, b""
        if self.path.exists():
            status = self.path.stat()
            self.inode, self.offset = status.st_ino, status.st_size
        self.descriptor = libc.inotify_init()
        if libc.inotify_add_watch(self.descriptor, os.fsencode(self.path.parent), EVENTS) < 0:
            raise OSError(ctypes.get_errno(), f"cannot watch {self.path.parent}")

    def close(self):
        os.close(self.descriptor)

    def lines(self, seconds):
        """[(time.monotonic(), line)] of the next event on the file; empty when none came within `seconds`."""
        ready = select.select([self.descriptor], [], [], seconds)[0]
        if not ready or not self._is_ours(os.read(self.descriptor, 65536)):
            return []
        now = time.monotonic()
        try:
            file = open(self.path, "rb")
        except FileNotFoundError:
            return []
        with file:
            inode = os.fstat(file.fileno()).st_ino
            if inode != self.inode:
                self.inode, self.offset, self.rest = inode, 0, b""
            file.seek(self.offset)
            text = file.read()
        self.offset += len(text)
        *whole, self.rest = (self.rest + text).split(b"\n")
        return [(now, line.decode()) for line in whole]

    def _is_ours(self, events):
        while events:
            _, _, _, length = struct.unpack_from("iIII", events)
            if events[16:16 + length].rstrip(b"\0") == os.fsencode(self.path.name):
                return True
            events = events[16 + length:]
        return False


def descendants(pid):
    """pid and the processes below it, parents first: none is left to tell of a child's death."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat[stat.rindex(")") + 1:].split()[1]), []).append(int(entry.name))
    found, new = [], [pid]
    while new:
        found += new
        new = [child for parent in new for child in children.get(parent, [])]
    return found


def kill(process):
    """kill -9 for a Popen and all that it started; returns when they are gone."""
    pids = descendants(process.pid)
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    process.wait()
    while any(_alive(pid) for pid in pids):
        time.sleep(0.01)


def _alive(pid):
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat[stat.rindex(")") + 2] != "Z"
