"""From a file to a configuration, or to every reason why not.

A mistake is told with its key, its value (a secret's never) and what to write instead; unknown keys are refused,
because a limit that is silently ignored is worse than none.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fleawatch.errors import BadConfig, Problem
from fleawatch.service.config import Agent, Config, Secret
from fleawatch.units import looks_like_key

PREFIX: Final = "FLEAWATCH_"
_SHOWN: Final = 60


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
    document = _document(path)
    for key, value in {**_from_environment(variables), **(overrides or {})}.items():
        _set(document, key.split("."), value)
    problems: list[Problem] = []
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        problems += (_problem(detail) for detail in error.errors())
        problems += _secret_problems(_agents_that_parse(document), path.parent, variables)
        raise BadConfig(f"{path} was refused", tuple(dict.fromkeys(problems))) from None
    problems += _secret_problems(config.agents, path.parent, variables)
    if problems:
        raise BadConfig(f"{path} was refused", tuple(problems))
    return _absolute(config, path.parent)


def secret(place: Secret, environment: Mapping[str, str] | None = None) -> str:
    """The key that a configuration names. Its text must go nowhere but into an Authorization header.

    Raises:
        BadConfig: it is not there.
    """
    variables = os.environ if environment is None else environment
    problem = _secret_problem("keys", place, Path(), variables)
    if problem is not None:
        raise BadConfig("a key was not found", (problem,))
    return (place.file.read_text(encoding="utf-8") if place.file else variables[place.env or ""]).strip()


def _document(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadConfig(
            f"{path} was refused", (Problem("", "there was no such file", "name it with --config FILE"),)
        ) from None
    except OSError as error:
        raise BadConfig(
            f"{path} was refused", (Problem("", f"could not be read: {error.strerror}", "check its permissions"),)
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or "not UTF-8 text"
        raise BadConfig(
            f"{path} was refused", (Problem(where, f"was not YAML: {what}", "mend the syntax there"),)
        ) from None
    if loaded is None:
        loaded = {}
    if not isinstance(loaded, dict):
        raise BadConfig(
            f"{path} was refused",
            (
                Problem(
                    "", f"was a {type(loaded).__name__}", "write sections: listen, store, collect, platform, agents"
                ),
            ),
        )
    return loaded


def _from_environment(variables: Mapping[str, str]) -> dict[str, Any]:
    """Variables like FLEAWATCH_LISTEN__PORT as dotted keys. Only sections are overlaid, agents never."""
    sections = set(Config.model_fields) - {"agents"}
    found: dict[str, Any] = {}
    for name, value in variables.items():
        keys = name.removeprefix(PREFIX).lower().split("__")
        if name.startswith(PREFIX) and keys[0] in sections and len(keys) > 1:
            found[".".join(keys)] = yaml.safe_load(value)
    return found


def _set(document: dict[str, Any], keys: list[str], value: object) -> None:
    for key in keys[:-1]:
        inner = document.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        document = inner
    document[keys[-1]] = value


def _problem(detail: ErrorDetails) -> Problem:
    place = detail["loc"]
    where = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")
    kind = detail["type"]
    value = _shown(detail["input"])
    if kind == "extra_forbidden":
        known = sorted(_known_keys(place[:-1]))
        close = difflib.get_close_matches(str(place[-1]), known, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        return Problem(where, f"is not a key (value {value})", f"{hint}known keys here: {', '.join(known)}")
    if kind == "missing":
        return Problem(where, "was missing", f"add it: {_description(place)}")
    if kind == "value_error":
        text = str(detail["ctx"]["error"]) if "ctx" in detail else detail["msg"]
        what, _, remedy = text.partition("; ")
        return Problem(
            where,
            what if value in what or isinstance(detail["input"], dict | list | tuple | str) else f"was {value}: {what}",
            remedy or _description(place),
        )
    message = detail["msg"].removeprefix("Input ")
    return Problem(where, f"was {value}", f"it {message}. {_description(place)}".strip())


def _shown(value: object) -> str:
    text = repr(value)
    if looks_like_key(text):
        return "(hidden)"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _model_at(place: Iterable[int | str]) -> type[BaseModel] | None:
    """The section a path of keys leads to, None when it leads to a plain value."""
    model: type[BaseModel] | None = Config
    for step in place:
        if isinstance(step, int):
            continue
        if model is None:
            return None
        if step in model.model_fields:
            model = _section_of(model.model_fields[step].annotation)
        elif model is Agent:
            model = Secret
    return model


def _section_of(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _section_of(inner):
            return found
    return None


def _known_keys(place: tuple[int | str, ...]) -> tuple[str, ...]:
    model = _model_at(place)
    return tuple(model.model_fields) if model else ()


def _description(place: tuple[int | str, ...]) -> str:
    names = [step for step in place if isinstance(step, str)]
    if not names:
        return ""
    model = _model_at(place[:-1])
    field = model.model_fields.get(names[-1]) if model else None
    return (field.description or "") if field else ""


def _agents_that_parse(document: dict[str, Any]) -> list[Agent]:
    """The agents that are sound by themselves, so that a missing key file is told with all the other mistakes."""
    found: list[Agent] = []
    listed = document.get("agents")
    for raw in listed if isinstance(listed, list) else []:
        try:
            found.append(Agent.model_validate(raw))
        except ValidationError:
            continue
    return found


def _secret_problems(agents: Iterable[Agent], base: Path, variables: Mapping[str, str]) -> list[Problem]:
    return [
        problem
        for agent in agents
        for service, place in agent.keys.items()
        if (problem := _secret_problem(f"agents.{agent.id}.keys.{service}", place, base, variables)) is not None
    ]


def _secret_problem(where: str, place: Secret, base: Path, variables: Mapping[str, str]) -> Problem | None:
    if place.env is not None:
        if variables.get(place.env, "").strip():
            return None
        return Problem(f"{where}.env", f"was {place.env}, which is not set", "set the variable for this process")
    path = base / (place.file or Path())
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        return Problem(
            f"{where}.file", f"was {place.file}: {reason}", "write the key into that file, readable by this user only"
        )
    if not text or len(text.split()) != 1:
        return Problem(
            f"{where}.file", f"was {place.file}, which does not hold one key", "put the key alone into the file"
        )
    return None


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
    store = config.store.model_copy(update={"path": base / config.store.path})
    return config.model_copy(update={"agents": agents, "store": store})
