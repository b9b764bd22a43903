"""A Slurm of hundreds of nodes in one process: the commands that Broadsheet calls, and jobs that are simulated workers.

What is simulated is the site: its queue, its nodes, what goes wrong on them, and the training, which takes seconds and no
work. What is real is everything that is under test: the driver, the mailboxes in the sweep's directory, and
`broadsheet-job`, which each job asks at its beginning and its end, as slurm/job.sh does.

Time is the machine's own; a trial of minutes lasts seconds here, so the driver has far more to do than at a real site.
"""
import asyncio
import json
import os
import pathlib
import random
import stat
import sys
import threading
import time

import simulated_worker

COMMANDS = ("sbatch", "squeue", "scontrol", "scancel", "sinfo", "srun")
AWAY = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n"
UNKNOWN = "slurm_load_jobs error: Invalid job id specified\n"
REMEMBERED = 5  # seconds that an ended job stays in the queue, Slurm's MinJobAge
KILL_WAIT = 2  # seconds that a cancelled job may take to save
# Each command tells the site what it was called with, and says what the site answers.
CLIENT = """#!%s -SE
import json, os, socket, sys
try:
    site = socket.socket(socket.AF_UNIX)
    site.connect(%r)
except OSError:
    sys.exit("Unable to contact slurm controller (connect failure)")
site.sendall(json.dumps([os.path.basename(sys.argv[0])] + sys.argv[1:]).encode() + b"\\n")
answer = b""
while part := site.recv(65536):
    answer += part
out, err, code = json.loads(answer)
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class Job:
    def __init__(self, number, options, folder):
        self.id = str(number)
        self.comment = options.get("comment", "")
        self.folder = pathlib.Path(folder)  # <worker>/job
        self.state, self.node, self.restarts = "PENDING", "", 0
        self.told = asyncio.Event()  # a signal has come
        self.notice = "none"
        self.cancelled = self.taken_away = False
        self.ended = 0.0
        self.starts_after = 0.0
        self.task = None

    def lives(self):
        return self.state in ("PENDING", "RUNNING")

    def tell(self, notice):
        if self.notice == "none":
            self.notice = notice
        self.told.set()


class Site:
    """Up between start() and stop(). `fates`: what goes wrong, see simulated_worker.Fates."""

    def __init__(self, folder, tool, fates, nodes, most_jobs=10**9, weather=0.0, seed=1, seconds_per_step=0.05):
        self.folder, self.tool, self.fates = pathlib.Path(folder), str(tool), fates
        self.free = [f"n{number:04d}" for number in range(1, nodes + 1)]
        self.most_jobs, self.weather, self.seconds_per_step = most_jobs, weather, seconds_per_step
        self.generator = random.Random(seed)
        self.jobs, self.calls, self.log, self.errors = {}, {}, [], []
        self.busiest, self.submitted = 0, 0
        self.socket = str(self.folder / "site.socket")
        self.bin = self.folder / "bin"
        self.bin.mkdir(parents=True)
        for name in COMMANDS:
            file = self.bin / name
            file.write_text(CLIENT % (sys.executable, self.socket))
            file.chmod(file.stat().st_mode | stat.S_IXUSR)

    # --- from the test's thread

    def start(self):
        up = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.live(up)), daemon=True)
        self.thread.start()
        if not up.wait(30):
            raise RuntimeError("the site did not come up")

    def stop(self):
        self.loop.call_soon_threadsafe(self.done.set)
        self.thread.join(30)

    def living(self):
        return [job.id for job in list(self.jobs.values()) if job.lives()]

    # --- its own thread

    async def live(self, up):
        self.loop, self.done = asyncio.get_running_loop(), asyncio.Event()
        self.tools = asyncio.Semaphore(4)
        server = await asyncio.start_unix_server(self.serve, self.socket)
        scheduler = asyncio.create_task(self.schedule())
        up.set()
        await self.done.wait()
        scheduler.cancel()
        server.close()
        for job in self.jobs.values():
            if job.task:
                job.task.cancel()

    async def serve(self, reader, writer):
        name, *arguments = json.loads(await reader.readline())
        self.calls[name] = self.calls.get(name, 0) + 1
        try:
            answer = getattr(self, name)(arguments)
        except Exception as error:
            self.errors.append(f"{name} {arguments}: {error!r}")
            answer = ("", f"{name}: error: {error}\n", 1)
        writer.write(json.dumps(answer).encode())
        await writer.drain()
        writer.close()

    # Nodes are given to jobs in the order of their numbers.
    async def schedule(self):
        while True:
            now = time.monotonic()
            for job in list(self.jobs.values()):
                if job.state == "PENDING" and self.free and now >= job.starts_after:
                    job.node, job.state = self.free.pop(), "RUNNING"
                    job.task = asyncio.create_task(self.run(job))
                elif not job.lives() and now > job.ended + REMEMBERED:
                    del self.jobs[job.id]
            self.busiest = max(self.busiest, sum(job.state == "RUNNING" for job in self.jobs.values()))
            await asyncio.sleep(0.05)

    def wait_in_queue(self, job):
        job.state, job.notice = "PENDING", "none"
        job.told.clear()
        job.starts_after = time.monotonic() + self.generator.uniform(0, 1)

    async def ask_tool(self, job, start, *words):
        environment = dict(os.environ, PATH=f"{self.bin}:{os.environ['PATH']}", SLURM_JOB_ID=job.id,
                           SLURM_RESTART_COUNT=str(job.restarts), SLURM_JOB_NODELIST=job.node,
                           SLURM_JOB_END_TIME=str(int(time.time()) + 3600), BROADSHEET_JOB=str(job.folder))
        if start:
            environment["BROADSHEET_START"] = start
        async with self.tools:
            tool = await asyncio.create_subprocess_exec(self.tool, *words, env=environment, cwd=job.folder.parent,
                                                        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
            out, err = await tool.communicate()
        return tool.returncode, out.decode().strip(), err.decode()

    # One start of a job: what slurm/job.sh does.
    async def run(self, job):
        try:
            code, start, said = await self.ask_tool(job, "", "begin", str(job.folder))
            if code != 0:
                if code != 3:
                    self.errors.append(f"begin {job.folder}: exit {code}: {said}")
                return self.end(job, "COMPLETED")
            code = await simulated_worker.Worker(self, job, start).work()
            if job.taken_away:  # it says no more
                return
            code, verdict, said = await self.ask_tool(job, start, "end", str(job.folder), str(code), job.notice)
            if code != 0 or len(verdict.split()) != 2:
                self.errors.append(f"end {job.folder}: exit {code}: {verdict} {said}")
            elif verdict.startswith("requeue") and not job.cancelled:
                self.free.append(job.node)
                job.node, job.restarts = "", job.restarts + 1
                return self.wait_in_queue(job)
            self.end(job, "CANCELLED" if job.cancelled else "COMPLETED" if verdict.endswith(" 0") else "FAILED")
        except Exception as error:
            self.errors.append(f"job {job.id} of {job.folder}: {error!r}")
            self.end(job, "FAILED")

    def end(self, job, state):
        if job.node:
            self.free.append(job.node)
        job.state, job.node, job.ended = state, "", time.monotonic()

    # Slurm forgets it at once, and it leaves no end.
    def vanish(self, job):
        job.taken_away = True
        self.end(job, "NODE_FAIL")
        del self.jobs[job.id]

    # Slurm takes its node away and puts it back into the queue; it leaves no end.
    def take_back(self, job):
        self.free.append(job.node)
        job.node, job.restarts = "", job.restarts + 1
        job.taken_away = True
        again = Job.__new__(Job)
        again.__dict__.update(job.__dict__)
        again.told, again.taken_away, again.task = asyncio.Event(), False, None
        self.jobs[job.id] = again
        self.wait_in_queue(again)

    # --- the commands; each returns (stdout, stderr, exit code)

    def sbatch(self, arguments):
        if self.generator.random() < self.weather:
            return "", "sbatch: error: Batch job submission failed: " + AWAY, 1
        if sum(job.lives() for job in self.jobs.values()) >= self.most_jobs:
            return "", "sbatch: error: QOSMaxSubmitJobPerUserLimit\n", 1
        options = dict(word[2:].split("=", 1) for word in arguments if word.startswith("--") and "=" in word)
        self.submitted += 1
        job = Job(self.submitted, options, arguments[-1])
        self.jobs[job.id] = job
        self.wait_in_queue(job)
        # Accepted, and said otherwise.
        if self.generator.random() < self.weather:
            return "", "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n", 1
        return job.id + "\n", "", 0

    def squeue(self, arguments):
        if self.generator.random() < self.weather:
            return "", AWAY, 1
        if arguments[arguments.index("--format") + 1] != "%i|%T|%r|%N|%S|%k":
            raise ValueError("not the format that this site knows")
        return "".join(f"{job.id}|{job.state}|None|{job.node}|N/A|{job.comment}\n" for job in self.jobs.values()), "", 0

    def scontrol(self, arguments):
        words = [word for word in arguments if not word.startswith("-")]
        if words[:2] == ["show", "hostnames"]:
            return words[2] + "\n", "", 0
        if words[:2] != ["show", "job"]:
            raise ValueError("not in this site")
        job = self.jobs.get(words[2])
        if job is None:
            return "", UNKNOWN, 1
        return f"JobId={job.id} JobState={job.state} Restarts={job.restarts} PreemptTime=None\n", "", 0

    def scancel(self, arguments):
        job = self.jobs.get(arguments[-1])
        if job is None or not job.lives():
            return "", UNKNOWN, 1
        if "--signal" in arguments:
            job.tell(arguments[arguments.index("--signal") + 1])
            return "", "", 0
        job.cancelled = True
        if job.state == "PENDING":
            self.end(job, "CANCELLED")
        else:
            job.tell("TERM")
            self.loop.call_later(KILL_WAIT, self.kill, job)
        return "", "", 0

    def kill(self, job):
        if job.state == "RUNNING":
            job.taken_away = True
            self.end(job, "CANCELLED")

    def sinfo(self, arguments):
        return "".join(f"{node} idle\n" for node in arguments[arguments.index("--nodes") + 1].split(",")), "", 0

    def srun(self, arguments):
        return "MPI plugin types are...\n\tnone\n\tpmix\n", "", 0
