"""Programs in the manner of the lecture, one for each of its sections, of ten requests each; to be run unchanged."""

from pathlib import Path

PROGRAMS = Path(__file__).parent

# by the lecture's sections: the fewest and the most requests in flight that each must reach
PEAKS = {
    "blocking": (1, 1),
    "process_pool": (2, 10),
    "thread_pool": (2, 10),
    "non_blocking": (1, 1),
    "callbacks": (10, 10),
    "generators": (10, 10),
    "yield_from": (10, 10),
}
