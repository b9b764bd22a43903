"""scripts/fetch.py against a server on this machine: no network is used."""
import gzip
import hashlib
import http.server
import io
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest

FETCH = pathlib.Path(__file__).resolve().parents[2] / "scripts" / "fetch.py"
CONTENT = bytes(range(256)) * 8000  # 2 MB


class Handler(http.server.BaseHTTPRequestHandler):
    """The simple index and one file. server.behaviour: cut (once), ignore_range, busy (once), login."""

    def do_GET(self):
        server = self.server
        server.requests.append((self.path, self.headers.get("Range")))
        if server.behaviour == "login" and not self.headers.get("Authorization", "").startswith("Basic "):
            return self.answer(401, b"")
        if self.path == "/simple/thing/":
            page = '<a href="../../files/thing-1.0.tar.gz.asc">x</a><a href="../../files/thing-1.0.tar.gz#sha256=1">y</a>'
            return self.answer(200, page.encode())
        if self.path != "/files/thing-1.0.tar.gz":
            return self.answer(404, b"")
        if server.behaviour == "busy":
            server.behaviour = ""
            return self.answer(503, b"")
        content, start = server.content, 0
        match = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match and server.behaviour != "ignore_range":
            start = int(match.group(1))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if server.behaviour == "cut":
            server.behaviour = ""
            self.wfile.write(content[start:start + len(content) // 2])
            self.wfile.flush()
            self.connection.close()
            return None
        return self.wfile.write(content[start:])

    def answer(self, code, body):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Fetch(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.home = pathlib.Path(self.folder.name)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.behaviour, self.server.content, self.server.requests = "", CONTENT, []
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.host = f"127.0.0.1:{self.server.server_address[1]}"
        self.pin(CONTENT)

    def pin(self, content, sha256=None):
        digest = sha256 or hashlib.sha256(content).hexdigest()
        (self.home / "pins.txt").write_text(f"# pins\nthing 1.0 {len(content)} {digest} thing-1.0.tar.gz\n", encoding="utf-8")

    def fetch(self, *arguments, index=None, **environment):
        values = {"PATH": os.environ["PATH"], "BROADSHEET_PINS": str(self.home / "pins.txt"),
                  "BROADSHEET_CACHE": str(self.home / "cache"), "BROADSHEET_FETCH_PAUSE": "0",
                  "PIP_INDEX_URL": index or f"http://{self.host}/simple", "no_proxy": "127.0.0.1", **environment}
        return subprocess.run([sys.executable, str(FETCH), *arguments], env=values, capture_output=True, text=True,
                              timeout=60, check=False)

    def cached(self, suffix=""):
        return self.home / "cache" / ("thing-1.0.tar.gz" + suffix)

    def file_requests(self):
        return [given for path, given in self.server.requests if path.startswith("/files/")]

    def test_a_file_is_found_in_the_index_and_kept(self):
        result = self.fetch("get", "thing")
        self.assertEqual((result.returncode, result.stdout.strip()), (0, str(self.cached())), result.stderr)
        self.assertEqual(self.cached().read_bytes(), CONTENT)

    def test_a_file_in_the_cache_is_not_asked_for_again(self):
        self.fetch("get", "thing")
        self.server.requests.clear()
        self.assertEqual(self.fetch("get", "thing").returncode, 0)
        self.assertEqual(self.server.requests, [])

    def test_a_cut_download_continues_where_it_stopped(self):
        self.server.behaviour = "cut"
        result = self.fetch("get", "thing")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.cached().read_bytes(), CONTENT)
        first, second = self.file_requests()
        self.assertIsNone(first)
        self.assertEqual(second, f"bytes={len(CONTENT) // 2}-")

    def test_a_download_that_an_earlier_process_left_is_continued(self):
        self.cached().parent.mkdir()
        self.cached(".part").write_bytes(CONTENT[:1000])
        self.assertEqual(self.fetch("get", "thing").returncode, 0)
        self.assertEqual(self.file_requests(), ["bytes=1000-"])
        self.assertEqual(self.cached().read_bytes(), CONTENT)

    def test_a_server_that_ignores_the_range_is_read_from_the_start(self):
        self.cached().parent.mkdir()
        self.cached(".part").write_bytes(b"x" * 1000)
        self.server.behaviour = "ignore_range"
        self.assertEqual(self.fetch("get", "thing").returncode, 0)
        self.assertEqual(self.cached().read_bytes(), CONTENT)

    def test_a_busy_server_is_asked_again(self):
        self.server.behaviour = "busy"
        self.assertEqual(self.fetch("get", "thing").returncode, 0)
        self.assertEqual(len(self.file_requests()), 2)

    def test_a_wrong_checksum_is_refused_and_nothing_is_kept(self):
        self.pin(CONTENT, sha256="0" * 64)
        result = self.fetch("get", "thing")
        self.assertEqual(result.returncode, 2)
        self.assertIn("0" * 64, result.stderr)
        self.assertFalse(self.cached().exists() or self.cached(".part").exists())

    def test_a_damaged_file_in_the_cache_is_replaced(self):
        self.cached().parent.mkdir()
        self.cached().write_bytes(b"x" * len(CONTENT))
        self.assertEqual(self.fetch("get", "thing").returncode, 0)
        self.assertEqual(self.cached().read_bytes(), CONTENT)

    def test_a_file_that_the_index_lacks_names_the_setting(self):
        result = self.fetch("get", "thing", index=f"http://{self.host}/elsewhere")
        self.assertEqual(result.returncode, 2)
        self.assertIn("PIP_INDEX_URL", result.stderr)

    def test_a_password_in_the_index_is_used_for_the_file_too(self):
        self.server.behaviour = "login"
        result = self.fetch("get", "thing", index=f"http://me:secret@{self.host}/simple")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_a_proxy_is_used(self):
        # Our server answers any request line by its path, so it plays a proxy that refuses: the request reaches it.
        result = self.fetch("get", "thing", index="http://nowhere.invalid/simple", no_proxy="",
                            http_proxy=f"http://{self.host}")
        self.assertNotEqual(result.returncode, 0)
        self.assertEqual(self.server.requests[0][0], "http://nowhere.invalid/simple/thing/")

    def archive(self, members):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name, text in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(text)
                archive.addfile(info, io.BytesIO(text))
        self.server.content = stream.getvalue()
        self.pin(self.server.content)

    def test_members_are_unpacked_under_other_names(self):
        self.archive({"thing/a/one.txt": b"1", "thing/b.txt": b"2", "thing/c.txt": b"3"})
        result = self.fetch("unpack", "thing", str(self.home / "out"), "thing/a=x", "thing/b.txt=y.txt")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual((self.home / "out/x/one.txt").read_text(), "1")
        self.assertEqual((self.home / "out/y.txt").read_text(), "2")
        self.assertFalse((self.home / "out/thing").exists())

    def test_a_missing_member_is_named_and_nothing_is_left(self):
        self.archive({"thing/a.txt": b"1"})
        result = self.fetch("unpack", "thing", str(self.home / "out"), "thing/z.txt")
        self.assertEqual(result.returncode, 2)
        self.assertIn("thing/z.txt", result.stderr)
        self.assertFalse((self.home / "out").exists())

    def unpacked(self, content):
        """Exit code and the names below out/ of an archive with these bytes."""
        self.server.content = content
        self.pin(content)
        self.cached().unlink(missing_ok=True)
        result = self.fetch("unpack", "thing", str(self.home / "out"))
        self.assertNotIn("Traceback", result.stderr)
        self.assertFalse((self.home / "out.unpacking").exists())
        found = sorted(str(path.relative_to(self.home / "out")) for path in (self.home / "out").rglob("*"))
        return result.returncode, found

    def test_links_and_devices_are_left_out(self):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name, kind, target in (("s", tarfile.SYMTYPE, "/etc"), ("h", tarfile.LNKTYPE, "/etc/passwd"),
                                       ("d", tarfile.CHRTYPE, ""), ("f", tarfile.FIFOTYPE, ""), ("./plain", tarfile.REGTYPE, "")):
                info = tarfile.TarInfo(name)
                info.type, info.linkname, info.mode = kind, target, 0o7777
                archive.addfile(info)
        self.assertEqual(self.unpacked(stream.getvalue()), (0, ["plain"]))
        self.assertEqual((self.home / "out/plain").stat().st_mode & 0o7777, 0o755)

    def test_what_grows_without_measure_or_is_damaged_is_refused(self):
        self.archive({"zeros": bytes(40 << 20)})
        self.assertEqual(self.unpacked(self.server.content), (2, []))
        self.archive({"good.txt": os.urandom(100000)})
        self.assertEqual(self.unpacked(self.server.content[:-500]), (2, []))
        self.assertEqual(self.unpacked(b"<html>404</html>" * 100), (2, []))
        # A header that claims three gigabytes for a name.
        header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.GNU_FORMAT))
        header[124:136], header[156:157], header[148:156] = b"30000000000\0", b"L", b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
        self.assertEqual(self.unpacked(gzip.compress(bytes(header) + bytes(4 << 20))), (2, []))

    def test_a_name_that_comes_twice_is_refused(self):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name in ("a", "./a"):
                archive.addfile(tarfile.TarInfo(name))
        self.assertEqual(self.unpacked(stream.getvalue()), (2, []))

    def test_a_path_outside_of_the_folder_is_refused(self):
        for name in ("../evil.txt", "thing/../../evil.txt", "/tmp/evil.txt", "a\\evil", "evil\u202etxt"):
            self.archive({"good.txt": b"1", name: b"2"})
            self.cached().unlink(missing_ok=True)
            result = self.fetch("unpack", "thing", str(self.home / "out" / "deep"))
            self.assertEqual(result.returncode, 2, name)
            self.assertFalse((self.home / "out" / "deep").exists() or (self.home / "out" / "evil.txt").exists())


if __name__ == "__main__":
    unittest.main()
