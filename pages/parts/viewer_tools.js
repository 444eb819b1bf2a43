// What a picture is worked on with: points of an outline, a brush, a ruler. Each takes pointers and keys of the picture.
const KEEP = 200; // steps that can be taken back
const REACH = { mouse: 10, finger: 24 }; // pixels of the screen from which a point or a line is taken hold of

const copied = (rings) => rings.map((ring) => ring.map((point) => [...point]));

// An outline while it is worked on, with all its steps.
class Draft {
  constructor(rings) {
    this.steps = [{ rings, untouched: true }];
    this.at = 0;
  }

  get rings() {
    return this.live ?? this.steps[this.at].rings;
  }

  get now() {
    return this.steps[this.at];
  }

  keep(rings, models = false) {
    this.steps = [...this.steps.slice(0, this.at + 1), { rings, models }].slice(-KEEP);
    this.at = this.steps.length - 1;
    this.live = undefined;
  }

  back(steps) {
    this.at = Math.min(this.steps.length - 1, Math.max(0, this.at + steps));
    this.live = undefined;
  }
}

class PointTool {
  constructor(view, draft) {
    Object.assign(this, { view, draft, chosen: undefined });
  }

  down(place, finger) {
    const reach = (finger ? REACH.finger : REACH.mouse) * this.view.unit;
    const point = nearestPoint(this.draft.rings, place);
    const side = nearestSide(this.draft.rings, place);
    if (Math.min(point.away, side.away) > reach) return false;
    this.draft.live = copied(this.draft.rings);
    if (point.away <= reach) {
      this.chosen = { part: point.part, index: point.index };
      this.moved = false;
    } else {
      this.draft.live[side.part].splice(side.index + 1, 0, inPicture(side.where, this.view.size));
      this.chosen = { part: side.part, index: side.index + 1 };
      this.moved = true;
    }
    this.view.redraw();
    return true;
  }

  move(place) {
    this.moved = true;
    this.draft.live[this.chosen.part][this.chosen.index] = inPicture(place, this.view.size);
    this.view.redraw();
  }

  up() {
    if (this.moved) this.draft.keep(this.draft.live);
    this.draft.live = undefined;
    this.view.redraw();
    this.tell();
  }

  cancel() {
    this.draft.live = undefined;
    this.view.redraw();
  }

  // Whether the chosen point is still there, after a step back.
  get point() {
    return this.chosen && this.draft.rings[this.chosen.part]?.[this.chosen.index];
  }

  tell() {
    const point = this.point;
    if (!point) return;
    const [x, y] = point.map(Math.round);
    this.view.tell("point", { n: this.chosen.index + 1, of: this.draft.rings[this.chosen.part].length, x, y });
  }

  step(by) {
    const all = this.draft.rings.flatMap((ring, part) => ring.map((_, index) => ({ part, index })));
    if (!all.length) return;
    const at = this.point ? all.findIndex((one) => one.part === this.chosen.part && one.index === this.chosen.index) : -1;
    this.chosen = all[(at + by + all.length + (at < 0 && by < 0 ? 1 : 0)) % all.length];
    this.view.redraw();
    this.tell();
  }

  insert() {
    if (!this.point) this.step(1);
    const rings = copied(this.draft.rings);
    const ring = rings[this.chosen.part];
    const [one, two] = [ring[this.chosen.index], ring[(this.chosen.index + 1) % ring.length]];
    ring.splice(this.chosen.index + 1, 0, inPicture([(one[0] + two[0]) / 2, (one[1] + two[1]) / 2], this.view.size));
    this.chosen = { ...this.chosen, index: this.chosen.index + 1 };
    this.draft.keep(rings);
    this.view.redraw();
    this.tell();
  }

  remove() {
    if (!this.point) return;
    const rings = copied(this.draft.rings);
    rings[this.chosen.part].splice(this.chosen.index, 1);
    if (rings[this.chosen.part].length < 3) {
      if (rings.length === 1) return this.view.tell("last");
      rings.splice(this.chosen.part, 1);
      this.chosen = undefined;
    } else {
      this.chosen = { ...this.chosen, index: this.chosen.index % rings[this.chosen.part].length };
    }
    this.draft.keep(rings);
    this.view.redraw();
    this.tell();
  }

  key(event) {
    const far = (event.shiftKey ? 10 : 1) * this.view.unit;
    const by = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    if (by && this.point) {
      const rings = copied(this.draft.rings);
      const [x, y] = this.point;
      rings[this.chosen.part][this.chosen.index] = inPicture([x + by[0], y + by[1]], this.view.size);
      this.draft.keep(rings);
      this.view.redraw();
      this.tell();
      return true;
    }
    const act = {
      n: () => this.step(1), p: () => this.step(-1), i: () => this.insert(), Insert: () => this.insert(),
      Delete: () => this.remove(), Backspace: () => this.remove(),
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    act?.();
    return Boolean(act);
  }

  draw(marks, unit) {
    drawLine(marks, "draft", pathOf(this.draft.rings));
    this.draft.rings.forEach((ring, part) =>
      ring.forEach(([x, y], index) => {
        const chosen = this.chosen?.part === part && this.chosen?.index === index;
        const size = (chosen ? 7 : 4.5) * unit;
        marks.append(drawn("circle", { cx: x, cy: y, r: size, class: chosen ? "handle chosen" : "handle" }));
      }),
    );
  }
}

class BrushTool {
  constructor(view, draft, erase) {
    Object.assign(this, { view, draft, erase });
  }

  get radius() {
    return (this.view.state.brush ?? 24) * this.view.unit;
  }

  down(place) {
    this.field = new Raster(...this.view.size, this.draft.rings);
    this.before = place;
    this.move(place);
    return true;
  }

