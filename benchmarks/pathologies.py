"""Five servers that only the right measurement tells apart: healthy, hiccup, ramp, pauses, saturation.

Each is timed twice. In a closed loop, two users fetch one page after another, and ask for nothing while they wait. In
the open one (`rate=`), requests are due at their times, whatever became of the ones before. Writes
results/pathologies.json and prints the table.
"""

from __future__ import annotations

import math
from pathlib import Path

import aio_strategies as aio
from save import save

LATENCY = 0.005
REQUESTS = 600
RATE = 300.0
SCENARIOS = {
    "healthy": [],
    "hiccup": [aio.Fault("hiccup", at=0.8, seconds=0.15)],
    "ramp": [aio.Fault("ramp", at=0.4, until=1.2, seconds=0.03)],
    "pauses": [aio.Fault("pauses", every=0.5, seconds=0.15)],
    # one request at a time makes 200 per second
    "saturation": [aio.Fault("saturation", limit=1)],
}
LOOPS = {"closed": {"concurrency": 2}, "open": {"concurrency": 500, "rate": RATE}}
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}


def percentiles(seconds: list[float]) -> dict[str, float]:
    """Nearest-rank percentiles, in milliseconds."""
    ordered = sorted(seconds)
    return {name: round(1000 * ordered[math.ceil(share * len(ordered)) - 1], 2) for name, share in SHARES.items()}


def cells(found: dict[str, float] | None) -> str:
    return "".join(f"{value:9.1f}" for value in found.values()) if found else f"{'–':>9}"


def main() -> None:
    print(f"ms: {'service time':>43}{'response time':>40}")
    print(f"{'server':12}{'loop':8}{'arm':14}" + 2 * ("".join(f"{name:>9}" for name in SHARES) + "    "))
    results: dict[str, dict] = {}
    for scenario, faults in SCENARIOS.items():
        for loop, settings in LOOPS.items():
            with aio.LabServer(latency=LATENCY, faults=faults) as lab:
                more = {"requests": REQUESTS, "rounds": 1, "seed": 1, "progress": False, **settings}
                comparison = aio.compare(["thread", "asyncio"], "rust", lab=lab, **more)
            for arm in comparison.arms:
                name = f"{arm.language}/{arm.strategy}"
                exchanges = comparison.exchanges.where(arm=name)
                found = {"service": percentiles(exchanges["service"])}
                # A closed loop has no due times: what it does not ask for, it does not time.
                if loop == "open":
                    found["response"] = percentiles(exchanges["response"])
                results.setdefault(scenario, {}).setdefault(loop, {})[name] = found
                print(f"{scenario:12}{loop:8}{name:14}{cells(found['service'])}    {cells(found.get('response'))}")
    settings = {"latency": LATENCY, "requests": REQUESTS, "rate": RATE, "loops": LOOPS}
    faults = {scenario: [repr(fault) for fault in faults] for scenario, faults in SCENARIOS.items()}
    save(Path(__file__), {"settings": settings, "faults": faults, "environment": comparison.environment, "ms": results})


if __name__ == "__main__":
    main()
