"""Resources and prompts: what can be read, by whom, and who is told that it has changed."""

import json
from pathlib import Path

import anyio
import mcp_types as types
import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError
from mcp.shared.subscriptions import ResourcesListChanged, ResourceUpdated
from tests.cli.parts import Person, tasks_of_every_status, with_project
from tests.mcp.parts import Agent, caller, worker

from sow.api.caller import Caller
from sow.mcp import kit, wording
from sow.mcp.desk import Desk
from sow.mcp.orchestrator import Orchestrator
from sow.mcp.worker import Worker


@pytest.fixture(scope="module")
def who(tmp_path_factory: pytest.TempPathFactory) -> Person:
    made = with_project(tmp_path_factory.mktemp("reading"))
    tasks_of_every_status(made)
    made.done("task", "feedback", "040", "Handle nothing")
    made.done("agent", "log", "Nobody has begun.", "--id", "010")
    return made


@pytest.fixture(scope="module")
def agent(who: Person) -> Agent:
    return Agent(Desk.of(caller(who)))


def read(agent: Agent, address: str) -> tuple[str | None, str]:
    """The media type of a resource, and its text."""
    (held,) = agent.does(lambda client: client.read_resource(address)).contents
    assert isinstance(held, types.TextResourceContents)
    return held.mime_type, held.text


@pytest.mark.parametrize(
    ("address", "kind", "told"),
    [
        ("sow://project", "application/json", '"project": "add-login"'),
        ("sow://events", "application/x-ndjson", '"type": "task.created"'),
        ("sow://tasks/010", "application/json", '"name": "Wait"'),
        ("sow://tasks/010/description", "text/markdown", ""),
        ("sow://tasks/010/log", "text/markdown", "Nobody has begun."),
        ("sow://tasks/010/transcript", "text/plain", ""),
        ("sow://tasks/010/diff", "text/plain", ""),
        ("sow://tasks/040/feedback", "text/markdown", "Handle nothing"),
        ("sow://guidance/reviewer", "text/markdown", "You are a reviewer."),
        ("sow://guidance/ReviewActive", "text/markdown", "review"),
        ("sow://guidance/report", "text/markdown", "## How to report"),
    ],
)
def test_read(agent: Agent, address: str, kind: str, told: str) -> None:
    held, text = read(agent, address)
    assert held == kind
    assert told in text
    if kind == "application/json":
        assert json.loads(text)


@pytest.mark.parametrize(
    "address",
    ["sow://tasks/990", "sow://tasks/010/secrets", "sow://tasks", "sow://guidance/nobody", "sow://", "file:///etc/passwd",
     "sow://tasks/../../project", "sow://tasks/010/description/.."],
)  # fmt: skip
def test_what_there_is_not_is_an_error_of_the_protocol_and_the_server_goes_on(
    agent: Agent, address: str
) -> None:
    with pytest.raises(MCPError) as told:
        read(agent, address)
    assert told.value.code == types.INVALID_PARAMS
    assert read(agent, "sow://project")


def test_what_is_listed_can_be_read_and_the_rest_is_told_by_its_form(agent: Agent) -> None:
    listed = agent.does(lambda client: client.list_resources()).resources
    assert [each.uri for each in listed][:3] == ["sow://project", "sow://events", "sow://tasks/010"]
    for each in listed:
        assert read(agent, each.uri)[0] == each.mime_type
    forms = agent.does(lambda client: client.list_resource_templates()).resource_templates
    parts = ("", "/description", "/feedback", "/log", "/transcript", "/diff")
    told = {*(f"sow://tasks/{{id}}{part}" for part in parts), "sow://guidance/{name}"}
    assert {form.uri_template for form in forms} == told


def test_a_worker_reads_its_own_task_and_the_guidance(who: Person) -> None:
    mine = Agent(Desk.of(worker(who)))
    listed = [each.uri for each in mine.does(lambda client: client.list_resources()).resources]
    assert [uri for uri in listed if "guidance" not in uri] == ["sow://tasks/020"]
    assert json.loads(read(mine, "sow://tasks/020")[1])["id"] == "020"
    assert "How to report" in read(mine, "sow://guidance/report")[1]
    for address in ("sow://tasks/010", "sow://project", "sow://events"):
        with pytest.raises(MCPError):
            read(mine, address)


