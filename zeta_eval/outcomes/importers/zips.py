"""Reads members of a zip archive, those compressed with Zstandard too.

Zstandard is method 93 of the format (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.4.5), which the
standard library reads from Python 3.14 on. The bytes of a member lie behind its local header (4.3.7).
"""

import struct
import zlib
from typing import Final
from zipfile import BadZipFile, ZipFile, ZipInfo

import pyarrow as pa

MOST_BYTES: Final = 1 << 30
"""Most bytes of a member, unpacked."""
RATIO: Final = 200
"""Most bytes that a byte of an archive may unpack to, beyond the first `FEW_BYTES`: logs come to 50."""
FEW_BYTES: Final = 1 << 26

_ZSTD: Final = 93
_HEADER: Final = struct.Struct("<4s5HL2L2H")


def member(archive: ZipFile, info: ZipInfo) -> bytes:
    """Return a member's content.

    Raises:
        BadZipFile: the member is damaged, encrypted, or unpacks to more than `MOST_BYTES`.
    """
    if info.flag_bits & 1:
        raise BadZipFile(f"member {info.filename} is encrypted")
    if info.file_size > MOST_BYTES or info.file_size > FEW_BYTES + RATIO * info.compress_size:
        raise BadZipFile(f"member {info.filename} unpacks to {info.file_size >> 20} MiB, which is too much")
    if info.compress_type != _ZSTD:
        return archive.read(info)
    file = archive.fp
    if file is None:
        raise BadZipFile("the archive is closed")
    file.seek(info.header_offset)
    head = file.read(_HEADER.size)
    if len(head) < _HEADER.size or head[:4] != b"PK\x03\x04":
        raise BadZipFile(f"member {info.filename} is damaged")
    *_, name, extra = _HEADER.unpack(head)
    file.seek(name + extra, 1)
    packed = file.read(info.compress_size)
    try:
        data = pa.CompressedInputStream(pa.BufferReader(packed), "zstd").read(info.file_size + 1)
    except (pa.ArrowException, OSError) as e:
        raise BadZipFile(f"member {info.filename} is damaged") from e
    content: bytes = bytes(data)
    if zlib.crc32(content) != info.CRC:
        raise BadZipFile(f"member {info.filename} is damaged")
    return content
