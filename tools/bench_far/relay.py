"""A line that is so long: whatever comes in goes out after a time, in either direction, in order and at any rate.

Run as a program: ``python -m tools.bench_far.relay HOST PORT DELAY_MS`` prints the port it listens on, on loopback, and
relays until it is killed. It stands for ``tc qdisc add ... netem delay``, which is not in every kernel, and needs no
rights; a connection itself is made without delay, and packets are neither lost nor counted.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_CHUNK: Final = 1 << 16
_PRIORITY: Final = -10
"""A line waits for no processor; what it takes of one is little."""


@contextmanager
def relayed(address: str, delay_ms: float) -> Iterator[str]:
    """``host:port`` that leads to another one, each way so long after it was sent."""
    host, _, port = address.partition(":")
    words = [sys.executable, "-m", "tools.bench_far.relay", host, port, str(delay_ms)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


async def _serve(host: str, port: int, delay_s: float) -> None:
    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, port)
        await asyncio.gather(_pass_on(reader, back, delay_s), _pass_on(there, writer, delay_s))

    server = await asyncio.start_server(relay, "127.0.0.1", 0, limit=_CHUNK)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def _pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay_s: float) -> None:
    """What comes from one end goes to the other when its time has come; an end follows what was before it."""
    loop = asyncio.get_running_loop()
    on_the_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def come_in() -> None:
        data = b"-"
        while data:
            try:
                data = await source.read(_CHUNK)
            except ConnectionError:
                data = b""
            on_the_way.put_nowait((loop.time() + delay_s, data))

    coming = asyncio.create_task(come_in())
    while True:
        due, data = await on_the_way.get()
        await asyncio.sleep(due - loop.time())
        if not data:
            break
        sink.write(data)
    await coming
    sink.close()


if __name__ == "__main__":
    if os.geteuid() == 0:
        os.setpriority(os.PRIO_PROCESS, 0, _PRIORITY)
    asyncio.run(_serve(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]) / 1000))
