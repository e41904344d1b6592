"""From a file to a configuration, or to every reason why not.

A mistake is told once, with its key, its value and what to write instead; unknown keys are refused, because a limit
that is silently ignored is worse than none. What may be a secret is never shown: no value at or below `keys` or of a
key that an agent does not have, no whole mapping or list, nothing that looks like a platform key.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fleawatch.errors import BadConfig, Problem
from fleawatch.service import secrets
from fleawatch.service.config import Config, disagreements
from fleawatch.service.config_notify import SECRETS
from fleawatch.service.config_secret import Secret
from fleawatch.service.rules_file import RulesFile, substitute
from fleawatch.units import looks_like_key

PREFIX: Final = "FLEAWATCH_"
_SHOWN: Final = 60
_HIDDEN: Final = "(hidden)"
_WORD: Final = re.compile(r"[A-Za-z_-]{1,24}\Z")
"""What may be shown of a key's name where a secret could stand in its place: too short and plain to be one."""
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,24}\Z")
"""The same for the name of a channel."""
_SHOWN_OF_CHANNELS: Final = frozenset(
    {"kind", "severities", "host", "port", "security", "method", "topic_id", "longest"}
)
"""Keys of a channel in whose place nobody writes a secret."""
_CREDENTIALS: Final = re.compile(r"://[^/]*@|\?")
"""Parts of an address that can carry a password or a token."""
_WANTED: Final = {
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "float_type": "must be a number, without quotes",
    "int_type": "must be a whole number, without quotes",
    "string_type": "must be text; put it in quotes",
}

Place = tuple[int | str, ...]


def load(
    path: Path, environment: Mapping[str, str] | None = None, overrides: Mapping[str, Any] | None = None
) -> Config:
    """Read, overlay and check a configuration. Paths in it become absolute, relative to the file.

    Args:
        path: the YAML file.
        environment: variables to overlay, `os.environ` when None.
        overrides: dotted keys from the command line (`listen.port`).

    Raises:
        BadConfig: with every problem found.
    """
    variables = os.environ if environment is None else environment
    document, problems = _document(path)
    overlay, complaints = _from_environment(variables, secrets.named_variables(document))
    problems += complaints
    for key, value in {**overlay, **(overrides or {})}.items():
        _set(document, key.split("."), value)
    config = None
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        problems += _complaints(error.errors(), document)
    problems += disagreements(document)
    problems += secrets.problems(document, path.parent, variables)
    if config is None or problems:
        raise BadConfig(f"{path} was refused", tuple(dict.fromkeys(problems)))
    return _absolute(config, path.parent)


def load_rules(path: Path) -> RulesFile:
    """Read and check the rules in a file: a whole configuration, or only its sections about rules.

    Raises:
        BadConfig: with every problem found.
    """
    document, problems = _document(path)
    rules = None
    try:
        rules = RulesFile.model_validate(document)
        substitute(rules)(None)
    except ValidationError as error:
        problems += _complaints(error.errors(), document)
    except ValueError as error:
        problems.append(Problem("notify", str(error), "make the channels agree"))
    if rules is None or problems:
        raise BadConfig(f"{path} was refused", tuple(dict.fromkeys(problems)))
    return rules


