"""A picture from the clipboard as a browser sends it, checked and named; and what is said of camera and clipboard.

Needs what the page's component told. Decodes no picture: that is done as for every file. Knows nothing of pages.
"""

import base64
import binascii

from derm.language.speech import mark, say

MAX_PASTED = 18_000_000
"""Most bytes of a pasted picture: in base 64 more would be too large a message, for which Streamlit closes the page."""

ENDINGS = {"image/png": ".png", "image/jpeg": ".jpg", "image/webp": ".webp", "image/gif": ".gif", "image/bmp": ".bmp",
           "image/tiff": ".tif", "image/avif": ".avif", "image/heic": ".heic"}  # fmt: skip
"""By the type that a browser tells; what the picture is decides its content."""

CAMERA_NAME = mark("Camera picture.jpg")
CAMERA_NOTE = mark(
    "A camera alone shows no dermoscopic structures: hold it to a dermatoscope. The model learned from dermoscopy only."
)

PASTE_WORDS = {
    "button": mark("Paste"),
    "keys": mark("Press Ctrl+V (on a Mac ⌘V) to paste a picture."),
    "none": mark("There is no picture in the clipboard: copy one first."),
    "large": mark("The picture has more than 18 MB: open it as a file."),
}
"""What the button says."""

DAMAGED = mark("The pasted picture did not arrive whole: copy and paste it again, or open it as a file.")


def picture_of_paste(told: object) -> tuple[str, bytes]:
    """Name and content of a picture that was pasted: a dictionary of its type and its bytes in base 64.

    Raises ValueError, with the sentence that says what to do, for anything else.
    """
    if not isinstance(told, dict) or not isinstance(told.get("data"), str) or not told["data"]:
        raise ValueError(say(DAMAGED))
    if len(told["data"]) > MAX_PASTED * 4 // 3 + 4:
        raise ValueError(say(PASTE_WORDS["large"]))
    try:
        content = base64.b64decode(told["data"], validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(say(DAMAGED)) from error
    return f"{say('Pasted picture')}{ENDINGS.get(str(told.get('type')), '')}", content
