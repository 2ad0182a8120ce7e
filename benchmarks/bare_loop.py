"""The least that asking through an SDK can cost: a bare loop around `client.post`.

Same SDK, transport and bodies as `evalrunner run`; nothing is planned, kept, scored or shown. Used
by `cpu_per_sample.py`; alone: `python benchmarks/bare_loop.py openai URL N IN_FLIGHT`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

from harness import case_of


def main() -> None:
    sdk, url, n, in_flight = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    asyncio.run(loop(sdk, url, n, in_flight=in_flight))


async def loop(sdk: str, url: str, n: int, *, in_flight: int) -> None:
    """Ask `n` questions, `in_flight` at a time."""
    import httpx2

    client, path = make_client(sdk, url, in_flight)
    questions = iter(range(n))

    async def work(questions: Iterator[int]) -> None:
        for number in questions:
            body = body_of(sdk, case_of(number)["input"])
            answer = await client.post(path, body=body, cast_to=httpx2.Response)
            if answer.status_code != 200 or not answer.content:
                raise RuntimeError("no answer")

    async with client:
        await asyncio.gather(*(work(questions) for _ in range(in_flight)))


def make_client(sdk: str, url: str, in_flight: int) -> tuple[Any, str]:
    """The SDK's client on its aiohttp transport, and the path to post to."""
    import httpx2

    limits = httpx2.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    common: dict[str, Any] = {"api_key": "none", "max_retries": 0}
    http = {"timeout": httpx2.Timeout(120, connect=10), "limits": limits}
    if sdk == "anthropic":
        import anthropic

        transport = anthropic.DefaultAioHttpClient(**http)
        return anthropic.AsyncAnthropic(
            base_url=url, http_client=transport, **common
        ), "/v1/messages"
    import openai

    transport = openai.DefaultAioHttpClient(**http)
    client = openai.AsyncOpenAI(base_url=f"{url}/v1", http_client=transport, **common)
    return client, "/responses"


def body_of(sdk: str, text: str) -> dict[str, Any]:
    """What evalrunner sends for the same case."""
    turns = [{"role": "user", "content": text}]
    if sdk == "anthropic":
        return {"model": "bench", "messages": turns, "max_tokens": 1024}
    return {"model": "bench", "input": turns, "max_output_tokens": 1024, "store": False}


if __name__ == "__main__":
    main()
