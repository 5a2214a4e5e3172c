"""Runs another example from Python code, three times at once, and compares the results.

    python examples/run_from_python.py

It is a script and no flow: Runner starts the processes, and hands back what the runs have made.
"""

import asyncio
import os

from metaflow import Runner

FLOW = os.path.join(os.path.dirname(os.path.abspath(__file__)), "foreach.py")


async def main():
    async with Runner(FLOW, show_output=False) as runner:
        runs = [await runner.async_run(tags=["attempt:%d" % n]) for n in range(3)]
        await asyncio.gather(*(run.wait() for run in runs))
        for run in runs:
            print(run.run.pathspec, run.status, sorted(run.run.user_tags), len(list(run.run)), "steps")


if __name__ == "__main__":
    asyncio.run(main())
