"""Arrays as bare addresses, 64 bytes at a time: what the kernels hand to each other.

numba counts references to arrays, hands them over in seven parts and lets indexes wrap; an address is one register.
"""

import sys
from typing import Any

from llvmlite import ir
from numba import extending, types
from numba.core import cgutils

AHEAD = 64
"""Bytes that may be read behind the end of what a kernel reads."""

intrinsic: Any = extending.intrinsic
_pointer: Any = types.CPointer
_loops: Any = cgutils
pointer_bytes = Any
pointer_ints = Any
pointer_floats = Any
_BYTE, _WORD = ir.IntType(8), ir.IntType(64)
LANES = 64
"""Rows that a test of a tree is made for at once."""


@intrinsic
def address(typing: Any, array: Any) -> Any:
    """Of a contiguous array's first element. Good while the array lives: `hold` it once the address is used no more."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.make_array(signature.args[0])(context, builder, arguments[0]).data

    return _pointer(array.dtype)(array), code


@intrinsic
def hold(typing: Any, array: Any) -> Any:
    """Keeps an array up to here. numba frees it behind its last use, whoever has its address."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_dummy_value()

    return types.void(array), code


def _block(builder: Any, at: Any, place: Any) -> Any:
    """The 64 bytes from a place on."""
    kind = ir.VectorType(_BYTE, 64)
    start = builder.bitcast(builder.gep(at, [place]), kind.as_pointer())
    return builder.load(start, align=1)


def _all(value: Any, builder: Any) -> Any:
    """64 times the value."""
    kind = ir.VectorType(value.type, 64)
    first = builder.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
    return builder.shuffle_vector(first, ir.Constant(kind, ir.Undefined), places)


@intrinsic
def equal_64(typing: Any, raw: Any, place: Any, byte: Any) -> Any:
    """Bit j says whether raw[place + j] is the byte, for the 64 bytes from `place` on."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, place, byte = arguments
        same = builder.icmp_unsigned("==", _block(builder, at, place), _all(builder.trunc(byte, _BYTE), builder))
        return builder.bitcast(same, _WORD)

    return types.int64(_pointer(types.uint8), types.int64, types.int64), code


@intrinsic
def equal_letter_64(typing: Any, raw: Any, place: Any, letter: Any) -> Any:
    """Bit j says whether raw[place + j] is the letter, given as a small one, in any case."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, place, letter = arguments
        block = _block(builder, at, place)
        small = builder.or_(block, ir.Constant(block.type, [32] * 64))
        return builder.bitcast(builder.icmp_unsigned("==", small, _all(builder.trunc(letter, _BYTE), builder)), _WORD)

    return types.int64(_pointer(types.uint8), types.int64, types.int64), code


@intrinsic
def above_ascii_64(typing: Any, raw: Any, place: Any) -> Any:
    """Bit j says whether raw[place + j] is 128 or more."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        block = _block(builder, *arguments)
        return builder.bitcast(builder.icmp_signed("<", block, ir.Constant(block.type, [0] * 64)), _WORD)

    return types.int64(_pointer(types.uint8), types.int64), code


@intrinsic
def below_64(typing: Any, raw: Any, place: Any, byte: Any) -> Any:
    """Bit j says whether raw[place + j] is less than the byte."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, place, byte = arguments
        less = builder.icmp_unsigned("<", _block(builder, at, place), _all(builder.trunc(byte, _BYTE), builder))
        return builder.bitcast(less, _WORD)

    return types.int64(_pointer(types.uint8), types.int64, types.int64), code


@intrinsic
def copy_64(typing: Any, out: Any, place: Any, raw: Any, start: Any) -> Any:
    """Copies 64 bytes from raw[start] to out[place]."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, place, raw, start = arguments
        block = _block(builder, raw, start)
        end = builder.bitcast(builder.gep(out, [place]), block.type.as_pointer())
        builder.store(block, end, align=1)
        return context.get_dummy_value()

    pointer = _pointer(types.uint8)
    return types.void(pointer, types.int64, pointer, types.int64), code


@intrinsic
def lowest_bit(typing: Any, bits: Any) -> Any:
    """Place of the lowest bit that is set, 64 if none is."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), code


@intrinsic
def count_bits(typing: Any, bits: Any) -> Any:
    """How many are set."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.int64), code


@intrinsic
def word_at(typing: Any, raw: Any, place: Any) -> Any:
    """The eight bytes from a place on, the first one lowest, on machines of either order alike."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, place = arguments
        word = builder.load(builder.bitcast(builder.gep(at, [place]), _WORD.as_pointer()), align=1)
        return word if sys.byteorder == "little" else builder.bswap(word)

    return types.int64(_pointer(types.uint8), types.int64), code


@intrinsic
def strike_out(
    typing: Any, left: Any, columns: Any, feature: Any, threshold: Any, without: Any, first: Any, last: Any
) -> Any:
    """left[k] becomes what is left of 32 bits by the tests from `first` to `last`, for LANES rows at once: each takes
    all but `without` where the row's value in the column of its feature is more than its threshold."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, columns, feature, threshold, without, first, last = arguments
        reals, bits = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(32), LANES)
        whole = ir.Constant(bits, [-1] * LANES)
        still = _loops.alloca_once_value(builder, whole)
        with _loops.for_range_slice(builder, first, last, ir.Constant(_WORD, 1)) as (test, _):
            place = builder.mul(builder.load(builder.gep(feature, [test])), ir.Constant(_WORD, LANES))
            values = builder.load(builder.bitcast(builder.gep(columns, [place]), reals.as_pointer()), align=4)
            bound = _all(builder.load(builder.gep(threshold, [test])), builder)
            mask = _all(builder.load(builder.gep(without, [test])), builder)
            kept = builder.select(builder.fcmp_ordered(">", values, bound), mask, whole)
            builder.store(builder.and_(builder.load(still), kept), still)
        builder.store(builder.load(still), builder.bitcast(left, bits.as_pointer()), align=4)
        return context.get_dummy_value()

    reals, bits, places = _pointer(types.float32), _pointer(types.int32), _pointer(types.int64)
    return types.void(bits, reals, places, reals, bits, types.int64, types.int64), code
