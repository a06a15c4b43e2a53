"""What the rehearsal has seen: the evidence that a client kept its promises."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

#: seconds
WINDOW = 10.0


class Counters:
    """Counts since the start or the last reset; they outlive the jobs they count."""

    def __init__(self, keep: int) -> None:
        self.submits: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()
        self.submits_by_key: Counter[str] = Counter()
        self.max_submits_per_10s: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.unknown_tags: Counter[str] = Counter()
        self.images: deque[dict[str, Any]] = deque(maxlen=keep)
        self.images_total = 0
        self.polls_total = 0
        self.wrong_key_polls = 0
        self.uploads_total = 0
        self.downloads_total = 0
        self.downloads_with_authorization = 0
        self.callbacks_sent = 0
        self.callbacks_failed = 0
        self._recent: dict[str, deque[float]] = {}

    def submitted(self, prompt: str, key: str, now: float) -> int:
        """Count a submit, whatever becomes of it; the number of submits of this prompt so far."""
        self.submits[prompt] += 1
        self.submits_by_key[key] += 1
        recent = self._recent.setdefault(key, deque())
        recent.append(now)
        while recent[0] <= now - WINDOW:
            recent.popleft()
        self.max_submits_per_10s[key] = max(self.max_submits_per_10s[key], len(recent))
        return self.submits[prompt]

    def saw_image(self, facts: dict[str, Any]) -> None:
        self.images_total += 1
        self.images.append(facts)

    def as_dict(self) -> dict[str, Any]:
        """All counts as plain JSON values."""
        values = {name: value for name, value in vars(self).items() if not name.startswith("_")}
        plain = {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}
        return plain | {
            "images": list(self.images),
            "submits_total": self.submits.total(),
            "accepted_total": self.accepted.total(),
            "faults_total": self.faults.total(),
        }
