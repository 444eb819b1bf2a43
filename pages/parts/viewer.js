// Pictures to judge, with layers, zoom, ruler and an outline that can be corrected. Layers, zoom and drafts stay in the
// browser; the server hears of layers, of a finished outline and of a ruler's length. All text is set as text.
const states = new Map(); // by the component's name: what is kept while the page is drawn anew
const views = new WeakMap();
const ORDER = ["Heat map", "Class mask", "Outline", "Diameter"];
const orderOf = (data) => [...ORDER.slice(0, 2), ...data.layers.filter((name) => !ORDER.includes(name)), ...ORDER.slice(2)];

class View {
  constructor(root) {
    this.root = root;
    for (const name of ["layers", "about", "panes", "refused", "work", "zooms", "modes", "opacities", "legend", "told"])
      this[name] = root.querySelector(`.${name}`);
    this.list = [];
    this.buttons = {};
    for (const [name, act] of [["out", () => this.zoom(1 / STEP)], ["in", () => this.zoom(STEP)], ["whole", () => this.zoom(0)]])
      this.zooms.append((this.buttons[name] = this.button(act)));
    this.zooms.insertBefore((this.percent = element("output")), this.buttons.in);
    this.buttons.out.textContent = "−";
    this.buttons.in.textContent = "+";
    for (const [name, act] of [
      ["side", () => this.turn("side")], ["ruler", () => this.take("ruler")], ["edit", () => this.take("points")],
      ["full", () => this.fill()],
    ])
      this.modes.append((this.buttons[name] = this.button(act)));
    new ResizeObserver(() => this.redraw()).observe(this.panes);
    document.addEventListener("fullscreenchange", () => this.filled(document.fullscreenElement !== null && this.full));
  }

  button(act, text, className = "") {
    const made = element("button", className, text);
    made.type = "button";
    made.onclick = act;
    return made;
  }

  // What the server sent: the same again, or another case.
  takeIn(data, send) {
    this.data = data;
    this.send = send;
    this.size = [data.width, data.height];
    this.state = states.get(data.name) ?? { drafts: {}, lines: {}, opacity: { ...data.opacity } };
    states.set(data.name, this.state);
    const given = JSON.stringify(data.shown);
    if (this.state.given !== given) Object.assign(this.state, { given, shown: { ...data.shown } });
    if (this.state.of !== data.of) {
      Object.assign(this.state, { of: data.of, scale: 1, x: 0, y: 0 });
      this.choose(null);
    }
    if (data.reply && data.reply.id === this.state.sent) {
      this.state.sent = undefined;
      if (!data.reply.said) {
        if (this.tool && data.reply.of === data.of) {
          delete this.state.drafts[data.of];
          this.choose(null);
        }
      }
    }
    this.refused.textContent = data.reply?.of === data.of ? data.reply.said : "";
    this.refused.hidden = !this.refused.textContent;
    this.label();
    this.redraw();
  }

  label() {
    const { words } = this.data;
    for (const [name, button] of Object.entries(this.buttons)) {
      button.title = words[`${name}_help`] ?? words[name];
      if (name === "in" || name === "out") button.setAttribute("aria-label", words[name]);
      else button.textContent = words[name];
      button.hidden = !this.data.tools.includes(name);
    }
    this.root.querySelector(".tools").setAttribute("aria-label", words.bar);
    this.layers.setAttribute("aria-label", words.layers);
    this.work.setAttribute("aria-label", words.work);
    this.about.textContent = this.data.about;
    this.layers.replaceChildren(
      ...this.data.layers.map((name) => {
        const made = this.button(() => this.show(name), words.names[name]);
        made.dataset.layer = name;
        return made;
      }),
    );
    this.layers.hidden = !this.data.layers.length;
    if (this.root.activeElement === undefined) return;
  }

  // Layers.
  show(name) {
    const { state } = this;
    if (name in state.shown) delete state.shown[name];
    else state.shown[name] = state.opacity[name] ?? 1;
    this.tellLayers();
    this.redraw();
  }

  tellLayers() {
    this.state.given = JSON.stringify(this.state.shown);
    this.send("layers", { ...this.state.shown });
  }

  // Zoom, by shares of the picture.
  zoom(factor, x = 0.5, y = 0.5) {
    const { state } = this;
    const scale = Math.min(MOST, Math.max(1, state.scale * factor));
    const grown = scale / state.scale;
    state.x = x - (x - state.x) * grown; // the point under the pointer stays where it is
    state.y = y - (y - state.y) * grown;
    state.scale = scale;
    this.redraw();
    if (this.data.finer && scale > STEP && this.state.asked !== this.data.of) {
      this.state.asked = this.data.of;
      this.send("finer", this.data.of);
    }
  }

