"""Plays back the file operations that shim.c wrote down, up to a moment at which the power fails.

What survives a power loss, as pessimistic as POSIX allows and a little more:
- bytes of a file that were not fsynced are gone, there in part, torn at a sector, or there as zeros;
- a change of a folder (create, mkdir, rename, unlink, rmdir) that no fsync of that folder followed may be undone. A
  journal undoes a suffix of all such changes; without one, any of them may be missing while later ones are there;
- a rename happens whole or not at all, and is safe when the folder of its new name was fsynced.
"""
import glob
import os
import pathlib

SECTOR = 512


class File:
    def __init__(self):
        self.synced = b""
        self.pending = []  # (offset, data), or (size, None) for a truncation

    def write(self, offset, data):
        self.pending.append((offset, data))

    def sync(self):
        self.synced = apply(self.synced, self.pending)
        self.pending = []

    def after_power_loss(self, chance):
        fate = chance.choice(["lost", "part", "zeros", "there"])
        if not self.pending or fate == "lost":
            return self.synced
        whole = apply(self.synced, self.pending)
        if fate == "there":
            return whole
        if fate == "zeros":
            return self.synced + bytes(max(0, len(whole) - len(self.synced)))
        count = chance.randrange(len(self.pending))
        content = apply(self.synced, self.pending[:count])
        offset, data = self.pending[count]
        if data:
            return apply(content, [(offset, data[:chance.randrange(len(data) // SECTOR + 1) * SECTOR])])
        return content


class Folder:
    pass


def apply(content, changes):
    content = bytearray(content)
    for offset, data in changes:
        if data is None:
            content = content[:offset] + bytes(max(0, offset - len(content)))
        else:
            content += bytes(max(0, offset - len(content)))
            content[offset:offset + len(data)] = data
    return bytes(content)


def read_log(prefix):
    """[(nanoseconds, call, path, second, inode, offset, data)] of all processes, in the order of time."""
    records = []
    for name in glob.glob(glob.escape(str(prefix)) + ".*"):
        raw, at = pathlib.Path(name).read_bytes(), 0
        while at < len(raw):
            end = raw.find(b"\n", at)
            if end < 0:
                break
            when, call, path, second, inode, offset, size = raw[at:end].decode().split("\t")
            at = end + 1 + int(size)
            records.append((int(when), call, path, second, int(inode), int(offset), raw[end + 1:at]))
    return sorted(records, key=lambda record: record[0])


class Disk:
    """The files below `root` while they are changed; which changes are safe."""

    def __init__(self, root):
        self.root = str(root)
        self.top = Folder()
        self.names = {self.root: self.top}  # every path that exists now
        self.inodes = {}
        self.changes = []  # [safe, folders whose fsync makes it safe, function of a tree]

    def change(self, folder, act):
        self.changes.append([False, folder, act])

    def play(self, record):
        _, call, path, second, inode, offset, data = record
        parent = self.names.get(os.path.dirname(path))
        if call in ("create", "mkdir") and parent is not None:
            self.names[path] = node = File() if call == "create" else Folder()
            self.inodes[inode] = node
            self.change(parent, ("put", parent, os.path.basename(path), node))
        elif call in ("write", "truncate", "fsync"):
            self.play_on_file(call, self.names.get(path) if call == "fsync" else None, inode, path, offset, data)
        elif call in ("unlink", "rmdir") and path in self.names:
            node = self.names.pop(path)
            self.change(parent, ("take", parent, os.path.basename(path), node))
        elif call == "rename" and path in self.names:
            self.rename(path, second)
        elif call == "exchange" and path in self.names and second in self.names:
            self.exchange(path, second)
        elif call == "link" and path in self.names:
            target = self.names[os.path.dirname(second)]
            self.names[second] = self.names[path]
            self.change(target, ("put", target, os.path.basename(second), self.names[path]))

    def play_on_file(self, call, named, inode, path, offset, data):
        node = named if named is not None else self.inodes.get(inode)
        if isinstance(node, Folder):
            for change in self.changes:
                change[0] = change[0] or change[1] is node
        elif isinstance(node, File):
            if call == "write":
                node.write(offset, data)
            elif call == "truncate":
                node.write(offset, None)
            else:
                node.sync()

    def moved(self, old, new):
        inside = [path for path in self.names if path == old or path.startswith(old + "/")]
        return {new + path[len(old):]: self.names.pop(path) for path in inside}

    def rename(self, old, new):
        source, target = self.names[os.path.dirname(old)], self.names[os.path.dirname(new)]
        node = self.names[old]
        inside = self.moved(old, new)
        self.moved(new, new)  # what had the new name is gone
        self.names.update(inside)
        self.change(target, ("move", source, os.path.basename(old), node, target, os.path.basename(new)))

    def exchange(self, one, other):
        parents = [self.names[os.path.dirname(path)] for path in (one, other)]
        nodes = [self.names[path] for path in (one, other)]
        first, second = self.moved(one, other), self.moved(other, one)
        self.names.update({**first, **second})
        self.change(parents[1], ("exchange", parents[0], os.path.basename(one), nodes[0], parents[1],
                                 os.path.basename(other), nodes[1]))

    def survivors(self, chance):
        """Which changes are on the disk after the power has failed."""
        if chance.random() < 0.5:  # a journal: everything up to some change
            least = max((number for number, change in enumerate(self.changes) if change[0]), default=-1)
            return self.changes[:chance.randrange(least, len(self.changes)) + 1] if self.changes else []
        keep = chance.choice([0.0, 0.5, 0.9])
        return [change for change in self.changes if change[0] or chance.random() < keep]

    def after_power_loss(self, chance, target):
        """Writes what is left below `target`."""
        tree = {}
        for _, _, act in self.survivors(chance):
            play_on_tree(tree, *act)
        contents = {}
        write_tree(tree, self.top, pathlib.Path(target), contents, chance)


def play_on_tree(tree, act, folder, name, node, *more):
    entries = tree.setdefault(folder, {})
    if act == "put":
        entries[name] = node
    elif act == "take" and entries.get(name) is node:
        del entries[name]
    elif act == "move":
        if entries.get(name) is node:
            del entries[name]
        tree.setdefault(more[0], {})[more[1]] = node
    elif act == "exchange":
        entries[name] = more[2]
        tree.setdefault(more[0], {})[more[1]] = node


def write_tree(tree, folder, target, contents, chance):
    target.mkdir(exist_ok=True)
    for name, node in tree.get(folder, {}).items():
        if isinstance(node, Folder):
            write_tree(tree, node, target / name, contents, chance)
            continue
        if node not in contents:
            contents[node] = node.after_power_loss(chance)
        (target / name).write_bytes(contents[node])
