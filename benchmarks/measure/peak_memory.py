#!/usr/bin/env python3
"""Runs a command; writes how many bytes of memory the largest process in it held at most.   peak_memory.py OUT COMMAND..."""

import pathlib
import resource
import subprocess
import sys

code = subprocess.call(sys.argv[2:])
pathlib.Path(sys.argv[1]).write_text(f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024}\n")
sys.exit(code)
