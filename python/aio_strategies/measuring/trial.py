"""The first run of a program that names its own pages: its requests are counted, so that it can be compared."""

from __future__ import annotations

from typing import NamedTuple

from ..exceptions import ComparisonError
from ..lab.server import LabServer, private_entrance
from .crew import ArmFailed, Crew, Stop
from .gate import trouble_with
from .messages import Order
from .plan import Plan
from .session import as_comparison_error, assignment

__all__ = ["Trial", "try_out"]


class Trial(NamedTuple):
    """The result of a trial run.

    Attributes:
        requests: how many requests the lab server saw.
        peak_in_flight: the most requests that the lab server had in flight at once.
        printed: what the program printed, cut if it is too long.
        error: why the program cannot be compared, or None.
    """

    requests: int
    peak_in_flight: int
    printed: str
    error: ComparisonError | None


def try_out(plan: Plan) -> Trial:
    """Run the only arm of a plan once, untimed.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; the program has been killed.
    """
    (arm,) = plan.arms
    latency = plan.settings.latency
    assert latency is not None
    with LabServer(latency=latency) as lab:
        entrance = private_entrance(lab)
        urls = entrance.page_urls(plan.settings.requests)
        with Crew({arm: assignment(plan, arm, urls, lab)}, Stop()) as crew:
            error = None
            try:
                for failure in crew.start():
                    raise failure
                crew.run(arm, Order(len(urls)))
            except ArmFailed as failure:
                error = as_comparison_error(failure)
            log, stats, printed = entrance.log(), entrance.stats(), crew.printed(arm)
    if error is None and (trouble := trouble_with(log)):
        error = ComparisonError(arm.name, None, trouble)
    return Trial(len(log), stats.peak_in_flight, printed, error)
