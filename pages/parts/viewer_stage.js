// Pictures that zoom and move as one: buttons, double click, Ctrl and wheel, two fingers, and keys. The wheel alone
// scrolls the page, but where the pictures fill the screen.
const MOST = 12;
const STEP = 1.5;
const SVG = "http://www.w3.org/2000/svg";

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawn(name, attributes = {}) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const pathOf = (rings) => rings.map((ring) => `M${ring.map(([x, y]) => `${x} ${y}`).join("L")}Z`).join("");

class Pane {
  constructor(view) {
    this.view = view;
    this.figure = element("figure", "pane");
    this.frame = element("div", "frame");
    this.frame.tabIndex = 0;
    this.stage = element("div", "stage");
    this.image = element("img");
    this.heat = element("img", "heat");
    this.image.draggable = this.heat.draggable = false;
    this.heat.alt = "";
    this.marks = drawn("svg", { "aria-hidden": "true", preserveAspectRatio: "none" });
    this.caption = element("figcaption");
    this.stage.append(this.image, this.heat, this.marks);
    this.frame.append(this.stage);
    this.figure.append(this.frame, this.caption);
    this.fingers = new Map();
    this.listen();
  }

  listen() {
    const { frame, view } = this;
    frame.onwheel = (event) => {
      if (!event.ctrlKey && !event.metaKey && !view.full) return;
      event.preventDefault();
      view.zoom(Math.exp(-event.deltaY / 300), ...this.share(event));
    };
    frame.ondblclick = (event) => {
      if (!view.tool) view.zoom(view.state.scale < 2 ? 2.5 : 0, ...this.share(event));
    };
    frame.onpointerdown = (event) => this.down(event);
    frame.onpointermove = (event) => this.move(event);
    frame.onpointerup = frame.onpointercancel = (event) => this.up(event);
    frame.onpointerleave = () => view.tool?.leave?.();
    frame.onkeydown = (event) => view.key(event, this);
  }

  // Where an event is, as shares of the frame; and in pixels of the picture.
  share(event) {
    const box = this.frame.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  }

  place(event) {
    const { state, data } = this.view;
    const [x, y] = this.share(event);
    return [((x - state.x) / state.scale) * data.width - 0.5, ((y - state.y) / state.scale) * data.height - 0.5];
  }

  down(event) {
    const { view } = this;
    if (event.button) return;
    this.fingers.set(event.pointerId, this.share(event));
    if (this.fingers.size > 1) {
      view.tool?.cancel?.();
      this.working = false;
      return;
    }
    this.working = Boolean(view.tool && this.layered && view.tool.down(this.place(event), event.pointerType !== "mouse"));
    if (this.working || view.state.scale > 1) this.frame.setPointerCapture(event.pointerId);
    if (this.working) {
      event.preventDefault();
      this.frame.focus({ preventScroll: true });
    }
  }

  move(event) {
    const { view } = this;
    const before = this.fingers.get(event.pointerId);
    if (!before) {
      if (this.layered) view.tool?.hover?.(this.place(event));
      return;
    }
    const now = this.share(event);
    if (this.fingers.size === 2) {
      const [other] = [...this.fingers].filter(([id]) => id !== event.pointerId).map(([, where]) => where);
      const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]);
      view.zoom(apart(now) / Math.max(apart(before), 0.01), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (this.working) {
      view.tool.move(this.place(event));
    } else if (view.state.scale > 1) {
      view.shift(now[0] - before[0], now[1] - before[1]);
    }
    this.fingers.set(event.pointerId, now);
  }

  up(event) {
    const before = this.fingers.get(event.pointerId);
    this.fingers.delete(event.pointerId);
    if (this.working && event.type === "pointerup") {
      const now = this.share(event); // a quick hand lifts before the last move was told
      if (now[0] !== before[0] || now[1] !== before[1]) this.view.tool.move(this.place(event));
    }
    if (this.working) this.view.tool.up();
    this.working = false;
  }

  // Pixels of the picture that make one of the screen.
  get unit() {
    return this.view.data.width / Math.max(1, this.frame.clientWidth * this.view.state.scale);
  }

  apply() {
    const { state, tool } = this.view;
    this.stage.style.transform =
      state.scale === 1 ? "" : `translate(${100 * state.x}%, ${100 * state.y}%) scale(${state.scale})`;
    this.frame.style.cursor = tool && this.layered ? "crosshair" : state.scale === 1 ? "" : "grab";
    this.frame.style.touchAction = state.scale === 1 && !(tool && this.layered) ? "pan-y" : "none";
    this.marks.style.setProperty("--unit", `${this.unit}px`);
  }
}
