"""Pictures that come as no file: from the camera of the visitor's machine, and from the clipboard.

Needs Streamlit's session. The camera is asked for only when its popover is opened; the browser then asks its user.
"""

import uuid

import streamlit as st

from derm.language.speech import say
from derm.predict.pasted import CAMERA_NAME, CAMERA_NOTE, MAX_PASTED, PASTE_WORDS, picture_of_paste
from derm.predict.reading import WaitingFile
from pages.parts import visit
from pages.parts.component import component

paste = component("paste")


def camera() -> WaitingFile | None:
    """A picture that was just taken with the camera, or None."""
    with st.popover(
        say("Camera"), icon=":material/photo_camera:", width="content", key="camera", on_change="rerun"
    ) as place:
        if not place.open:
            return None
        shot = st.camera_input(say("Take a picture"), key=f"shot-{st.session_state.round}", resolution="1080p")
        st.caption(say(CAMERA_NOTE))
    if shot is None or not visit.new([shot]):
        return None
    return WaitingFile(shot.file_id, say(CAMERA_NAME), shot.getvalue())


def pasted() -> WaitingFile | None:
    """A picture that was just pasted, or None; why one cannot be taken is said above the cases."""
    found = paste(
        key="paste",
        data={"most": MAX_PASTED, "words": {name: say(one) for name, one in PASTE_WORDS.items()}},
        on_picture_change=lambda: None,
        width="content",
    )
    if not found.picture:
        return None
    try:
        name, content = picture_of_paste(found.picture)
    except ValueError as refused:
        visit.tell(str(refused))
        return None
    return WaitingFile(uuid.uuid4().hex, name, content)
