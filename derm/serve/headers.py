"""Headers of every answer of the app: what its pages may load, and who may show them.

Needs nothing. Knows of Streamlit's pages what they load.
"""

PRERENDER = "'sha256-THxz9J9+wf7rhwR2YkXJoSZ13UCmYyC+3lNDv2+8ugA='"
"""The one script that Streamlit writes into its page, which tells search engines that it is not ready. Where another
release writes it otherwise it is not run, and nothing is lost."""

POLICY = {
    "default-src": "'none'",
    # Streamlit runs a component's own script, such as that of the table of cases, from a blob: address, which nothing
    # but a script that runs already can make.
    "script-src": f"'self' blob: {PRERENDER}",
    "style-src": "'self' 'unsafe-inline'",  # Streamlit and Plotly write style elements
    "img-src": "'self' data: blob:",
    "font-src": "'self' data:",
    "media-src": "'self' data: blob:",
    "connect-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'self'",
    "frame-ancestors": "'none'",
}
"""Content security policy, by directive: the app's own files, and no other site's. Nothing that a visitor or a file
brings is ever a script."""

HEADERS = {
    "content-security-policy": "; ".join(f"{name} {sources}" for name, sources in POLICY.items()),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), usb=(), payment=()",
}
"""By name in lower case. They replace what an answer has of the same name."""

DROPPED = ("access-control-allow-origin", "access-control-allow-credentials")
"""Headers that no answer keeps: no other site's page may read one."""
