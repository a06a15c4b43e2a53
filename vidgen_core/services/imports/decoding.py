"""Bytes of unknown origin as text."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

import charset_normalizer

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Enough to tell encodings apart, and quick.
_SAMPLE: Final = 1 << 16


def decodings(data: bytes) -> Iterator[str]:
    """The texts ``data`` may be, the likeliest first; none when it is no text.

    UTF-8 is tried strictly before GB18030 (of which GBK is a part), because Chinese text in GBK is practically never valid
    UTF-8, while nearly everything is valid GB18030. The statistical guess comes last: it may differ with the sample.
    """
    # What a disk that was full, or went away, has left of a file ends in zeros.
    return (text.rstrip("\0") for text in _decoded(data))


def _decoded(data: bytes) -> Iterator[str]:
    for encoding in _encodings(data):
        try:
            yield data.decode(encoding)
        except UnicodeDecodeError as error:
            # A file that breaks off may do so within a letter; places may be counted from behind a mark at its beginning.
            whole = len(data) - len(error.object) + error.start
            if encoding.startswith("utf") and "unexpected end" in error.reason and whole:
                yield data[:whole].decode(encoding)
            elif encoding == "utf-8" and _is_mostly_utf8(data[max(0, error.start - _SAMPLE) : error.start + _SAMPLE]):
                yield "".join(map(_piece, _PIECES.findall(data)))
        except LookupError:
            continue


def _encodings(data: bytes) -> Iterator[str]:
    marked = next((encoding for bom, encoding in _BOMS if data.startswith(bom)), None)
    if marked:
        yield marked
        return
    sample = data.rstrip(b"\0")[:_SAMPLE]
    if sample.count(0) * 20 > len(sample):
        yield from _wide(sample)
        return
    yield from ("utf-8", *(["cp1252"] if _is_western(sample) else []), "gb18030")
    guesses = list(charset_normalizer.from_bytes(sample))[:6]
    best = [one.encoding for one in guesses if (one.chaos, one.coherence) == (guesses[0].chaos, guesses[0].coherence)]
    # Where nothing tells them apart, what most of Europe writes goes before what others do.
    guessed = ["cp1252"] if "cp1252" in best else best[:1]
    # What reads a table goes on until it finds a header that it knows.
    yield from dict.fromkeys([*guessed, "cp932", "big5", "euc-kr", "cp1251", "cp1252"])


#: Letters and marks beyond ASCII of which the languages of Western Europe have one or two in a row.
_WESTERN: Final = frozenset("àâäáãåæçéèêëíìîïñóòôöõœúùûüÿßÀÂÄÁÃÅÆÇÉÈÊËÍÌÎÏÑÓÒÔÖÕŒÚÙÛÜ‘’“”„«»–—…¿¡°€£·\xa0")


def _is_western(sample: bytes) -> bool:
    """Before GB18030 is tried: an accent and the letter behind it are a letter of that as well."""
    beyond = re.sub(rb"[\x00-\x7f]++", b"", sample)
    return not re.search(rb"[\x80-\xff]{3}", sample) and _WESTERN.issuperset(beyond.decode("cp1252", errors="replace"))


def _wide(sample: bytes) -> Iterator[str]:
    """UTF-16 without its mark: the commas and line ends have zeros on one side only."""
    low, high = sample[0::2].count(0), sample[1::2].count(0)
    if high > 4 * low:
        yield "utf-16-le"
    elif low > 4 * high:
        yield "utf-16-be"


#: Runs of letters, which no letter of GB18030's two bytes is cut by, and what stands between them.
_PIECES: Final = re.compile(rb"[\x00-\x3f]+|[^\x00-\x3f]+")


def _is_mostly_utf8(sample: bytes) -> bool:
    """Whether lists of several encodings were put together, or a few bytes of one in UTF-8 are spoilt."""
    pieces = [piece for piece in _PIECES.findall(sample) if not piece.isascii()]
    return 2 * sum(map(_in_utf8, pieces)) >= len(pieces)


def _in_utf8(piece: bytes) -> bool:
    """Whether it holds Chinese, or what else takes three bytes: two may be so by chance."""
    return any(letter > "\u07ff" for letter in piece.decode("utf-8", errors="ignore"))


def _piece(piece: bytes) -> str:
    for encoding in ("utf-8",) if _in_utf8(piece) else ("utf-8", "gb18030", "cp1252"):
        try:
            return piece.decode(encoding)
        except UnicodeDecodeError:
            continue
    return piece.decode("utf-8", errors="replace")
