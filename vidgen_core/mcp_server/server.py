"""The server of the protocol, by its official SDK: tools, resources and prompts, each with the rights of its caller."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any, Final

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError
from mcp_types import CallToolResult, TextContent, ToolAnnotations

from vidgen_core import __version__
from vidgen_core.domain.errors import NotFound, VidgenError
from vidgen_core.i18n import Text, get_text
from vidgen_core.mcp_server import tools
from vidgen_core.mcp_server.caller import Callers

INSTRUCTIONS: Final = """Vidgen makes videos of shots. The way: whoami, list_projects, import_list or split_script or \
edit_prompt, quote, generate with the token of the quote, follow until ended, look or contact_sheet, pick, export. Reference \
pictures, finished takes, and what a language model does (prompts, a look at takes, a script) are ordered alike: \
quote_pictures, quote_finish, quote_prompts, quote_judgements, quote_script, then generate.
Money: only generate costs anything, and only what its quote named. Above your limits an order waits for a person: tell \
the user, and ask order later. Errors say what to do; do not repeat a call that was refused without changing it."""
#: Bytes of a file that is handed out as a resource.
_LARGEST: Final = 50_000_000


def build(callers: Callers) -> MCPServer[Any]:
    """The server.

    :param callers: finds out who calls: given the HTTP request, or None over stdio
    """
    server: MCPServer[Any] = MCPServer(
        "vidgen", title="Vidgen", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )
    for group, hints in (
        (tools.READING, ToolAnnotations(read_only_hint=True, open_world_hint=False)),
        (tools.WRITING, ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)),
        (tools.ORDERING, ToolAnnotations(read_only_hint=False, idempotent_hint=True, open_world_hint=True)),
    ):
        for tool in group:
            server.add_tool(_bound(tool, callers), name=tool.__name__, annotations=hints)
    _add_resources(server, callers)
    _add_prompts(server)
    return server


def _add_resources(server: MCPServer[Any], callers: Callers) -> None:
    @server.resource("vidgen://exports/{project_id}/{export_id}", mime_type="application/octet-stream")
    def export_file(project_id: int, export_id: str, ctx: Context[Any, Any]) -> bytes:
        """The file of a finished export."""
        caller = callers(ctx.request_context.request)
        try:
            if project_id not in {project.id for project in caller.projects()}:
                raise NotFound("export_unknown")
            export, file = caller.app.exports.get(project_id, export_id), caller.app.exports.file(project_id, export_id)
            if export.bytes > _LARGEST:
                raise NotFound("export_large", name=file.name)
            return file.read_bytes() if isinstance(file, Path) else file.read(0, file.size)
        except VidgenError as error:
            raise ResourceError(sentence_of(error, caller.t)) from None

    @server.resource("vidgen://guide", mime_type="text/plain")
    def guide() -> str:
        """How work is done here, and what costs money."""
        return INSTRUCTIONS


def _add_prompts(server: MCPServer[Any]) -> None:
    @server.prompt()
    def make_videos(project: str, request: str = "") -> str:
        """Make and choose the videos of a project, from its shots to the export."""
        return (
            f"Make the videos of the project “{project}”. {request}\n"
            "1. list_shots with state without_takes. 2. quote them; tell me count, price and worst case, and wait for my yes. "
            "3. generate; if it waits for a person, tell me where to answer. 4. follow until ended. "
            "5. contact_sheet; look at doubtful takes; pick the best of each shot, reject what is wrong with the reason. "
            "6. export as I ask."
        )


def _bound(tool: Callable[..., Any], callers: Callers) -> Callable[..., Any]:
    """A tool as the SDK calls it: the caller is found by the request, and an error becomes a sentence that says what to do."""
    first, *own = inspect.signature(tool, eval_str=True).parameters.values()
    answer = inspect.signature(tool, eval_str=True).return_annotation

    def refuse(error: VidgenError, t: Text) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text=sentence_of(error, t))], is_error=True)

    def open_caller(ctx: Context[Any, Any]) -> Any:
        return callers(ctx.request_context.request)

    async def call_waiting(ctx: Context[Any, Any], **given: Any) -> Any:
        t = get_text("en")
        try:
            caller = await anyio.to_thread.run_sync(open_caller, ctx)
            t = caller.t
            return await tool(caller, **given)
        except VidgenError as error:
            return refuse(error, t)

    def call(ctx: Context[Any, Any], **given: Any) -> Any:
        t = get_text("en")
        try:
            caller = open_caller(ctx)
            t = caller.t
            return tool(caller, **given)
        except VidgenError as error:
            return refuse(error, t)

    bound: Any = call_waiting if inspect.iscoroutinefunction(tool) else call
    functools.update_wrapper(bound, tool, assigned=("__name__", "__qualname__", "__doc__", "__module__"))
    del bound.__wrapped__
    context = first.replace(name="ctx", annotation=Context[Any, Any])
    bound.__signature__ = inspect.Signature([context, *own], return_annotation=answer)
    bound.__annotations__ = {"ctx": Context[Any, Any], **{one.name: one.annotation for one in own}, "return": answer}
    return bound  # type: ignore[no-any-return]


def sentence_of(error: VidgenError, t: Text) -> str:
    """What was wrong and what to do."""
    if error.code == "sign_in_needed":
        # The token was revoked while the call was under way.
        return t.error(error.kind, "agent_token_needed", {})
    # Where things lie on this machine is nobody else's business.
    told = {name: PurePath(said).name if _is_place(said) else said for name, said in error.params.items()}
    return t.with_words(t.ended(error.kind, error.code, told), told)


def _is_place(said: object) -> bool:
    return isinstance(said, PurePath) or (isinstance(said, str) and PurePath(said).is_absolute())
