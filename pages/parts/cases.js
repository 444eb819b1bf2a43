// The table of cases: search, groups, sorting and keys work here, without asking the server. A row that is opened is
// told to it by `open`. All text is set as text, never as HTML.
const kept = new WeakMap();

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function rowOf(row, open, choose) {
  const line = element("tr");
  line.dataset.key = row.key;
  const picture = element("td", "picture");
  if (row.thumbnail) {
    const image = element("img");
    image.src = `data:image/jpeg;base64,${row.thumbnail}`;
    image.alt = "";
    image.loading = "lazy";
    picture.append(image);
  }
  const name = element("th", "name");
  name.scope = "row";
  const button = element("button", "", row.name);
  button.type = "button";
  if (row.key === open) {
    line.className = "open";
    button.setAttribute("aria-current", "true");
  }
  name.append(button);
  const todo = element("td", `todo urgency-${row.urgency}`, row.todo);
  const doubts = element("td", "doubts", row.flags.join(", "));
  if (row.note) doubts.append(element("small", "", row.note));
  if (row.views) doubts.append(element("small", "", row.views));
  line.append(picture, name, todo, element("td", "figure", row.malignant), element("td", "likeliest", row.likeliest), doubts);
  line.addEventListener("click", () => choose(row.key));
  return line;
}

function sorted(rows, by) {
  if (by === "name") return [...rows].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  if (by === "malignant") return [...rows].sort((a, b) => (b.p ?? -1) - (a.p ?? -1));
  if (by === "likeliest") return [...rows].sort((a, b) => a.likeliest.localeCompare(b.likeliest));
  return rows;
}

function matches(row, state) {
  if (state.group !== "" && row.urgency !== state.group) return false;
  const text = [row.name, row.todo, row.likeliest, row.note, row.views, ...row.flags].join(" ").toLowerCase();
  return state.words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".cases");
  const state = kept.get(root) ?? { group: "", words: "", by: "" };
  kept.set(root, state);
  const [search, groups, found, body] = [".bar input", ".groups", ".found", "tbody"].map((one) => root.querySelector(one));
  const choose = (key) => setTriggerValue("open", key);

  function fill() {
    const focused = root.getRootNode().activeElement?.closest?.("tr")?.dataset.key;
    const shown = sorted(data.rows.filter((row) => matches(row, state)), state.by);
    body.replaceChildren(...shown.map((row) => rowOf(row, data.open, choose)));
    found.textContent = shown.length === data.rows.length ? "" : data.words.found.replace("{shown}", shown.length);
    if (focused) body.querySelector(`tr[data-key="${focused}"] button`)?.focus();
  }

  search.placeholder = data.words.search;
  search.setAttribute("aria-label", data.words.search);
  search.oninput = () => { state.words = search.value; fill(); };

  groups.setAttribute("aria-label", data.words.groups);
  groups.replaceChildren(...data.groups.map(({ urgency, label }) => {
    const button = element("button", "", label);
    button.type = "button";
    button.setAttribute("aria-pressed", String(state.group === urgency));
    button.onclick = () => {
      state.group = urgency;
      for (const other of groups.children) other.setAttribute("aria-pressed", String(other === button));
      fill();
    };
    return button;
  }));

  root.querySelector("thead tr").replaceChildren(...data.columns.map(({ label, by }) => {
    const head = element("th");
    head.scope = "col";
    if (by === null) {
      head.textContent = label;
      return head;
    }
    const button = element("button", "", label);
    button.type = "button";
    if (state.by === by) head.setAttribute("aria-sort", by === "malignant" ? "descending" : "ascending");
    button.onclick = () => {
      state.by = by;
      for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", by === "malignant" ? "descending" : "ascending");
      fill();
    };
    head.append(button);
    return head;
  }));
  root.querySelector("table").setAttribute("aria-label", data.words.table);

  root.onkeydown = (event) => {
    const buttons = [...body.querySelectorAll("button")];
    const place = buttons.indexOf(root.getRootNode().activeElement);
    const step = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (step === undefined || (place < 0 && (event.key !== "ArrowDown" || event.target !== search))) return;
    event.preventDefault();
    if (step < 0) search.focus();
    else buttons[Math.min(step, buttons.length - 1)]?.focus();
  };
  fill();
}