def test_each_role_has_a_prompt_that_begins_a_task_where_it_is_told_one(who: Person, agent: Agent) -> None:
    listed = agent.does(lambda client: client.list_prompts()).prompts
    assert [each.name for each in listed][:3] == ["orchestrator", "implementer", "architect"]

    def text(agent: Agent, role: str, arguments: dict[str, str] | None = None) -> str:
        (said,) = agent.does(lambda client: client.get_prompt(role, arguments)).messages
        assert isinstance(said.content, types.TextContent)
        return said.content.text

    assert text(agent, "reviewer").startswith("You are a reviewer.")
    assert "# Project add-login: ImplementationPlanning" in text(agent, "orchestrator")
    begun = text(agent, "implementer", {"task": "040"})
    assert "# Task 040: Hand in" in begun
    assert "Handle nothing" in begun
    assert "# Task 020: Work" in text(Agent(Desk.of(worker(who))), "implementer")
    for role, arguments in (("nobody", {}), ("reviewer", {"task": "990"}), ("reviewer", {"id": "010"})):
        with pytest.raises(MCPError):
            text(agent, role, arguments)


def test_ids_and_names_are_completed(agent: Agent) -> None:
    def completed(
        ref: types.PromptReference | types.ResourceTemplateReference, name: str, begun: str
    ) -> list[str]:
        argument = {"name": name, "value": begun}
        return agent.does(lambda client: client.complete(ref, argument)).completion.values

    prompt = types.PromptReference(name="implementer")
    assert completed(prompt, "task", "0") == ["010", "020", "030", "040", "050", "060"]
    assert completed(prompt, "task", "9") == []
    guidance = types.ResourceTemplateReference(uri="sow://guidance/{name}")
    assert completed(guidance, "name", "im") == ["implementer"]


def test_whoever_listens_is_told_what_others_have_changed(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.done("task", "add", "Wait", "--agent", "implementer")

    async def act(client: Client) -> None:
        async with client.listen(
            resources_list_changed=True, resource_subscriptions=["sow://tasks/010"]
        ) as heard:
            await anyio.to_thread.run_sync(who.done, "agent", "log", "Begun.", "--id", "010")
            assert await anext(heard) == ResourceUpdated(uri="sow://tasks/010")
            await anyio.to_thread.run_sync(who.done, "task", "add", "More", "--agent", "implementer")
            while not isinstance(await anext(heard), ResourcesListChanged):
                pass

    Agent(Desk.of(caller(who))).does(act)


def test_a_client_of_an_earlier_version_of_the_protocol_subscribes_to_one_address(tmp_path: Path) -> None:
    who = with_project(tmp_path)
    who.done("task", "add", "Wait", "--agent", "implementer")
    heard: list[str] = []
    news = anyio.Event()

    async def message(said: object) -> None:
        if isinstance(said, types.ResourceUpdatedNotification):
            heard.append(said.params.uri)
            news.set()

    async def act(client: Client) -> None:
        with pytest.warns(UserWarning, match="listen"):
            await client.subscribe_resource("sow://tasks/010/log")
        await anyio.to_thread.run_sync(who.done, "agent", "log", "Begun.", "--id", "010")
        await news.wait()

    Agent(Desk.of(caller(who))).does(act, mode="legacy", message_handler=message)
    assert heard == ["sow://tasks/010/log"]


# -- in words of the tools -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("see them: `sow task list`", "see them: `status`"),
        ("`sow task retry 010 --fresh`, or wait", "`task_retry 010 --fresh`, or wait"),
        ("`sow output add --type review --path P`", "`artifact_add outputs --type review --path P`"),
        ("`sow task set status needs_review`", "`task_set status needs_review`"),
        ("`sow project finish` and `sow advance`", "`sow project finish` and `advance`"),
        ("held by sow run, says `sowing`", "held by sow run, says `sowing`"),
    ],
)
def test_commands_are_called_by_the_tools_that_do_the_same(text: str, told: str) -> None:
    assert wording.in_tools(text, kit.names(Orchestrator)) == told


def test_a_worker_is_told_of_its_own_tools_alone() -> None:
    text = "`sow task set status needs_review`, `sow task ask TEXT`, `sow task approve 010`"
    told = "`task_report`, `task_ask TEXT`, `sow task approve 010`"
    assert wording.in_tools(text, kit.names(Worker)) == told


def test_guidance_and_remedies_name_tools(agent: Agent) -> None:
    assert agent.refused("task_show", id="990")[1].endswith("`status`")
    assert "`task_add NAME" in agent.told("guidance")
    assert "`phase_set " in agent.told("ways")["transitions"][0]["unmet"][0]["remedy"]
    said = agent.does(lambda client: client.get_prompt("orchestrator")).messages[0].content
    assert isinstance(said, types.TextContent)
    assert "`sow status`" not in said.text


def test_who_connects_before_there_is_a_project_is_given_lists(tmp_path: Path) -> None:
    agent = Agent(Desk.of(Caller(folder=str(tmp_path), environment={})))
    assert agent.does(lambda client: client.list_resources()).resources == []
    assert "orchestrator" in [each.name for each in agent.does(lambda client: client.list_prompts()).prompts]
