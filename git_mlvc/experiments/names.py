"""Names of experiments: made of two words that are easy to keep in mind, or the user's. Pure.

A name is the last part of a ref, and of a directory and a log file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from git_mlvc.errors import UsageError

_MAX_BYTES = 100
_FORBIDDEN = " ~^:?*[\\/"
_ATTEMPTS = 20
_GITS_OWN = ("head",)
_ADJECTIVES = (
    "able airy amber ample apt azure bold brave brief bright brisk broad calm candid clear clever coral cosy crisp"
    " curly daring deep deft dusty eager early easy even fair fancy fast fine firm fleet fluent fond frank free"
    " fresh full gentle giant glad golden grand green happy hardy hazel honest humble ideal ivory jolly keen kind"
    " large late lean light lively long loud loyal lucid lucky mellow merry mild misty modest neat new nimble noble"
    " novel olive open patient plain polite prime proud pure quick quiet rapid rare ready regal rosy round royal"
    " sandy serene sharp shiny silent silver simple sleek smart smooth snowy soft solar solid sound stable steady"
    " still stout strong sunny sure sweet swift tall tame tender tidy tiny topaz tough true velvet vivid warm wide"
    " wild wise witty young zesty"
)
_NOUNS = (
    "acorn alder almond anchor apple arrow aspen atlas badger bamboo barley basil beacon beaver beech berry birch"
    " bison boat breeze bridge brook candle canyon cedar cherry cliff cloud clover comet coral cove crane creek"
    " daisy dawn delta dolphin dove dune eagle ember falcon fern field finch fjord flame forest fox garden geyser"
    " ginger glacier grove gull harbour harp hawk hazel heron hill holly iris island ivy jasmine juniper kestrel"
    " kite lagoon lake lark laurel leaf lemon lily linden lotus lynx magnet maple marble marten meadow meteor mint"
    " moon moss oak oasis ocean olive orbit orchid osprey otter owl panda peach pearl pebble pine planet plum pond"
    " poplar poppy prairie quail quartz rain raven reed reef ridge river robin rose saffron sage salmon seal shore"
    " sky sparrow spring spruce star stone storm stream summit sun swan thyme tide tiger trail tulip valley violet"
    " walnut wave willow wind wolf wren"
)

Choose = Callable[[Sequence[str]], str]


def generate(taken: Iterable[str], choose: Choose) -> str:
    """Return a name that is none of `taken`; `choose` picks one of several words (`random.choice`)."""
    held = {name.casefold() for name in taken}
    adjectives, nouns = _ADJECTIVES.split(), _NOUNS.split()
    name = ""
    for _ in range(_ATTEMPTS):
        name = f"{choose(adjectives)}-{choose(nouns)}"
        if name not in held:
            return name
    number = 2
    while f"{name}-{number}" in held:
        number += 1
    return f"{name}-{number}"


def of_ref(text: str) -> str:
    """Return the name in what may be a ref of an experiment, whole or as git shortens it: mlvc/exp/NAME."""
    return text.removeprefix("refs/").removeprefix("mlvc/exp/")


def check(name: str) -> str:
    """Return `name`, which the user typed. Raises UsageError for what can be no last part of a ref."""
    why = _mistake(name)
    if why:
        shown = name if name.isprintable() else ascii(name)
        raise UsageError(
            f"'{shown}' is no name for an experiment",
            why=why,
            hint="use letters, digits and -, as in --name lr-0.1",
        )
    return name


def _mistake(name: str) -> str:
    """Return what keeps a text from being a name, by the rules of `git check-ref-format` and some of ours."""
    if not name:
        return "it is empty"
    if not name.isprintable():
        return "it has characters that cannot be shown"
    bad = next((char for char in name if char in _FORBIDDEN), "")
    if bad:
        return f"it has {'a space' if bad == ' ' else repr(bad)} in it"
    for text in ("..", "@{"):
        if text in name:
            return f"it has '{text}' in it"
    if name[0] in ".-":
        return f"it begins with '{name[0]}'"
    if name.casefold() in _GITS_OWN:  # `exp diff HEAD x` would never mean it
        return "it is git's name for the commit that is checked out"
    if name == "@" or name.endswith((".", ".lock")):
        return f"git allows no ref that is called so or ends with '{name[-5:]}'"
    if len(name.encode()) > _MAX_BYTES:
        return f"it is longer than {_MAX_BYTES} bytes"
    return ""
