"""Values: what `@dataclass(frozen=True, slots=True)` makes, without what that costs before the first use.

Git starts us for every command. Importing `dataclasses` (with `inspect`, `ast` and `tokenize`) and having it write
some thirty classes took a third of the time to the filter's first answer. Here a class costs microseconds;
its constructor is written when the first value is made. To others it is a dataclass: `dataclasses.fields`,
`replace` and `asdict` work, and pay then. Used by what is imported before the filter's first answer.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

Class = TypeVar("Class", bound=type)


class _Field:
    """A default that is made anew for each value; and whether the field counts."""

    __slots__ = ("compare", "default_factory", "repr")

    def __init__(self, default_factory: Callable[[], object], repr: bool, compare: bool) -> None:
        self.default_factory = default_factory
        self.repr = repr
        self.compare = compare


def field(*, default_factory: Callable[[], Any], repr: bool = True, compare: bool = True) -> Any:
    """As `dataclasses.field`."""
    return _Field(default_factory, repr, compare)


@overload
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value_class(cls: Class, /) -> Class: ...


@overload
@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def value_class(
    *, order: bool = False, frozen: bool = True, slots: bool = True
) -> Callable[[Class], Class]: ...


def value_class(
    cls: Any = None, /, *, order: bool = False, frozen: bool = True, slots: bool = True
) -> Any:
    """Make a class of annotated fields a value: compared, hashed and shown by them, and not changed.

    `order` adds `<` and its kin; without `frozen` it may be changed, and has no hash; without `slots` it may
    have cached properties. No inheritance: a value is not a kind of another.
    """

    def declare(cls: Any) -> Any:
        return _declared(cls, order=order, frozen=frozen, slots=slots)

    return declare if cls is None else declare(cls)


def _declared(cls: Any, *, order: bool, frozen: bool, slots: bool) -> Any:
    written = dict(cls.__dict__)
    names = tuple(written.get("__annotations__", ()))
    defaults = {name: written.pop(name) for name in names if name in written}
    fields = {name: default for name, default in defaults.items() if isinstance(default, _Field)}
    for name in ("__dict__", "__weakref__"):
        written.pop(name, None)
    if slots:
        written["__slots__"] = names
    compared = [name for name in names if name not in fields or fields[name].compare]
    shown = [name for name in names if name not in fields or fields[name].repr]
    written["__match_args__"] = names
    written["__init__"] = _first_init(names, defaults)
    written["__dataclass_fields__"] = _DataclassFields(names, defaults)
    written.setdefault("__repr__", _repr(shown))
    written.update(_comparisons(compared, order=order))
    if frozen:
        written["__setattr__"] = written["__delattr__"] = _refuse
        written["__hash__"] = _hash(compared)
        written["__reduce__"] = lambda self: (type(self), tuple(getattr(self, n) for n in names))
    else:
        written["__hash__"] = None
    made = type(cls)(cls.__name__, cls.__bases__, written)
    made.__qualname__ = cls.__qualname__
    return made


def _first_init(names: tuple[str, ...], defaults: dict[str, Any]) -> Callable[..., None]:
    """Return a constructor that writes the real one, puts it in its place and calls it."""

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        cls = type(self)
        cls.__init__ = _written_init(cls, names, defaults)
        cls.__init__(self, *args, **options)

    return __init__


def _written_init(
    cls: Any, names: tuple[str, ...], defaults: dict[str, Any]
) -> Callable[..., None]:
    scope: dict[str, Any] = {"_set": object.__setattr__, "_unset": _UNSET}
    given, lines = [], []
    for name in names:
        default = defaults.get(name, _UNSET)
        if name in defaults:
            scope[f"_default_{name}"] = _UNSET if isinstance(default, _Field) else default
            given.append(f"{name}=_default_{name}")
        else:
            given.append(name)
        if isinstance(default, _Field):
            scope[f"_make_{name}"] = default.default_factory
            lines.append(f"if {name} is _unset: {name} = _make_{name}()")
        slot = cls.__dict__.get(name)
        if hasattr(slot, "__set__"):
            scope[f"_set_{name}"] = slot.__set__
            lines.append(f"_set_{name}(self, {name})")
        else:
            lines.append(f"_set(self, {name!r}, {name})")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    body = "".join(f"\n {line}" for line in lines or ["pass"])
    exec(f"def __init__(self, {', '.join(given)}):{body}", scope)
    made: Callable[..., None] = scope["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _comparisons(names: list[str], *, order: bool) -> dict[str, Any]:
    key = attrgetter(*names) if names else lambda value: ()

    def __eq__(self: Any, other: Any) -> Any:
        return key(self) == key(other) if other.__class__ is self.__class__ else NotImplemented

    if not order:
        return {"__eq__": __eq__}

    def __lt__(self: Any, other: Any) -> Any:
        return key(self) < key(other) if other.__class__ is self.__class__ else NotImplemented

    def __le__(self: Any, other: Any) -> Any:
        return key(self) <= key(other) if other.__class__ is self.__class__ else NotImplemented

    def __gt__(self: Any, other: Any) -> Any:
        return key(self) > key(other) if other.__class__ is self.__class__ else NotImplemented

    def __ge__(self: Any, other: Any) -> Any:
        return key(self) >= key(other) if other.__class__ is self.__class__ else NotImplemented

    return {
        "__eq__": __eq__,
        "__lt__": __lt__,
        "__le__": __le__,
        "__gt__": __gt__,
        "__ge__": __ge__,
    }


def _hash(names: list[str]) -> Callable[[Any], int]:
    key = attrgetter(*names) if names else lambda value: ()
    return lambda self: hash(key(self))


def _repr(names: list[str]) -> Callable[[Any], str]:
    def __repr__(self: Any) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__qualname__}({fields})"

    return __repr__


def _refuse(self: Any, name: str, *_: Any) -> None:
    raise AttributeError(f"{type(self).__qualname__} is a value: {name} cannot be changed")


_UNSET: Any = object()


class _DataclassFields:
    """What `dataclasses` looks for on a class, made when it does."""

    def __init__(self, names: tuple[str, ...], defaults: dict[str, Any]) -> None:
        self._names = names
        self._defaults = defaults

    def __get__(self, instance: object, owner: Any) -> dict[str, Any]:
        import dataclasses

        def described(name: str) -> Any:
            default = self._defaults.get(name, dataclasses.MISSING)
            if isinstance(default, _Field):
                return dataclasses.field(
                    default_factory=default.default_factory,
                    repr=default.repr,
                    compare=default.compare,
                )
            return dataclasses.field(default=default)

        fields = [(name, owner.__annotations__[name], described(name)) for name in self._names]
        described_class: Any = dataclasses.make_dataclass(owner.__name__, fields)
        owner.__dataclass_fields__ = described_class.__dataclass_fields__
        found: dict[str, Any] = owner.__dataclass_fields__
        return found
