// One pixel after the other in the model's order; the first ones may be given by the reader.
zooPlay.start(async function (model, root) {
  "use strict";
  const {facts} = model;
  const {shape, order, given: HALF} = facts; // HALF: the first so many pixels are the upper half
  const [, rows, columns] = shape;
  const size = order.length;
  const find = (name) => root.querySelector("[data-" + name + "]");
  const input = (name) => root.querySelector('[data-input="' + name + '"]');
  const board = zooPlay.sized(find("picture"), shape), chances = zooPlay.sized(find("chance"), shape);
  const say = zooPlay.teller(find("say"));
  const GIVEN = [242, 162, 120], OPEN = [[58, 60, 68], [66, 68, 76]]; // the pixels to come: a board
  const MINE = [[80, 68, 64], [90, 76, 70]]; // and those of them that the reader may give

  let seed, u; // u[i] decides the i-th pixel in the order
  let x, chance; // the picture, 0 where nothing is drawn yet; p(white) of each pixel when drawn
  let known; // so many pixels of the order are drawn
  let own = 0; // so many of them are given by the reader
  let nats = [0, 0]; // −log p of what was given and of what the model drew
  let playing = false, turn = 0, erasing = false, pen = null;

  // -- the mathematics ----------------------------------------------------------------------------

  const chanceOf = (logit) => 1 / (1 + Math.exp(-logit));
  const cost = (logit, bit) => Math.log1p(Math.exp(-Math.abs(logit))) + Math.max(bit ? -logit : logit, 0);

  // The next pixel; false where the reader has gone elsewhere meanwhile.
  async function forward(mine) {
    const logits = await model.run({x: x});
    if (mine !== turn) return false;
    const d = order[known];
    chance[d] = chanceOf(logits[d]);
    x[d] = u[known] < chance[d] ? 1 : 0;
    nats[1] += cost(logits[d], x[d]);
    known += 1;
    return true;
  }

  // One run tells the chances of all pixels that are given: each depends on those before it alone.
  async function weigh(mine) {
    const logits = await model.run({x: x});
    if (mine !== turn) return;
    nats[0] = 0;
    for (const d of order.slice(0, own)) {
      chance[d] = chanceOf(logits[d]);
      nats[0] += cost(logits[d], x[d]);
    }
    show();
  }

  // -- showing ------------------------------------------------------------------------------------

  function show() {
    const image = new ImageData(columns, rows), odds = new ImageData(columns, rows);
    const place = new Int32Array(size);
    order.forEach((d, i) => { place[d] = i; });
    for (let p = 0; p < rows * columns; p++) {
      const open = (p < HALF && !known ? MINE : OPEN)[(Math.floor(p / columns) + p) % 2];
      for (let c = 0; c < 3; c++) {
        const d = (c % shape[0]) * rows * columns + p, at = 4 * p + c;
        const drawn = place[d] < known;
        image.data[at] = !drawn ? open[c] : !x[d] ? 0 : place[d] < own ? GIVEN[c] : 255;
        odds.data[at] = drawn ? Math.round(255 * chance[d]) : open[c];
      }
      image.data[4 * p + 3] = odds.data[4 * p + 3] = 255;
    }
    if (pen && document.activeElement === board) {
      const at = 4 * (pen[1] * columns + pen[0]);
      [image.data[at], image.data[at + 1], image.data[at + 2]] = erasing ? [120, 160, 255] : GIVEN;
    }
    board.getContext("2d").putImageData(image, 0, 0);
    chances.getContext("2d").putImageData(odds, 0, 0);
    const parts = ["Pixel " + known + " of " + size + (known === size ? ": done" : "")];
    if (own) parts.push("yours " + nats[0].toFixed(1) + " nats");
    parts.push((own ? "the model’s " : "−log p = ") + nats[1].toFixed(1) + " nats");
    say(parts.join(" · "));
    find("step").disabled = known === size;
    find("keep").disabled = known < HALF;
  }

  function address() {
    const values = {seed: seed};
    if (own) values.half = packed();
    zooPlay.remember(values);
  }

  // The given pixels, four to a letter.
  function packed() {
    let text = "";
    for (let i = 0; i < own; i += 4) {
      text += [0, 1, 2, 3].reduce((sum, k) => 2 * sum + (i + k < own ? x[order[i + k]] : 0), 0).toString(16);
    }
    return text;
  }

  // -- moving -------------------------------------------------------------------------------------

  async function play() {
    if (known === size) rewind();
    const mine = halt();
    playing = true;
    find("play").textContent = "Pause";
    let painted = known;
    while (known < size) {
      const pace = Number(input("pace").value), until = performance.now() + 14;
      for (let n = 0; known < size && (pace ? n < pace : n === 0 || performance.now() < until); n++) {
        if (!await forward(mine)) return;
      }
      if (zooPlay.due(known, painted, size)) {
        painted = known;
        show();
      }
      await zooPlay.frame();
      if (mine !== turn) return;
    }
    halt();
  }

  function halt() {
    playing = false;
    find("play").textContent = known === size ? "Play again" : "Play";
    return ++turn;
  }

  function pause() {
    halt();
    show();
  }

  // Back to where the model begins: after what is given.
  function rewind() {
    order.slice(own).forEach((d) => { x[d] = 0; chance[d] = 0; });
    known = own;
    nats[1] = 0;
    const mine = halt();
    show();
    if (own) weigh(mine);
  }

  function reseed(number) {
    seed = number;
    input("seed").value = String(seed);
    u = zooPlay.uniforms(seed, 0, size);
  }

  function begin(number) {
    reseed(number);
    rewind();
    address();
  }

  find("play").addEventListener("click", function () { if (playing) pause(); else play(); });
  find("step").addEventListener("click", async function () {
    if (await forward(halt())) show();
    if (known === size) halt();
  });
  find("restart").addEventListener("click", rewind);
  find("again").addEventListener("click", function () { begin((seed + 1) % 1e9); play(); });
  input("seed").addEventListener("change", () => begin(zooPlay.whole(input("seed").value, 0, 999999999, 1)));

  // -- the reader's half --------------------------------------------------------------------------

  function give() {
    if (!own) order.forEach((d) => { x[d] = 0; });
    own = HALF;
  }

  function ink(column, row) {
    if (column < 0 || row < 0 || column >= columns || row * columns + column >= HALF) return;
    x[row * columns + column] = erasing ? 0 : 1;
  }

  function stroke(from, to) {
    const steps = Math.ceil(Math.hypot(to[0] - from[0], to[1] - from[1]) * 2) || 1;
    for (let k = 0; k <= steps; k++) {
      const cx = from[0] + (to[0] - from[0]) * k / steps, cy = from[1] + (to[1] - from[1]) * k / steps;
      const wide = columns >= 16 ? 0.95 : 0.45; // radius of the pen in pixels
      for (let row = Math.floor(cy - wide); row <= cy + wide; row++) {
        for (let column = Math.floor(cx - wide); column <= cx + wide; column++) {
          if (Math.hypot(column + 0.5 - cx, row + 0.5 - cy) <= wide) ink(column, row);
        }
      }
      ink(Math.floor(cx), Math.floor(cy));
    }
  }

  function drawn() {
    rewind();
    address();
  }

  if (HALF) {
    find("half").hidden = false;
    let last = null;
    const place = function (event) {
      const box = board.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width * columns, (event.clientY - box.top) / box.height * rows];
    };
    board.addEventListener("pointerdown", function (event) {
      last = place(event);
      if (last[1] * columns >= HALF) { last = null; return; }
      board.setPointerCapture(event.pointerId);
      pen = null;
      give();
      stroke(last, last);
      drawn();
    });
    board.addEventListener("pointermove", function (event) {
      if (!last || !(event.buttons & 1)) return;
      const now = place(event);
      stroke(last, now);
      last = now;
      drawn();
    });
    board.addEventListener("pointerup", () => { last = null; });
    board.addEventListener("focus", function () { if (board.matches(":focus-visible")) { pen = pen || [columns >> 1, rows >> 2]; show(); } });
    board.addEventListener("blur", function () { pen = null; show(); });
    board.addEventListener("keydown", function (event) {
      const moves = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
      if (event.key !== " " && !moves[event.key]) return;
      event.preventDefault();
      pen = pen || [columns >> 1, rows >> 2];
      const move = moves[event.key] || [0, 0];
      pen = [zooPlay.clamp(pen[0] + move[0], 0, columns - 1), zooPlay.clamp(pen[1] + move[1], 0, HALF / columns - 1)];
      if (event.key === " ") {
        give();
        const at = pen[1] * columns + pen[0];
        x[at] = erasing || x[at] ? 0 : 1;
        drawn();
      } else {
        show();
      }
    });
    find("keep").addEventListener("click", function () {
      own = HALF;
      begin((seed + 1) % 1e9);
      play();
    });
    find("erase").addEventListener("click", function () {
      erasing = !erasing;
      find("erase").setAttribute("aria-pressed", String(erasing));
    });
    find("clear").addEventListener("click", function () {
      own = 0;
      drawn();
    });
  }

  // -- as the address says ------------------------------------------------------------------------

  const kept = zooPlay.recall();
  x = new Float32Array(size);
  chance = new Float32Array(size);
  if (HALF && /^[0-9a-f]+$/.test(kept.half || "") && kept.half.length === Math.ceil(HALF / 4)) {
    own = HALF;
    for (let i = 0; i < HALF; i++) x[order[i]] = (parseInt(kept.half[i >> 2], 16) >> (3 - i % 4)) & 1;
  }
  begin(zooPlay.whole(kept.seed, 0, 999999999, 1));
});
