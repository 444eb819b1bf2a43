"""What the server answers to questions that pages ask it beside their scripts, kept until it is sent.

Needs Streamlit's queue of messages to a page. Streamlit empties it where a script begins anew, and the answers with it:
files that were chosen in that moment were never sent, without a word, and a file to take away was waited for without
end.
"""

from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import app_session
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

ANSWERS = frozenset(("file_urls_response", "backend_operation_response", "heartbeat_ack"))
"""Kinds of messages for which a page has asked: they come once, and no script tells them again."""


class AnsweringQueue(ForwardMsgQueue):
    """Messages to a page, of which answers outlast that a script begins anew. They are sent first."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[ForwardMsg] = []

    def __len__(self) -> int:
        return len(self._answers) + super().__len__()

    def is_empty(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._answers and super().is_empty()

    def enqueue(self, msg: ForwardMsg) -> None:
        """Let a message wait to be sent."""
        if msg.WhichOneof("type") in ANSWERS:
            self._answers.append(msg)
        else:
            super().enqueue(msg)

    def flush(self) -> list[ForwardMsg]:
        """All that waits, to be sent now."""
        answers, self._answers = self._answers, []
        return [*answers, *super().flush()]


def keep_answers() -> None:
    """Give the sessions that begin from now on such a queue."""
    vars(app_session)["ForwardMsgQueue"] = AnsweringQueue
