"""Answers to what pages ask beside their scripts outlast that a script begins anew."""

import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime import app_session
from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

from pages.parts.answering import ANSWERS, AnsweringQueue, keep_answers


def message(kind: str) -> ForwardMsg:
    told = ForwardMsg()
    field = getattr(told, kind)
    if hasattr(field, "SetInParent"):
        field.SetInParent()
    else:
        setattr(told, kind, type(field)(1))
    return told


def kinds(queue: ForwardMsgQueue) -> list[str]:
    return [told.WhichOneof("type") for told in queue.flush()]


@pytest.mark.parametrize("kind", sorted(ANSWERS))
def test_an_answer_outlasts_that_a_script_begins_anew(kind):
    queue = AnsweringQueue()
    for one in ("delta", kind, "new_session"):
        queue.enqueue(message(one))
    assert len(queue) == 3
    queue.clear(retain_lifecycle_msgs=True)
    assert len(queue) == 2
    assert not queue.is_empty()
    assert kinds(queue) == [kind, "new_session"]
    assert queue.is_empty()
    assert kinds(queue) == []


def test_streamlit_s_own_queue_still_lets_answers_go():
    """Where this fails, `answering` may go."""
    queue = ForwardMsgQueue()
    for kind in sorted(ANSWERS):
        queue.enqueue(message(kind))
    queue.clear(retain_lifecycle_msgs=True)
    assert kinds(queue) == []


def test_what_a_script_tells_is_let_go_as_before():
    queue, theirs = AnsweringQueue(), ForwardMsgQueue()
    others = {field.name for field in ForwardMsg.DESCRIPTOR.oneofs_by_name["type"].fields} - ANSWERS - {"ref_hash"}
    for one in (queue, theirs):
        for kind in sorted(others):
            one.enqueue(message(kind))
        one.clear(retain_lifecycle_msgs=True)
    assert kinds(queue) == kinds(theirs)


def test_sessions_get_such_a_queue(monkeypatch):
    monkeypatch.setattr(app_session, "ForwardMsgQueue", app_session.ForwardMsgQueue)
    keep_answers()
    assert app_session.ForwardMsgQueue is AnsweringQueue
    assert "ForwardMsgQueue" in app_session.AppSession.__init__.__code__.co_names
