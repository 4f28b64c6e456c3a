"""`sow import`, `sow export`, `sow sync`: tasks of other systems come in, go out, and keep in step."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import click

from sow.cli import completion, opening
from sow.cli.text import plain
from sow.cli.words import aside, counted
from sow.errors import Refused, Usage, Waits

if TYPE_CHECKING:
    from sow.catching_up import Update
    from sow.formats import Raw
    from sow.formats.planning import Options, Plan
    from sow.intake import Exchange, Source
    from sow.store import Store

ORIGINAL = "original"
"""The format of whole projects, which has no records."""

_FORMAT = click.option(
    "--format", "named", metavar="F", help="The format. [default: told by the file]",
    shell_complete=completion.formats,
)  # fmt: skip
_AGENT = click.option(
    "--agent", metavar="A", help="Who does tasks whose type has no agent here.",
    shell_complete=completion.agents,
)  # fmt: skip
_PHASE = click.option(
    "--phase", metavar="P", help="Where new tasks go. [default: as `sow task add`]",
    shell_complete=completion.phases_with_tasks,
)  # fmt: skip
_FILL = click.option(
    "--fill", is_flag=True,
    help="Take as many as there is room for, and leave the rest. [default: it goes into further projects]",
)  # fmt: skip
_LABEL = click.option(
    "--label", "labels", multiple=True, metavar="L", help="Only issues with this label; repeatable."
)
_DRY = click.option("--dry-run", is_flag=True, help="Say what would be done; do nothing.")
_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON document.")


@click.command("import")
@click.argument("file", type=click.Path(), required=False)
@_FORMAT
@_AGENT
@_PHASE
@_FILL
@_LABEL
@click.option("--comment", is_flag=True, help="Say in each issue which task it is.")
@_DRY
@_JSON
@click.pass_obj
def import_(
    settings: dict[str, Any], file: str | None, named: str | None, agent: str | None, phase: str | None,
    fill: bool, labels: tuple[str, ...], comment: bool, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Take the tasks of another system's FILE into the project, or a whole project of the original sow.

    Done again, it takes in what the file has changed since; nothing comes in twice. What can't be
    taken is listed with the reason, and the exit code is 4 where nothing could be; it is 5 where file
    and project have changed the same. Without FILE, --format github asks `gh` for the open issues.

    \b
    Example:  sow import master_task_list.json
              sow import TODO.md --agent implementer
              sow import TODO.md --agent implementer --dry-run
              sow import --format github --label sow --comment
    """
    from sow.formats.planning import Options

    options = Options("import", fill=fill)
    if file is None:
        said = _Said(labels, comment=comment, close=False)
        return _exchange_issues(settings, named, agent, phase, options, said, dry_run, as_json)
    if labels or comment:
        raise Usage("--label and --comment are for issues, not for a file", "leave FILE out, or them")
    if _is_project(file, named):
        if agent is not None or phase is not None or fill:
            raise Usage("a whole project has its agents and phases", "leave --agent, --phase and --fill out")
        return _bring(settings, file, as_json, dry_run)
    exchange_with = _exchange(settings, file, named, agent, phase, inbox=not dry_run)
    return max(map(_code, _exchanged(settings, exchange_with, options, as_json, dry_run)))


def _code(done: Plan) -> int:
    """The exit code of an import or a sync."""
    if done.conflicts:
        return Waits.exit_code
    return Refused.exit_code if done.rejected and not (done.adds or done.changes or done.give) else 0


@dataclass(frozen=True, slots=True)
class _Said:
    """Which issues are meant, and what they are told."""

    labels: tuple[str, ...]
    comment: bool
    close: bool


