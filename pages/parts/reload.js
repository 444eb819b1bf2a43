// After a reload, ask for the cases that this tab had; the token that they are found by lives in this tab alone.
const NAME = "derm-visit";

export default function ({ data, setTriggerValue }) {
  let known = null;
  try {
    known = sessionStorage.getItem(NAME);
    if (!data.ask && data.token) sessionStorage.setItem(NAME, data.token);
    if (!data.ask && !data.token) sessionStorage.removeItem(NAME);
  } catch {
    return; // a browser that keeps nothing
  }
  if (data.ask && known) setTriggerValue("claim", known);
}
