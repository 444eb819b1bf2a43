"""Images and masks at fault, each with its cure."""

import streamlit as st

from derm.explore import data_quality
from derm.explore.shown_data import ShownData
from derm.figures.text import plain
from derm.language.speech import say
from pages.explore.measured_once import once, watch
from pages.explore.widgets import table_of


def files(shown: ShownData) -> None:
    """Images and masks at fault, with the cure."""
    st.header(say("Files at fault"), anchor=False)
    found = data_quality.read_findings(shown.findings)
    if found is None and once(shown, say("Check every file"), "explore_check"):
        tell, done = watch(say("Reading every image and mask, once …"))
        data_quality.check_files(shown.catalogue, shown.findings, tell)
        done()
        st.rerun()
    if found is None:
        return
    st.markdown(plain(data_quality.findings_sentence(found, len(shown.table))))
    if found:
        table_of(data_quality.findings_table(found))
