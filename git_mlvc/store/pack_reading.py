"""A sealed pack's own table, read and checked: the truth that segments are copies of."""

from __future__ import annotations

import os

from git_mlvc.errors import FormatError
from git_mlvc.formats import pack as pack_format
from git_mlvc.formats.segment import PackTable
from git_mlvc.store.pack_files import PackFile


def read_table(path: str, pack_id: bytes) -> PackTable:
    """Return a pack's table after checking header, footer and the table's own digest.

    Raises FormatError when they do not hold; OSError when the file cannot be read. The payloads are
    not looked at.
    """
    file = PackFile.open(path)
    size_bytes = file.size_bytes
    pack_format.check_header(file.read(0, pack_format.HEADER_SIZE))
    tail_size = min(size_bytes, pack_format.FOOTER_SIZE)
    footer = pack_format.decode_footer(file.read(size_bytes - tail_size, tail_size), size_bytes)
    table = file.read(footer.table_offset, footer.table_size)
    if len(table) != footer.table_size:
        raise FormatError(f"pack {os.path.basename(path)} is cut short")
    pack_format.check_table(table, footer)
    pack_format.decode_table(table, table_offset=footer.table_offset)
    return PackTable(pack_id, size_bytes, table)
