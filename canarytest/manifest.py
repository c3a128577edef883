"""
Read the manifest of a target, and say at which line a finding stands.

A manifest is a file of one or more documents, or a directory of such files (`*.yaml`, `*.yml`).
Exactly one of the documents is an Argo `Rollout`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from canarytest.core.errors import ConfigError
from canarytest.core.lint import Finding, lint

Place = tuple[str | int, ...]
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a manifest, with the nodes that know their lines."""

    path: Path
    content: Mapping[str, Any]
    node: yaml.MappingNode = field(repr=False)

    @property
    def name(self) -> str:
        metadata = self.content.get("metadata")
        return str(metadata.get("name")) if isinstance(metadata, Mapping) else "None"

    @property
    def is_rollout(self) -> bool:
        return self.content.get("kind") == "Rollout"

    def line_of(self, place: Place) -> int:
        """Return the line (from 1) of *place*, or of the nearest part of it that there is."""
        node: yaml.Node = self.node
        line = node.start_mark.line
        for key in place:
            marked = _child(node, key)
            if marked is None:
                break
            line, node = marked[0].start_mark.line, marked[1]
        return line + 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """A Rollout and the documents beside it."""

    path: Path
    rollout: Mapping[str, Any]
    others: tuple[Mapping[str, Any], ...]
    documents: tuple[Document, ...] = field(repr=False)  # the Rollout, then the others

    def line_of(self, path: Place, document: int = 0) -> int:
        """Return the line of *path* in the Rollout, or in the *document*-th of the others."""
        return self.documents[document].line_of(path)


@dataclass(frozen=True, slots=True)
class Located:
    """A finding, and where it stands."""

    path: Path
    line: int
    finding: Finding

    def __str__(self) -> str:
        found = self.finding
        return f"{self.path}:{self.line}: {found.severity}: [{found.rule}] {found.message}"


def located(manifest: Manifest) -> tuple[Located, ...]:
    """Lint *manifest*; the findings come in the order in which one would read the files."""
    findings = [
        Located(document.path, document.line_of(finding.where), finding)
        for finding in lint(manifest.rollout, manifest.others)
        for document in [manifest.documents[finding.index]]
    ]
    return tuple(sorted(findings, key=lambda found: (found.path, found.line)))


def read(path: Path) -> Manifest:
    """
    Read the manifest at *path*, a file or a directory of files.

    Raises ConfigError with the place, what was expected there, and what to do.
    """
    documents = [document for file in _files(path) for document in _documents(file)]
    if not documents:
        raise ConfigError(
            f"{path} is empty; expected an Argo Rollout; "
            "write one, or point `rollout` of the target at the right file"
        )
    rollouts = [document for document in documents if document.is_rollout]
    if not rollouts:
        kinds = ", ".join(sorted({str(document.content.get("kind")) for document in documents}))
        raise ConfigError(
            f"{path} has no Rollout; found {kinds}; expected exactly one document with "
            "'kind: Rollout'; point `rollout` of the target at its file"
        )
    if len(rollouts) > 1:
        named = " and ".join(f"{d.name!r} ({d.path}:{d.line_of(('kind',))})" for d in rollouts)
        raise ConfigError(
            f"{path} has {len(rollouts)} Rollouts: {named}; expected exactly one; "
            "give each a file and a target of its own"
        )
    others = [document for document in documents if not document.is_rollout]
    return Manifest(
        path,
        rollouts[0].content,
        tuple(document.content for document in others),
        (rollouts[0], *others),
    )


def _files(path: Path) -> list[Path]:
    try:
        if not path.is_dir():
            return [path]
        files = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    if not files:
        raise ConfigError(
            f"{path} is a directory without manifests; expected a file, or a directory with "
            "*.yaml in it; point `rollout` of the target at one"
        )
    return files