class _Loader(yaml.SafeLoader):
    """Reads YAML and notes keys that stand twice in one mapping, where YAML would let the last one win."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[Problem] = []

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            line = key.start_mark.line + 1
            if key.value in lines:
                name = key.value if _WORD.match(key.value) else _HIDDEN
                first = lines[key.value]
                self.twice.append(Problem(f"line {line}", f"{name} stands twice, first in line {first}", "keep one"))
            lines.setdefault(key.value, line)
        return node


def _document(path: Path) -> tuple[dict[str, Any], list[Problem]]:
    """The file as written, and the keys that stand in it twice."""
    try:
        loader = _Loader(path.read_text(encoding="utf-8"))
        try:
            loaded = loader.get_single_data()
        finally:
            loader.dispose()
    except FileNotFoundError:
        raise _refused(path, Problem("", "there was no such file", "name it with --config FILE")) from None
    except OSError as error:
        problem = Problem("", f"could not be read: {error.strerror}", "check its permissions")
        raise _refused(path, problem) from None
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise _refused(path, Problem(where, f"was not YAML: {_grammar(error)}", "mend the syntax there")) from None
    if loaded is None:
        loaded = {}
    if not isinstance(loaded, dict):
        what = "a list" if isinstance(loaded, list) else "a single value"
        raise _refused(
            path,
            Problem(
                "",
                f"was {what}",
                "write sections: listen, store, audit, collect, platform, notify, access, actuate, agents",
            ),
        )
    return loaded, loader.twice


def _refused(path: Path, problem: Problem) -> BadConfig:
    return BadConfig(f"{path} was refused", (problem,))


def _grammar(error: Exception) -> str:
    """What is wrong with the syntax, without the words of the file that the parser quotes."""
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8 text"
    return re.sub(r"'[^'<]{3,}'|\"[^\"<]{3,}\"", _HIDDEN, getattr(error, "problem", None) or "a value cannot be read")


def _from_environment(variables: Mapping[str, str], taken: set[str]) -> tuple[dict[str, Any], list[Problem]]:
    """Variables like FLEAWATCH_LISTEN__PORT as dotted keys, and what is wrong with them."""
    found: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, value in variables.items():
        keys = name.removeprefix(PREFIX).lower().split("__")
        # Orchestrators add names of their own, FLEAWATCH_PORT for a service called fleawatch: no section, no setting.
        if not name.startswith(PREFIX) or name in taken or (len(keys) == 1 and keys[0] not in Config.model_fields):
            continue
        problem = _misnamed(name, keys)
        if problem is None:
            try:
                found[".".join(keys)] = yaml.safe_load(value)
            except (yaml.YAMLError, ValueError):
                problem = Problem(name, "was not YAML", "put the value in quotes inside the variable")
        if problem is not None:
            problems.append(problem)
    return found, problems


def _misnamed(name: str, keys: Sequence[str]) -> Problem | None:
    """Why a variable can set nothing, None when it can. A last key that is unknown is told as in the file."""
    sections = sorted(set(Config.model_fields) - {"agents"})
    if looks_like_key(name):
        name = PREFIX + _HIDDEN
    if keys[0] == "agents":
        return Problem(name, "agents are set in the file only", "write them there and unset the variable")
    if keys[0] not in sections:
        hint = _hint(keys[0], sections)
        return Problem(name, "names no section", f"{hint}sections: {', '.join(sections)}")
    known = _known_keys(tuple(keys[:-1]))
    if len(keys) == 1 or not all(keys):
        known = _known_keys((keys[0],))
        return Problem(name, "is a section without a key", f"write {PREFIX}{keys[0].upper()}__KEY: {', '.join(known)}")
    if not known:
        return Problem(name, f"has no keys below {'.'.join(keys[:-1])}", f"known: {', '.join(_known_keys((keys[0],)))}")
    return None


def _set(document: dict[str, Any], keys: list[str], value: object) -> None:
    for key in keys[:-1]:
        inner = document.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document[keys[-1]] = value


def _complaints(details: Sequence[ErrorDetails], document: Mapping[str, Any]) -> list[Problem]:
    """One problem a mistake: not also that the list is empty, nor what stands below a key that is unknown."""
    unknown = {detail["loc"][:-1] for detail in details if detail["loc"][-1:] == ("[key]",)}
    return [
        _problem(detail)
        for detail in details
        if not (detail["type"] == "too_short" and document.get("agents"))
        and not any(
            detail["loc"][: len(place)] == place and detail["loc"][len(place) :] != ("[key]",) for place in unknown
        )
    ]


def _problem(detail: ErrorDetails) -> Problem:
    place, kind = detail["loc"], detail["type"]
    if place[-1:] == ("[key]",):
        known = sorted(re.findall(r"'([a-z]+)'", detail["ctx"]["expected"])) if "ctx" in detail else []
        hint = _hint(place[-2], known)
        return Problem(_where(place[:-1]), "is not known here", f"{hint}known: {', '.join(known)}")
    where, value = _where(place), _shown(place, detail["input"])
    if kind == "extra_forbidden":
        known = sorted(_known_keys(place[:-1]))
        shown = _HIDDEN if isinstance(detail["input"], str) else value
        return Problem(
            where, f"is not a key (value {shown})", f"{_hint(place[-1], known)}known keys here: {', '.join(known)}"
        )
    if kind == "missing":
        return Problem(where, "was missing", f"add it: {_description(place)}")
    if kind == "value_error":
        what, _, remedy = str(detail["ctx"]["error"] if "ctx" in detail else detail["msg"]).partition("; ")
        alone = isinstance(detail["input"], BaseModel | dict | list | tuple) or "keys" in place
        return Problem(where, what if alone else f"was {value}: {what}", remedy or _description(place))
    wanted = _WANTED.get(kind) or detail["msg"].removeprefix("Input ")
    return Problem(where, f"was {value}", f"it {wanted}. {_description(place)}".strip())


def _where(place: Place) -> str:
    """A path of keys as text. A step that could be a secret in the wrong place is hidden."""
    steps = []
    for depth, step in enumerate(place):
        if isinstance(step, int):
            steps.append(f"[{step}]")
            continue
        plain = _NAME if place[0] == "notify" else _WORD
        doubtful = place[0] in ("agents", "notify") and depth > 0 and plain.match(step) is None
        steps.append("." + (_HIDDEN if doubtful or looks_like_key(step) else step[:_SHOWN]))
    return "".join(steps).lstrip(".")


def _hint(name: int | str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(name), known, n=1)
    return f"did you mean {close[0]}? " if close else ""


def _shown(place: Place, value: object) -> str:
    """A value as an operator may see it: of an agent, only those of plain fields."""
    if isinstance(value, Mapping | BaseModel):
        return "a mapping"
    if isinstance(value, list | tuple | set):
        return "a list"
    text = repr(value)
    secret_place = place[:1] == ("agents",) and (len(place) < 3 or place[2] == "keys")
    if place[:2] == ("notify", "channels"):
        secret_place = len(place) < 4 or place[3] not in _SHOWN_OF_CHANNELS
    secret_place = secret_place or place[0] == "actuate" or place[:2] in (("access", "tokens"), ("grafana", "token"))
    if secret_place or looks_like_key(text) or _CREDENTIALS.search(text):
        return _HIDDEN
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _model_at(place: Place) -> type[BaseModel] | None:
    """The section a path of keys leads to, None when it leads to a plain value or nowhere."""
    model: type[BaseModel] | None = Config
    named = False
    for step in place:
        if isinstance(step, int):
            continue
        if named:  # the name of an entry of a mapping, not of a field
            named = False
            continue
        if model is None or step not in model.model_fields:
            return None
        annotation = model.model_fields[step].annotation
        named = getattr(annotation, "__origin__", None) is dict
        model = _section_of(annotation)
    return model


def _section_of(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _section_of(inner):
            return found
    return None


def _known_keys(place: Place) -> tuple[str, ...]:
    model = _model_at(place)
    return tuple(model.model_fields) if model else ()


def _description(place: Place) -> str:
    names = [step for step in place if isinstance(step, str)]
    model = _model_at(place[:-1]) if names else None
    field = model.model_fields.get(names[-1]) if model else None
    return (field.description or "") if field else ""


def _absolute(config: Config, base: Path) -> Config:
    base = base.resolve()
    agents = tuple(
        agent.model_copy(
            update={
                "keys": {
                    name: place if place.file is None else place.model_copy(update={"file": base / place.file})
                    for name, place in agent.keys.items()
                }
            }
        )
        for agent in config.agents
    )
    channels = {
        name: channel.model_copy(
            update={
                key: place.model_copy(update={"file": base / place.file})
                for key in SECRETS
                if (place := getattr(channel, key)) is not None and place.file is not None
            }
        )
        for name, channel in config.notify.channels.items()
    }
    notify = config.notify.model_copy(update={"channels": channels})
    store = config.store.model_copy(update={"path": base / config.store.path})
    audit = config.audit.model_copy(
        update={name: base / place for name, place in config.audit if isinstance(place, Path)}
    )
    tokens = tuple(token.model_copy(update={"token": _placed(token.token, base)}) for token in config.access.tokens)
    means = {
        name: one if one.key is None else one.model_copy(update={"key": _placed(one.key, base)})
        for name, one in config.actuate.agents.items()
    }
    access = config.access.model_copy(update={"tokens": tokens})
    actuate = config.actuate.model_copy(update={"agents": means})
    grafana = config.grafana
    if grafana.token is not None:
        grafana = grafana.model_copy(update={"token": _placed(grafana.token, base)})
    changed: dict[str, Any] = {"grafana": grafana, "agents": agents, "store": store, "notify": notify, "audit": audit}
    changed |= {"access": access, "actuate": actuate}
    return config.model_copy(update=changed)


def _placed(place: Secret, base: Path) -> Secret:
    return place if place.file is None else place.model_copy(update={"file": base / place.file})
