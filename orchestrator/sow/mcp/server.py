"""The tools, resources and prompts of a catalog on the SDK's server.

Whatever is asked is answered in a thread of its own, so that nobody waits for a call that lasts. A call
that its client does not want any more, or whose client is gone, is left: what it has started goes on.
"""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import Any, ParamSpec, TypeVar

import anyio
import anyio.from_thread
import anyio.to_thread
import mcp_types as types

from sow import __version__
from sow.errors import NotFound, SowError, Usage
from sow.mcp import calls, guides, wording
from sow.mcp.calls import Call
from sow.mcp.catalog import Catalog
from sow.mcp.changes import Changes
from sow.mcp.kit import Told, Tool, refusal
from sow.mcp.library import (
    ListenHandler,
    MCPError,
    NotificationOptions,
    Server,
    ServerRequestContext,
    stdio_server,
)

P = ParamSpec("P")
T = TypeVar("T")

Context = ServerRequestContext[Any, Any]
Page = types.PaginatedRequestParams | None

AT_ONCE = 128
"""How many calls are answered at the same time: those that last take a place each."""

ALIVE_SECONDS = 15.0
"""How often a client is told that a call still lasts: some give up on one that says nothing."""


async def serve(catalog: Catalog) -> None:
    """Serves a catalog on standard input and output until the input ends. Agents that run then go on."""
    server = server_of(catalog)
    changed = NotificationOptions(resources_changed=catalog.drives)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options(changed))


def server_of(catalog: Catalog) -> Server[Any]:
    """The server of a catalog, for any transport."""
    service = Service(catalog)
    return Server(
        "sow",
        version=__version__,
        title="sow",
        instructions=catalog.instructions,
        lifespan=service.live,
        get_tool_input_schema=service.takes,
        on_list_tools=service.list_tools,
        on_call_tool=service.call_tool,
        on_list_resources=service.list_resources,
        on_list_resource_templates=service.list_templates,
        on_read_resource=service.read_resource,
        on_subscribe_resource=service.subscribe,
        on_unsubscribe_resource=service.unsubscribe,
        on_subscriptions_listen=service.listen,
        on_list_prompts=service.list_prompts,
        on_get_prompt=service.get_prompt,
        on_completion=service.complete,
    )


