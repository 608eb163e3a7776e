"""The time of a night: nothing is begun that would not end in it, and what is left out is said."""

import time

# From the first run to the page; the build is not in it.
SECONDS = 600
# What is done with records: comparing them, the page.
AFTER_SECONDS = 20


class Plan:
    """Seconds that are left, and what there was no time for."""

    def __init__(self, seconds=SECONDS):
        self.end = time.monotonic() + seconds - AFTER_SECONDS
        self.left_out = []

    def left(self):
        """Seconds for measuring."""
        return max(0.0, self.end - time.monotonic())

    def has(self, seconds):
        """Whether so many seconds are left."""
        return seconds <= self.left()

    def leave_out(self, what):
        """Notes what there is no time for."""
        self.left_out.append(what)
