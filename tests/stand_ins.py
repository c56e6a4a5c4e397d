"""A crew without processes and a clock without waiting, so that hours of a comparison can be tried in no time."""

from __future__ import annotations

import hashlib
from array import array
from types import SimpleNamespace

from aio_strategies.measuring.crew import ArmFailed, OutOfTime
from aio_strategies.measuring.messages import BatchReport, Report


def outcome(content: bytes = b"same", status: int | None = 200):
    return status, len(content), hashlib.sha256(content).digest()


class StandInCrew:
    """Takes the place of ``Crew``: answers at once, and notes what was ordered.

    Args:
        seconds: the wall time of a batch, from the arm and the number of requests; or raises.
        outcomes: what came of a URL, from the arm and the URL.
        renewal: seconds that starting all workers takes.
    """

    def __init__(self, seconds=lambda arm, requests: 0.02, outcomes=lambda arm, url: outcome(), renewal=1.0):
        self.seconds = seconds
        self.outcomes = outcomes
        self.renewal = renewal
        self.clock = 1000.0
        self.log = []

    @property
    def time(self):
        """What takes the place of the module ``time``."""
        return SimpleNamespace(monotonic=lambda: self.clock, time=lambda: 1.7e9 + self.clock)

    def __call__(self, assignments, stop):
        self.assignments, self.stop = assignments, stop
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.log.append(("end", None))

    def start(self):
        self.log.append(("start", None))
        self.clock += self.renewal
        return []

    def run(self, arm, order, limit, watch=None):
        self.log.append((arm.name, order))
        report = self._report(arm, order)
        self.clock += sum(batch.wall for batch in report.batches)
        return report

    def run_all(self, orders, limit):
        self.log.append(("all", orders))
        reports, failures = {}, []
        for arm, order in orders.items():
            try:
                reports[arm] = self._report(arm, order)
            except ArmFailed as failure:
                failures.append(failure)
        self.clock += max(sum(batch.wall for batch in report.batches) for report in reports.values())
        return reports, failures

    def pid(self, arm):
        return 1

    def printed(self, arm):
        return ""

    def replace(self, arm):
        self.log.append(("replace", arm.name))

    @property
    def timed(self):
        """The arms whose runs were timed, in their order; those of the gate and the costs come before the 2nd start."""
        second = [place for place, (what, _) in enumerate(self.log) if what == "start"][1]
        return [(name, order) for name, order in self.log[second:] if name not in ("start", "all", "end", "replace")]

    def _report(self, arm, order):
        self.stop.seconds_left()
        wall = self.seconds(arm, order.requests)
        if isinstance(wall, Exception):
            raise ArmFailed(arm, str(wall), "")
        if self.clock + order.batches * wall > self.stop.deadline:
            self.clock = self.stop.deadline
            raise OutOfTime(arm)
        urls = self.assignments[arm].urls[: order.requests]
        wanted = [self.outcomes(arm, url) for url in urls] if order.want == "outcomes" else None
        times = order.requests if order.want == "times" else 0
        batches = [
            BatchReport(
                began=self.clock + number * wall,
                wall=wall,
                cpu_user=0.001,
                cpu_system=0.0005,
                waits=1,
                preemptions=0,
                errors=[],
                starts=array("d", [0.0] * times),
                services=array("d", [wall] * times),
                outcomes=wanted,
            )
            for number in range(order.batches)
        ]
        return Report(batches, 0.002 * order.batches)
