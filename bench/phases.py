"""Where the processor time of a tiny task goes, by who spends it and on what; and that of a process of the floor.

usage: phases.py LEVADA [TASKS]  with the path of the program, and 4,000 tasks if it is not said

The kernel's profiler looks 5,000 times a second at what each processor does. That costs time itself, a sixth or so, so what this prints are
shares rather than times: they tell what could be gained where. Processes are told apart by the names of their programs, so no other Python
should run. Linux with `perf`, as a user who may profile the whole machine.
"""

import collections
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
_FREQUENCY = 5000
_WORKERS = 2

#: What a stack with one of these functions of the kernel is about; the first that is found counts.
_PHASES = (
    ("dup_mmap", "fork: copy the memory's map, and pages"),
    ("exit_mmap", "exit: take the memory apart"),
    ("asm_exc_page_fault", "page faults"),
    ("entry_SYSCALL_64_after_hwframe", "other system calls"),
)


def profile(command, folder):
    """The samples of a command: of each the program's name, and the functions on its stack."""
    data = os.path.join(folder, "perf.data")
    record = ["perf", "record", "-q", "-g", "-a", "-e", "cpu-clock", "-F", str(_FREQUENCY), "-o", data, "--", *command]
    environment = {**os.environ, "LEVADA_HOME": os.path.join(folder, ".levada")}
    subprocess.run(record, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    script = ["perf", "script", "-i", data, "-F", "comm,ip,sym"]
    with subprocess.Popen(script, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        for sample in process.stdout.read().split("\n\n"):
            program, *stack = sample.strip("\n").split("\n")
            yield program.strip(), {line.split()[1].split("+")[0] for line in stack if len(line.split()) > 1}


def phase(stack):
    """What a process is at."""
    return next((about for function, about in _PHASES if function in stack), "its own code")


def shares(command, programs, count):
    """Microseconds of processor time for each of ``count`` processes, by who and what. ``programs`` tells who by a program's name."""
    spent = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        for program, stack in profile(command, folder):
            if program == "swapper":
                spent["nobody: a processor waits"] += 1
            elif program in programs:
                spent["%s: %s" % (programs[program], phase(stack))] += 1
    return {what: samples * 1e6 / _FREQUENCY / count for what, samples in spent.items()}


def main():
    levada, count = os.path.abspath(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 4000
    python = os.path.basename(sys.executable)
    tasks = {python: "Python", os.path.basename(levada)[:15]: "the engine"}
    flow = [levada, "run", "--quiet", "--python", sys.executable, os.path.join(HERE, "flows", "squares.py"), "--n", str(count)]
    floor = [sys.executable, os.path.join(HERE, "floor.py"), str(count), str(_WORKERS)]
    ours, least = shares(flow, tasks, count), shares(floor, tasks, count)
    for what in sorted({*ours, *least}, key=lambda what: -ours.get(what, 0)):
        print("%-60s %6.0f us  floor %6.0f us" % (what, ours.get(what, 0), least.get(what, 0)))
    print("%-60s %6.0f us  floor %6.0f us" % ("together", sum(ours.values()), sum(least.values())))


if __name__ == "__main__":
    main()
