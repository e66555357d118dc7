"""Arrays as bare addresses, 64 bytes at a time: what the kernels hand to each other.

numba counts references to arrays, hands them over in seven parts and lets indexes wrap; an address is one register.
"""

from typing import Any

from llvmlite import ir
from numba import extending, types

AHEAD = 64
"""Bytes that may be read behind the end of what a kernel reads."""

intrinsic: Any = extending.intrinsic
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

    return types.CPointer(array.dtype)(array), code


@intrinsic
def hold(typing: Any, array: Any) -> Any:
    """Keeps an array up to here. numba frees it behind its last use, whoever has its address."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return context.get_dummy_value()

    return types.void(array), code


@intrinsic
def shifted(typing: Any, start: Any, places: Any) -> Any:
    """The address so many elements behind another."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.gep(arguments[0], [arguments[1]])

    return start(start, types.int64), code


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

    return types.int64(types.CPointer(types.uint8), types.int64, types.int64), code


@intrinsic
def equal_letter_64(typing: Any, raw: Any, place: Any, letter: Any) -> Any:
    """Bit j says whether raw[place + j] is the letter, given as a small one, in any case."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, place, letter = arguments
        block = _block(builder, at, place)
        small = builder.or_(block, ir.Constant(block.type, [32] * 64))
        return builder.bitcast(builder.icmp_unsigned("==", small, _all(builder.trunc(letter, _BYTE), builder)), _WORD)

    return types.int64(types.CPointer(types.uint8), types.int64, types.int64), code


@intrinsic
def above_ascii_64(typing: Any, raw: Any, place: Any) -> Any:
    """Bit j says whether raw[place + j] is 128 or more."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        block = _block(builder, *arguments)
        return builder.bitcast(builder.icmp_signed("<", block, ir.Constant(block.type, [0] * 64)), _WORD)

    return types.int64(types.CPointer(types.uint8), types.int64), code


@intrinsic
def below_64(typing: Any, raw: Any, place: Any, byte: Any) -> Any:
    """Bit j says whether raw[place + j] is less than the byte."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        at, place, byte = arguments
        less = builder.icmp_unsigned("<", _block(builder, at, place), _all(builder.trunc(byte, _BYTE), builder))
        return builder.bitcast(less, _WORD)

    return types.int64(types.CPointer(types.uint8), types.int64, types.int64), code


@intrinsic
def copy_64(typing: Any, out: Any, place: Any, raw: Any, start: Any) -> Any:
    """Copies 64 bytes from raw[start] to out[place]."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        out, place, raw, start = arguments
        block = _block(builder, raw, start)
        end = builder.bitcast(builder.gep(out, [place]), block.type.as_pointer())
        builder.store(block, end, align=1)
        return context.get_dummy_value()

    pointer = types.CPointer(types.uint8)
    return types.void(pointer, types.int64, pointer, types.int64), code


@intrinsic
def lowest_bit(typing: Any, bits: Any) -> Any:
    """Place of the lowest bit that is set, 64 if none is."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.int64(types.int64), code


@intrinsic
def strike_out(typing: Any, left: Any, column: Any, bound: Any, mask: Any) -> Any:
    """left[k] &= mask wherever column[k] > bound, for LANES rows."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        left, column, bound, mask = arguments
        reals, bits = ir.VectorType(ir.FloatType(), LANES), ir.VectorType(ir.IntType(32), LANES)
        at = builder.bitcast(left, bits.as_pointer())
        values = builder.load(builder.bitcast(column, reals.as_pointer()), align=4)
        above = builder.fcmp_ordered(">", values, _all(bound, builder))
        kept = builder.select(above, _all(mask, builder), ir.Constant(bits, [-1] * LANES))
        builder.store(builder.and_(builder.load(at, align=4), kept), at, align=4)
        return context.get_dummy_value()

    reals, bits = types.CPointer(types.float32), types.CPointer(types.int32)
    return types.void(bits, reals, types.float32, types.int32), code
