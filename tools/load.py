"""Asks a running server again and again for some seconds, as many clients at once; prints what came back as JSON.

A process of its own, so that counting and waiting don't stand in the server's way more than a real client would."""

import argparse
import asyncio
import json
from collections import Counter
from itertools import count
from pathlib import Path
from time import perf_counter

import aiohttp


async def load(address, kind, bodies, clients, seconds):
    """Milliseconds of each good answer, how often each status came, and the seconds that it all took."""
    took, statuses, numbers = [], Counter(), count()
    limits = aiohttp.TCPConnector(limit=clients)
    async with aiohttp.ClientSession(connector=limits, timeout=aiohttp.ClientTimeout(60), trust_env=False) as session:
        begun = perf_counter()

        async def client():
            while perf_counter() - begun < seconds:
                body, start = bodies[next(numbers) % len(bodies)], perf_counter()
                try:
                    async with session.post(address, data=body, headers={"Content-Type": kind}) as reply:
                        await reply.read()
                        status = reply.status
                except aiohttp.ClientError as error:
                    status = type(error).__name__
                statuses[str(status)] += 1
                if status == 200:
                    took.append(1000*(perf_counter() - start))

        await asyncio.gather(*(client() for _ in range(clients)))
        return sorted(took), statuses, perf_counter() - begun


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address")
    parser.add_argument("kind", help="the content type of the bodies")
    parser.add_argument("bodies", type=Path, help="a folder: each of its files is the body of a request")
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    bodies = [file.read_bytes() for file in sorted(given.bodies.iterdir())]
    took, statuses, seconds = asyncio.run(load(given.address, given.kind, bodies, given.clients, given.seconds))
    print(json.dumps({
        "p50": took[len(took)//2] if took else None, "p99": took[len(took)*99//100] if took else None,
        "rate": len(took)/seconds, "statuses": statuses}))


if __name__ == "__main__":
    main()
