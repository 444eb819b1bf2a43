// Zoom and pan of pictures on the page: buttons, double click, Ctrl and wheel, two fingers, and keys. Several pictures move
// as one. The wheel alone scrolls the page.
const MOST = 12;
const STEP = 1.5;
const states = new Map();

export default function ({ data, parentElement, setStateValue }) {
  const bar = parentElement.querySelector(".zoom");
  const state = states.get(data.name) ?? {};
  states.set(data.name, state);
  if (state.of !== data.of) Object.assign(state, { of: data.of, scale: 1, x: 0, y: 0 });
  const frames = data.frames.map((frame) => document.querySelector(frame)).filter(Boolean);
  const images = () => frames.map((frame) => frame.querySelector("img")).filter(Boolean);

  function apply() {
    for (const image of images()) {
      const [width, height] = [image.offsetWidth, image.offsetHeight];
      state.x = Math.min(0, Math.max(state.x, 1 - state.scale)); // in widths and heights of the picture
      state.y = Math.min(0, Math.max(state.y, 1 - state.scale));
      image.style.transformOrigin = "0 0";
      image.style.transform =
        state.scale === 1 ? "" : `translate(${state.x * width}px, ${state.y * height}px) scale(${state.scale})`;
      image.style.cursor = state.scale === 1 ? "" : "grab";
      image.style.touchAction = state.scale === 1 ? "pan-y" : "none";
      image.draggable = false;
    }
    bar.querySelector("output").textContent = `${Math.round(100 * state.scale)} %`;
    bar.querySelector(".out").disabled = bar.querySelector(".whole").disabled = state.scale === 1;
    bar.querySelector(".in").disabled = state.scale === MOST;
    if (data.finer && state.scale > STEP) setStateValue("finer", data.of);
  }

  function zoom(factor, x = 0.5, y = 0.5) {
    const scale = Math.min(MOST, Math.max(1, state.scale * factor));
    const grown = scale / state.scale;
    state.x = x - (x - state.x) * grown; // the point under the pointer stays where it is
    state.y = y - (y - state.y) * grown;
    state.scale = scale;
    apply();
  }

  function move(x, y) {
    state.x += x;
    state.y += y;
    apply();
  }

  function place(event, frame) {
    const image = frame.querySelector("img");
    const box = image.parentElement.getBoundingClientRect();
    return [(event.clientX - box.left) / image.offsetWidth, (event.clientY - box.top) / image.offsetHeight];
  }

  for (const frame of frames) {
    const fingers = new Map();
    frame.onwheel = (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(Math.exp(-event.deltaY / 300), ...place(event, frame));
    };
    frame.ondblclick = (event) => {
      if (event.target.tagName === "IMG") zoom(state.scale < 2 ? 2.5 : 1 / state.scale, ...place(event, frame));
    };
    frame.onpointerdown = (event) => {
      if (event.target.tagName !== "IMG") return;
      fingers.set(event.pointerId, place(event, frame));
      if (state.scale > 1) event.target.setPointerCapture(event.pointerId);
    };
    frame.onpointermove = (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const now = place(event, frame);
      if (fingers.size === 2) {
        const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, where]) => where);
        const apart = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]);
        zoom(apart(now) / Math.max(apart(before), 0.01), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
      } else if (state.scale > 1) {
        move(now[0] - before[0], now[1] - before[1]);
      }
      fingers.set(event.pointerId, now);
    };
    frame.onpointerup = frame.onpointercancel = frame.onpointerleave = (event) => fingers.delete(event.pointerId);
  }

  bar.setAttribute("aria-label", data.words.bar);
  for (const [name, act] of [["out", () => zoom(1 / STEP)], ["in", () => zoom(STEP)], ["whole", () => zoom(0)]]) {
    const button = bar.querySelector(`.${name}`);
    button.title = data.words[name];
    button.setAttribute("aria-label", data.words[name]);
    if (name === "whole") button.textContent = data.words[name];
    button.onclick = act;
  }
  bar.onkeydown = (event) => {
    const act = {
      ArrowLeft: () => move(0.1, 0), ArrowRight: () => move(-0.1, 0), ArrowUp: () => move(0, 0.1),
      ArrowDown: () => move(0, -0.1), "+": () => zoom(STEP), "-": () => zoom(1 / STEP), 0: () => zoom(0),
    }[event.key];
    if (!act || (event.key.startsWith("Arrow") && state.scale === 1)) return;
    event.preventDefault();
    act();
  };
  apply();
}
