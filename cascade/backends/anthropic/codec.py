"""The Messages API as a codec: bodies around encoded messages, and readers for the answers."""

from collections.abc import Sequence

from cascade.backends.anthropic.bound import UNSENT, Sent, sent
from cascade.backends.anthropic.breakpoints import with_breakpoints
from cascade.backends.anthropic.encoding import encoded
from cascade.backends.anthropic.frame import Frame, cache_control, frame_of
from cascade.backends.anthropic.models import described, known_model
from cascade.backends.anthropic.plans import Plan, plan_of
from cascade.backends.anthropic.reader import MessagesReader
from cascade.backends.anthropic.settings import AnthropicSettings
from cascade.backends.remote.codec import Encoded
from cascade.backends.remote.wire_json import json_bytes
from cascade.exchange import Dropped, OutputSchema, Request, ToolSpec, View
from cascade.lanes import ApiMode, Lane
from cascade.messages import Message, Origin

__all__ = ["MessagesCodec"]

_MOST_FRAMES = 256
_MOST_CALLS = 4096

_FrameKey = tuple[str | None, tuple[int, ...], int]


class MessagesCodec:
    """Anthropic's Messages API for one lane.

    A turn that came from this very lane goes back as it came, block for block; of any other turn
    its text and its calls are shown, and nothing of what only its own provider can read. The turns
    of another lane of the same model and account count as its own where what was signed in them
    stands behind the same conversation (`bound`).

    Calls keep the ids that the provider gave them, which are long, random and fit everywhere, so a
    result names the same call whether its turn goes back verbatim or not. Ids of another form, from
    compatible servers, are replaced by ones of ours, in the kept blocks too.
    """

    api: ApiMode = "messages"
    path = "/v1/messages"

    def __init__(self, lane: Lane, origin: Origin) -> None:
        facts = known_model(lane.model)
        # A lane that has been opened already says more than the table does, and keeps it.
        self._lane = lane if facts is None else described(lane, facts)
        self._origin = origin
        self._settings = AnthropicSettings.of(self._lane.settings)
        self._thinking_types = self._settings.thinking_types or ()
        control = cache_control(self._settings)
        self._mark = None if control is None else json_bytes(control)
        # Nothing but a shortcut: a frame follows from the view alone, and takes long to make. The
        # trajectories of a process share it with their tools, which are kept with it so that no
        # others can get their identity.
        self._frames: dict[_FrameKey, tuple[Frame, tuple[ToolSpec, ...], OutputSchema | None]] = {}
        # From the writing of a request to the end of its answer. Those of calls that never came to
        # an end go when there are too many.
        self._sent: dict[tuple[str, int], Sent] = {}

    def message(self, message: Message, *, plain: bool) -> Encoded:
        """One message, the same bytes each time."""
        images = self._lane.capabilities.images
        return encoded(message, origin=self._origin, images=images, plain=plain)

    def body(self, fragments: Sequence[bytes], view: View, request: Request) -> bytes:
        """The whole request body around the encoded messages of *view*."""
        frame = self._frame(view)
        written = sent(view, fragments, frame, self._origin, plain=self._plain)
        self._remember(view, request, written)
        fragments = written.shown(fragments)
        if self._mark is not None:
            fragments = with_breakpoints(fragments, self._mark)
        members = json_bytes(self._plan(view, request).members)
        head = frame.head
        return members[:-1] + b"," + head + b'"messages":[' + b",".join(fragments) + b"]}"

    def dropped(self, view: View, request: Request) -> tuple[Dropped, ...]:
        """What is not in the body that was written for that request, and why.

        That is sampling and effort, and signed reasoning that does not fit where it stands.
        """
        dropped = self._plan(view, request).dropped
        strangers = self._written(view, request).strangers
        if not strangers:
            return dropped
        count = sum(
            part.kind == "reasoning" for index in strangers for part in view.messages[index].parts
        )
        return (*dropped, Dropped(what="reasoning", why="foreign_origin", count=count))

    def reader(self, view: View, request: Request) -> MessagesReader:
        """A reader for the answer to that request."""
        return MessagesReader(
            view=view,
            request=request,
            frame=self._frame(view),
            origin=self._origin,
            backend=self._lane.backend,
            sent=lambda: self._sent.pop(_call(view, request), UNSENT),
        )

    def _plain(self, message: Message) -> bytes:
        (fragment,) = self.message(message, plain=True).fragments
        return fragment

    def _remember(self, view: View, request: Request, written: Sent) -> None:
        if len(self._sent) >= _MOST_CALLS:
            del self._sent[next(iter(self._sent))]
        self._sent[_call(view, request)] = written

    def _written(self, view: View, request: Request) -> Sent:
        return self._sent.get(_call(view, request), UNSENT)

    def _frame(self, view: View) -> Frame:
        key = (view.system, tuple(map(id, view.tools)), id(view.output))
        kept = self._frames.get(key)
        if kept is not None:
            return kept[0]
        frame = frame_of(
            view,
            capabilities=self._lane.capabilities,
            settings=self._settings,
            thinking_types=self._thinking_types,
        )
        if len(self._frames) >= _MOST_FRAMES:
            self._frames.clear()
        self._frames[key] = (frame, view.tools, view.output)
        return frame

    def _plan(self, view: View, request: Request) -> Plan:
        return plan_of(
            view,
            request,
            self._frame(view),
            model=self._lane.model,
            capabilities=self._lane.capabilities,
            settings=self._settings,
            thinking_types=self._thinking_types,
            origin=self._origin,
            strangers=self._written(view, request).strangers,
        )


def _call(view: View, request: Request) -> tuple[str, int]:
    """What tells a call apart."""
    return view.trajectory_id, request.hop
