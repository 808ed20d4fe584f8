"""MessagePack and zstandard, bounded: whatever the bytes, the answer is a value or a ValueError."""

import threading
from typing import Final

import msgpack  # type: ignore[import-untyped]  # ships no types; wrapped here and nowhere else
import zstandard

MAX_CONTENT_BYTES: Final = 16 * 1024 * 1024
"""What one frame may unpack to; a frame that claims more is refused before memory is taken."""

LEVEL: Final = 3
"""zstd level: 9 takes five times as long over a full look, for a journal smaller by 8 % where there are no secrets
in it and by nothing where there are many: random bytes do not shrink."""


class _Contexts(threading.local):
    """zstd contexts are not safe for several threads; each thread has its own."""

    def __init__(self) -> None:
        self.compressor = zstandard.ZstdCompressor(level=LEVEL, write_checksum=False)
        self.decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_CONTENT_BYTES)


_contexts = _Contexts()


def pack(value: object) -> bytes:
    """MessagePack; text that is not valid Unicode survives."""
    packed: bytes = msgpack.packb(value, use_bin_type=True, unicode_errors="surrogatepass")
    return packed


def unpack(packed: bytes) -> object:
    """The reverse of :func:`pack`; what shape the value has is for the caller to check.

    Raises:
        ValueError: Not MessagePack, more than one value, or one with maps or extensions in it.
    """
    try:
        value: object = msgpack.unpackb(
            packed,
            unicode_errors="surrogatepass",
            ext_hook=_refuse_extension,
            max_map_len=0,
        )
    except msgpack.UnpackException as error:
        raise ValueError(f"not MessagePack: {error}") from error
    return value


def _refuse_extension(code: int, _content: bytes) -> object:
    raise ValueError(f"MessagePack extension {code} has no meaning here")


def compress(content: bytes) -> bytes:
    """One zstd frame that states its content's size."""
    return _contexts.compressor.compress(content)


def decompress(compressed: bytes) -> bytes:
    """The reverse of :func:`compress`.

    Raises:
        ValueError: Not exactly one zstd frame, no stated size, or one above :data:`MAX_CONTENT_BYTES`.
    """
    try:
        claimed = zstandard.get_frame_parameters(compressed).content_size
        if claimed > MAX_CONTENT_BYTES:  # also the "unknown size" mark, 2**64-1
            raise ValueError(f"claims {claimed} bytes of content, limit {MAX_CONTENT_BYTES}")
        return _contexts.decompressor.decompress(compressed, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ValueError(f"not a zstd frame: {error}") from error
