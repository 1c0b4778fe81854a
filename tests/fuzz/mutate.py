"""Damage as hypothesis strategies: to bytes anywhere, and to the values of JSON-like structures."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

# What parsers count, allocate and index with.
_INTEGERS = [0, 1, -1, 2**7, 2**15, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1]
_STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([*_INTEGERS, 10**30, 1e308, 0.5, float("nan"), float("inf")]),
    st.sampled_from(["", "0", "none", "../../etc/passwd", "<script>", "$(id)", "a" * 5000, "\u202e", "2024-99-99"]),
    st.sampled_from([[], {}, [[]], [0, 2**60], {"a": {"b": []}}]),
)


@st.composite
def damaged(draw: Any, whole: bytes) -> bytes:
    """A file's bytes with one to four changes: bits turned, bytes replaced, cut out, put in or repeated, or the end cut off."""
    content = bytearray(whole)
    for _ in range(draw(st.integers(1, 4))):
        # Heads are where the structure is.
        at = draw(st.one_of(st.integers(0, max(0, min(len(content), 256) - 1)), st.integers(0, max(0, len(content) - 1))))
        kind = draw(st.sampled_from(["bit", "byte", "integer", "cut", "insert", "repeat", "end"]))
        if kind == "bit" and content:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte" and content:
            content[at] = draw(st.integers(0, 255))
        elif kind == "integer":
            size = draw(st.sampled_from([2, 4, 8]))
            value = draw(st.sampled_from(_INTEGERS)) % 2 ** (8 * size)
            content[at : at + size] = value.to_bytes(size, draw(st.sampled_from(["little", "big"])))
        elif kind == "cut":
            del content[at : at + draw(st.integers(1, 64))]
        elif kind == "insert":
            content[at:at] = draw(st.binary(max_size=16))
        elif kind == "repeat":
            content[at:at] = content[at : at + draw(st.integers(1, 64))]
        else:
            del content[at:]
    return bytes(content)


@st.composite
def altered(draw: Any, whole: Any) -> Any:
    """A structure of dicts and lists with one to three values replaced, keys lost, or keys that nobody knows."""
    made = copy.deepcopy(whole)
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(made))
        if not places:
            break
        holder, key = draw(st.sampled_from(range(len(places))).map(places.__getitem__))
        kind = draw(st.sampled_from(["value", "value", "value", "lost", "new"]))
        if kind == "value":
            holder[key] = copy.deepcopy(draw(_STRANGE))
        elif kind == "lost":
            del holder[key]
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = copy.deepcopy(draw(_STRANGE))
        else:
            holder.append(copy.deepcopy(draw(_STRANGE)))
    return made


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every holder and key of a structure."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in pairs:
        yield value, key
        yield from _places(below)