  move(place) {
    this.at = inPicture(place, this.view.size);
    this.field.stroke(this.before, place, this.radius, this.erase);
    this.before = place;
    this.draft.live = this.field.rings();
    this.view.redraw();
  }

  up() {
    if (this.draft.live?.length) this.draft.keep(this.draft.live);
    else this.view.tell("last");
    this.draft.live = undefined;
    this.view.redraw();
  }

  cancel() {
    this.draft.live = undefined;
    this.view.redraw();
  }

  hover(place) {
    this.at = place;
    this.view.redraw();
  }

  leave() {
    this.at = undefined;
    this.view.redraw();
  }

  key(event) {
    const far = (event.shiftKey ? 40 : 8) * this.view.unit;
    const by = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    const [width, height] = this.view.size;
    const at = this.at ?? [width / 2, height / 2];
    if (by) this.at = inPicture([at[0] + by[0], at[1] + by[1]], this.view.size);
    else if (event.key === " ") {
      this.down(at);
      this.up();
    } else return false;
    this.view.redraw();
    this.view.tell("brush", { x: Math.round(this.at[0]), y: Math.round(this.at[1]) });
    return true;
  }

  draw(marks, unit) {
    drawLine(marks, "draft", pathOf(this.draft.rings));
    if (!this.at) return;
    const [cx, cy] = this.at;
    for (const rim of ["rim", "line"]) marks.append(drawn("circle", { cx, cy, r: this.radius, class: `draft ${rim}` }));
    marks.append(drawn("path", { class: "draft line", d: sign(cx, cy, 6 * unit, !this.erase) }));
  }
}

const sign = (x, y, arm, plus) => `M${x - arm} ${y}H${x + arm}${plus ? `M${x} ${y - arm}V${y + arm}` : ""}`;

class RulerTool {
  constructor(view) {
    this.view = view;
    const [width, height] = view.size;
    view.state.lines[view.data.of] ??= [width / 3, height / 2, (2 * width) / 3, height / 2];
    this.end = 1;
  }

  get line() {
    return this.view.state.lines[this.view.data.of];
  }

  set line(line) {
    this.view.state.lines[this.view.data.of] = line;
  }

  place(end, place) {
    const [x, y] = inPicture(place, this.view.size);
    this.line = end ? [this.line[0], this.line[1], x, y] : [x, y, this.line[2], this.line[3]];
  }

  down(place, finger) {
    const reach = (finger ? REACH.finger : REACH.mouse) * this.view.unit;
    const [x1, y1, x2, y2] = this.line;
    const away = [Math.hypot(x1 - place[0], y1 - place[1]), Math.hypot(x2 - place[0], y2 - place[1])];
    this.before = this.line;
    this.end = away[0] < away[1] ? 0 : 1;
    if (Math.min(...away) > reach) {
      const [x, y] = inPicture(place, this.view.size);
      this.line = [x, y, x, y];
      this.end = 1;
    }
    this.view.redraw();
    return true;
  }

  move(place) {
    this.place(this.end, place);
    this.view.redraw();
  }

  up() {
    const [x1, y1, x2, y2] = this.line;
    if (Math.hypot(x2 - x1, y2 - y1) < 3 * this.view.unit) this.line = this.before; // a click draws nothing
    this.view.redraw();
    this.tell();
  }

  cancel() {
    this.line = this.before ?? this.line;
    this.view.redraw();
  }

  tell() {
    this.view.tell("ruled", { length: this.length });
  }

  get length() {
    const [x1, y1, x2, y2] = this.line;
    return lengthOf(Math.hypot(x2 - x1, y2 - y1), this.view.data);
  }

  key(event) {
    const far = (event.shiftKey ? 10 : 1) * this.view.unit;
    const by = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] }[event.key];
    if (event.key.toLowerCase() === "n" || event.key.toLowerCase() === "p") this.end = 1 - this.end;
    else if (by) {
      const [x, y] = this.line.slice(2 * this.end);
      this.place(this.end, [x + by[0], y + by[1]]);
    } else return false;
    this.view.redraw();
    this.tell();
    return true;
  }

  draw(marks, unit) {
    drawRule(marks, this.line, this.length, unit);
    [this.line.slice(0, 2), this.line.slice(2)].forEach(([cx, cy], end) =>
      marks.append(drawn("circle", { cx, cy, r: (end === this.end ? 7 : 5) * unit, class: end === this.end ? "handle chosen" : "handle" })),
    );
  }
}

function lengthOf(pixels, { scale, words }) {
  if (!scale) return `${Math.round(pixels)} px`;
  const mm = pixels * scale;
  return `${mm < 20 ? mm.toFixed(1).replace(".", words.point) : Math.round(mm)} mm`;
}

function drawLine(marks, kind, d) {
  for (const rim of ["rim", "line"]) marks.append(drawn("path", { d, class: `${kind} ${rim}` }));
}

// A straight line with a bar at each end and its length beside it.
function drawRule(marks, [x1, y1, x2, y2], label, unit) {
  const length = Math.hypot(x2 - x1, y2 - y1) || 1;
  const [barX, barY] = [(-(y2 - y1) / length) * 6 * unit, ((x2 - x1) / length) * 6 * unit];
  const bar = (x, y) => `M${x - barX} ${y - barY}L${x + barX} ${y + barY}`;
  drawLine(marks, "rule", `M${x1} ${y1}L${x2} ${y2}${bar(x1, y1)}${bar(x2, y2)}`);
  const text = drawn("text", { x: (x1 + x2) / 2, y: (y1 + y2) / 2 - 8 * unit, "font-size": 15 * unit, "stroke-width": 4 * unit });
  text.textContent = label;
  marks.append(text);
}