def _documents(path: Path) -> Iterator[Document]:
    text = _text(path)
    loader: yaml.SafeLoader | None = None
    try:
        loader = yaml.SafeLoader(text)
        while loader.check_node():
            node = loader.get_node()
            if node is None or _is_null(node):
                continue
            _refuse_doubtful(node, path, (), set())
            if not isinstance(node, yaml.MappingNode):
                raise _no_mapping(node, path)
            yield Document(path, _constructed(loader, node, path), node)
    except yaml.YAMLError as error:
        raise _syntax_error(path, text, error) from error
    except RecursionError:
        raise ConfigError(
            f"{path}: its values are nested too deeply to be read; expected a manifest as kubectl "
            "takes it; remove what is nested"
        ) from None
    finally:
        if loader is not None:
            loader.dispose()


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        column = error.start - error.object.rfind(b"\n", 0, error.start)
        raise ConfigError(
            f"{path}:{line}:{column}: byte {error.object[error.start]:#04x} is not UTF-8; "
            "expected UTF-8 text; save the file in that encoding"
        ) from None
    except (OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> ConfigError:
    if isinstance(error, FileNotFoundError):
        return ConfigError(
            f"{path} does not exist; expected the manifest of the target; "
            f"correct `rollout` of the target (it is looked up from {Path.cwd()})"
        )
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return ConfigError(
        f"{path} cannot be read: {reason}; expected a manifest; correct the path or its rights"
    )


def _syntax_error(path: Path, text: str, error: yaml.YAMLError) -> ConfigError:
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - before.rfind("\n")
        return ConfigError(
            f"{path}:{line}:{column}: the character {text[error.position]!r} is not allowed in "
            "YAML; expected printable text; remove it"
        )
    mark = getattr(error, "problem_mark", None)
    context, problem = getattr(error, "context", None), getattr(error, "problem", None)
    place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else f"{path}"
    said = " ".join(part for part in (problem, context) if part) or "no YAML"
    return ConfigError(f"{place}: {said}; expected YAML; correct this place")


def _constructed(loader: yaml.SafeLoader, node: yaml.Node, path: Path) -> Mapping[str, Any]:
    try:
        content = loader.construct_document(node)
    except (ValueError, LookupError, AttributeError, TypeError) as error:
        # PyYAML lets these through: an impossible date, `!!bool maybe`.
        raise ConfigError(
            f"{_place(path, node)}: a value of this document is not of its type: {error}; expected "
            "plain strings and numbers; put it into quotes"
        ) from error
    if not isinstance(content, Mapping):  # `!!str {…}` and the like
        raise _no_mapping(node, path)
    return content


def _no_mapping(node: yaml.Node, path: Path) -> ConfigError:
    kind = "a sequence" if isinstance(node, yaml.SequenceNode) else f"{node.value!r:.60}"
    return ConfigError(
        f"{_place(path, node)}: this document is {kind}, not a mapping; expected a Kubernetes "
        "document with 'kind' and 'metadata'; correct or remove it"
    )


def _refuse_doubtful(node: yaml.Node, path: Path, above: tuple[int, ...], seen: set[int]) -> None:
    """Refuse what YAML would take silently: a key given twice, an alias within its own anchor."""
    if id(node) in above:
        raise ConfigError(
            f"{_place(path, node)}: an alias stands within its own anchor; expected a tree; "
            "write the value out"
        )
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        _refuse_duplicates(node, path)
    for child in _children(node):
        _refuse_doubtful(child, path, (*above, id(node)), seen)


def _refuse_duplicates(node: yaml.MappingNode, path: Path) -> None:
    scalars = [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
    counts = Counter((key.tag, key.value) for key in scalars)
    for key in reversed(scalars):
        if counts[key.tag, key.value] > 1:
            first = next(k for k in scalars if (k.tag, k.value) == (key.tag, key.value))
            raise ConfigError(
                f"{_place(path, key)}: the key {key.value!r} stands twice, first in line "
                f"{first.start_mark.line + 1}; expected it once: YAML would take the last "
                "silently; remove one"
            )


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _child(node: yaml.Node, key: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """Return the node that marks *key* of *node*, and its value."""
    if isinstance(node, yaml.MappingNode):
        pairs = [(k, v) for k, v in node.value if k.value == str(key)]
        return pairs[-1] if pairs else None
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key]
    return None


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _place(path: Path, node: yaml.Node) -> str:
    return f"{path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