def _exchange_issues(
    settings: dict[str, Any], named: str | None, agent: str | None, phase: str | None, options: Options,
    said: _Said, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Takes in the issues that `gh` knows of, and tells them what is wished."""
    from sow.formats import github

    if named != github.NAME:
        raise Usage("FILE is missing", f"see `sow {options.mode} --help`")
    from sow import intake, issues

    store = opening.store(settings["project"])
    asked = issues.Issues(store, said.labels)
    routed = intake.routes(store.layout.main, agent)
    exchange = intake.Exchange(
        store, asked.source, routed, phase=phase, neighbours=opening.neighbours(store, opening.place())
    )
    done = exchange.look(options) if dry_run else exchange.take(options)
    if not said.close:
        done.give.clear()
    _tell(done, asked.source, as_json, dry_run, options.mode)
    if said.comment and not dry_run and (told := asked.tell(done)):
        aside(settings, f"told {counted(len(told), 'issue')} which task it is")
    if said.close and not dry_run and (closed := asked.close(done)):
        aside(settings, f"closed {counted(len(closed), 'issue')}")
    return _code(done)


@click.command()
@click.argument("file", type=click.Path(), required=False)
@_FORMAT
@_AGENT
@_PHASE
@_FILL
@click.option(
    "--prefer",
    type=click.Choice(["file", "project"]),
    help="Whose word counts where both have changed the same. [default: nobody's, both stay]",
)
@_LABEL
@click.option("--close", is_flag=True, help="Close the issues whose tasks have ended (--format github).")
@_DRY
@_JSON
@click.pass_obj
def sync(
    settings: dict[str, Any], file: str | None, named: str | None, agent: str | None, phase: str | None,
    fill: bool, prefer: Any, labels: tuple[str, ...], close: bool, dry_run: bool, as_json: bool,
) -> int:  # fmt: skip
    """Keep another system's FILE and the project in step, both ways; without FILE, the inbox folder.

    What either has changed since the last time goes to the other. Where both have changed the same
    in two ways nothing is overwritten: it is listed, and the exit code is 5. Without FILE the files in
    .sow/inbox/ are taken in, and told what has become of their tasks, as `sow run` does it all the time.
    With --format github the open issues are, and with --close those are closed whose tasks have ended.

    \b
    Example:  sow sync runtime/task_list.json
              sow sync runtime/task_list.json --prefer project
              sow sync
              sow sync --format github --label sow --close
    """
    from sow.formats.planning import Options

    if file is not None and (labels or close):
        raise Usage("--label and --close are for issues, not for a file", "leave FILE out, or them")
    if file is None and (named or close):
        options = Options("sync", fill=fill, prefer=prefer, dropped=True)
        said = _Said(labels, comment=False, close=close)
        return _exchange_issues(settings, named, agent, phase, options, said, dry_run, as_json)
    if file is None:
        if agent or phase or fill or prefer or labels:
            raise Usage(
                "FILE is missing", "name a file, or leave the options out: `sow sync` is of the inbox folder"
            )
        return _sync_inbox(settings, as_json=as_json, dry_run=dry_run)
    exchange_with = _exchange(settings, file, named, agent, phase, inbox=not dry_run)
    options = Options("sync", fill=fill, prefer=prefer)
    return max(map(_code, _exchanged(settings, exchange_with, options, as_json, dry_run)))


@click.command()
@click.option(
    "--format", "named", metavar="F", help="The format. [default: told by --output, or task-list]",
    shell_complete=completion.formats,
)  # fmt: skip
@click.option("--output", metavar="FILE", type=click.Path(), help="Write to FILE. [default: standard output]")
@click.option("--force", is_flag=True, help="Write over a FILE that says something else.")
@_AGENT
@click.pass_obj
def export(
    settings: dict[str, Any], named: str | None, output: str | None, force: bool, agent: str | None
) -> None:
    """Give the project's tasks out in the format of another system.

    A task that came from there is given out in the words in which it came, as far as they still
    hold, with the keys that only that system knows. A file that others write as well is better
    kept in step: `sow sync FILE`. In a check list that is there, boxes are ticked, and no more.

    \b
    Example:  sow export --format task-list
              sow export --output master_task_list.json
    """
    from sow import bringing, intake
    from sow.formats import known

    path = _path(output) if output else ""
    there = intake.text_of(path) if path and os.path.lexists(path) else ""
    if named == bringing.NAME or (named is None and bringing.fits(there)):
        _export_project(settings, path, there, force)
        return
    how = known.named(named) if named is not None else known.for_export(path, there)
    store = opening.store(settings["project"])
    raws = intake.exported(store, how, intake.routes(store.layout.main, agent))
    if not path:
        click.echo(how.written("", raws), nl=False)
        return
    if there and how.in_place:
        raws = intake.done_in(raws, how, intake.shown_path(path, store.layout), there)
    text = how.written(there, raws)
    _write(path, there, text, force or how.in_place, f"keep it in step: `sow sync {output}`")
    aside(settings, f"Exported {counted(len(raws), 'task')} to {output} ({how.name})")


def _sync_inbox(settings: dict[str, Any], *, as_json: bool, dry_run: bool) -> int:
    """Does what `sow run` does all the time: takes in what lies in the inbox folder, and tells it."""
    from sow import dropped

    store = opening.store(settings["project"])
    told = [] if dry_run else opening.inbox_of(store).look(patient=True)
    there = [one for one in opening.dropped(store) if one.project in ("", store.layout.name)]
    bad = [one for one in there if one.reason]
    if as_json:
        done = [{"kind": one.kind, "file": one.name, "text": one.text, "tasks": [*one.tasks]} for one in told]
        click.echo(json.dumps({"done": done, "files": [dropped.document(seen) for seen in there]}))
    else:
        for one in told:
            if one.kind != "refused":
                click.echo(plain(f"  {one.text}"))
        for seen in bad:
            click.echo(plain(f"  {seen.state}: {seen.name}: {seen.reason}\n    {seen.hint}"))
        head = "Would look into" if dry_run else "Looked into"
        click.echo(f"{head} the inbox folder: {dropped.counted(there)}")
    return Refused.exit_code if bad else 0


def _exchanged(
    settings: dict[str, Any], exchange_with: Callable[[Store], Exchange], options: Options, as_json: bool,
    dry_run: bool,
) -> list[Plan]:  # fmt: skip
    """Exchanges a file with the project, and what there is no room for with others; says what was done."""
    from dataclasses import replace

    from sow import spreading

    store = opening.store(settings["project"])
    first = exchange_with(store)
    if dry_run:
        done = first.look(options if options.fill else replace(options, fill=True, spread=True))
        _tell(done, first.source, as_json, dry_run, options.mode)
        return [done]
    if options.fill:
        done = first.sync(options) if options.mode == "sync" else first.take(options)
        _tell(done, first.source, as_json, dry_run, options.mode)
        return [done]
    here = opening.place(store.layout.folder)
    places = spreading.Places(
        lambda: opening.neighbours(store, here), exchange_with, opening.begin_project(here)
    )
    parts = spreading.spread(first, places, options)
    if as_json:
        further = [
            {"project": part.name, **_document(part.plan, first.source, dry_run)} for part in parts[1:]
        ]
        told = dict(_document(parts[0].plan, first.source, dry_run))
        click.echo(json.dumps({**told, "further": further} if further else told))
        return [part.plan for part in parts]
    for part in parts:
        if part is not parts[0]:
            click.echo(f"In project {part.name}:")
        _tell(part.plan, first.source, as_json, dry_run, options.mode)
    return [part.plan for part in parts]


def _exchange(
    settings: dict[str, Any], file: str, named: str | None, agent: str | None, phase: str | None,
    *, inbox: bool,
) -> Callable[[Store], Exchange]:  # fmt: skip
    """What exchanges a file with a project; `inbox`: what lies there is taken in before."""
    from sow import intake
    from sow.formats import known

    if not file:
        raise Usage("FILE is empty", "name a file: `sow import master_task_list.json`")
    path = _path(file)
    if _is_project(file, named):
        raise Refused(
            f"{file} is a whole project, which is not kept in step",
            f"take it in or give it out: `sow import {file}`, `sow export --format {ORIGINAL}`",
        )
    how = known.named(named) if named is not None else known.of(path, intake.text_of(path))
    store = opening.store(settings["project"])
    routed = intake.routes(store.layout.main, agent)
    if inbox and not intake.is_dropped(path, store.layout):
        for told in opening.look_into_inbox(store):
            aside(settings, f"inbox: {told.text}")
    here = opening.place(store.layout.folder)

    def exchange_with(other: Store) -> Exchange:
        return intake.Exchange(
            other,
            intake.Source(path, how),
            routed,
            phase=phase if other.layout.name == store.layout.name else None,
            neighbours=opening.neighbours(other, here),
            # A person vouches for what they name; an agent does not.
            doubt=True if os.environ.get("SOW_ATTEMPT_ID") else None,
        )

    return exchange_with


def _path(file: str) -> str:
    return os.path.realpath(os.path.join(opening.folder(), file))


# -- whole projects --------------------------------------------------------------------------------


def _is_project(file: str, named: str | None) -> bool:
    """Whether a whole project is meant: by the format's name, or by what stands in the file."""
    from sow import bringing, intake

    if named is not None:
        return named == bringing.NAME
    return bool(file) and bringing.fits(intake.text_of(_path(file)))


def _bring(settings: dict[str, Any], file: str, as_json: bool, dry_run: bool) -> int:
    from sow import bringing, intake

    path = _path(file)
    places = opening.place(settings["project"])
    opening.settle_half_made(places)
    done = bringing.bring(places, path, intake.text_of(path), store_of=opening.store_of, dry_run=dry_run)
    name, folder = done.plan.name, done.layout.folder
    if as_json:
        told = {"project": name, "branch": done.plan.branch, "tasks": done.tasks, "new": done.is_new}
        changed = {"update": asdict(done.update)} if done.update else {}
        click.echo(json.dumps({"file": path, "format": bringing.NAME, "dry_run": dry_run, **told, **changed}))
        return _code_of(done.update)
    for note in done.notes:
        aside(settings, note)
    if done.update and done.update != type(done.update)():
        _tell_update(done.update)
        verb = "Would take in" if dry_run else "Took in"
        click.echo(f"{verb} what {os.path.basename(path)} has changed of project {name}")
        return _code_of(done.update)
    what = f"project {name} with {counted(done.tasks, 'task')} on branch {done.plan.branch}"
    if not done.is_new:
        click.echo(f"Project {name} is here already, as {os.path.basename(path)} has it")
    elif dry_run:
        click.echo(f"Would import {what}")
    else:
        click.echo(f"Imported {what}\nWorktree: {folder}")
    return 0


def _code_of(update: Update | None) -> int:
    if update is None:
        return 0
    if update.conflicts:
        return Waits.exit_code
    return Refused.exit_code if update.rejected and not (update.added or update.changed) else 0


def _tell_update(update: Update) -> None:
    for task_id in update.added:
        click.echo(f"  [{task_id}] added")
    for name, keys in update.changed.items():
        click.echo(plain(f"  {name} updated: {', '.join(keys)}"))
    for name, keys in update.conflicts.items():
        click.echo(
            plain(f"  {name} in conflict: {', '.join(keys)}: both have changed it; make it the same in both")
        )
    for name, reason in update.rejected.items():
        click.echo(plain(f"  {name} rejected: {reason}"))
    for name in update.gone:
        click.echo(plain(f"  {name} is no longer in the document, and stays here"))


def _export_project(settings: dict[str, Any], path: str, there: str, force: bool) -> None:
    from sow import original

    whole = opening.store(settings["project"]).whole()
    for broken in whole.tasks.broken:
        raise Refused(broken.message, broken.hint)
    text = original.text(original.given(whole))
    if not path:
        click.echo(text, nl=False)
        return
    _write(path, there, text, force, "export it to another file")
    aside(settings, f"Exported project {whole.project['name']} to {os.path.basename(path)} ({ORIGINAL})")


def _write(path: str, there: str, text: str, force: bool, instead: str) -> None:
    """Writes a file. Raises Refused where it is there and says something else."""
    from sow import files

    name = os.path.basename(path)
    if there and text != there and not force:
        raise Refused(f"{name} is there and says something else", f"{instead}; or write over it: --force")
    if text != there:
        files.write(path, text)


# -- words -----------------------------------------------------------------------------------------


def _tell(done: Plan, source: Source, as_json: bool, dry_run: bool, verb: str) -> None:
    """Prints what was done, or would be."""
    from sow.formats.planning import summary

    if as_json:
        click.echo(json.dumps(_document(done, source, dry_run)))
        return
    for line in _lines(done):
        click.echo(plain(f"  {line}"))
    head = {"import": "Imported", "sync": "Synced"}[verb] if not dry_run else f"Would {verb}"
    click.echo(plain(f"{head} {os.path.basename(source.path)} ({source.how.name}): {summary(done)}"))


def _lines(done: Plan) -> Iterable[str]:
    for record, task, _ in done.adds:
        yield f"[{task.id}] added: {task.name} ({task.status})" + _named(record.id)
    for record, change, keys in done.changes:
        told = ", ".join(keys) or "status"
        yield f"[{change.task.id}] updated: {told} ({change.task.status})" + _named(record.id)
    for name, raw in done.give.items():
        yield f"to the file: {_title(raw)}{_status(raw)}{_named(name)}"
    for conflict in done.conflicts:
        yield (
            f"[{conflict.task_id}] in conflict: {', '.join(conflict.keys)}: both have changed it"
            f" ({conflict.place}); say whose word counts: `sow sync --prefer file`, or project"
        )
    for one in done.rejected:
        yield f"rejected: {one.place}{f' {one.id}' if one.id else ''}: {one.reason}"
        yield f"          {one.hint}"
    for record, project in done.elsewhere:
        yield f"in project {project}: {record.place}{_named(record.id)}"
    for record in done.left:
        yield f"no room here: {record.place}{_named(record.id)}"
    for name, task_id in done.gone:
        yield f"[{task_id}] is no longer in the file, and stays here: {name}"


def _named(record: str) -> str:
    return f" from {record}" if record else ""


def _title(raw: Raw) -> str:
    """What a record is about, in a line."""
    from sow.formats.texts import headline

    known = (raw.get(key) for key in ("description", "text", "title", "func_path"))
    return next((headline(text) for text in known if text), "")


def _status(raw: Raw) -> str:
    if "done" in raw:
        return " (done)" if raw["done"] else " (open)"
    return f" ({raw['status']})" if "status" in raw else ""


def _document(done: Plan, source: Source, dry_run: bool) -> Mapping[str, Any]:
    return {
        "file": source.path,
        "format": source.how.name,
        "dry_run": dry_run,
        "added": [{"id": record.id, "task": task.id} for record, task, _ in done.adds],
        "updated": [
            {"id": record.id, "task": change.task.id, "keys": list(keys)}
            for record, change, keys in done.changes
        ],
        "same": [{"id": record.id, "task": task_id} for record, task_id in done.same],
        "given": list(done.give),
        "conflicts": [
            {"id": one.id, "task": one.task_id, "place": one.place, "keys": list(one.keys)}
            for one in done.conflicts
        ],
        "rejected": [
            {"id": one.id, "place": one.place, "reason": one.reason, "hint": one.hint}
            for one in done.rejected
        ],
        "elsewhere": [
            {"id": record.id, "place": record.place, "project": name} for record, name in done.elsewhere
        ],
        "left": [{"id": record.id, "place": record.place} for record in done.left],
        "gone": [{"id": name, "task": task_id} for name, task_id in done.gone],
    }
