// After a reload, ask for the cases that this tab had; the token that they are found by lives in this tab alone.
const NAME = "derm-visit";
let asked = null; // the visit that this page was last drawn for

export default function ({ data, setTriggerValue }) {
  const first = asked !== data.visit;
  if (asked && first) setTriggerValue("away", true); // without a reload: the session was lost
  asked = data.visit;
  let known = null;
  try {
    known = sessionStorage.getItem(NAME);
    const claims = (data.ask || first) && known && !known.startsWith(data.visit);
    if (claims) setTriggerValue("claim", known);
    else if (data.token) sessionStorage.setItem(NAME, data.token);
    else sessionStorage.removeItem(NAME);
  } catch {
    return; // a browser that keeps nothing
  }
}
