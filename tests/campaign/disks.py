"""File systems of one's own for a case: small, damaged or slow. All need root, and vanish with the process."""
import contextlib
import ctypes
import errno
import os
import pathlib
import shutil
import subprocess
import time

import harness
from lab import check, needs_root

CLONE_NEWNS = 0x20000


def run(*words):
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    # As root this is a failure of the case, never a silent skip.
    check(done.returncode == 0, f"{' '.join(map(str, words))}: {done.stderr}")
    return done.stdout


def enter_mount_namespace():
    """Mounts of this process are its own from here on: nothing stays mounted when it dies."""
    if getattr(enter_mount_namespace, "done", False):
        return
    needs_root("mounting")
    libc = ctypes.CDLL(None, use_errno=True)
    check(libc.unshare(CLONE_NEWNS) == 0, f"unshare: {os.strerror(ctypes.get_errno())}")
    run("mount", "--make-rprivate", "/")
    enter_mount_namespace.done = True


@contextlib.contextmanager
def mounted(place, *words):
    enter_mount_namespace()
    place = pathlib.Path(place)
    place.mkdir(exist_ok=True)
    run("mount", *words, place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def tmpfs(place, megabytes):
    return mounted(place, "-t", "tmpfs", "-o", f"size={megabytes}m", "none")


@contextlib.contextmanager
def ext4(place, megabytes, inodes=0):
    """An ext4 of its own in a file, which goes read-only when it meets an error."""
    image = pathlib.Path(f"{place}.image")
    image.touch()
    os.truncate(image, megabytes << 20)
    make = shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:" + os.environ["PATH"])
    check(make, "mkfs.ext4 is not installed (Debian: e2fsprogs)")
    run(make, "-q", *(["-N", inodes] if inodes else []), image)
    with mounted(place, "-o", "loop,errors=remount-ro", image) as folder:
        yield folder


def fail_ext4(place):
    """The kernel finds an error in it: it is read-only from now on."""
    device = run("findmnt", "-n", "-o", "SOURCE", "--target", place).strip()
    pathlib.Path(f"/sys/fs/ext4/{os.path.basename(device)}/trigger_fs_error").write_text("campaign\n")


def repair_ext4(place):
    """As an administrator would: unmount, check, mount again."""
    image = f"{place}.image"
    run("umount", place)
    subprocess.run(["e2fsck", "-fy", image], capture_output=True, env={**os.environ, "PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    run("mount", "-o", "loop,errors=remount-ro", image, place)


def fill(folder, leave_bytes):
    """Takes the space but for so much."""
    ballast = pathlib.Path(folder) / "ballast"
    free = os.statvfs(folder)
    size = free.f_bavail * free.f_frsize - leave_bytes
    with open(ballast, "wb") as file:
        try:
            while size > 0:
                size -= file.write(bytes(min(size, 1 << 20)))
        except OSError as error:
            check(error.errno == errno.ENOSPC, error)
    return ballast


def fill_inodes(folder, leave):
    """Takes the inodes but for so many."""
    ballast = pathlib.Path(folder) / "ballast"
    ballast.mkdir()
    for number in range(max(0, os.statvfs(folder).f_ffree - leave)):
        (ballast / str(number)).touch()
    return ballast


def remove(ballast):
    if ballast.is_dir():
        shutil.rmtree(ballast)
    else:
        ballast.unlink()


@contextlib.contextmanager
def slow_disk(place, folder, options=(), **values):
    """Shows `folder` at `place` through slow_disk.c."""
    enter_mount_namespace()
    program = os.environ.get("CAMPAIGN_SLOW_DISK", "")
    check(os.access(program, os.X_OK), "slow_disk was not built: no FUSE 3 (Debian: libfuse3-dev, fuse3)")
    place = pathlib.Path(place)
    place.mkdir(exist_ok=True)
    plan = ";".join(f"{key}={value}" for key, value in {"folder": folder, **values}.items())
    # With several threads: calls that sleep do not hold up each other.
    server = subprocess.Popen([program, "-f", "-o", ",".join(["allow_other", *options]), str(place)],
                              env={**os.environ, "CAMPAIGN_DISK": plan}, stderr=subprocess.PIPE, text=True,
                              preexec_fn=harness.end_with_the_test)
    try:
        limit = time.monotonic() + 10
        while not os.path.ismount(place):
            check(server.poll() is None and time.monotonic() < limit, "slow_disk does not mount")
            time.sleep(0.01)
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)])
        server.kill()
        server.wait()
        server.stderr.close()