  shift(x, y) {
    this.state.x += x;
    this.state.y += y;
    this.redraw();
  }

  turn(name) {
    this.state[name] = !this.state[name];
    this.redraw();
  }

  // The whole screen, or at least the whole window.
  fill() {
    const on = !this.full;
    const host = this.root.querySelector(".viewer");
    this.filled(on);
    if (on) host.requestFullscreen?.().catch(() => {});
    else if (document.fullscreenElement) document.exitFullscreen();
  }

  filled(on) {
    this.full = on;
    this.root.querySelector(".viewer").classList.toggle("full", on);
    this.redraw();
  }

  // Tools.
  take(name) {
    if (this.mode === name || (name === "points" && this.draft)) this.choose(null);
    else this.choose(name);
    this.redraw();
    if (this.tool) this.list.find((pane) => pane.layered)?.frame.focus({ preventScroll: true });
  }

  choose(name) {
    this.mode = name;
    this.tool = this.draft = null;
    this.told.textContent = "";
    if (name === "ruler") this.tool = new RulerTool(this);
    else if (name) {
      this.draft = this.state.drafts[this.data.of] ??= new Draft(copied(this.data.rings.shown.length ? this.data.rings.shown : [this.oval()]));
      this.tool = name === "points" ? new PointTool(this, this.draft) : new BrushTool(this, this.draft, name === "erase");
    }
    this.workbench();
  }

  oval() {
    const [width, height] = this.size;
    const reach = Math.min(width, height) / 4;
    return [...Array(24).keys()].map((place) => {
      const angle = (2 * Math.PI * place) / 24;
      return inPicture([width / 2 + reach * Math.cos(angle), height / 2 + reach * Math.sin(angle)], this.size);
    });
  }

  workbench() {
    this.work.replaceChildren();
    this.parts = {};
    this.work.hidden = !this.tool;
    if (this.mode === "ruler") this.rulerBench();
    else if (this.draft) this.editBench();
  }

  editBench() {
    const { words } = this.data;
    const add = (name, act, className) => {
      const made = this.button(act, words[name], className);
      made.title = words[`${name}_help`] ?? words[name];
      this.work.append((this.parts[name] = made));
    };
    for (const name of ["points", "paint", "erase"])
      add(name, () => { this.choose(name); this.redraw(); this.focusPicture(); });
    if (this.mode === "points") {
      add("insert", () => this.tool.insert());
      add("remove", () => this.tool.remove());
    } else {
      const label = element("label", "", words.size);
      const slider = Object.assign(element("input"), { type: "range", min: 4, max: 80, value: this.state.brush ?? 24 });
      slider.oninput = () => { this.state.brush = Number(slider.value); this.redraw(); };
      label.append(slider);
      this.work.append(label);
    }
    add("undo", () => this.back(-1));
    add("redo", () => this.back(1));
    add("models", () => { this.draft.keep(copied(this.data.rings.model), true); this.redraw(); });
    add("use", () => this.use(), "main");
    add("cancel", () => { delete this.state.drafts[this.data.of]; this.choose(null); this.redraw(); });
  }

  focusPicture() {
    this.list.find((pane) => pane.layered)?.frame.focus({ preventScroll: true });
  }

  back(steps) {
    this.draft.back(steps);
    this.redraw();
    this.tell(steps < 0 ? "undone" : "redone");
  }

  use() {
    const { rings, models } = this.draft.now;
    this.state.sent = `${Date.now()}-${Math.random()}`;
    this.send("outline", { of: this.data.of, id: this.state.sent, rings: models ? null : rings });
  }

  rulerBench() {
    const { words } = this.data;
    const label = element("label", "", words.mm);
    const input = Object.assign(element("input", "number"), { type: "text", inputMode: "decimal" });
    const button = this.button(() => use(), words.set_scale, "main");
    const use = () => {
      this.state.sent = `${Date.now()}-${Math.random()}`;
      const mm = Number(input.value.trim().replace(",", "."));
      this.send("scale", { of: this.data.of, id: this.state.sent, line: this.tool.line, mm: input.value.trim() ? mm : null });
    };
    input.onkeydown = (event) => { if (event.key === "Enter") use(); };
    label.append(input);
    this.work.append(label, button, this.button(() => this.take("ruler"), words.close));
  }

