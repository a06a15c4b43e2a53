"""The sound of a rough cut: every clip's own, to the sample as long as its picture, or silence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final, Self

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import OutputContainer

from vidgen_core.domain.errors import FileError
from vidgen_core.services.exports.cut import CutPart
from vidgen_core.services.exports.facts import Facts, open_video

#: (2, samples)
Samples = npt.NDArray[np.float32]
RATE: Final = 48_000
#: Samples that AAC takes at once.
_BLOCK: Final = 1024


class Sound:
    """A stereo AAC track that is written clip by clip."""

    def __init__(self, container: OutputContainer) -> None:
        self._container = container
        self._stream = container.add_stream("aac", rate=RATE, options={"b": "192k"})
        self._stream.layout = "stereo"
        #: Samples handed over so far, and those that wait for a full block.
        self._written = 0
        self._waiting: Samples = np.zeros((2, 0), np.float32)

    @classmethod
    def for_parts(cls, container: OutputContainer, facts: Sequence[Facts | None]) -> Self | None:
        """A track when any clip has sound."""
        return cls(container) if any(video and video.sound for video in facts) else None

    def add(self, part: CutPart) -> None:
        """Write the sound of a clip from its in point to the end of its place; none, or too little of it, is silence.

        :raises FileError: video_unplayable
        """
        left = round(part.end * RATE) - self._written - self._waiting.shape[1]
        ahead = round(part.start * RATE)
        for samples in _samples(part.facts) if part.facts and part.facts.sound else ():
            skipped = min(ahead, samples.shape[1])
            ahead -= skipped
            piece = samples[:, skipped : skipped + left]
            self._write(piece)
            left -= piece.shape[1]
            if left <= 0:
                break
        while left > 0:
            silence = np.zeros((2, min(left, RATE)), np.float32)
            self._write(silence)
            left -= silence.shape[1]

    def finish(self) -> None:
        """Write what is left."""
        if self._waiting.shape[1]:
            self._encode(self._waiting)
        self._container.mux(self._stream.encode(None))

    def _write(self, samples: Samples) -> None:
        self._waiting = np.concatenate([self._waiting, samples], axis=1)
        while self._waiting.shape[1] >= _BLOCK:
            self._encode(self._waiting[:, :_BLOCK])
            self._waiting = self._waiting[:, _BLOCK:]

    def _encode(self, samples: Samples) -> None:
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self._written, Fraction(1, RATE)
        self._written += samples.shape[1]
        self._container.mux(self._stream.encode(frame))


def _samples(facts: Facts) -> Iterator[Samples]:
    """The first sound track from the first picture on, beginning with the silence before it."""
    resampler = AudioResampler(format="fltp", layout="stereo", rate=RATE)
    with open_video(facts.path) as source:
        stream = source.streams.audio[0]
        base = stream.time_base or Fraction(1, RATE)
        late = round(max(Fraction(0), (stream.start_time or 0) * base - facts.offset) * RATE)
        if late:
            yield np.zeros((2, late), np.float32)
        try:
            for frame in source.decode(stream):
                yield from map(_array, resampler.resample(frame))
            yield from map(_array, resampler.resample(None))
        except av.FFmpegError as error:
            raise FileError("video_unplayable", path=str(facts.path)) from error


def _array(frame: AudioFrame) -> Samples:
    return frame.to_ndarray().astype(np.float32, copy=False)
