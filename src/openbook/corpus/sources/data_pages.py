"""How large are the data pages of a Parquet file: a reader holds one whole, however few rows it is asked for."""

from typing import Any, BinaryIO

MOST = 64 << 20
"""Bytes of a page, decompressed, that is still read. Writers make pages of 1 MB, or of one larger value."""
_WINDOW = 1 << 12
_UNCOMPRESSED, _COMPRESSED = 2, 3
"""Fields of PageHeader (parquet.thrift)."""


class _CutError(Exception):
    """The bytes end within the header."""


class _Header:
    """The few fields that are wanted of a page's header, in Thrift's compact protocol."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0
        self.fields: dict[int, int] = {}
        self._struct(self.fields)

    def _byte(self) -> int:
        if self.at >= len(self.data):
            raise _CutError
        self.at += 1
        return self.data[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def _pass(self, size: int) -> None:
        self.at += size
        if self.at > len(self.data):
            raise _CutError

    def _struct(self, found: dict[int, int]) -> None:
        field = 0
        while byte := self._byte():
            field = field + (byte >> 4) if byte >> 4 else self._signed()
            kind = byte & 15
            if 4 <= kind <= 6:
                found[field] = self._signed()
            elif kind > 2:  # 1 and 2 are true and false, without a value
                self._skip(kind)

    def _signed(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)

    def _skip(self, kind: int) -> None:
        if kind in (1, 2, 3):  # in lists a byte each
            self._pass(1)
        elif kind in (4, 5, 6):
            self._varint()
        elif kind == 7:
            self._pass(8)
        elif kind == 8:
            self._pass(self._varint())
        elif kind in (9, 10):
            byte = self._byte()
            for _ in range(byte >> 4 if byte >> 4 < 15 else self._varint()):
                self._skip(byte & 15)
        elif kind == 12:
            self._struct({})
        else:
            raise ValueError(f"a page's header holds a field of kind {kind}")


def largest(file: BinaryIO, start: int, end: int) -> int:
    """Bytes of the largest page, decompressed, of a column chunk that lies in [start, end)."""
    most, at = 0, start
    while at < end:
        window = _WINDOW
        while True:
            file.seek(at)
            data = file.read(min(window, end - at))
            try:
                header = _Header(data)
                break
            except _CutError:
                if len(data) < window:
                    raise ValueError("a page's header is cut off") from None
                window *= 16
        most = max(most, header.fields[_UNCOMPRESSED])
        at += header.at + max(header.fields[_COMPRESSED], 0)
    return most


def too_large(file: BinaryIO, group: Any, columns: list[str]) -> str | None:
    """Why a row group cannot be read within a worker's memory, None where it can be.

    group: its metadata, as pyarrow has it; columns: those that are wanted, `a` or `a.b`.
    """
    for number in range(group.num_columns):
        column = group.column(number)
        path = column.path_in_schema
        if column.total_uncompressed_size <= MOST or not any(f"{path}.".startswith(f"{one}.") for one in columns):
            continue
        starts = [column.data_page_offset, column.dictionary_page_offset]
        start = min(one for one in starts if one)
        try:
            size = largest(file, start, start + column.total_compressed_size)
        except (ValueError, KeyError) as error:
            return f"column {path} cannot be read: {error}"
        if size > MOST:
            return f"column {path} has a data page of {size:,} bytes, more than {MOST:,}: write it with smaller pages"
    return None