  key(event, pane) {
    if (this.draft && (event.ctrlKey || event.metaKey) && ["z", "y"].includes(event.key.toLowerCase())) {
      event.preventDefault();
      return this.back(event.key.toLowerCase() === "y" || event.shiftKey ? 1 : -1);
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (this.tool && pane.layered && this.tool.key(event)) return event.preventDefault();
    const { state } = this;
    const move = state.scale > 1 && {
      ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1],
    }[event.key];
    const zoom = { "+": STEP, "-": 1 / STEP, 0: 0 }[event.key];
    if (move) this.shift(...move);
    else if (zoom !== undefined) this.zoom(zoom);
    else if (event.key === "Escape" && this.tool) this.take(this.mode === "ruler" ? "ruler" : "points");
    else if (event.key === "Escape" && this.full) this.fill();
    else return;
    event.preventDefault();
  }

  tell(name, values = {}) {
    let said = this.data.words[`said_${name}`];
    for (const [key, value] of Object.entries(values)) said = said.replace(`{${key}}`, value);
    this.told.textContent = said;
  }

  // Pixels of the picture that make one of the screen, where it is worked on.
  get unit() {
    return this.list.find((pane) => pane.layered)?.unit ?? 1;
  }

  // Everything that is seen, from what is known.
  redraw() {
    if (!this.data) return;
    const { data, state, words = data.words } = this;
    state.x = Math.min(0, Math.max(state.x, 1 - state.scale));
    state.y = Math.min(0, Math.max(state.y, 1 - state.scale));
    const wanted = data.panes.length === 1 && state.side ? [{ ...data.panes[0], plain: true }, data.panes[0]] : data.panes;
    while (this.list.length > wanted.length) this.list.pop().figure.remove();
    while (this.list.length < wanted.length) {
      const pane = new Pane(this);
      this.list.push(pane);
      this.panes.append(pane.figure);
    }
    this.panes.classList.toggle("several", wanted.length > 1);
    this.panes.style.setProperty("--ratio", data.width / data.height);
    wanted.forEach((one, place) => this.drawPane(this.list[place], one));
    this.percent.textContent = `${Math.round(100 * state.scale)} %`;
    this.buttons.out.disabled = this.buttons.whole.disabled = state.scale === 1;
    this.buttons.in.disabled = state.scale === MOST;
    const pressed = { side: Boolean(state.side), ruler: this.mode === "ruler", edit: Boolean(this.draft), full: Boolean(this.full) };
    for (const [name, on] of Object.entries(pressed)) this.buttons[name].setAttribute("aria-pressed", on);
    for (const button of this.layers.children) button.setAttribute("aria-pressed", button.dataset.layer in state.shown);
    this.drawOpacities(words);
    this.drawLegend();
    this.drawWork();
  }

  drawWork() {
    const { parts, draft } = this;
    if (!draft) return;
    for (const name of ["points", "paint", "erase"]) parts[name].setAttribute("aria-pressed", this.mode === name);
    if (parts.remove) parts.remove.disabled = parts.insert.disabled = !this.tool.point;
    parts.undo.disabled = draft.at === 0;
    parts.redo.disabled = draft.at === draft.steps.length - 1;
    parts.models.disabled = !this.data.rings.model.length || Boolean(draft.now.models) || (draft.at === 0 && !this.data.rings.edited);
    parts.use.disabled = Boolean(draft.now.untouched) && this.data.rings.shown.length > 0;
  }

  drawPane(pane, one) {
    const { data, state } = this;
    pane.layered = Boolean(data.layers.length) && !one.plain;
    const source = `data:image/jpeg;base64,${one.picture}`;
    if (pane.source !== one.picture) [pane.source, pane.image.src] = [one.picture, source];
    const top = pane.layered ? ["Class mask", "Heat map", "Outline"].find((name) => name in state.shown) : undefined;
    pane.image.alt = one.plain ? one.alts.Original : one.alts[top ?? "Original"];
    pane.caption.textContent = one.plain ? data.words.plain : one.captions[top ?? "Original"];
    const areas = pane.layered ? Object.entries(data.areas).filter(([name]) => name in state.shown) : [];
    if (areas.length) pane.image.alt = [pane.image.alt, ...areas.map(([, { said }]) => `${said}.`)].join(" ");
    for (const [, { said, colour }] of areas) {
      const sign = element("span", "area", said); // which colour is which
      sign.style.setProperty("--colour", colour);
      pane.caption.append(sign);
    }
    pane.frame.setAttribute("role", pane.layered && this.tool ? "application" : "group");
    pane.frame.setAttribute("aria-label", this.tool && pane.layered ? data.words[`keys_${this.draft ? (this.mode === "points" ? "points" : "brush") : "ruler"}`] : data.words.keys);
    const heat = pane.layered && "Heat map" in state.shown && data.heat ? data.heat.picture : "";
    if (pane.heat.dataset.of !== String(heat.length) || pane.heated !== heat) {
      pane.heated = heat;
      if (heat) pane.heat.src = `data:image/jpeg;base64,${heat}`;
    }
    pane.heat.style.display = heat ? "" : "none";
    pane.heat.style.opacity = state.shown["Heat map"] ?? 0;
    pane.apply();
    this.drawMarks(pane);
  }

