"""The Responses API of OpenAI and of servers that speak it, used without any state over there.

Nothing is stored: the whole conversation goes along each time, and the lane's own reasoning goes
back encrypted. `responses_input` writes messages, `responses_body` what stands around them,
`responses_reading` takes answers in and `responses_output` makes messages of them.
"""

from collections.abc import Sequence

from cascade.backends.openai.responses_body import RequestBody
from cascade.backends.openai.responses_input import encoded
from cascade.backends.openai.responses_reading import ResponsesReader
from cascade.backends.remote.codec import Encoded
from cascade.exchange import Dropped, Request, View
from cascade.lanes import ApiMode, Lane
from cascade.messages import Message, Origin

__all__ = ["ResponsesCodec"]


class ResponsesCodec:
    """The codec of a lane whose `api` is `responses`.

    Args:
        lane: That is called.
        origin: Of the turns that go back as they came.
    """

    api: ApiMode = "responses"
    path: str = "/responses"

    def __init__(self, lane: Lane, origin: Origin) -> None:
        self._lane = lane
        self._origin = origin
        self._body = RequestBody(lane)

    def message(self, message: Message, *, plain: bool) -> Encoded:
        """The input items of one message, the same bytes each time."""
        images = self._lane.capabilities.images
        return encoded(message, origin=self._origin, plain=plain, images=images)

    def body(self, fragments: Sequence[bytes], view: View, request: Request) -> bytes:
        """The request body around the encoded messages of *view*."""
        return self._body.write(fragments, view, request)

    def dropped(self, view: View, request: Request) -> tuple[Dropped, ...]:  # noqa: ARG002 - the protocol's signature
        """Sampling and effort that the API, or this model, does not take."""
        return self._body.dropped(request)

    def reader(self, view: View, request: Request) -> ResponsesReader:
        """A reader for the answer to that request."""
        return ResponsesReader(self._lane, self._origin, view=view, request=request)
