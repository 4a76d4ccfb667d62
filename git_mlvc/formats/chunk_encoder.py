"""Which codec a chunk is stored with: found by trial on one chunk, kept for its neighbours.

No trial decides what can be read: the codec is written beside each chunk (docs/formats/pack.md). What
is tried, and why, measured in chunks of 80 KiB (kept ÷ raw, MB/s on one core; zstd's own level 3 first):

=================  ============  ============  ============  ============
content            level 3       LONG          TABLE         FAST
=================  ============  ============  ============  ============
CSV, words         0.333   220   0.330   240   0.329   250   0.345   340
JSON lines         0.238   350   0.237   380   0.236   380   0.226   485
numbers as text    0.441   160   0.436   175   0.419   190   0.440   340
source code        0.261   290   0.261   300   0.265   310   0.277   380
=================  ============  ============  ============  ============

Short matches do harm in tables: they break up digits that one symbol table codes better. Tensors hardly
compress as they stand, because noisy mantissa bytes hide the regular exponent bytes. Their planes of
equally placed bytes, each a zstd block with its own symbol table, do; and there any search for
matches is in the way: float32 weights 0.926 plain, 0.852 in planes at level 3, 0.839 with PLANES.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from git_mlvc.formats.chunk_codec import MAX_RAW_LEN, Codec

if TYPE_CHECKING:
    import zstandard

_WORTH_IT = 0.97  # what does not save 3 % is kept as it is
_SAMPLE = 8 << 10
_SERIES_SAMPLE = 128 << 10  # pays over many chunks: short samples are too kind to short matches
_PLANES_SAMPLE = 8 << 10
_SMALL = 4096  # below this a trial costs more than it can save
_PROBE_SLICE = 1 << 10
_SERIES = 64  # chunks, after which a series tries anew
_NOISE_SERIES = 8  # the same in noise: the look at each chunk does not show tensors
_PATIENCE = 1  # chunks, before a series that meets something else tries anew
_GROUPINGS = ((Codec.BG2_ZSTD, 2), (Codec.BG4_ZSTD, 4), (Codec.BG8_ZSTD, 8))


class Tuning(NamedTuple):
    """How hard zstd looks for repetitions, and for how short ones."""

    dfast: bool
    hash_log: int
    min_match: int


FAST = Tuning(dfast=False, hash_log=14, min_match=7)
LONG = Tuning(dfast=True, hash_log=15, min_match=5)
TABLE = Tuning(dfast=True, hash_log=15, min_match=6)
PLANES = Tuning(dfast=False, hash_log=12, min_match=7)


class Way(NamedTuple):
    """One way to store a chunk. `planes` is 1 where bytes stay where they are."""

    codec: Codec
    tuning: Tuning
    planes: int = 1


KEEP = Way(Codec.RAW, FAST)
_PLAIN = (Way(Codec.ZSTD, FAST), Way(Codec.ZSTD, LONG), Way(Codec.ZSTD, TABLE))

Raw = bytes | memoryview
Encoded = tuple[Codec, bytes | memoryview]


class ChunkEncoder:
    """Turns chunks into payloads. One per thread: zstd's contexts are not shared.

    Cheap to make; the library is loaded when first needed. The long work runs without the
    interpreter lock.
    """

    def __init__(self) -> None:
        self._compressors: dict[Tuning, zstandard.ZstdCompressor] = {}

    def encode(self, raw: Raw) -> Encoded:
        """Return the codec that wins and the payload; for RAW that is `raw` itself, not a copy."""
        return self.encode_as(self.choose(raw, _SAMPLE), raw)

    def series(self) -> Series:
        """Return an encoder for chunks that are neighbours in one content."""
        return Series(self)

    def choose(self, raw: Raw, sample_bytes: int) -> Way:
        """Return what wins on `sample_bytes` from the middle of `raw`."""
        size = len(raw)
        if not 0 < size <= MAX_RAW_LEN:
            raise ValueError(f"a chunk has 1 to {MAX_RAW_LEN} bytes, not {size}")
        if size < _SMALL:
            return _PLAIN[2]
        if self.is_noise(raw) and not self._has_planes(raw):
            return KEEP
        sample = _middle(raw, sample_bytes)
        lengths = [len(self._compress(way, sample)) for way in _PLAIN]
        best_len = min(lengths)
        # The fast one where it costs next to nothing.
        best = 0 if lengths[0] <= best_len * 1.005 else lengths.index(best_len)
        if sample.isascii():  # text: planes never win, and cost most
            return _PLAIN[best]
        grouping = self._best_planes(_middle(raw, _PLANES_SAMPLE), _PLAIN[best])
        if grouping is not None:
            return grouping
        return _PLAIN[best] if best_len <= len(sample) * _WORTH_IT else KEEP

    def encode_as(self, way: Way, raw: Raw) -> Encoded:
        """As `encode`, the codec chosen before. RAW all the same if that does not save enough."""
        if way.codec != Codec.RAW:
            payload = self._compress(way, raw)
            if len(payload) <= len(raw) * _WORTH_IT:
                return way.codec, payload
        return Codec.RAW, raw

    def is_noise(self, raw: Raw) -> bool:
        """True if four places in `raw` show nothing that compresses: far cheaper than a trial."""
        quarter = len(raw) // 4
        if quarter <= _PROBE_SLICE:
            probe = bytes(raw)
        else:
            starts = range(0, 4 * quarter, quarter)
            probe = b"".join([raw[start : start + _PROBE_SLICE] for start in starts])
        return len(self._compress(_PLAIN[0], probe)) > len(probe) * _WORTH_IT

    def _has_planes(self, raw: Raw) -> bool:
        """One cheap look at all groupings at once; noise, the usual case, ends here."""
        probe = _middle(raw, _SMALL)
        mixed = b"".join([probe[plane::8] for plane in range(8)])
        return len(self._compress(_PLAIN[0], mixed)) <= len(mixed) * 0.98

    def _best_planes(self, sample: bytes, plain: Way) -> Way | None:
        best, best_len = None, len(self._compress(plain, sample)) * _WORTH_IT
        for codec, planes in _GROUPINGS:
            way = Way(codec, PLANES, planes)
            size = len(self._compress(way, sample))
            if size < best_len:
                best, best_len = way, size
        return best

    def _compress(self, way: Way, raw: Raw) -> bytes:
        compressor = self._compressors.get(way.tuning)
        if compressor is None:
            compressor = self._compressors[way.tuning] = _compressor(way.tuning)
        if way.planes == 1:
            return compressor.compress(raw)
        return _compress_planes(compressor, bytes(raw), way.planes)


class Series:
    """Encodes the chunks of one content in order: a trial for the first, and when things change.

    Equal chunks in equal order give equal payloads, whoever encodes them.
    """

    def __init__(self, encoder: ChunkEncoder) -> None:
        self._encoder = encoder
        self._way = KEEP
        self._left = 0  # chunks until the next trial
        self._saving = 0.0  # of the chunk that the last trial was made on

    def encode(self, raw: Raw) -> Encoded:
        """As `ChunkEncoder.encode`."""
        encoder = self._encoder
        if self._left <= 0:
            self._way = encoder.choose(raw, _SERIES_SAMPLE)
            self._left = _NOISE_SERIES if self._way is KEEP else _SERIES
            encoded = encoder.encode_as(self._way, raw)
            self._saving = len(encoded[1]) / len(raw)
            return encoded
        self._left -= 1
        if self._way is KEEP:
            if encoder.is_noise(raw):
                return Codec.RAW, raw
            self._left = 0
            return self.encode(raw)
        encoded = encoder.encode_as(self._way, raw)
        if abs(len(encoded[1]) / len(raw) - self._saving) > self._saving / 8:
            self._left = min(self._left, _PATIENCE)
        return encoded


def _middle(raw: Raw, size: int) -> bytes:
    """Return up to `size` bytes from the middle, beginning where an element may begin."""
    start = max(0, len(raw) - size) // 2 & ~7
    return bytes(raw[start : start + size])


def _compressor(tuning: Tuning) -> zstandard.ZstdCompressor:
    import zstandard

    return zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(
            strategy=zstandard.STRATEGY_DFAST if tuning.dfast else zstandard.STRATEGY_FAST,
            window_log=18,
            hash_log=tuning.hash_log,
            chain_log=tuning.hash_log,
            min_match=tuning.min_match,
            write_content_size=True,
            write_checksum=False,
        )
    )


def _compress_planes(compressor: zstandard.ZstdCompressor, raw: bytes, planes: int) -> bytes:
    import zstandard

    frame = compressor.compressobj(size=len(raw))
    out = []
    for plane in range(planes):
        out.append(frame.compress(raw[plane::planes]))
        if plane < planes - 1:
            out.append(frame.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
    out.append(frame.flush())
    return b"".join(out)
