// Rings of points [x, y] in pixels of the picture, 0, 0 the centre of the first pixel: nearest places, painting and tracing.
const RASTER = 1024; // longer side, in cells, of the field that is painted on
const FINE = 1.1; // cells that a traced ring may leave its border by
const SPECK = 0.0005; // share of the picture below which a painted part is left out, unless it is the largest

function nearestPoint(rings, place) {
  let best = { away: Infinity };
  rings.forEach((ring, part) =>
    ring.forEach(([x, y], index) => {
      const away = Math.hypot(x - place[0], y - place[1]);
      if (away < best.away) best = { away, part, index };
    }),
  );
  return best;
}

function nearestSide(rings, place) {
  let best = { away: Infinity };
  rings.forEach((ring, part) =>
    ring.forEach(([x, y], index) => {
      const [nextX, nextY] = ring[(index + 1) % ring.length];
      const [across, down] = [nextX - x, nextY - y];
      const along = ((place[0] - x) * across + (place[1] - y) * down) / (across * across + down * down || 1);
      const at = Math.min(1, Math.max(0, along));
      const where = [x + at * across, y + at * down];
      const away = Math.hypot(where[0] - place[0], where[1] - place[1]);
      if (away < best.away) best = { away, part, index, where };
    }),
  );
  return best;
}

function areaOf(ring) {
  let twice = 0;
  ring.forEach(([x, y], index) => {
    const [nextX, nextY] = ring[(index + 1) % ring.length];
    twice += x * nextY - y * nextX;
  });
  return twice / 2;
}

// Whether a ring crosses or touches itself.
function crosses(ring) {
  const turn = (a, b, c) => Math.sign((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]));
  const count = ring.length;
  for (let first = 0; first < count; first++) {
    const [a, b] = [ring[first], ring[(first + 1) % count]];
    for (let second = first + 2; second < count; second++) {
      if (first === 0 && second === count - 1) continue;
      const [c, d] = [ring[second], ring[(second + 1) % count]];
      if (Math.max(a[0], b[0]) < Math.min(c[0], d[0]) || Math.max(c[0], d[0]) < Math.min(a[0], b[0])) continue;
      if (turn(a, b, c) * turn(a, b, d) <= 0 && turn(c, d, a) * turn(c, d, b) <= 0) return true;
    }
  }
  return false;
}

// Fewer points for a closed line that stays within a distance of it (Douglas and Peucker 1973).
function simplified(ring, within) {
  let far = 0;
  ring.forEach((point, index) => {
    const away = (where) => Math.hypot(ring[where][0] - ring[0][0], ring[where][1] - ring[0][1]);
    if (away(index) > away(far)) far = index;
  });
  const half = (points) => {
    const stack = [[0, points.length - 1]];
    const stays = new Uint8Array(points.length);
    stays[0] = stays[points.length - 1] = 1;
    while (stack.length) {
      const [start, end] = stack.pop();
      const [[x, y], [toX, toY]] = [points[start], points[end]];
      const span = Math.hypot(toX - x, toY - y) || 1;
      let [most, where] = [within, -1];
      for (let index = start + 1; index < end; index++) {
        const away = Math.abs((toX - x) * (points[index][1] - y) - (toY - y) * (points[index][0] - x)) / span;
        if (away > most) [most, where] = [away, index];
      }
      if (where > 0) {
        stays[where] = 1;
        stack.push([start, where], [where, end]);
      }
    }
    return points.filter((_, index) => stays[index]);
  };
  const [one, two] = [half(ring.slice(0, far + 1)), half([...ring.slice(far), ring[0]])];
  return [...one.slice(0, -1), ...two.slice(0, -1)];
}

// A field of cells that is painted on with a round brush and traced again.
class Raster {
  constructor(width, height, rings) {
    this.per = RASTER / Math.max(width, height);
    this.size = [width, height];
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.max(2, Math.round(width * this.per));
    this.canvas.height = Math.max(2, Math.round(height * this.per));
    this.pen = this.canvas.getContext("2d", { willReadFrequently: true });
    this.pen.lineCap = this.pen.lineJoin = "round";
    for (const ring of rings) {
      this.pen.beginPath();
      for (const place of ring) this.pen.lineTo(...this.cell(place));
      this.pen.fill();
    }
  }

  cell([x, y]) {
    return [(x + 0.5) * this.per, (y + 0.5) * this.per];
  }

  stroke(from, to, radius, erase) {
    this.pen.globalCompositeOperation = erase ? "destination-out" : "source-over";
    this.pen.lineWidth = 2 * radius * this.per;
    this.pen.beginPath();
    this.pen.moveTo(...this.cell(from));
    this.pen.lineTo(...this.cell([to[0] + 0.01, to[1]]));
    this.pen.stroke();
  }

  // The outer borders of what is painted, the largest first; holes are filled.
  rings() {
    const { width, height } = this.canvas;
    const shades = this.pen.getImageData(0, 0, width, height).data;
    const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && shades[4 * (y * width + x) + 3] > 127;
    const sides = new Map(); // from a corner: the corners that a border goes on to, what is painted on its right
    const add = (x, y, toX, toY) => {
      const key = y * (width + 1) + x;
      if (!sides.has(key)) sides.set(key, []);
      sides.get(key).push([toX, toY]);
    };
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (!inside(x, y)) continue;
        if (!inside(x, y - 1)) add(x, y, x + 1, y);
        if (!inside(x + 1, y)) add(x + 1, y, x + 1, y + 1);
        if (!inside(x, y + 1)) add(x + 1, y + 1, x, y + 1);
        if (!inside(x - 1, y)) add(x, y + 1, x, y);
      }
    }
    const found = [];
    for (const [key, ends] of sides) {
      while (ends.length) {
        let [x, y] = [key % (width + 1), Math.floor(key / (width + 1))];
        let [stepX, stepY] = [0, 0];
        const ring = [];
        for (;;) {
          const on = sides.get(y * (width + 1) + x);
          if (!on?.length) break;
          // Where two cells meet at a corner alone, turn right: they are two parts.
          const right = on.findIndex(([toX, toY]) => toX - x === -stepY && toY - y === stepX);
          if (right < 0 && ring.length && y * (width + 1) + x === key) break;
          const [[toX, toY]] = on.splice(Math.max(0, right), 1);
          ring.push([(x + toX) / 2, (y + toY) / 2]);
          [stepX, stepY, x, y] = [toX - x, toY - y, toX, toY];
        }
        if (areaOf(ring) > 0) found.push(ring);
      }
    }
    found.sort((one, two) => areaOf(two) - areaOf(one));
    return found
      .filter((ring, place) => place === 0 || areaOf(ring) >= SPECK * width * height)
      .map((ring) => this.picture(ring));
  }

  picture(ring) {
    let [within, line] = [FINE, simplified(ring, FINE)];
    while (within > 0.3 && (line.length < 3 || crosses(line))) line = simplified(ring, (within /= 2));
    return line.map(([x, y]) => inPicture([x / this.per - 0.5, y / this.per - 0.5], this.size));
  }
}

function inPicture([x, y], [width, height]) {
  const round = (value, most) => Math.round(100 * Math.min(most - 1, Math.max(0, value))) / 100;
  return [round(x, width), round(y, height)];
}
