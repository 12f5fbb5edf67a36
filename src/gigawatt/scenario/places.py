"""Where in which file a value stands, in words that a person can search for."""

from collections.abc import Sequence

from gigawatt.scenario.files import Layer, identity

Step = str | int


def known_steps(location: Sequence[Step], document: object, *, missing_key: bool) -> tuple[Step, ...]:
    """`location` without what the validator added (tags of unions), checked against the document.

    With `missing_key`, the last step is a key that the document lacks, and is kept.
    """
    steps: list[Step] = []
    here = document
    for position, step in enumerate(location):
        last = position == len(location) - 1
        if isinstance(here, dict) and step in here:
            here = here[str(step)]
        elif isinstance(here, list) and isinstance(step, int) and step < len(here):
            here = here[step]
        elif not (last and missing_key):
            continue
        steps.append(step)
    return tuple(steps)


def dotted(steps: Sequence[Step], document: object) -> str:
    """The steps as a key, with the ids of array entries: `site[1] "abilene".power[0].facility`."""
    text = ""
    here = document
    for step in steps:
        if isinstance(step, int):
            here = here[step] if isinstance(here, list) and step < len(here) else None
            name = identity(here)
            text += f'[{step}] "{name[:80]}"' if name.isprintable() and name else f"[{step}]"
        else:
            here = here.get(step) if isinstance(here, dict) else None
            shown = step if step.isprintable() else ascii(step)
            text += f".{shown[:80]}" if text else shown[:80]
    return text


def file_of(steps: Sequence[Step], document: object, layers: Sequence[Layer]) -> str:
    """The name of the strongest layer that states the value at `steps`, or most of the way to it."""
    depths = [(_depth(steps, document, layer.content), position) for position, layer in enumerate(layers)]
    return layers[max(depths)[1]].name


def _depth(steps: Sequence[Step], document: object, content: object) -> int:
    reached = 0
    here, there = document, content
    for step in steps:
        if isinstance(here, dict) and isinstance(there, dict) and step in there:
            here, there = here.get(str(step)), there[str(step)]
        elif isinstance(step, int) and isinstance(here, list) and isinstance(there, list) and step < len(here):
            here = here[step]
            twin = _twin(here, there, step)
            if twin is None:
                return reached
            there = twin
        else:
            return reached
        reached += 1
    return reached


def _twin(item: object, items: list[object], position: int) -> object:
    name = identity(item)
    if name:
        return next((other for other in items if identity(other) == name), None)
    return items[position] if position < len(items) else None


def address(steps: Sequence[Step], document: object) -> str:
    """The steps with ids in place of positions, as `--set` takes them: `site.abilene.power[0].facility`."""
    text = ""
    here = document
    for step in steps:
        if isinstance(step, int):
            here = here[step] if isinstance(here, list) and step < len(here) else None
            name = identity(here)
            text += f".{name}" if name else f"[{step}]"
        else:
            here = here.get(step) if isinstance(here, dict) else None
            text += f".{step}" if text else step
    return text
