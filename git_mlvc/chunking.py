"""Content-defined chunking: where a file is cut.

FastCDC 2020 with the parameters of docs/formats/chunks.md. Chunk boundaries are a format (law 5):
`tests/golden/chunks` pins them, whatever library finds them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Cut = Callable[[bytes | bytearray | memoryview], Iterator[Any]]

MIN = 16 << 10
AVG = 64 << 10
MAX = 256 << 10
NORMALIZATION: Final = 1
SEED = 0
PROFILE = f"fastcdc2020 {MIN} {AVG} {MAX} {NORMALIZATION} {SEED}"


def cut_points(data: bytes | bytearray | memoryview, *, final: bool) -> list[int]:
    """Return the end offset of each chunk of `data`, in bytes, ascending.

    `data` begins where a chunk begins. With `final`, its end is the end of the content and the last
    offset is `len(data)`. Without, only the cuts that no further bytes can move are returned; what
    stands after the last of them is shorter than MAX, and belongs in front of the next block. So
    any split of a content into blocks gives the same cuts.

    Every chunk but a content's last is between MIN and MAX bytes. Safe to call from many threads;
    the scan itself runs without the interpreter lock.
    Source: Xia et al., FastCDC, USENIX ATC 2016 and IEEE TPDS 2020.
    """
    size = len(data)
    if size <= MIN:  # the chunker's import would cost more than hashing these bytes
        return [size] if final and size else []
    ends = [chunk.offset + chunk.length for chunk in _cut()(data)]
    # The scanner found every cut before the end by looking only at bytes before it; a cut at the
    # end is certain only where the longest chunk ends.
    if not final and ends[-1] - (ends[-2] if len(ends) > 1 else 0) != MAX:
        ends.pop()
    return ends


_cut_cache: list[Cut] = []


def _cut() -> Cut:
    if not _cut_cache:
        import warnings

        with warnings.catch_warnings():
            # Without its compiled part the library warns of its slowness: not git's user's affair.
            warnings.simplefilter("ignore")
            from pyfastcdc import FastCDC
        # Stateless after construction: every cut_buf() makes its own scanner.
        chunker = FastCDC(
            AVG, min_size=MIN, max_size=MAX, normalized_chunking=NORMALIZATION, seed=SEED
        )
        _cut_cache.append(chunker.cut_buf)
    return _cut_cache[0]