class Service:
    """Answers the requests of one server."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._tools = {tool.name: tool for tool in catalog.tools()}
        self._places = anyio.CapacityLimiter(AT_ONCE)
        self._changes = Changes(catalog)
        self._listening = ListenHandler(self._changes.bus)

    @asynccontextmanager
    async def live(self, server: Server[Any]) -> AsyncIterator[None]:
        """The life of the server: what goes on behind its calls ends with it, and leaves its agents."""
        async with anyio.create_task_group() as tasks:
            self._changes.begin(tasks)
            try:
                yield
            finally:
                self._changes.end()
                self._catalog.background.leave()
                tasks.cancel_scope.cancel()

    # -- tools --------------------------------------------------------------------------------

    async def list_tools(self, ctx: Context, params: Page) -> types.ListToolsResult:
        return types.ListToolsResult(tools=list(map(_tool, self._tools.values())))

    def takes(self, name: str) -> dict[str, Any] | None:
        """The schema of a tool's arguments; None for one that there is not."""
        return self._tools[name].takes if name in self._tools else None

    async def call_tool(self, ctx: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = self._tools.get(params.name)
        if tool is None:
            there = ", ".join(self._tools)
            return _result(Told(f"there is no tool {params.name}\nthere are: {there}", refused=True))
        told = await self._called(ctx, tool, params.arguments or {})
        return _result(replace(told, text=self._worded(told.text)) if told.refused else told)

    def _worded(self, text: str) -> str:
        """A refusal whose remedy is a command, in words of the tools."""
        return wording.in_tools(text, self._tools)

    async def _called(self, ctx: Context, tool: Tool, arguments: dict[str, Any]) -> Told:
        if not tool.manner.lasts:
            return await self._answer(_called, tool, arguments)
        told = 0

        async def progress(text: str) -> None:
            nonlocal told
            told += 1
            await ctx.session.report_progress(told, message=text)

        async def stay_alive() -> None:
            while True:
                await anyio.sleep(ALIVE_SECONDS)
                await progress(f"{tool.name} goes on")

        def tell(text: str) -> None:
            # The client or the server itself may be gone by now: what the call began goes on.
            with suppress(RuntimeError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                anyio.from_thread.run(progress, text)

        call = Call(tell=tell)

        def act() -> Told:
            calls.begin(call)
            return _called(tool, arguments)

        async with anyio.create_task_group() as beside:
            beside.start_soon(stay_alive)
            try:
                return await self._answer(act)
            finally:
                call.stop.leave()
                beside.cancel_scope.cancel()
        raise AssertionError("the group lets its result through")

    async def _answer(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `act` gives, in a thread: one that is not waited for any more goes on to its end."""
        return await anyio.to_thread.run_sync(
            partial(act, *args, **kwargs), abandon_on_cancel=True, limiter=self._places
        )

    # -- resources ----------------------------------------------------------------------------

    async def list_resources(self, ctx: Context, params: Page) -> types.ListResourcesResult:
        found = await self._asked(self._catalog.listed)
        if self._catalog.drives:
            self._changes.lists(ctx.session)
        return types.ListResourcesResult(
            resources=[
                types.Resource(uri=each.address, name=each.name, description=each.about, mime_type=each.kind)
                for each in found
            ]
        )

    async def list_templates(self, ctx: Context, params: Page) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(
            resource_templates=[
                types.ResourceTemplate(
                    uri_template=each.address, name=each.name, description=each.about, mime_type=each.kind
                )
                for each in self._catalog.templates()
            ]
        )

    async def read_resource(
        self, ctx: Context, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        address = str(params.uri)
        kind, text = await self._asked(self._catalog.read, address)
        held = types.TextResourceContents(uri=address, mime_type=kind, text=text)
        return types.ReadResourceResult(contents=[held])

    async def subscribe(self, ctx: Context, params: types.SubscribeRequestParams) -> types.EmptyResult:
        await self._asked(self._catalog.read, str(params.uri))
        self._changes.subscribe(str(params.uri), ctx.session)
        return types.EmptyResult()

    async def unsubscribe(self, ctx: Context, params: types.UnsubscribeRequestParams) -> types.EmptyResult:
        self._changes.unsubscribe(str(params.uri))
        return types.EmptyResult()

    async def listen(
        self, ctx: Context, params: types.SubscriptionsListenRequestParams
    ) -> types.SubscriptionsListenResult:
        self._changes.follow()
        return await self._listening(ctx, params)

    # -- prompts ------------------------------------------------------------------------------

    async def list_prompts(self, ctx: Context, params: Page) -> types.ListPromptsResult:
        task = types.PromptArgument(
            name=guides.TASK, description="The id of a task to begin with.", required=False
        )
        known = await self._asked(self._catalog.prompts)
        return types.ListPromptsResult(
            prompts=[
                types.Prompt(name=role, description=f"Work as the {role} of this project.", arguments=[task])
                for role in known
            ]
        )

    async def get_prompt(self, ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        text = await self._asked(self._catalog.prompt, params.name, params.arguments or {})
        said = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(messages=[said])

    async def complete(self, ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        asked = params.argument
        found = await self._answer(self._catalog.completed, asked.name, asked.value)
        return types.CompleteResult(completion=types.Completion(values=found))

    async def _asked(self, act: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same as `_answer`, for what has no words for a refusal but an error of the protocol."""
        try:
            return await self._answer(act, *args, **kwargs)
        except SowError as fault:
            code = types.INVALID_PARAMS if isinstance(fault, NotFound | Usage) else types.INTERNAL_ERROR
            raise MCPError(code, self._worded(refusal(fault).text)) from fault


def _called(tool: Tool, arguments: dict[str, Any]) -> Told:
    """What a call gives; a fault of sow's own is told, too, and its traceback goes to the log."""
    try:
        return tool.call(arguments)
    except Exception as fault:
        traceback.print_exc()
        words = f"{tool.name} met a fault of sow's own, {type(fault).__name__}: {fault}"
        return Told(f"{words}\nits traceback is in the log of the server", refused=True)


def _tool(tool: Tool) -> types.Tool:
    manner = tool.manner
    return types.Tool(
        name=tool.name,
        description=tool.about,
        input_schema=tool.takes,
        output_schema=tool.gives,
        annotations=types.ToolAnnotations(
            title=tool.name.replace("_", " "),
            read_only_hint=manner.reads,
            destructive_hint=manner.destroys,
            idempotent_hint=manner.repeats,
            open_world_hint=manner.lasts,
        ),
    )


def _result(told: Told) -> types.CallToolResult:
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=told.text)],
        structured_content=told.document,
        is_error=told.refused,
    )