  drawMarks(pane) {
    const { data, state } = this;
    pane.marks.setAttribute("viewBox", `-0.5 -0.5 ${data.width} ${data.height}`);
    const marks = document.createDocumentFragment();
    if (pane.layered) {
      const put = (name, draw, opacity = state.shown[name]) => {
        if (!(name in state.shown)) return;
        const group = drawn("g", { opacity });
        draw(group);
        marks.append(group);
      };
      put("Class mask", (group) => {
        if (!data.mask.length) return;
        const d = pathOf(data.mask);
        const area = drawn("path", { d, class: "mask" });
        area.style.fill = data.colour;
        area.style.fillOpacity = state.shown["Class mask"];
        group.append(area);
        drawLine(group, "part", d); // always: colour alone would be lost on some skin
      }, 1);
      for (const [name, { lines, colour }] of Object.entries(data.areas))
        put(name, (group) => {
          if (!lines.length) return;
          const d = pathOf(lines);
          const area = drawn("path", { d, class: "mask" });
          area.style.fill = colour;
          area.style.fillOpacity = state.shown[name];
          group.append(area);
          drawLine(group, "part", d);
        }, 1);
      if (!this.draft) {
        put("Outline", (group) => {
          if (data.rings.edited) drawLine(group, "model", pathOf(data.rings.fine));
          drawLine(group, "outline", pathOf(data.rings.edited ? data.rings.shown : data.rings.fine));
        });
        put("Diameter", (group) => data.diameter && drawRule(group, data.diameter, data.diameter_label, pane.unit));
      } else if (data.rings.fine.length) {
        const group = drawn("g", { opacity: 0.8 });
        drawLine(group, "model", pathOf(data.rings.fine));
        marks.append(group);
      }
      this.tool?.draw(marks, pane.unit);
    }
    pane.marks.replaceChildren(marks);
  }

  drawOpacities(words) {
    const on = orderOf(this.data).filter((name) => name !== "Diameter" && name in this.state.shown);
    const wanted = on.some((name) => name !== "Outline") && this.data.layers.length ? on : [];
    if (this.opacities.dataset.on === wanted.join()) return;
    this.opacities.dataset.on = wanted.join();
    this.opacities.replaceChildren(
      ...wanted.map((name) => {
        const label = element("label", "", words.opacities[name]);
        const slider = Object.assign(element("input"), { type: "range", min: 0, max: 100, step: 5 });
        slider.value = Math.round(100 * this.state.shown[name]);
        const figure = element("output", "", `${slider.value} %`);
        slider.oninput = () => {
          this.state.shown[name] = this.state.opacity[name] = Number(slider.value) / 100;
          figure.textContent = `${slider.value} %`;
          this.redraw();
        };
        slider.onchange = () => this.tellLayers();
        label.append(slider, figure);
        return label;
      }),
    );
  }

  drawLegend() {
    const { heat } = this.data;
    this.legend.hidden = !(heat && "Heat map" in this.state.shown);
    if (this.legend.hidden) return;
    this.legend.querySelector(".ramp").style.background = `linear-gradient(to right, ${heat.stops.join(",")})`;
    this.legend.querySelectorAll("span").forEach((end, place) => (end.textContent = heat.ends[place]));
  }
}

export default function ({ data, parentElement, setStateValue, setTriggerValue }) {
  if (!views.has(parentElement)) views.set(parentElement, new View(parentElement));
  const send = (name, value) => (["layers", "finer"].includes(name) ? setStateValue : setTriggerValue)(name, value);
  views.get(parentElement).takeIn(data, send);
}
